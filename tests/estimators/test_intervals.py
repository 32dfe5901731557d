"""Intervals hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal import ShoalError, ShoalRegressor
from shoal.estimators.intervals import half_width, scores_of


def test_the_quantile_of_finite_samples():
    scores = np.arange(1.0, 100.0)[:, None]  # 99 rows: (n + 1) · 0.9 = 90
    assert half_width(scores, 0.9).tolist() == [90.0]
    assert half_width(scores, 0.901).tolist() == [91.0]
    assert half_width(scores, 0.99).tolist() == [99.0]


@given(st.integers(1, 200), st.floats(0.05, 0.98))
def test_exchangeable_errors_are_covered_by_counting(n, coverage):
    """Of n + 1 errors in random order the last is within the bound in rank of n + 1 cases."""
    try:
        width = half_width(np.arange(1.0, n + 1)[:, None], coverage)[0]
    except ShoalError:
        assert (n + 1) * coverage > n - 1e-9
        return
    # the new error is equally likely to be at each of the n + 1 places between the others
    assert width / (n + 1) >= coverage - 1e-9
    assert (width - 1) / (n + 1) < coverage


def test_scores_are_sorted_for_each_target():
    y = np.array([[1.0, 0.0], [2.0, 5.0]])
    assert scores_of(y, np.array([[3.0, 1.0], [2.0, 1.0]])).tolist() == [[0.0, 1.0], [2.0, 4.0]]


@pytest.mark.parametrize(
    ("scores", "coverage", "words"),
    [
        (None, 0.9, "there were none; fit with valid=0.2, or give X_val and y_val"),
        (np.ones((8, 1)), 0.9, "coverage=0.9 needs at least 9 validation rows, but there were 8"),
        (np.ones((50, 1)), 1.0, "coverage=1.0 must be a number > 0 and < 1"),
        (np.ones((50, 1)), 90, "coverage=90 must be"),
    ],
)
def test_coverage_that_cannot_be(scores, coverage, words):
    with pytest.raises(ShoalError, match=words):
        half_width(scores, coverage)


def test_nine_rows_are_enough_for_nine_tenths():
    assert half_width(np.arange(9.0)[:, None], 0.9).tolist() == [8.0]


def noisy(rng, rows):
    X = rng.normal(size=(rows, 3))
    return X, 100 + 20 * (X[:, 0] + np.abs(X[:, 1]) + rng.standard_t(4, rows))


@pytest.mark.parametrize("coverage", [0.5, 0.9])
def test_new_rows_are_covered(coverage):
    """Mean coverage over fits on data drawn anew, against the promise."""
    inside = []
    for seed in range(15):
        X, y = noisy(np.random.default_rng(seed), 1300)
        model = ShoalRegressor(hidden=16, epochs=25, lr=0.01, valid=100, random_state=seed)
        low, high = model.fit(X[:300], y[:300]).predict_interval(X[300:], coverage).T
        inside.append(((low <= y[300:]) & (y[300:] <= high)).mean())
    # each fit's coverage is spread by its 100 rows: sd √(c (1 - c) / 100); the mean of 15 by less;
    # and the rows chose the epoch, which costs up to a point
    spread = np.sqrt(coverage * (1 - coverage) / 100 / 15)
    assert coverage - 0.01 - 3 * spread < np.mean(inside) < coverage + 0.01 + 3 * spread
    assert (high - low).std() < 1e-9


def test_rows_that_had_no_part_in_training_keep_the_promise():
    rng = np.random.default_rng(0)
    X, y = noisy(rng, 300)
    model = ShoalRegressor(hidden=16, epochs=25, lr=0.01, random_state=0).fit(X, y)
    before = model.predict(X)
    inside = []
    for _ in range(400):
        calibrated = model.recalibrate(*noisy(rng, 30))
        new, z = noisy(rng, 200)
        low, high = calibrated.predict_interval(new, 0.8).T
        inside.append(((low <= z) & (z <= high)).mean())
    assert np.mean(inside) == pytest.approx(25 / 31, abs=3 * np.std(inside) / 20)
    assert np.std(inside) / 20 < 0.005
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.model_.conformal.shape == (30, 1)


def test_shapes_and_several_targets():
    X, y = noisy(np.random.default_rng(0), 300)
    one = ShoalRegressor(hidden=8, epochs=5, random_state=0).fit(X, y)
    assert one.predict_interval(X[:4]).shape == (4, 2)
    np.testing.assert_allclose(one.predict_interval(X[:4]).mean(axis=1), one.predict(X[:4]))
    two = ShoalRegressor(hidden=8, epochs=5, random_state=0).fit(X, np.c_[y, 10 * y])
    both = two.predict_interval(X[:4])
    assert both.shape == (4, 2, 2)
    width = both[..., 1] - both[..., 0]
    assert (width[:, 1] > 5 * width[:, 0]).all()


def test_counts_have_no_negative_ends():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = rng.poisson(np.exp(X[:, 0]))
    model = ShoalRegressor(hidden=8, loss="poisson", epochs=30, random_state=0).fit(X, y)
    low, high = model.predict_interval(X, 0.95).T
    assert low.min() == 0.0
    assert ((low <= y) & (y <= high)).mean() > 0.9
    assert isinstance(model.model_.loss, shoal.Poisson)


def test_the_spread_of_members_grows_where_nothing_was_seen():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 1))
    model = ShoalRegressor(hidden=32, members=5, lr=0.01, epochs=60, random_state=0)
    model.fit(X, np.sin(3 * X[:, 0]))
    near, far = model.predict_std(np.array([[0.0], [4.0]]))
    assert far > 5 * near
    np.testing.assert_allclose(
        model.predict_std(X), model.model_.each(X)[..., 0].std(axis=0), rtol=1e-12
    )
    with pytest.raises(ShoalError, match="members=1 has no spread"):
        model.set_params(members=1, epochs=1).fit(X, X[:, 0]).predict_std(X)
