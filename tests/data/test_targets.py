"""What is to be predicted: the rules of inference, labels there and back, refusals."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from shoal import ShoalError
from shoal.data.targets import read_more, read_target, standardise


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["b", "a", "b", "a"], "classification", ("a", "b")),
        (np.array(["b", "a", "b", "a"], dtype=object), "classification", ("a", "b")),
        ([True, False, True, False], "classification", (False, True)),
        ([7, 3, 7, 3], "classification", (3, 7)),
        (np.array([7, 3, 7, 3], np.uint8), "classification", (3, 7)),
        (np.array([[7], [3], [7], [3]]), "classification", (3, 7)),
        (np.arange(40) // 2, "classification", tuple(range(20))),
        (np.arange(42) // 2, "regression", None),
        ([0.0, 1.0, 0.0], "regression", None),
        (np.eye(3)[[0, 1, 2]] * 0.5, "regression", None),
    ],
)
def test_inference(values, task, classes):
    target = read_target(values)
    assert (target.task, target.classes) == (task, classes)
    assert target.why.startswith("inferred: ")
    if classes:
        given = np.asarray(values).ravel().tolist()
        assert [target.classes[i] for i in target.y] == given
        assert all(type(c) in (str, bool, int) for c in classes)
    else:
        assert target.y.shape == (len(values), target.y.size // len(values))


def test_the_inference_can_be_overridden():
    assert read_target([0.5, 1.5, 0.5, 1.5], task="classification").classes == (0.5, 1.5)
    assert read_target([1, 2, 1, 2], task="regression").y.tolist() == [[1.0], [2.0], [1.0], [2.0]]
    assert read_target([1, 2], task="regression").why == "as asked (task='regression')"


def test_few_different_real_numbers_get_a_hint():
    assert "if they are classes, say task='classification'" in read_target([0.0, 1.0]).why


def test_classes_can_be_given_in_their_order():
    target = read_target(["low", "high"], classes=["low", "middle", "high"])
    assert target.classes == ("low", "middle", "high")
    assert target.y.tolist() == [0, 2]


@pytest.mark.parametrize(
    ("values", "options", "text"),
    [
        ([1, 1, 1], {}, r"at least two classes, but every row is 1;"),
        (["a", "a"], {}, r"at least two classes, but every row is 'a';"),
        ([], {}, "y is empty"),
        ([0.5, np.nan, 1.5], {}, r"value in every row, but row 1 \(counted from 0\) has nan"),
        ([0.5, np.inf, 1.5], {}, r"value in every row, but row 1 .* has inf"),
        ([[0.5, 1], [1, np.nan]], {}, r"row 1 \(counted from 0\) has nan"),
        (["a", None, "b"], {}, "row 1 .* has None"),
        (["a", float("nan"), "b"], {}, "row 1 .* has nan"),
        (np.array(["a", pd.NA], dtype=object), {}, "row 1 .* has <NA>"),
        (np.array(["a", 1], dtype=object), {}, "labels of one type, but mixes int, text"),
        (np.array([{}, {}], dtype=object), {}, "its type is object"),
        ([1j, 2j], {}, "its type is complex128"),
        (np.array(["2024-01-01"], "M8[D]"), {}, r"its type is datetime64\[D\]"),
        ([b"a", b"b"], {}, r"its type is \|S1"),
        ([[1, 2], [1]], {}, "rows of equal length"),
        (3, {}, r"must have shape \(rows,\) or \(rows, targets\), but has \(\)"),
        (np.zeros((2, 2, 2)), {}, r"must have shape \(rows,\)"),
        (np.eye(3), {}, r"one-hot .*y.argmax\(axis=1\)"),
        (np.array([[1, 2], [3, 4]]), {}, r"whole numbers in several columns; .*task='regression'"),
        (np.array([["a", "b"], ["c", "d"]]), {}, r"text such as 'a'; give one column of labels"),
        ([[0, 1], [1, 2]], {"task": "multilabel"}, r"has 2 in row 1, column 1 \(counted from 0\)"),
        (
            [["no", "yes"]],
            {"task": "multilabel"},
            r"must be 0 and 1 .* has 'no' in row 0, column 0",
        ),
        ([0, 1], {"task": "multilabel"}, r"two columns of 0 and 1 or more .* has shape \(2,\)"),
        (np.eye(3), {"task": "classification"}, "one label a row for classification"),
        (["a", "b"], {"task": "regression"}, "must be numbers .* is text such as 'a'"),
        (["a", "b"], {"task": "regresion"}, "unknown task 'regresion': did you mean"),
        (list("abcdef"), {}, "two rows a class on average, but has 6 different labels in 6 rows"),
        (["a", "z"], {"classes": ["a", "b"]}, r"unknown class in y, row 1 \(from 0\): 'z'"),
        (["a", "b"], {"classes": ["a", "b", "a"]}, "must name each class once"),
    ],
)
def test_refusals(values, options, text):
    with pytest.raises(ShoalError, match=text):
        read_target(values, **options)


def test_decimals_need_converting():
    with pytest.raises(ShoalError, match="its type is object"):
        read_target([Decimal("1.5"), Decimal("2.5")])


def test_a_further_target_is_read_in_the_way_of_the_first():
    assert read_more(["b", "a"], read_target(["a", "b", "b", "a"])).tolist() == [1, 0]
    assert read_more([3], read_target([1.5, 2.5])).tolist() == [[3.0]]
    with pytest.raises(ShoalError, match=r"unknown class in y_test, row 1 \(from 0\): '<=50K.'"):
        read_more([">50K", "<=50K."], read_target(["<=50K", ">50K"]))
    with pytest.raises(ShoalError, match=r"must have 1 targets a row .* but has 2"):
        read_more([[0.5, 1.0]], read_target([1.5, 2.5]))


def test_several_columns_of_0_and_1_are_several_labels():
    for values in ([[1, 0, 1], [0, 1, 0]], [[True, False, True], [False, True, False]]):
        target = read_target(values)
        assert (target.task, target.classes) == ("multilabel", (0, 1, 2))
        assert target.why == "inferred: several columns of 0 and 1"
        assert target.y.dtype == np.float32
        assert target.y.tolist() == [[1, 0, 1], [0, 1, 0]]
    assert read_target(np.eye(2), task="multilabel", classes=["a", "b"]).classes == ("a", "b")
    assert read_target([[1.0, 1.0], [0.0, 1.0]], task="regression").task == "regression"
    assert read_target([[1.0, 0.5], [0.0, 1.0]]).task == "regression"
    assert read_more([[0, 0, 1]], target).tolist() == [[0, 0, 1]]
    with pytest.raises(ShoalError, match=r"must have 3 columns of labels as .* but has 2"):
        read_more([[0, 1]], target)
    with pytest.raises(ShoalError, match=r"y_test must be 0 and 1 .* has 2 in row 0, column 0"):
        read_more([[2, 0, 1]], target)


def test_a_constant_target_cannot_be_learnt():
    with pytest.raises(ShoalError, match="must vary to be learnt, but is 3 in every training row"):
        standardise(np.array([[1.0, 3.0], [2.0, 3.0]]))
