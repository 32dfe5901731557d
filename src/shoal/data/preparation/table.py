"""Tables: what turns columns of numbers and of levels into a network's inputs."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.columns import Column, as_numbers
from shoal.data.preparation.frames import as_pandas
from shoal.data.preparation.levels import Levels, fit_levels
from shoal.data.preparation.numbers import Numbers, Scaling, fit_numbers, weighed
from shoal.data.preparation.plain import numbers_arrays, numbers_facts, read_numbers
from shoal.errors import ShoalError, check_choice, counted

if TYPE_CHECKING:
    import pandas as pd

Unseen = Literal["rare", "refuse"]
UNSEEN: Final[tuple[Unseen, ...]] = ("rare", "refuse")


@dataclass(frozen=True, eq=False)
class TablePreparation:
    """The fitted preparation of tables.

    The inputs are all numbers, then the flags of those where some are missing in training, then
    the levels column by column.

    Attributes:
        expected: the columns, in the order of the training table.
        numbers: the scaling of the columns of numbers; None if there are none.
        flags: which of the columns of numbers have an input that says where one is missing.
        levels: the columns of levels.
        unseen: a level that nobody has seen in training counts as "rare" (or as none, where there
            are no rare ones), or is "refuse"d.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"size": [1.0, 3.0, None], "colour": ["red", "blue", "red"]})
    >>> from shoal.data.columns import read_columns
    >>> fitted = fit_table(table, read_columns(table))
    >>> fitted.features
    ('size', 'size is missing', 'colour=blue', 'colour=red')
    >>> fitted.transform(pd.DataFrame({"size": [None], "colour": ["violet"]})).tolist()
    [[0.0, 1.0, 0.0, 0.0]]
    """

    expected: tuple[Column, ...]
    numbers: Numbers | None = None
    flags: tuple[int, ...] = ()
    levels: tuple[Levels, ...] = ()
    unseen: Unseen = "rare"

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(c.name for c in self.expected)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one row of the table."""
        return (len(self.expected),)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the inputs: "age", "age is missing", "sex=male", …"""
        names = self._numbers
        flags = (f"{names[i]} is missing" for i in self.flags)
        return (*names, *flags, *(name for level in self.levels for name in level.features))

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one input of the network."""
        return (len(self.features),)

    @cached_property
    def _numbers(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.expected if c.kind == "number")

    def transform(self, table: Any, /) -> NDArray[np.float32]:
        """A network's inputs, float32 `(rows, features)`; further columns are left aside.

        Raises:
            ShoalError: no table, a column missing, a number that is none or is infinite, an unseen
                level that is refused.
        """
        frame = self._frame(table)
        ready = np.zeros((len(frame), len(self.features)), np.float32)
        if not len(frame):
            return ready
        have = {str(name): name for name in frame.columns}
        at = len(self._numbers)
        if self.numbers is not None:
            x = np.empty((len(frame), at))
            for i, name in enumerate(self._numbers):
                x[:, i] = as_numbers(frame[have[name]], name)
            with np.errstate(all="ignore"):  # what overflows becomes infinite, and is reported
                ready[:, :at] = self.numbers.transform(x)
            self._check(ready[:, :at])
            ready[:, at : at + len(self.flags)] = np.isnan(x[:, self.flags])
        at += len(self.flags)
        rows = np.arange(len(frame))
        for column in self.levels:
            values = frame[have[column.name]]
            if self.unseen == "refuse":
                self._refuse_unseen(column, values)
            places = column.places(values)
            known = places >= 0
            ready[rows[known], at + places[known]] = 1
            at += len(column)
        return ready

    def _frame(self, table: Any) -> pd.DataFrame:
        """The table as one of pandas, with all the columns that are expected."""
        import pandas as pd

        if not isinstance(table, pd.DataFrame):
            names = f"new rows with the columns {_names(self.columns)}"
            table = as_pandas(table, names)
        frame: pd.DataFrame = table
        refuse_missing(self.columns, frame.columns)
        return frame

    def _check(self, ready: NDArray[np.float32]) -> None:
        finite = np.isfinite(ready)
        if not finite.all():
            worst = self._numbers[int(np.argwhere(~finite)[0][1])]
            raise ShoalError(
                f"column {worst!r} must be of a size that float32 can hold after scaling; "
                "look for extreme values in it"
            )

    def _refuse_unseen(self, column: Levels, values: pd.Series[Any]) -> None:
        new = column.unseen(values)
        if new is not None:
            raise ShoalError(
                f"column {column.name!r} has {new[1]!r} in row {new[0]} (counted from 0), which "
                "never came in training; correct it, or let unseen levels count as rare"
            )

    def facts(self) -> dict[str, Any]:
        """Everything but the arrays, for a file; `read` is the inverse."""
        return {
            "columns": [asdict(column) for column in self.expected],
            "numbers": None if self.numbers is None else numbers_facts(self.numbers),
            "flags": list(self.flags),
            "levels": [{**asdict(column), "levels": list(column.levels)} for column in self.levels],
            "unseen": self.unseen,
        }

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays, for a file."""
        return {} if self.numbers is None else numbers_arrays(self.numbers)

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> TablePreparation:
        """The inverse of `facts` and `arrays`.

        Raises:
            ValueError, TypeError, KeyError: if they do not come from there.
        """
        expected = tuple(Column(**column) for column in facts["columns"])
        names = [c.name for c in expected if c.kind == "number"]
        numbers = None
        if facts["numbers"] is not None:
            numbers = read_numbers(facts["numbers"], arrays, (len(names),))
        flags = tuple(map(int, facts["flags"]))
        levels = tuple(
            Levels(str(c["name"]), tuple(map(str, c["levels"])), bool(c["rare"]))
            for c in facts["levels"]
        )
        others = [c.name for c in expected if c.kind == "level"]
        if [c.name for c in levels] != others or (numbers is None) != (not names):
            raise ValueError("the columns do not fit together")
        if flags and not (0 <= min(flags) <= max(flags) < len(names)):
            raise ValueError(f"flags={flags}")
        check_choice("unseen", facts["unseen"], UNSEEN)
        return cls(expected, numbers, flags, levels, facts["unseen"])


def fit_table(
    train: Any,
    columns: tuple[Column, ...],
    weights: NDArray[Any] | None = None,
    *,
    scaling: Scaling = "standard",
    unseen: Unseen = "rare",
) -> TablePreparation:
    """The preparation of tables, from the training rows.

    Args:
        train: the training rows: a table of pandas, polars or Arrow.
        columns: what to take from it; `read_columns` tells.
        weights: of the rows, ≥ 0, or None: see `fit_numbers`.
        scaling: of numbers, "standard" or "robust": see `fit_numbers`.
        unseen: what becomes of levels that did not occur: "rare" or "refuse".

    Raises:
        ShoalError: a column missing, or not what `columns` says.
    """
    check_choice("unseen", unseen, UNSEEN)
    empty = TablePreparation(columns)
    frame = empty._frame(train)
    have = {str(name): name for name in frame.columns}
    some, weights = weighed(np.arange(len(frame)), weights)
    if len(some) < len(frame):
        frame = frame.iloc[some]
    numbers: Numbers | None = None
    flags: tuple[int, ...] = ()
    if empty._numbers:
        x = np.column_stack([as_numbers(frame[have[name]], name) for name in empty._numbers])
        numbers = fit_numbers(x, weights, scaling=scaling, gaps=True)
        flags = tuple(np.flatnonzero(np.isnan(x).any(axis=0)).tolist())
    levels = tuple(
        fit_levels(frame[have[c.name]], c.name, weights) for c in columns if c.kind == "level"
    )
    return TablePreparation(columns, numbers, flags, levels, unseen)


def refuse_missing(wanted: Iterable[str], columns: Iterable[object], where: str = "") -> None:
    """Require columns by name, in any order and beside others.

    Args:
        wanted: their names.
        columns: those that are there.
        where: " in n.csv", say.

    Raises:
        ShoalError: naming those that are missing, and what is nearest to the first.

    >>> refuse_missing(["age", "fare"], ["Age", "fare"], " in n.csv")
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: there is no column 'age' in n.csv: did you mean 'Age'? it has Age, fare
    """
    have = [str(name) for name in columns]
    missing = [name for name in wanted if name not in set(have)]
    if not missing:
        return
    plain = {name.strip().lower(): name for name in reversed(have)}
    close = difflib.get_close_matches(missing[0].strip().lower(), list(plain), n=1, cutoff=0.8)
    hint = f": did you mean {plain[close[0]]!r}?" if close else ";"
    listed = ", ".join(have[:_MOST_NAMES]) + (", …" if len(have) > _MOST_NAMES else "")
    others = len(missing) - 1
    more = f" (nor {counted(others, 'other')} that the model needs)" if others else ""
    raise ShoalError(f"there is no column {missing[0]!r}{where}{more}{hint} it has {listed}")


_MOST_NAMES: Final = 20


def _names(columns: Iterable[str]) -> str:
    return ", ".join(columns)
