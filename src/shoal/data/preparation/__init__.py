"""Preparation: what turns raw rows into a network's inputs, fitted on the training rows only.

A fitted preparation is plain data, numbers and names, that can be written to a file and read back.
`fit_array` makes one for arrays and images, `fit_table` one for tables.

Numbers: a missing one becomes the median and is flagged in an input of its own; then mean 0,
standard deviation 1. Levels: one input each, a missing value being a level of its own; beyond 64
levels the rare ones share one; a level not seen in training counts as rare, or as none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from shoal.data.preparation.arrays import ArrayPreparation, check_inputs, fit_array
from shoal.data.preparation.frames import as_pandas, is_table
from shoal.data.preparation.levels import MOST_LEVELS, Levels
from shoal.data.preparation.numbers import Numbers, fit_numbers
from shoal.data.preparation.table import TablePreparation, fit_table, refuse_missing

Preparation = ArrayPreparation | TablePreparation
"""Both have `columns` (the names of what comes in), `features` and `in_shape` (of what goes out),
`transform`, and `facts` and `arrays` for a file."""

_KINDS: dict[str, type[ArrayPreparation] | type[TablePreparation]] = {
    "array": ArrayPreparation,
    "table": TablePreparation,
}


def write_preparation(preparation: Preparation) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """A preparation as facts that are fit for JSON, and arrays."""
    kind = next(name for name, kind in _KINDS.items() if isinstance(preparation, kind))
    return {"kind": kind, **preparation.facts()}, preparation.arrays()


def read_preparation(facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Preparation:
    """The inverse of `write_preparation`.

    Raises:
        ValueError, TypeError, KeyError: if they do not come from there.
    """
    return _KINDS[facts["kind"]].read(facts, arrays)


__all__ = [
    "MOST_LEVELS",
    "ArrayPreparation",
    "Levels",
    "Numbers",
    "Preparation",
    "TablePreparation",
    "as_pandas",
    "check_inputs",
    "fit_array",
    "fit_numbers",
    "fit_table",
    "is_table",
    "read_preparation",
    "refuse_missing",
    "write_preparation",
]
