"""`tune`: a search by the validation part, and a fit by what it found."""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor

SPACE = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(0.01, 0.1)))


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 4))
    return X, X[:, 0] * X[:, 1] + 0.1 * rng.normal(size=300)


def test_the_best_recipe_is_trained(rows):
    X, y = rows
    model = ShoalRegressor.tune(X, y, trials=8, epochs=20, random_state=0, members=2)
    assert len(model.study_.trials) == 8
    assert model.recipe_ == model.study_.best
    assert model.model_.members == 2
    scores = [trial.score for trial in model.study_.trials if trial.state == "done"]
    assert model.study_.winner.score == max(scores)
    again = ShoalRegressor.tune(X, y, trials=8, epochs=20, random_state=0, members=2)
    np.testing.assert_array_equal(model.predict(X), again.predict(X))


def test_the_search_and_the_fit_have_the_same_validation_rows(rows):
    X, y = rows
    for state in (3, np.random.RandomState(3), None):
        model = ShoalRegressor.tune(
            X, y, space=SPACE, trials=3, epochs=4, random_state=state, patience=None
        )
        study, refit = model.study_, model.history_
        assert len(study.data.valid) == 30
        # the first member of the fit starts from the seed of the search, and takes its way again
        np.testing.assert_allclose(refit.valid["loss"][0, -1], study.winner.curve[-1][2], rtol=1e-6)


def test_labels_tables_and_weights(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abcd")).assign(e=np.where(X[:, 0] > 0, "up", "down"))
    names = np.where(y > 0, "plus", "minus")
    model = ShoalClassifier.tune(
        frame,
        names,
        trials=4,
        epochs=20,
        random_state=0,
        sample_weight=np.ones(300),
        groups=np.arange(300) // 3,
        class_weight="balanced",
        label_smoothing=0.05,
        monitor="accuracy",
    )
    assert set(model.predict(frame)) <= {"plus", "minus"}
    assert model.recipe_.loss == shoal.SoftmaxCrossEntropy(smoothing=0.05)
    assert model.study_.plan.metric.name == "valid_accuracy"


def test_few_rows_get_a_validation_part(rows):
    X, y = rows
    model = ShoalRegressor.tune(X[:60], y[:60], trials=3, epochs=2, random_state=0)
    assert len(model.study_.data.valid) == 12


def test_minutes_are_kept_about(rows):
    started = time.monotonic()
    model = ShoalRegressor.tune(*rows, minutes=0.02, epochs=2, random_state=0)
    assert time.monotonic() - started < 60
    assert len(model.study_.trials) == 12


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"trials": 3, "minutes": 1}, r"give trials or minutes, one of the two"),
        ({"trials": 0}, r"trials=0 must be a whole number >= 1"),
        ({"minutes": -1}, r"minutes=-1 must be a number > 0"),
        ({"space": shoal.Recipe(shoal.mlp([3]), shoal.SGD())}, r"with distributions in it"),
        ({"valid": 0}, r"valid=0 leaves no rows to choose by"),
        ({"hidden": 3, "trials": 1}, r"hidden= is what tune searches for; leave it out, or give"),
        ({"lr": 3, "trials": 1}, r"lr= is what tune searches for"),
        ({"space": SPACE, "batch_size": 3}, r"batch_size= is said by the recipe"),
    ],
)
def test_what_cannot_be_tuned(rows, options, words):
    with pytest.raises(ShoalError, match=words):
        ShoalRegressor.tune(*rows, **options)
