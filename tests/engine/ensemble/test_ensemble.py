"""Members that answer together."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.metrics import log_loss

from shoal import SGD, Adam, Dataset, Recipe, ShoalError, Trainer, load, mlp


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def test_diverged_members_are_left_out_and_counted(trained):
    ensemble = trained.shoal.ensemble()
    assert ensemble.diverged == 3
    assert repr(ensemble) == (
        "<Ensemble of 6 members: 3 of small, 3 of deep; 3 diverged, left out>"
    )
    np.testing.assert_array_equal(ensemble.index, range(6))
    assert ensemble.members == trained.members[:6]
    assert len(trained.shoal.ensemble(members=[1, 8])) == 1
    with pytest.raises(ShoalError, match=r"^all 3 members asked for diverged; take others"):
        trained.shoal.ensemble(arms="wild")


def test_probabilities_are_the_mean_of_the_members(trained, data):
    ensemble = trained.shoal.ensemble([4, 0, 2])
    members = softmax(trained.shoal.outputs(data.test.x)[[0, 2, 4]])
    p = ensemble.probabilities(data.test.x)
    assert p.shape == (len(data.test), 3)
    np.testing.assert_allclose(p, members.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    np.testing.assert_array_equal(ensemble.predict(data.test.x), p.argmax(axis=-1))


def test_an_ensemble_of_one_is_its_member(trained, data):
    alone = trained.shoal.ensemble([2])
    np.testing.assert_allclose(
        alone.probabilities(data.valid.x), trained.shoal.probabilities(data.valid.x)[2], rtol=1e-5
    )
    scores = alone.evaluate("valid")
    assert scores.ensemble["accuracy"] == scores.best["accuracy"] == scores.mean["accuracy"]
    assert repr(alone) == "<Ensemble of 1 member: 1 of small>"


def test_scores_of_members_are_those_of_the_history(trained, regressors):
    for trainer in (trained, regressors):
        ensemble = trainer.shoal.ensemble()
        for part in ("train", "valid", "test"):
            scores = ensemble.evaluate(part)
            for name, values in scores.members.items():
                told = trainer.history.final(f"{part}_{name}")[ensemble.index]
                exact = name == "accuracy"
                np.testing.assert_allclose(values, told, rtol=0 if exact else 1e-4)


def test_scores_of_the_ensemble_are_those_of_its_answers(trained, data):
    ensemble = trained.shoal.ensemble()
    scores = ensemble.evaluate("train")
    p = ensemble.probabilities(data.train.x)
    assert scores.ensemble["loss"] == pytest.approx(log_loss(data.train.y, p, labels=range(3)))
    assert scores.ensemble["accuracy"] == (p.argmax(axis=-1) == data.train.y).mean()
    assert scores.rows == len(data.train)
    assert scores.ensemble["loss"] < scores.mean["loss"]


def test_numbers_come_back_in_their_own_unit(regressors, data_of):
    data = data_of("regression")
    ensemble = regressors.shoal.ensemble(arms="small")
    said = ensemble.predict(data.test.x)
    outputs = regressors.shoal.outputs(data.test.x)[:3].astype(np.float64)
    np.testing.assert_allclose(said, data.values(outputs.mean(axis=0)), rtol=1e-12)
    errors = said - data.values(data.test.y)
    scores = ensemble.evaluate()
    rmse = np.sqrt((errors**2).mean(axis=0)).mean()
    assert scores.ensemble["rmse"] == pytest.approx(rmse)
    assert scores.best["rmse"] == scores.members["rmse"].min()
    assert scores.best["r2"] == scores.members["r2"].max()
    with pytest.raises(ShoalError, match=r"^probabilities are for classes; for regression take"):
        ensemble.probabilities(data.test.x)


def test_labels_come_back_as_they_were_given():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 2)) + 4 * y[:, None]
    data = Dataset.from_arrays(x, np.array(["cat", "dog"])[y], valid=0, test=20)
    recipe = Recipe(mlp([4]), Adam(lr=0.1), batch_size=8)
    ensemble = Trainer(recipe, data, epochs=20, seeds=3).run().shoal.ensemble()
    said = ensemble.predict(data.prepare([[0.0, 0.0], [4.0, 4.0]]))
    assert said.tolist() == ["cat", "dog"]


def test_sizes_begin_with_members_and_end_with_all(trained):
    ensemble = trained.shoal.ensemble()
    scores, sizes = ensemble.evaluate("train"), ensemble.sizes("train")
    np.testing.assert_allclose(sizes.members, scores.members["accuracy"])
    assert sizes.mean[-1] == scores.ensemble["accuracy"]
    loss = ensemble.sizes("train", "loss")
    assert loss.mean[-1] == pytest.approx(scores.ensemble["loss"], rel=1e-12)
    assert (np.diff(loss.mean) < 0).all()  # with every subset counted, one more never harms


def test_diversity_is_of_the_part_asked_for(trained):
    ensemble = trained.shoal.ensemble(arms=["small", "deep"], size=4)
    for part in ("train", "test"):
        found = ensemble.diversity(part)
        assert (found.part, found.members) == (part, 4)
        assert found.loss == pytest.approx(ensemble.evaluate(part).ensemble["loss"])


def test_size_takes_different_seeds_and_equal_numbers(trained):
    ensemble = trained.shoal.ensemble(arms=["small", "deep"], size=3)
    assert [member.arm for member in ensemble.members] == ["small", "small", "deep"]
    assert len({member.seed for member in ensemble.members}) == 3


def test_the_best_are_chosen_by_validation(trained):
    ensemble = trained.shoal.ensemble(best=2)
    history = trained.history
    accuracy, loss = history.final("valid_accuracy"), history.final("valid_loss")
    order = sorted(range(6), key=lambda i: (-accuracy[i], loss[i]))
    assert sorted(order[:2]) == ensemble.index.tolist()
    assert ensemble.diverged == 3


def test_the_best_without_a_validation_part(data):
    trainer = Trainer(Recipe(mlp([2]), SGD()), load("digits", valid=0), steps=1, seeds=2).run()
    with pytest.raises(ShoalError, match=r"^best=1 needs a validation part to choose by; load"):
        trainer.shoal.ensemble(best=1)
    with pytest.raises(ShoalError, match=r"^part='valid' has no rows; load the data with valid="):
        trainer.shoal.ensemble().evaluate("valid")
    fresh = Trainer(Recipe(mlp([2]), SGD(), batch_size=16), data, steps=1, seeds=2)
    with pytest.raises(ShoalError, match=r"^best=1 needs an evaluation, and there was none yet"):
        fresh.shoal.ensemble(best=1)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"best": 7}, r"^best=7 must be at most 6: so many members can be chosen from$"),
        ({"size": 7}, r"^size=7 must be at most 6: so many members can be chosen from$"),
        ({"best": 1, "size": 1}, r"^give best or size, one of the two \(best=1, size=1\)$"),
        ({"arms": "smal"}, r"^unknown arm 'smal': did you mean 'small'\?"),
        ({"size": 3}, r"^size=3 needs 1 of arm 'wild', of which 0 did not diverge; take a smaller"),
        ({"members": []}, r"^members=\[\] is empty"),
    ],
)
def test_choices_that_are_refused(trained, settings, words):
    with pytest.raises(ShoalError, match=words):
        trained.shoal.ensemble(**settings)


def test_parts_and_rows_that_are_refused(trained):
    ensemble = trained.shoal.ensemble()
    with pytest.raises(ShoalError, match=r"^unknown part 'tset': did you mean 'test'\?"):
        ensemble.evaluate("tset")
    for ask in (ensemble.predict, ensemble.probabilities):
        with pytest.raises(ShoalError, match=r"^x\.shape=\(2, 5\) must be \(rows, 6\)$"):
            ask(np.zeros((2, 5)))


def test_no_rows_give_no_answers(trained):
    ensemble = trained.shoal.ensemble()
    assert ensemble.probabilities(np.zeros((0, 6))).shape == (0, 3)
    assert ensemble.predict(np.zeros((0, 6))).shape == (0,)


def test_what_is_not_finite_is_refused(trained, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ShoalError, match=r"^member=2 says something that is not finite for"):
            trained.shoal.ensemble([2]).predict(np.full((1, 6), np.inf))


def test_training_that_goes_on_does_not_change_an_ensemble(data):
    trainer = Trainer(Recipe(mlp([4]), Adam(lr=0.05), batch_size=16), data, epochs=3, seeds=2)
    trainer.step()
    early = trainer.shoal.ensemble()
    before = early.probabilities(data.test.x)
    trainer.run()
    np.testing.assert_array_equal(early.probabilities(data.test.x), before)
    late = trainer.shoal.ensemble().probabilities(data.test.x)
    assert not np.array_equal(late, before)


def test_an_ensemble_is_the_same_in_any_company_and_order(trained, data):
    pair = Trainer([trained.members[0], trained.members[4]], data, epochs=6).run().shoal.ensemble()
    picked = trained.shoal.ensemble([4, 0])
    np.testing.assert_array_equal(
        pair.probabilities(data.test.x), picked.probabilities(data.test.x)
    )
    assert pair.evaluate().ensemble == picked.evaluate().ensemble


def test_scores_in_words(trained, regressors):
    scores = trained.shoal.ensemble(arms="small").evaluate("test")
    lines = str(scores).splitlines()
    assert lines[0] == "test, 7 rows, 3 members"
    values = (scores.ensemble["accuracy"], scores.mean["accuracy"], scores.best["accuracy"])
    assert lines[4].split() == [
        "accuracy",
        *" % ".join(f"{100 * v:.2f}" for v in values).split(),
        "%",
    ]
    assert "RMSE" in str(regressors.shoal.ensemble().evaluate())


def test_five_networks_that_saw_few_rows_gain_from_answering_together():
    # the book's claim, in small: 5 networks on 300 digits
    data = load("digits").take(300)
    recipe = Recipe(mlp([50, 50]), Adam(lr=0.005))
    ensemble = Trainer(recipe, data, epochs=20, seeds=5).run().shoal.ensemble()
    scores = ensemble.evaluate("test")
    assert scores.ensemble["accuracy"] > scores.mean["accuracy"]
    assert scores.ensemble["loss"] < scores.mean["loss"]
