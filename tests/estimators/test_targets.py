"""Labels and numbers, read and refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.estimators.targets import as_array, indices_of, names_of, read_labels, read_numbers

pl = pytest.importorskip("polars")
pa = pytest.importorskip("pyarrow")


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "b"],
        np.array(["b", "a", "b"]),
        np.array(["b", "a", "b"], object),
        np.array(["b", "a", "b"], np.dtypes.StringDType()),
        pd.Series(["b", "a", "b"]),
        pd.Series(["b", "a", "b"], dtype="category"),
        pl.Series(["b", "a", "b"]),
        pl.Series(["b", "a", "b"], dtype=pl.Categorical),
        pa.chunked_array([["b", "a"], ["b"]]),
    ],
    ids=lambda values: f"{type(values).__module__.split('.')[0]}-{getattr(values, 'dtype', '')}",
)
def test_text_of_all_kinds(values):
    target = read_labels(as_array(values))
    assert target.task == "classification"
    assert target.classes.tolist() == ["a", "b"]
    assert target.y.tolist() == [1, 0, 1]
    assert target.y.dtype == np.int64


@pytest.mark.parametrize(
    ("values", "classes", "kind"),
    [
        ([3, 1, 3], [1, 3], "i"),
        ([True, False, True], [False, True], "b"),
        ([2.0, 1.0, 2.0], [1.0, 2.0], "f"),
        (pd.Series([3, 1, 3], dtype="Int64"), [1, 3], "i"),
        (pd.Series([True, False, True], dtype="boolean"), [False, True], "b"),
        (np.array([3, 1, 3], object), [1, 3], "i"),
    ],
)
def test_labels_keep_their_type(values, classes, kind):
    target = read_labels(as_array(values))
    assert target.classes.tolist() == classes
    assert target.classes.dtype.kind == kind
    assert target.y.tolist() == [1, 0, 1]


def test_a_matrix_of_0_and_1_is_several_labels():
    target = read_labels(np.array([[1, 0, 0], [1, 1, 1]]))
    assert target.task == "multilabel"
    assert target.y.dtype == np.float32
    assert target.y.tolist() == [[1, 0, 0], [1, 1, 1]]
    assert target.classes.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (None, "requires y to be passed, but the target y is None"),
        (["a", "a"], r"y has one class only, 'a'"),
        (["a", None], r"y contains None in row 1 .* leave such rows out"),
        ([0.0, np.nan], r"y contains nan in row 1"),
        (pd.Series([1, None], dtype="Int64"), r"y contains nan in row 1"),
        ([0.1, 1.0], r"continuous values, such as 0.1, .* take ShoalRegressor"),
        (np.array(["a", 1], object), r"Unknown label type: y mixes int, str"),
        (np.array([[0, 1], [2, 0]]), r"y of shape \(2, 2\) must hold 0 and 1"),
        (np.zeros((2, 2, 2)), r"y has shape \(2, 2, 2\)"),
        ([[1], [1, 2]], r"rows of equal length"),
        (np.array(["2024-01-01", "2024-01-02"], "M8[D]"), r"y holds dates or times"),
    ],
)
def test_labels_that_are_none(values, words):
    with pytest.raises(ShoalError, match=words):
        read_labels(as_array(values))


def test_labels_are_looked_up_among_those_known():
    known = np.array(["a", "b", "c"])
    assert read_labels(np.array(["c", "c"]), known).y.tolist() == [2, 2]
    with pytest.raises(
        ShoalError, match=r"y_val has the label 'd' in row 1 .* none of the classes 'a', 'b', 'c'"
    ):
        indices_of(np.array(["a", "d"]), known, "y_val")
    with pytest.raises(ShoalError, match=r"… \(20 in all\)"):
        indices_of(np.array([99]), np.arange(20), "y")


@pytest.mark.parametrize(
    ("y", "names"),
    [
        (pd.Series([1, 2], name="price"), ("price",)),
        (pd.Series([1, 2]), ()),
        (pd.Series([1, 2], name=7), ()),
        (pd.DataFrame({"a": [1], "b": [2]}), ("a", "b")),
        (pd.DataFrame([[1, 2]]), ()),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), ()),
        (pl.Series("price", [1, 2]), ("price",)),
        (pl.Series([1, 2]), ()),
        (pl.DataFrame({"a": [1], "b": [2]}), ("a", "b")),
        (pa.table({"a": [1], "b": [2]}), ("a", "b")),
        (pa.chunked_array([[1, 2]]), ()),
        ([1, 2], ()),
        (np.zeros((2, 2)), ()),
    ],
)
def test_names_of_targets(y, names):
    assert names_of(y) == names


def test_numbers():
    assert read_numbers(np.array([1, 2])).y.tolist() == [[1.0], [2.0]]
    assert read_numbers(as_array(pd.DataFrame({"a": [1, 2], "b": [3, 4]}))).y.shape == (2, 2)
    assert read_numbers(as_array(pl.Series([1.5, 2.5]))).y.dtype == np.float64
    assert read_numbers(np.array(["1", "2"], object).astype(float)).classes is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([1.0, np.nan], r"y contains NaN in row 1 .* leave such rows out"),
        ([[1.0, 2.0], [3.0, np.inf]], r"y contains infinity in row 1"),
        (["a", "b"], r"y holds text, such as 'a'; .* ShoalClassifier takes labels"),
        (np.zeros((2, 2, 2)), r"Found array with dim 3|y has shape \(2, 2, 2\)"),
        (np.array([1 + 1j, 2]), r"Complex data not supported"),
        (np.array([1.0, None], object), r"NaN"),
    ],
)
def test_numbers_that_are_none(values, words):
    with pytest.raises(ShoalError, match=words):
        read_numbers(as_array(values))
