"""From a table to a data set: check, split, preprocess by the training part only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.assemble import cut, finish
from shoal.data.columns import Column, read_columns
from shoal.data.part import PARTS
from shoal.data.preparation import MOST_LEVELS, as_pandas, fit_table, is_table
from shoal.data.targets import Target, Task, read_more, read_target
from shoal.errors import ShoalError, counted, unknown

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.dataset import Dataset


def from_frame(
    frame: pd.DataFrame,
    target: str | Sequence[str],
    *,
    test_frame: pd.DataFrame | None = None,
    valid: float = 0.2,
    test: float | None = None,
    seed: int = 0,
    task: Task | None = None,
    drop: Sequence[str] = (),
    name: str = "frame",
    source: str = "frame",
) -> Dataset:
    """A data set from a table (pandas, polars, Arrow) with columns of any kind but dates.

    Numbers: a missing one becomes the median and is flagged in a column of its own; then mean
    0, standard deviation 1. Text, categories and booleans: one input per level, a missing
    one being a level of its own; beyond 64 levels the rare ones share one; a level not seen
    in training counts as rare, or as none. All of it is fitted on the training part only.

    Args:
        frame: one row per example.
        target: the column to predict, or several: numbers, or 0 and 1 for labels of which more
            than one may hold.
        test_frame: a test part of your own, with the same columns.
        valid: share (float) or number (int) of rows of the validation part.
        test: the same for the test part; 0.2 unless `test_frame` is given.
        seed: of the split, which is stratified for classification.
        task: overrides the inference (see `from_arrays`).
        drop: columns to leave out.
        name: what to call it.

    Raises:
        ShoalError: on columns that do not exist, dates, infinity, text that is different in
            nearly every row, missing targets, and what `from_arrays` refuses.

    >>> import pandas as pd
    >>> from shoal.data import Dataset
    >>> frame = pd.DataFrame({"size": [1.0, None, 3.0, 5.0], "colour": list("rrgb"),
    ...                       "kind": list("aabb")})
    >>> data = Dataset.from_frame(frame, "kind", valid=0, test=0)
    >>> data.features
    ('size', 'size is missing', 'colour=b', 'colour=g', 'colour=r')
    """
    inputs, read, frame = inputs_and_target(frame, target, task=task, drop=drop, name=name)
    targets, dropped = _names(target), _names(drop)
    columns = read_columns(inputs)
    rows = cut(read, len(frame), valid, test, seed, own_test=test_frame is not None)
    tables = {part: inputs.iloc[rows[part]] for part in PARTS}
    ys = {part: read.y[rows[part]] for part in PARTS}
    if test_frame is not None:
        more = _check_frame(test_frame, "the test set")
        for wanted in targets:
            if wanted not in more.columns:
                raise unknown("target column in the test set", wanted, more.columns)
        tables["test"] = more
        ys["test"] = read_more(target_values(more, targets), read, name=_quoted(targets))

    fitted = fit_table(tables["train"], columns)
    return finish(
        read,
        {part: fitted.transform(table) for part, table in tables.items()},
        ys,
        name=name,
        source=source,
        target=_joined(targets),
        features=fitted.features,
        preprocessing=fitted,
        columns=columns,
        notes=_notes(columns, dropped),
    )


def inputs_and_target(
    frame: Any,
    target: str | Sequence[str],
    *,
    task: Task | None = None,
    drop: Sequence[str] = (),
    name: str = "frame",
) -> tuple[pd.DataFrame, Target, pd.DataFrame]:
    """The columns to predict from, what is to be predicted, and the table with text for names.

    The arguments are those of `from_frame`.

    Raises:
        ShoalError: columns that do not exist or have no name, a target with gaps.
    """
    frame = _check_frame(frame, name)
    targets, dropped = _names(target), _names(drop)
    known = [str(c) for c in frame.columns]
    for wanted in targets:
        if wanted not in known:
            raise unknown("target column", wanted, known)
    for unwanted in dropped:
        if unwanted not in known:
            raise unknown("column to drop", unwanted, known)
    _refuse_nameless([c for c in known if c not in dropped])
    inputs = frame.drop(columns=[*targets, *dropped])
    if not targets or inputs.shape[1] == 0:
        raise ShoalError(
            f"{name} must have a target and at least one more column, but has {known} with target "
            f"{targets} and drop={dropped}"
        )
    return inputs, _read_target(frame, targets, task), frame


def _refuse_nameless(names: list[str]) -> None:
    """A column without a name is a saved row number; in a sorted file it gives the target away."""
    for name in names:
        if name.startswith("Unnamed: ") or name == "":
            raise ShoalError(
                f"column {name!r} has no name in the file, it may be a saved row number; leave it "
                f"out with drop=[{name!r}], or name it"
            )


def _check_frame(frame: object, name: str) -> pd.DataFrame:
    """A table with rows, and columns named by text, each once."""
    if not is_table(frame):
        raise ShoalError(
            f"{name} must be a table (a DataFrame of pandas or polars, an Arrow table), "
            f"not {type(frame).__name__}; for arrays use Dataset.from_arrays"
        )
    frame = as_pandas(frame, name)
    if not len(frame):
        raise ShoalError(f"{name} has column names but no rows; give at least two rows")
    named = frame.set_axis([str(c) for c in frame.columns], axis="columns")
    if not named.columns.is_unique:
        twice = named.columns[named.columns.duplicated()][0]
        raise ShoalError(f"{name} must name each column once, but {twice!r} comes twice")
    return named


def _read_target(frame: pd.DataFrame, targets: list[str], task: Task | None) -> Target:
    """The target; ordered categories keep their order."""
    import pandas as pd

    values = target_values(frame, targets)
    column = frame[targets[0]]
    if task is not None or not isinstance(column.dtype, pd.CategoricalDtype):
        read = read_target(values, name=_quoted(targets), task=task)
        return replace(read, classes=tuple(targets)) if read.task == "multilabel" else read
    occurring = set(column)
    levels = [level for level in column.cat.categories if level in occurring]
    classes = levels if column.cat.ordered else None
    read = read_target(values, name=_quoted(targets), task="classification", classes=classes)
    return replace(read, why="inferred: the column holds categories")


def target_values(frame: pd.DataFrame, targets: list[str]) -> NDArray[Any]:
    """The target columns as an array; none may be missing, none a date."""
    import pandas as pd

    for name in targets:
        gone = frame[name].isna().to_numpy()
        if gone.any():
            raise ShoalError(
                f"target {name!r} must have a value in every row, but is missing in "
                f"{counted(int(gone.sum()), 'row')}, first in row {int(np.flatnonzero(gone)[0])} "
                "(counted from 0); leave such rows out"
            )
        if pd.api.types.infer_dtype(frame[name]).startswith(("date", "time", "period")):
            raise ShoalError(
                f"target {name!r} must be labels or numbers, but holds dates; turn it into numbers"
            )
    values = [_plain(frame[name]) for name in targets]
    return values[0] if len(values) == 1 else np.column_stack(values)


def _plain(values: pd.Series[Any]) -> NDArray[Any]:
    """A column as a NumPy array of its natural type."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(values)
    if isinstance(values.dtype, pd.CategoricalDtype) or kind == "string":
        return values.astype(object).to_numpy()
    plain = {"boolean": bool, "integer": np.int64, "floating": np.float64, "decimal": np.float64}
    if kind == "integer" and abs(values).max() > np.iinfo(np.int64).max:
        return values.to_numpy(dtype=np.float64)
    if kind in plain:
        return values.to_numpy(dtype=plain[kind])
    return values.to_numpy()


def _names(columns: object) -> list[str]:
    """One column or several, as a list of their names in text."""
    several = isinstance(columns, list | tuple | set | frozenset)
    return [str(c) for c in columns] if several else [str(columns)]  # type: ignore[attr-defined]


def _joined(targets: list[str]) -> str:
    """One name as it is; several with commas between them, and quotes where a name has one."""
    if len(targets) == 1:
        return targets[0]
    return ", ".join(f'"{name}"' if "," in name else name for name in targets)


def _quoted(targets: list[str]) -> str:
    return "target " + ", ".join(repr(t) for t in targets)


def _notes(columns: tuple[Column, ...], dropped: list[str]) -> tuple[tuple[str, str], ...]:
    """The preprocessing in words, and columns that carry nothing."""
    numbers = [c for c in columns if c.kind == "number"]
    levels = [c for c in columns if c.kind == "level"]
    words = []
    if numbers:
        words.append(
            f"{counted(len(numbers), 'number')}: median for missing ones and a flag, standardised"
        )
    if levels:
        words.append(f"{len(levels)} with levels: one-hot, missing is a level of its own")
        if max(c.levels for c in levels) >= MOST_LEVELS:
            words.append(f"beyond {MOST_LEVELS} levels the rare ones share one")
    notes = [("preprocessing", "; ".join(words) + "; fitted on the training part")]
    if dropped:
        notes.append(("left out", ", ".join(dropped)))
    empty = [c.name for c in columns if c.is_constant]
    if empty:
        notes.append(("constant columns", f"{', '.join(empty)} (carry nothing)"))
    return tuple(notes)
