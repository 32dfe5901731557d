"""Data sets from arrays: scaled by the training part, checked, refused where they must be."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import ShoalError
from shoal.data import Dataset

rng = np.random.default_rng(0)
X = rng.normal(5, 3, (100, 4))
Y = np.arange(100) % 3


def test_features_are_standardised_by_the_training_part():
    data = Dataset.from_arrays(X, Y)
    assert [len(p) for p in (data.train, data.valid, data.test)] == [60, 20, 20]
    assert np.allclose(data.train.x.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(data.train.x.std(axis=0), 1, atol=1e-6)
    assert not np.allclose(data.test.x.mean(axis=0), 0, atol=1e-3)
    assert data.features == ("x0", "x1", "x2", "x3")
    assert data.train.x.dtype == np.float32


def test_what_is_not_in_the_training_part_changes_nothing_in_it():
    data = Dataset.from_arrays(X, Y, seed=3)
    scaling = data.preprocessing.scaling
    raw = data.train.x * scaling.scale + scaling.mean
    in_train = (np.abs(X[:, None] - raw).max(axis=2) < 1e-4).any(axis=1)
    assert in_train.sum() == 60
    other = np.where(in_train[:, None], X, 1e6)
    again = Dataset.from_arrays(other, Y, seed=3)
    assert np.array_equal(again.train.x, data.train.x)
    assert again.test.x.min() > 1e4


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_every_float_is_scaled_in_good_precision(dtype):
    data = Dataset.from_arrays(X.astype(dtype), Y)
    assert np.allclose(data.train.x.mean(axis=0), 0, atol=1e-4)


def test_images_of_bytes_are_divided_by_255_and_of_floats_left_alone():
    images = rng.integers(0, 256, (30, 5, 5), dtype=np.uint8)
    data = Dataset.from_arrays(images, np.arange(30) % 2, valid=0, test=0)
    assert data.in_shape == (5, 5)
    assert data.features == ()
    assert np.array_equal(data.train.x, images.astype(np.float32) / np.float32(255))
    assert np.array_equal(data.prepare(images[:2]), data.train.x[:2])
    floats = rng.normal(size=(30, 5, 5, 3))
    assert np.array_equal(
        Dataset.from_arrays(floats, np.arange(30) % 2, valid=0, test=0).train.x,
        floats.astype(np.float32),
    )


def test_scale_can_be_chosen():
    bytes_ = rng.integers(0, 256, (30, 8), dtype=np.uint8)
    y = np.arange(30) % 2
    assert Dataset.from_arrays(bytes_, y, scale="none").train.x.max() > 200
    assert Dataset.from_arrays(bytes_, y, scale="pixels").train.x.max() <= 1
    assert Dataset.from_arrays(bytes_, y).train.x.min() < 0
    with pytest.raises(ShoalError, match=r"unknown scale 'standart': did you mean 'standard'\?"):
        Dataset.from_arrays(bytes_, y, scale="standart")


def test_a_test_set_of_ones_own():
    data = Dataset.from_arrays(X, Y, x_test=X[:7] + 1, y_test=Y[:7])
    assert [len(p) for p in (data.train, data.valid, data.test)] == [80, 20, 7]
    assert np.array_equal(data.test.x, data.prepare(X[:7] + 1))
    assert len(Dataset.from_arrays(X, Y, x_test=X, y_test=Y, test=0).test) == 100


def test_regression_targets_are_standardised_by_the_training_part_and_given_back():
    y = np.column_stack([X[:, 0] * 1000, X[:, 1] - 7])
    data = Dataset.from_arrays(X, y)
    assert data.task == "regression"
    assert data.outputs == 2
    assert data.train.y.dtype == np.float32
    assert np.allclose(data.train.y.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(data.train.y.std(axis=0), 1, atol=1e-6)
    back = np.concatenate([data.values(p.y) for p in (data.train, data.valid, data.test)])
    assert np.allclose(np.sort(back, axis=0), np.sort(y, axis=0), rtol=1e-5)


def test_the_users_arrays_are_neither_changed_nor_shared():
    x, y = X.astype(np.float32), Y.copy()
    data = Dataset.from_arrays(x, y, valid=0, test=0, scale="none")
    assert np.array_equal(data.train.x, x)
    assert not np.shares_memory(data.train.x, x)
    assert x.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        data.train.x[0] = 0


def test_a_constant_column_becomes_zero():
    data = Dataset.from_arrays(np.column_stack([X, np.full(100, 7.0)]), Y)
    assert (data.test.x[:, 4] == 0).all()


def bad(row: int, column: int, value: float) -> np.ndarray:
    x = X.copy()
    x[row, column] = value
    return x


@pytest.mark.parametrize(
    ("x", "y", "options", "text"),
    [
        (bad(7, 2, np.nan), Y, {}, r"x\[7, 2\]=nan must be finite"),
        (bad(7, 2, -np.inf), Y, {}, r"x\[7, 2\]=-inf must be finite"),
        (bad(7, 2, 1e300), Y, {}, r"x\[7, 2\]=1e\+300 must be within the range of float32"),
        (X[:99], Y, {}, "same number of rows, but x has 99 and y 100"),
        (X[:0], Y[:0], {}, r"x of shape \(0, 4\) is empty"),
        (X[:1], [1.5], {}, "the number of rows=1 must be a whole number >= 2"),
        (X[:, 0], Y, {}, r"for a single feature use x.reshape\(-1, 1\)"),
        (X.astype(complex), Y, {}, "must hold numbers, but its type is complex128"),
        (X.astype(object), Y, {}, "its type is object; .* Dataset.from_frame"),
        ([["a", "b"]], [1], {}, "its type is <U1"),
        ([[1, 2], [3]], [0, 1], {}, "x must have rows of equal length"),
        (X, np.zeros(100, int), {}, "at least two classes"),
        (X, Y, {"valid": 0.6, "test": 0.4}, "valid=0.6 and test=0.4 leave none of"),
        (X, Y, {"valid": 100}, "valid=100 must leave rows"),
        (X, Y, {"seed": -1}, "seed=-1 must be a whole number"),
        (X, Y, {"x_test": X}, "x_test and y_test must be given both"),
        (X, Y, {"x_test": X[:, :3], "y_test": Y}, r"rows of shape \(4,\) as x has"),
        (X, Y, {"x_test": X, "y_test": Y[:3]}, "x_test and y_test .* have 100 and 3"),
        (X, Y, {"x_test": X, "y_test": Y, "test": 0.2}, "test=0.2 must be left out"),
        (X, Y, {"x_test": X, "y_test": Y + 1}, "unknown class in y_test"),
        (X, Y, {"features": ["a"]}, "must name the 4 columns of x, but has 1 names"),
        (X.reshape(100, 2, 2), Y, {"features": ["a"]}, "must be left out for images"),
    ],
)
def test_refusals(x, y, options, text):
    with pytest.raises(ShoalError, match=text) as raised:
        Dataset.from_arrays(x, y, **options)
    assert "\n" not in str(raised.value)


def test_a_scaling_that_overflows_is_refused():
    x = np.full((10, 1), 1e-30)
    x[::2] = 2e-30
    with pytest.raises(ShoalError, match="float32 can hold after scaling"):
        Dataset.from_arrays(x, np.arange(10) % 2, x_test=[[1e30]], y_test=[1], valid=0)
