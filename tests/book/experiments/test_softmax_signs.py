import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES, Setting
from shoal.book.experiments import softmax_signs
from shoal.errors import ShoalError

NAME = "softmax-signs"
AT_HAND = any(entry.name == "signs" and entry.at_hand for entry in shoal.available())


@pytest.fixture(scope="module")
def easy():
    """Two classes that one pixel tells apart, learned within a few epochs at a high rate."""
    x = np.repeat([[0.0, 4.0], [4.0, 0.0]], 48, axis=0)
    return shoal.Dataset.from_arrays(x, [0] * 48 + [1] * 48, valid=0, test=0.5, scale="none")


def test_the_network_is_the_books(quick):
    data = shoal.load("digits", valid=0).take(64)
    trainer = softmax_signs.train(data, epochs=1, seeds=1)
    assert trainer.members[0].recipe == shoal.Recipe(
        shoal.mlp([25, 12]), shoal.Adam(lr=0.0001), init="xavier", batch_size=32
    )


def test_training_ends_when_all_training_images_are_right(easy):
    recipe = shoal.Recipe(shoal.mlp([25]), shoal.Adam(lr=0.05), batch_size=32)
    trainer = shoal.Trainer(
        recipe, easy, epochs=200, seeds=2, callbacks=[softmax_signs.AllRight()]
    ).run()
    assert trainer.epochs_done < 200
    assert (trainer.history.final("train_accuracy") == 1).all()
    assert "Training ended after" in softmax_signs.why_ended(7, 200, np.array([1.0, 1.0]))["en"]
    assert "all 200" in softmax_signs.why_ended(200, 200, np.array([1.0, 0.9]))["en"]


def test_cost_is_the_mean_of_an_epochs_batches(easy):
    recipe = shoal.Recipe(shoal.mlp([5]), shoal.SGD(lr=0.01), batch_size=16)
    trainer = shoal.Trainer(recipe, easy, epochs=3, seeds=2).run()
    numbers = softmax_signs.measured(trainer)
    for i in range(2):
        loss = trainer.history.curve(i, "loss").values
        means = [loss[3 * k : 3 * k + 3].mean() for k in range(3)]
        np.testing.assert_allclose(numbers["cost"][i], means)
    assert numbers["epoch"].tolist() == [1, 2, 3]


def test_the_cost_begins_near_that_of_ten_equal_classes_and_falls(quick):
    cost = quick(NAME).findings.numbers["cost"]
    assert cost.shape == (2, 20)
    assert cost[:, 0] == pytest.approx(np.log(10), abs=0.3)
    assert (np.diff(cost) < 0).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for part in ("train", "test"):
        mean = 100 * findings.numbers[f"{part}_accuracy"][:, -1].mean()
        assert f"{mean:.1f} %" in findings.caption[language]
    assert "359" in findings.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_draws_cost_and_accuracy(quick, language):
    cost, accuracy = quick(NAME).findings.pictures[""](language).axes
    drawn = cost.lines[0].get_ydata()
    np.testing.assert_allclose(drawn, quick(NAME).findings.numbers["cost"].mean(axis=0))
    assert len(accuracy.lines) == 2
    assert accuracy.get_xlabel()
    assert cost.get_xlabel()


def test_without_the_photographs_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOAL_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ShoalError, match="signs must be at hand") as error:
        softmax_signs.run(Setting(quick=True))
    assert "\n" not in str(error.value)


@pytest.mark.skipif(not AT_HAND, reason="needs the photographs in SHOAL_DATA")
def test_photographs_are_learned_from(monkeypatch):
    monkeypatch.setattr(softmax_signs, "EPOCHS", 10)
    findings = softmax_signs.run(Setting(seeds=1))
    cost = findings.numbers["cost"][0]
    assert cost[0] == pytest.approx(np.log(6), abs=0.3)
    assert cost[-1] < cost[0] - 0.1
    assert findings.numbers["test_accuracy"][0, -1] > 1 / 6
