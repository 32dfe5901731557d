"""Arrays and images: how they are prepared, written and read back, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shoal import ShoalError
from shoal.data.preparation import ArrayPreparation, fit_array, read_preparation, write_preparation
from shoal.data.scaling import Pixels

rng = np.random.default_rng(0)
X = rng.normal(5, 3, (60, 4))
GAPPY = np.where(rng.random(X.shape) < 0.2, np.nan, X)
GAPPY[:, 2] = X[:, 2]


def test_missing_numbers_are_flagged_where_some_were_missing_in_training():
    fitted = fit_array(GAPPY, missing="flag", columns=list("abcd"))
    assert fitted.features == ("a", "b", "c", "d", "a is missing", "b is missing", "d is missing")
    assert fitted.in_shape == (7,)
    ready = fitted.transform(GAPPY)
    assert np.array_equal(ready[:, 4:], np.isnan(GAPPY[:, [0, 1, 3]]))
    filled = np.where(np.isnan(GAPPY), np.nanmedian(GAPPY, axis=0), GAPPY)
    expected = (filled - filled.mean(axis=0)) / filled.std(axis=0)
    assert np.allclose(ready[:, :4], expected, atol=1e-6)
    new = X[:1].copy()
    new[0, 2] = np.nan  # never missing in training: the median, and no flag
    median = (np.median(X[:, 2]) - X[:, 2].mean()) / X[:, 2].std()
    assert fitted.transform(new)[0, 2] == pytest.approx(median, abs=1e-6)
    assert fitted.transform(new)[0, 4:].tolist() == [0, 0, 0]


def test_whole_numbers_go_where_gaps_were():
    fitted = fit_array(GAPPY, missing="flag")
    assert np.array_equal(fitted.transform(np.ones((2, 4), int)), fitted.transform(np.ones((2, 4))))


def test_rows_of_weight_0_raise_no_flag():
    weights = (~np.isnan(GAPPY).any(axis=1)).astype(float)
    fitted = fit_array(GAPPY, weights, missing="flag")
    assert fitted.flags == ()
    full = fit_array(GAPPY[weights > 0], missing="flag")
    assert np.array_equal(fitted.transform(GAPPY), full.transform(GAPPY))


@pytest.mark.parametrize("scale", ["standard", "robust", "none"])
@pytest.mark.parametrize("shape", [(4,), (3, 5), (2, 3, 2)])
def test_what_is_written_is_read_back_to_the_bit(scale, shape):
    x = rng.normal(3, 2, (40, *shape))
    check_round_trip(fit_array(x, scale=scale), x)


def test_gaps_and_pixels_are_read_back():
    check_round_trip(fit_array(GAPPY, missing="flag"), GAPPY)
    images = rng.integers(0, 256, (9, 5, 5), dtype=np.uint8)
    check_round_trip(fit_array(images), images)
    check_round_trip(ArrayPreparation((8, 8), Pixels(16)), np.ones((2, 8, 8)))


def check_round_trip(fitted, x):
    facts, arrays = write_preparation(fitted)
    again = read_preparation(json.loads(json.dumps(facts)), arrays)
    assert (again.shape, again.in_shape, again.features) == (
        fitted.shape,
        fitted.in_shape,
        fitted.features,
    )
    assert np.array_equal(again.transform(x), fitted.transform(x))


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (X[:, :3], r"rows of shape \(4,\), but has \(3,\)"),
        (X[0], r"must have shape \(rows, features\)"),
        (X.astype(str), "must hold numbers, but its type is <U"),
        ([[1, 2], [3]], "rows of equal length"),
        (GAPPY, r"x\[\d+, \d+\]=nan must be finite"),
        (np.vstack([X, np.full((1, 4), np.inf)]), r"x\[60, 0\]=inf must be finite"),
        (np.full((1, 4), 1e39), "within the range of float32"),
    ],
)
def test_refusals(x, text):
    with pytest.raises(ShoalError, match=text):
        fit_array(X).transform(x)


def test_gaps_are_refused_in_fit_unless_asked_for():
    for scale in ("standard", "robust", "none"):
        with pytest.raises(ShoalError, match="=nan must be finite"):
            fit_array(GAPPY, scale=scale)
    with pytest.raises(ShoalError, match="=nan must be finite"):
        fit_array(GAPPY, scale="none", missing="flag")
    with pytest.raises(ShoalError, match="unknown missing 'drop'"):
        fit_array(X, missing="drop")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda facts, arrays: facts.update(shape=[]),
        lambda facts, arrays: facts.update(shape=[-4]),
        lambda facts, arrays: facts.update(columns=["a"]),
        lambda facts, arrays: facts.update(flags=[-1]),
        lambda facts, arrays: facts.update(pixels="bright"),
        lambda facts, arrays: arrays.update(scale=np.ones((2, 2))),
    ],
)
def test_what_does_not_come_from_write_is_refused(spoil):
    facts, arrays = write_preparation(fit_array(GAPPY, missing="flag"))
    spoil(facts, arrays)
    with pytest.raises((ValueError, TypeError, KeyError)):
        read_preparation(facts, arrays)
