"""The columns of a table: what kind each is, and what must not be in one.

Two kinds: a *number* and a *level* (text, categories, booleans). Dates and identifiers are refused,
because silence would cost more. What becomes of the columns is said in `preparation`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError

if TYPE_CHECKING:
    import pandas as pd

_FEW_ROWS: Final = 30  # below, text that differs in every row proves nothing

# 2024-01-31, 31/1/2024, 31.1.24, Jan 31, 2024 or 31 January 2024, with or without a time; 12:30
_MONTH: Final = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\.?"
_DAY: Final = "|".join(
    (
        r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}",
        r"\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})",
        rf"{_MONTH}\s+\d{{1,2}},?\s+\d{{4}}",
        rf"\d{{1,2}}[-\s]{_MONTH}[-\s]\d{{4}}",
    )
)
_TIME: Final = r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]m)?"
_DATE: Final = re.compile(
    rf"\s*(?:(?:{_DAY})(?:[T ]\d{{1,2}}:\d{{2}}.*)?|{_TIME})\s*", re.IGNORECASE
)
# 1,234,567 and 1,5: what a program of another country, or one that is kind to readers, writes
_COMMA_NUMBER: Final = re.compile(r"\s*[-+]?(\d{1,3}(,\d{3})+(\.\d+)?|\d*,\d+)\s*")
# $1,234.50, 12 %, € 5: a sign of money or percent makes text of them
_SIGNED_NUMBER: Final = re.compile(r"\s*[-+(]?(?:[$€£¥₹]\s*[\d.,]+|[\d.,]+\s*[$€£¥₹%])\)?\s*")
_MANY_NUMBERS: Final = 10  # more different ones than this, in nine rows of ten, are no labels
_FEW_MARKS: Final = 3  # so many different texts among as many numbers, such as "?", mark a gap


@dataclass(frozen=True)
class Column:
    """An original column: its kind, and what its values look like.

    Attributes:
        name: its name.
        kind: "number" or "level".
        low: the smallest number.
        high: the largest.
        levels: how many different levels.
        missing: the share of rows without a value.
        missing_rows: how many rows that is.
    """

    name: str
    kind: Literal["number", "level"]
    low: float | None = None
    high: float | None = None
    levels: int = 0
    missing: float = 0.0
    missing_rows: int = 0

    @property
    def is_constant(self) -> bool:
        """Whether it says the same in every row."""
        return self.low == self.high and self.levels <= 1 and self.missing in (0, 1)


def read_columns(frame: pd.DataFrame) -> tuple[Column, ...]:
    """The kind and the range of every column.

    Raises:
        ShoalError: on dates, identifiers, mixed types and infinity.
    """
    return tuple(_read_column(frame[name], str(name)) for name in frame.columns)


def _read_column(values: pd.Series[Any], name: str) -> Column:
    gaps: dict[str, Any] = {
        "missing": float(values.isna().mean()),
        "missing_rows": int(values.isna().sum()),
    }
    if _kind(values, name) == "number":
        numbers = as_numbers(values, name)
        present = numbers[~np.isnan(numbers)]
        if not present.size:
            return Column(name, "number", **gaps)
        low, high = float(present.min()), float(present.max())
        return Column(name, "number", low=low, high=high, **gaps)
    levels = values.dropna().unique()
    if len(values) >= _FEW_ROWS and len(levels) > 0.9 * len(values.dropna()):
        raise ShoalError(
            f"column {name!r} is text that differs in nearly every row ({len(levels)} values in "
            f"{len(values)} rows), like a name or an identifier; leave it out with "
            f"drop=[{name!r}], or turn it into numbers or a few groups"
        )
    return Column(name, "level", levels=len(levels), **gaps)


def _kind(values: pd.Series[Any], name: str) -> Literal["number", "level"]:
    """Number or level, by type and, for columns of objects, by what is in them."""
    import pandas as pd

    dtype = values.dtype
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if isinstance(dtype, pd.CategoricalDtype) or kind == "boolean":
        return "level"
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "empty"):
        return "number"
    if kind == "string":
        some = values.dropna().unique()[:100]
        if len(some) and all(_DATE.fullmatch(str(value)) for value in some):
            raise _date_error(name)
        _refuse_spoilt_numbers(values, name)
        return "level"
    if kind in ("datetime", "datetime64", "date", "time", "timedelta", "timedelta64", "period"):
        raise _date_error(name)
    raise ShoalError(
        f"column {name!r} must hold numbers, text, categories or booleans, but holds {kind} "
        f"values (type {dtype}); convert it, or leave it out with drop=[{name!r}]"
    )


def _refuse_spoilt_numbers(values: pd.Series[Any], name: str) -> None:
    """Numbers that a comma or a stray word turns into text would become one input each."""
    import pandas as pd

    texts = values.dropna().astype(str)
    plain = pd.to_numeric(texts, errors="coerce").notna()
    if plain.all():
        return  # text by the user's choice
    odd = texts[~plain]
    if odd.str.fullmatch(_COMMA_NUMBER).all():
        raise ShoalError(
            f"column {name!r} holds numbers with commas, such as {odd.iloc[0]!r}; write them "
            f"without thousands separators and with a decimal point, or leave it out with "
            f"drop=[{name!r}]"
        )
    if odd.nunique() > _MANY_NUMBERS and odd.str.fullmatch(_SIGNED_NUMBER).all():
        raise ShoalError(
            f"column {name!r} holds numbers with signs of money or percent, such as "
            f"{odd.iloc[0]!r}; write the numbers alone, or leave it out with drop=[{name!r}]"
        )
    gaps = plain.mean() > 0.9 or (plain.mean() > 0.5 and odd.nunique() <= _FEW_MARKS)
    if gaps and texts[plain].nunique() > _MANY_NUMBERS:
        row = int(np.flatnonzero((values == odd.iloc[0]).to_numpy())[0])
        raise ShoalError(
            f"column {name!r} must hold numbers or labels, but mixes numbers with text, such as "
            f"{odd.iloc[0]!r} in row {row} (counted from 0); leave such cells empty, put a letter "
            f"before each if they are labels, or leave it out with drop=[{name!r}]"
        )


def _date_error(name: str) -> ShoalError:
    return ShoalError(
        f"column {name!r} holds dates or times, which have no obvious meaning for a network; turn "
        "it into numbers (year, month, day of week, days since ...) or leave it out with "
        f"drop=[{name!r}]"
    )


def as_numbers(values: pd.Series[Any], name: str) -> NDArray[np.float64]:
    """The column as float64 with NaN where it is missing; infinity is an error."""
    import pandas as pd

    if values.dtype.kind in "mM":
        raise ShoalError(f"column {name!r} must hold numbers, but holds dates or times; convert it")
    if values.dtype == object or pd.api.types.is_string_dtype(values.dtype):
        converted = pd.to_numeric(values.map(lambda v: v if pd.isna(v) else str(v)), "coerce")
        wrong = (converted.isna() & ~values.isna()).to_numpy()
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise ShoalError(
                f"column {name!r} must hold numbers, but row {row} (counted from 0) has "
                f"{values.iloc[row]!r}; correct it or leave it empty"
            )
        values = converted
    try:
        plain = isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiub"
        how: dict[str, Any] = {} if plain else {"na_value": np.nan}
        numbers = values.to_numpy(dtype=np.float64, **how)
    except (TypeError, ValueError) as error:
        raise ShoalError(f"column {name!r} must hold numbers ({error}); convert it") from error
    infinite = np.isinf(numbers)
    if infinite.any():
        row = int(np.flatnonzero(infinite)[0])
        raise ShoalError(
            f"column {name!r} must be finite or empty, but row {row} (counted from 0) has "
            f"{numbers[row]}; correct it or leave it empty"
        )
    return numbers
