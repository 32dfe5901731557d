"""Columns of numbers: what is fitted, with weights or not, against scikit-learn and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from shoal import ShoalError
from shoal.data.preparation import Numbers, fit_numbers
from shoal.data.preparation.numbers import quantile

rng = np.random.default_rng(0)
X = rng.normal(5, 3, (50, 4)) * [1, 100, 1e-3, 1]
GAPPY = np.where(rng.random(X.shape) < 0.2, np.nan, X)


def test_standard_scaling_is_scikit_learns_to_the_bit():
    expected = StandardScaler().fit_transform(X).astype(np.float32)
    assert np.array_equal(fit_numbers(X).transform(X), expected)


def test_float32_loses_nothing_where_the_mean_is_large():
    years = (2000 + rng.integers(0, 3, (40, 1))).astype(np.float32)
    expected = (years.astype(float) - years.mean(dtype=float)) / years.std(dtype=float)
    assert np.allclose(fit_numbers(years).transform(years), expected, atol=1e-7)


def test_many_rows_are_what_each_of_them_is():
    x = rng.normal(size=(2**19 + 3, 9))
    fitted = fit_numbers(x[:100])
    assert np.array_equal(fitted.transform(x)[-5:], fitted.transform(x[-5:]))


def test_gaps_become_the_median_as_in_scikit_learn():
    fitted = fit_numbers(GAPPY, gaps=True)
    filled = SimpleImputer(strategy="median").fit_transform(GAPPY)
    assert np.array_equal(
        fitted.transform(GAPPY), StandardScaler().fit_transform(filled).astype("f")
    )


def test_a_column_without_any_number_becomes_0():
    x = np.full((5, 2), np.nan)
    x[:, 0] = 3.0
    assert np.array_equal(fit_numbers(x, gaps=True).transform(x), np.zeros((5, 2), "f"))


def test_robust_scaling_by_hand():
    x = np.array([[0.0, 7.0], [2.0, 7.0], [4.0, 7.0], [6.0, 7.0], [1000.0, 9.0]])
    fitted = fit_numbers(x, scaling="robust")
    assert fitted.mean.tolist() == [4.0, 7.0]
    assert fitted.scale.tolist() == [4.0, 1.0]  # the second's middle half is one number
    z = (x - [4, 7]) / [4, 1]
    assert np.allclose(fitted.transform(x), z / np.sqrt(1 + (z / 3) ** 2), atol=1e-6)
    assert np.abs(fitted.transform(x * 1e20)).max() <= 3


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_weights_are_rows_that_are_there_more_than_once_or_not_at_all(scaling):
    times = rng.integers(0, 4, len(X))
    fitted = fit_numbers(GAPPY, times, scaling=scaling, gaps=True)
    doubled = fit_numbers(np.repeat(GAPPY, times, axis=0), scaling=scaling, gaps=True)
    for name in ("mean", "scale", "fill"):
        assert np.allclose(getattr(fitted, name), getattr(doubled, name), rtol=1e-12)


@pytest.mark.parametrize("scaling", ["standard", "robust"])
def test_weights_of_one_are_none_and_of_zero_leave_rows_out_to_the_bit(scaling):
    some = np.arange(len(X)) % 3 > 0
    alone = fit_numbers(GAPPY[some], scaling=scaling, gaps=True)
    for weights in (some.astype(float), some * 0.7):
        fitted = fit_numbers(GAPPY, weights, scaling=scaling, gaps=True)
        for name in ("mean", "scale", "fill"):
            assert np.array_equal(getattr(fitted, name), getattr(alone, name))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30))
def test_the_half_quantile_is_the_median(values):
    assert quantile(np.array(values), 0.5) == pytest.approx(np.median(values), rel=1e-12)


@given(
    st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 4)), min_size=1, max_size=20),
    st.floats(0, 1),
)
def test_a_weighted_quantile_is_that_of_repeated_rows(pairs, q):
    values, times = (np.array(each, float) for each in zip(*pairs, strict=True))
    repeated = np.repeat(values, times.astype(int))
    assert quantile(values, q, times) == quantile(repeated, q)
    assert (repeated <= quantile(values, q, times)).mean() >= q - 1e-9 or len(repeated) > 1


def test_an_unknown_scaling():
    with pytest.raises(ShoalError, match="unknown scaling 'robst': did you mean 'robust'"):
        fit_numbers(X, scaling="robst")


def test_whole_numbers_are_exact_beyond_float32():
    x = np.array([[2**40], [2**40 + 2]])
    assert fit_numbers(x).transform(x).tolist() == [[-1.0], [1.0]]
    assert isinstance(fit_numbers(x), Numbers)
