import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES
from shoal.book.experiments import convnet

NAME = "convnet"


@pytest.fixture(scope="module")
def trained():
    data = shoal.load("digits", valid=0)
    return data, *convnet.train(data, epochs=1, seeds=1)


def test_the_network_is_the_books(trained):
    _, trainer, before = trained
    recipe = trainer.members[0].recipe
    assert recipe.network == shoal.convnet()
    assert recipe.optimizer == shoal.Adam(lr=0.001)
    assert recipe.batch_size == 100
    assert before.shape == (5, 5, 1, 30)


def test_the_filters_before_are_the_first_draws(trained):
    data, _, before = trained
    network = shoal.convnet().bind(data.in_shape, data.outputs)
    np.testing.assert_array_equal(before, network.init(0, data.in_shape, 0.01)[0]["W"])


def test_likeness_of_independent_draws_is_near_zero():
    draws = np.random.default_rng(0).standard_normal((5, 5, 1, 2000))
    assert abs(convnet.likeness(draws).mean()) < 0.02


def test_likeness_does_not_depend_on_scale_or_direction():
    ramp = np.broadcast_to(np.arange(5.0), (5, 5))[:, :, None, None]
    turned = np.swapaxes(ramp, 0, 1)
    # across: the mean of 0·1, 1·2, 2·3, 3·4; down: of squares 0, 1, 4, 9, 16
    expected = (5 + 6) / 2 / 6
    for filters in (ramp, turned, -3 * ramp):
        assert convnet.likeness(filters) == pytest.approx(expected)


def test_it_learns_within_five_epochs(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["test_accuracy"].shape == (2, 5)
    assert numbers["test_accuracy"][:, -1].min() > 0.6
    assert numbers["epoch"].tolist() == [1, 2, 3, 4, 5]
    assert numbers["steps_per_epoch"] == 15
    assert numbers["moved"] > 0.5  # draws as small as 0.01 do not stay what they were


def test_what_became_follows_the_numbers():
    assert "become more alike" in convnet.what_became([0.0, 0.5], 1.0)["en"]
    assert "hardly more alike" in convnet.what_became([0.0, 0.05], 1.0)["en"]
    assert "−0.03" in convnet.what_became([-0.03, 0.5], 1.0)["zh"]


def test_few_seeds_are_called_few():
    assert "2 seeds" in convnet.few_seeds(2)["en"]
    assert convnet.few_seeds(5)["en"] == convnet.few_seeds(1)["zh"] == ""


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for at in (0, -1):
        mean = 100 * findings.numbers["test_accuracy"][:, at].mean()
        assert f"{mean:.2f} %" in findings.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures(quick, language):
    pictures = quick(NAME).findings.pictures
    (ax,) = pictures[""](language).axes
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    before, after = pictures["filters"](language).axes
    assert len(before.images) == len(after.images) == 30
    shown = np.array([image.get_array() for image in after.images])
    np.testing.assert_array_equal(
        shown, quick(NAME).findings.numbers["after"][:, :, 0].transpose(2, 0, 1)
    )
