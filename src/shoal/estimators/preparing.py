"""The preparation of inputs in an estimator, and inputs of another kind than in `fit`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.columns import read_columns
from shoal.data.preparation import (
    Preparation,
    TablePreparation,
    as_pandas,
    fit_array,
    fit_table,
    is_table,
)
from shoal.errors import ShoalError, check_choice

SCALES = ("standard", "robust", "none")
UNSEEN = ("rare", "refuse")


def fit_preparation(
    x: Any, weights: NDArray[np.float64] | None, scale: str, unseen: str = "rare"
) -> Preparation:
    """What raw rows go through, from the training rows.

    Args:
        x: an array, images or a table, checked.
        weights: of the rows.
        scale: "standard", "robust" or "none"; images of bytes are divided by 255 whatever it says,
            other images stay as they are.
        unseen: what becomes of levels that did not occur, "rare" or "refuse".

    Raises:
        ShoalError: dates, identifiers, mixed columns; "none" for a table or with missing values.
    """
    check_choice("scale", scale, SCALES)
    check_choice("unseen", unseen, UNSEEN)
    if is_table(x):
        if scale == "none":
            raise ShoalError("scale='none' is for arrays; a table is scaled column by column")
        frame = as_pandas(x, "X")
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ShoalError(f"X must name each column once, but {twice!r} comes twice")
        with _advice_for_frames():
            frame = frame.set_axis(names, axis="columns")
            way: Any = scale
            new: Any = unseen
            return fit_table(frame, read_columns(frame), weights, scaling=way, unseen=new)
    if x.ndim > 2:
        return fit_array(x, weights)
    chosen: Any = scale
    gaps = scale != "none"
    return fit_array(x, weights, scale=chosen, missing="flag" if gaps else "refuse")


def as_expected(preparation: Preparation, x: Any) -> Any:
    """Rows of the kind that the preparation takes: a table for a table, an array for an array.

    Raises:
        ShoalError: an array where the table in training had columns of levels.
    """
    if isinstance(preparation, TablePreparation) == is_table(x):
        return x
    if not isinstance(preparation, TablePreparation):
        return as_pandas(x, "X").to_numpy()
    if preparation.levels:
        names = ", ".join(preparation.columns)
        raise ShoalError(f"X must be a table with the columns {names}, as it was in fit")
    import pandas as pd

    return pd.DataFrame(x, columns=list(preparation.columns))


@contextmanager
def _advice_for_frames() -> Iterator[None]:
    """What is advised for data sets, in words that hold for X."""
    try:
        yield
    except ShoalError as error:
        raise ShoalError(re.sub(r"\bdrop=(\[.*?\])", r"X.drop(columns=\1)", str(error))) from error
