"""What is to be predicted: classes or numbers, inferred by stated rules and checked.

Rules of inference, overridden by `task=`: text, booleans and categories are classes; real numbers
are regression targets; whole numbers are classes if there are at most 20 different ones. Several
columns of 0 and 1 are several labels a row, each of which holds or not; of other real numbers they
are several regression targets.
Labels become indices 0, 1, … in the sorted order of the labels, and can be given back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_choice, unknown

Task = Literal["classification", "multilabel", "regression"]
TASKS: Final[tuple[Task, ...]] = ("classification", "multilabel", "regression")
MOST_INTEGER_CLASSES: Final = 20


@dataclass(frozen=True, eq=False)
class Target:
    """All rows of the target before splitting.

    Attributes:
        task: what kind of prediction.
        y: int64 class indices `(n,)`; for several labels a row float32 0 and 1 `(n, labels)`;
            or float64 numbers in their own units `(n, outputs)`.
        classes: the labels in the order of the indices, or of the columns; None for regression.
        why: how the task was decided, in words.
    """

    task: Task
    y: NDArray[Any]
    classes: tuple[Any, ...] | None
    why: str


def read_target(
    values: object,
    *,
    name: str = "y",
    task: Task | None = None,
    classes: Sequence[Any] | None = None,
) -> Target:
    """Check a target and decide what it is.

    Args:
        values: labels or numbers `(n,)`; several labels a row as 0 and 1 `(n, labels)`; or several
            regression targets `(n, outputs)`.
        name: what to call it in an error.
        task: what it is, if the rules of inference are not to decide.
        classes: all labels in the order of their indices; by default those that occur, sorted. Of
            several labels a row, what the columns are called.

    Raises:
        ShoalError: on missing values, mixed types, one class or one value only, labels that
            are not among `classes`, or values that do not fit the task.

    >>> target = read_target(["cat", "dog", "cat"])
    >>> target.task, target.classes, target.y.tolist(), target.why
    ('classification', ('cat', 'dog'), [0, 1, 0], 'inferred: the labels are text')
    """
    if task is not None:
        check_choice("task", task, TASKS)
    raw = _as_array(values, name)
    decided, why = (task, f"as asked (task={task!r})") if task else _infer(raw, name, classes)
    if decided == "regression":
        return Target("regression", _numbers(raw, name), None, why)
    if decided == "multilabel":
        y = _several(raw, name)
        names = tuple(range(y.shape[1])) if classes is None else tuple(classes)
        return Target("multilabel", y, names, why)
    indices, labels = _indices(raw, name, classes)
    return Target("classification", indices, labels, why)


def read_more(values: object, like: Target, *, name: str = "y_test") -> NDArray[Any]:
    """A further target (of a separate test set), read in the way of the first.

    Returns:
        What `like.y` is: class indices, 0 and 1 `(n, labels)`, or numbers `(n, outputs)`.

    Raises:
        ShoalError: also if a label is not among the first one's classes.

    >>> read_more(["dog", "dog"], like=read_target(["cat", "dog", "cat"])).tolist()
    [1, 1]
    """
    raw = _as_array(values, name)
    if like.classes is None:
        y = _numbers(raw, name)
        if y.shape[1] != like.y.shape[1]:
            raise ShoalError(
                f"{name} must have {like.y.shape[1]} targets a row as the training rows have, "
                f"but has {y.shape[1]}; give the same columns"
            )
        return y
    if like.task == "multilabel":
        labels = _several(raw, name)
        if labels.shape[1] != len(like.classes):
            raise ShoalError(
                f"{name} must have {len(like.classes)} columns of labels as the training rows "
                f"have, but has {labels.shape[1]}; give the same columns"
            )
        return labels
    return _lookup(raw, name, like.classes)


def standardise(
    y: NDArray[np.float64], name: str = "y"
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation of each target over the training rows, `(outputs,)` both.

    Raises:
        ShoalError: if a target has the same value in every row, or is too large to be squared.

    >>> standardise(np.array([[1.0], [3.0]]))
    (array([2.]), array([1.]))
    """
    constant = (y == y[0]).all(axis=0)
    if constant.any():
        value = y[0, int(np.flatnonzero(constant)[0])]
        raise ShoalError(
            f"{name} must vary to be learnt, but is {value:g} in every training row; "
            "choose another target"
        )
    with np.errstate(over="ignore", invalid="ignore"):  # it becomes infinite, and is reported
        mean, scale = y.mean(axis=0), y.std(axis=0)
    if not (np.isfinite(mean) & np.isfinite(scale) & (scale > 0)).all():
        raise ShoalError(
            f"{name} has values up to {np.abs(y).max():.3g}, too large or too small for a standard "
            "deviation; give it in another unit"
        )
    return mean, scale


def _as_array(values: object, name: str) -> NDArray[Any]:
    """`values` as an array of one plain type, `(n,)` or `(n, outputs)`, with nothing missing."""
    try:
        raw = np.asarray(values)
    except ValueError as error:
        raise ShoalError(f"{name} must have rows of equal length ({error})") from error
    if raw.dtype.kind == "U" and isinstance(values, list | tuple):
        raw = np.asarray(values, dtype=object)  # NumPy has made text of numbers and NaN
    if raw.dtype.kind == "O" and raw.ndim:
        raw = _one_type(raw, name)
    if raw.dtype.kind not in "biufU":
        raise ShoalError(
            f"{name} must hold labels (text, whole numbers, booleans) or real numbers, but its "
            f"type is {raw.dtype}; convert it first"
        )
    if raw.ndim == 2 and raw.shape[1] == 1:
        raw = raw[:, 0]  # a column is a list of values
    if raw.ndim not in (1, 2):
        raise ShoalError(
            f"{name} must have shape (rows,) or (rows, targets), but has {raw.shape}; "
            "give one value a row"
        )
    if raw.size == 0:
        raise ShoalError(f"{name} is empty; give at least two rows")
    if raw.dtype.kind == "f" and not np.isfinite(raw).all():
        row = int(np.argwhere(~np.isfinite(raw))[0][0])
        bad = np.atleast_1d(raw[row])
        raise ShoalError(
            f"{name} must have a value in every row, but row {row} (counted from 0) has "
            f"{bad[~np.isfinite(bad)][0]}; leave such rows out"
        )
    return raw


def _one_type(raw: NDArray[Any], name: str) -> NDArray[Any]:
    """An array of objects as an array of text, booleans or numbers."""
    flat = raw.ravel().tolist()
    for place, value in enumerate(flat):
        if _is_missing(value):
            row = place // max(1, raw.size // len(raw))
            raise ShoalError(
                f"{name} must have a value in every row, but row {row} (counted from 0) has "
                f"{value!r}; leave such rows out"
            )
    kinds = {"text" if isinstance(v, str) else type(v).__name__ for v in flat}
    if "text" in kinds and len(kinds) > 1:
        raise ShoalError(
            f"{name} must have labels of one type, but mixes {', '.join(sorted(kinds))}; "
            "convert them all to text"
        )
    return np.array(flat).reshape(raw.shape)


def _is_missing(value: object) -> bool:
    """None, NaN, or pandas' NA and NaT, which are not equal to themselves nor to anything."""
    nan = isinstance(value, float) and value != value
    return value is None or nan or type(value).__name__ in ("NAType", "NaTType")


def _infer(raw: NDArray[Any], name: str, classes: Sequence[Any] | None) -> tuple[Task, str]:
    """The task by the rules above, and the rule that decided."""
    if classes is not None:
        return "classification", "inferred: the classes are given"
    if raw.ndim == 2:
        return _infer_several(raw, name)
    if raw.dtype.kind in "Ub":
        noun = "text" if raw.dtype.kind == "U" else "booleans"
        return "classification", f"inferred: the labels are {noun}"
    different = len(np.unique(raw))
    if raw.dtype.kind in "iu":
        few = different <= MOST_INTEGER_CLASSES
        side = "at most" if few else "more than"
        why = f"inferred: whole numbers, {different} different ({side} {MOST_INTEGER_CLASSES})"
        return ("classification" if few else "regression"), why
    why = "inferred: real numbers"
    if different <= MOST_INTEGER_CLASSES:
        why += f", only {different} different (if they are classes, say task='classification')"
    return "regression", why


def _infer_several(raw: NDArray[Any], name: str) -> tuple[Task, str]:
    """The task of several columns."""
    if raw.dtype.kind != "U" and ((raw == 0) | (raw == 1)).all():
        if (raw.sum(axis=1) != 1).any():
            return "multilabel", "inferred: several columns of 0 and 1"
        raise ShoalError(
            f"{name} of shape {raw.shape} has one 1 in every row, so it can be one-hot labels; for "
            f"classification give one label a row ({name}.argmax(axis=1)), for labels of which "
            "more may hold say task='multilabel', for numbers task='regression'"
        )
    if raw.dtype.kind == "U":
        raise ShoalError(
            f"{name} must be numbers or 0 and 1 (several labels a row) in several columns, but has "
            f"text such as {str(raw.flat[0])!r}; give one column of labels, or turn each into 0 "
            "and 1"
        )
    if raw.dtype.kind != "f":
        raise ShoalError(
            f"{name} of shape {raw.shape} has whole numbers in several columns; for numbers say "
            "task='regression', for classification give one label a row"
        )
    return "regression", "inferred: several real numbers a row"


def _several(raw: NDArray[Any], name: str) -> NDArray[np.float32]:
    """Several labels a row as 0 and 1, `(n, labels)`."""
    if raw.ndim != 2:
        raise ShoalError(
            f"{name} must have two columns of 0 and 1 or more for task='multilabel', one for each "
            f"label, but has shape {raw.shape}; for one label take task='classification'"
        )
    wrong = ~np.isin(raw, (0, 1))
    if wrong.any():
        row, column = np.argwhere(wrong)[0].tolist()
        raise ShoalError(
            f"{name} must be 0 and 1 for task='multilabel', but has {raw[row, column].item()!r} in "
            f"row {row}, column {column} (counted from 0); turn labels into columns of 0 and 1"
        )
    return raw.astype(np.float32)


def _numbers(raw: NDArray[Any], name: str) -> NDArray[np.float64]:
    """Regression targets in their own units, `(n, outputs)`."""
    if raw.dtype.kind == "U":
        raise ShoalError(
            f"{name} must be numbers for task='regression', but is text such as "
            f"{str(raw.flat[0])!r}; choose task='classification'"
        )
    return raw.astype(np.float64).reshape(len(raw), -1)


def _indices(
    raw: NDArray[Any], name: str, classes: Sequence[Any] | None
) -> tuple[NDArray[np.int64], tuple[Any, ...]]:
    """Class indices and the labels they stand for."""
    if raw.ndim == 2:
        raise ShoalError(
            f"{name} must have one label a row for classification, but has shape {raw.shape}; "
            f"turn one-hot rows into labels with {name}.argmax(axis=1)"
        )
    found, indices = np.unique(raw, return_inverse=True)
    if len(found) == 1:
        raise ShoalError(
            f"{name} must have at least two classes, but every row is {found[0].item()!r}; "
            "there is nothing to tell apart: check the target"
        )
    if classes is not None:
        labels = tuple(c.item() if isinstance(c, np.generic) else c for c in classes)
        if len(set(labels)) != len(labels):
            raise ShoalError(f"classes={labels} must name each class once; leave out repetitions")
        return _lookup(raw, name, labels), labels
    if len(found) > 2 and 2 * len(found) > len(raw):
        raise ShoalError(
            f"{name} must have at least two rows a class on average, but has {len(found)} "
            f"different labels in {len(raw)} rows; choose another target, or task='regression'"
        )
    return indices.astype(np.int64), tuple(found.tolist())


def _lookup(raw: NDArray[Any], name: str, classes: tuple[Any, ...]) -> NDArray[np.int64]:
    """The index of each label among `classes`."""
    place = {label: index for index, label in enumerate(classes)}
    found, inverse = np.unique(raw, return_inverse=True)
    for label in found.tolist():
        if label not in place:
            row = int(np.flatnonzero(raw == label)[0])
            raise unknown(f"class in {name}, row {row} (from 0):", label, map(str, classes))
    return np.array([place[label] for label in found.tolist()], dtype=np.int64)[inverse]
