"""What is given as y: labels, several labels a row, or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array, column_or_1d
from sklearn.utils.multiclass import type_of_target

from shoal.errors import ShoalError
from shoal.estimators.inputs import in_one_line

Task = Literal["classification", "multilabel", "regression"]


@dataclass(frozen=True, eq=False)
class Target:
    """What is to be learnt, row by row.

    Attributes:
        task: one label a row, several, or numbers.
        y: int64 class indices (rows,); float32 0 and 1 (rows, labels); or float64 numbers in their
            own units (rows, targets).
        classes: the labels in the order of their indices; for several, their numbers; None for
            numbers.
        names: of the columns; empty if they have none.
    """

    task: Task
    y: NDArray[Any]
    classes: NDArray[Any] | None
    names: tuple[str, ...] = ()


def read_labels(y: Any, classes: Any = None, name: str = "y") -> Target:
    """Labels of text, whole numbers or booleans (rows,), or an indicator matrix (rows, labels).

    Args:
        y: what was given.
        classes: all labels there are, if that is known; else those that occur, sorted.
        name: what to call it in an error.

    Raises:
        ShoalError: missing labels, real numbers, one class only, labels not among `classes`.

    >>> labels = read_labels(["cat", "dog", "cat"])
    >>> labels.classes.tolist(), labels.y.tolist()
    (['cat', 'dog'], [0, 1, 0])
    """
    raw = _labels(y, name)
    if raw.ndim == 2 and raw.shape[1] > 1:
        return _several(raw, classes, name)
    flat = column_or_1d(raw, warn=True)
    _refuse_numbers(flat, name)
    known = _sorted(flat, name) if classes is None else _sorted(_labels(classes, "classes"), name)
    if len(known) < 2:
        raise ShoalError(
            f"{name} has one class only, {_plain(known[0])!r}, in every row that counts; there "
            "must be at least two classes to tell apart"
        )
    return Target("classification", indices_of(flat, known, name), known)


def indices_of(labels: NDArray[Any], classes: NDArray[Any], name: str) -> NDArray[np.int64]:
    """The index of each label among the sorted classes.

    Raises:
        ShoalError: a label that is none of them.
    """
    unseen = ~np.isin(labels, classes)
    if unseen.any():
        row = int(np.flatnonzero(unseen)[0])
        raise ShoalError(
            f"{name} has the label {_plain(labels[row])!r} in row {row} (counted from 0), which is "
            f"none of the classes {_listed(classes)}; leave such rows out, or train with them"
        )
    return np.searchsorted(classes, labels).astype(np.int64)


def read_numbers(y: Any, name: str = "y") -> Target:
    """Numbers (rows,) or (rows, targets), finite.

    Raises:
        ShoalError: text, NaN or infinity, no or too many axes.

    >>> read_numbers([1, 2.5]).y.shape
    (2, 1)
    """
    raw = as_array(y, name)
    if raw.dtype.kind in "US" or (raw.dtype.kind == "O" and _text(raw) is not None):
        raise ShoalError(
            f"{name} holds text, such as {_text(raw)!r}; a regressor needs numbers, a "
            "ShoalClassifier takes labels"
        )
    if raw.dtype.kind == "f" and raw.ndim and not np.isfinite(raw).all():
        row = int(np.argwhere(~np.isfinite(raw))[0][0])
        raise ShoalError(
            f"Input {name} contains {_what(raw[row])} in row {row} (counted from 0); it must have "
            "a finite value in every row: leave such rows out"
        )
    with in_one_line():
        numbers: NDArray[np.float64] = check_array(
            raw, input_name=name, ensure_2d=False, dtype=np.float64, ensure_min_samples=0
        )
    if numbers.ndim not in (1, 2):
        raise ShoalError(
            f"{name} has shape {numbers.shape}, but must be (rows,) or (rows, targets)"
        )
    return Target("regression", numbers.reshape(len(numbers), -1), None)


def _labels(y: Any, name: str) -> NDArray[Any]:
    """Labels as an array with nothing missing."""
    raw = as_array(y, name)
    if raw.ndim not in (1, 2):
        raise ShoalError(f"{name} has shape {raw.shape}, but must be (rows,) or (rows, labels)")
    if raw.dtype.kind in "mM":
        raise ShoalError(
            f"{name} holds dates or times, which are no labels; turn them into text or numbers"
        )
    if raw.dtype.kind == "O":
        import pandas as pd

        gone = pd.isna(raw)
    elif raw.dtype.kind == "f":
        gone = ~np.isfinite(raw)
    else:
        return raw
    if gone.any():
        at = tuple(np.argwhere(gone)[0])
        raise ShoalError(
            f"Input {name} contains {raw[at]} in row {at[0]} (counted from 0); it must have a "
            "label in every row: leave such rows out"
        )
    if raw.dtype.kind == "O" and len({type(value) for value in raw.flat}) == 1:
        simple = np.array(raw.tolist())  # what pandas and polars give for whole numbers, say
        return raw if simple.dtype.kind == "U" else simple
    return raw


def _several(raw: NDArray[Any], classes: Any, name: str) -> Target:
    """An indicator matrix."""
    if raw.dtype.kind not in "biuf" or not np.isin(raw, (0, 1)).all():
        with in_one_line():
            kind = type_of_target(raw, input_name=name)
        raise ShoalError(
            f"{name} of shape {raw.shape} must hold 0 and 1, a column for each label, but is "
            f"{kind}; for one label a row give {name} of shape (rows,), for numbers take "
            "ShoalRegressor"
        )
    labels = np.arange(raw.shape[1])
    if classes is not None and len(classes) != len(labels):
        raise ShoalError(
            f"{name} has {raw.shape[1]} columns of labels, but classes={_listed(np.array(classes))}"
        )
    return Target("multilabel", raw.astype(np.float32), labels)


def _refuse_numbers(labels: NDArray[Any], name: str) -> None:
    """Real numbers are no labels."""
    if labels.dtype.kind == "c":
        raise ShoalError(f"Complex data not supported: {name} must hold labels")
    if labels.dtype.kind != "f":
        return
    fractions = labels != np.round(labels)
    if fractions.any():
        raise ShoalError(
            f"{name} has continuous values, such as {labels[fractions][0]:g}, and a classifier "
            "needs labels; take ShoalRegressor, or cut them into classes"
        )


def _sorted(labels: NDArray[Any], name: str) -> NDArray[Any]:
    """The different labels, sorted."""
    try:
        return np.unique(labels)
    except TypeError as error:
        kinds = ", ".join(sorted({type(label).__name__ for label in labels}))
        raise ShoalError(
            f"Unknown label type: {name} mixes {kinds}; convert all labels to text"
        ) from error


def names_of(y: Any) -> tuple[str, ...]:
    """What the columns of y are called, if y is a column or a table with names.

    >>> import pandas as pd
    >>> names_of(pd.Series([1, 2], name="price")), names_of([1, 2])
    (('price',), ())
    >>> names_of(pd.DataFrame({"a": [1], "b": [2]}))
    ('a', 'b')
    """
    columns = getattr(y, "column_names", None)  # an Arrow table's; its columns are arrays
    if columns is None:
        columns = getattr(y, "columns", None)
    names = [getattr(y, "name", None)] if columns is None else list(columns)
    plain = all(isinstance(name, str) and name for name in names)
    return tuple(map(str, names)) if plain and len(set(names)) == len(names) else ()


def as_array(y: Any, name: str = "y") -> NDArray[Any]:
    """Whatever holds targets as an array, a sparse indicator matrix too.

    Raises:
        ShoalError: nothing was given, or rows of different length.
    """
    if y is None:
        raise ShoalError(f"fit requires {name} to be passed, but the target {name} is None")
    sparse: Any = y
    if issparse(y):
        return np.asarray(sparse.toarray())
    try:
        array = np.asarray(y)
        return array.astype(object) if array.dtype.kind == "T" else array
    except ValueError as error:
        raise ShoalError(f"{name} must have rows of equal length ({error})") from error


def _text(raw: NDArray[Any]) -> str | None:
    """The first text in an array."""
    return next((str(value) for value in raw.flat if isinstance(value, str | bytes)), None)


def _what(values: Any) -> str:
    """NaN or infinity, whichever comes first."""
    bad = np.atleast_1d(values)
    return "NaN" if np.isnan(bad[~np.isfinite(bad)][0]) else "infinity"


def _plain(label: Any) -> Any:
    return label.item() if isinstance(label, np.generic) else label


def _listed(classes: NDArray[Any]) -> str:
    """The classes, or the first few of many."""
    first = [repr(_plain(label)) for label in classes[:8]]
    return ", ".join(first) + (f", … ({len(classes)} in all)" if len(classes) > 8 else "")
