"""Which of the rows are kept aside to stop, to choose and to calibrate by."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.data.split import part_size, split_rows
from shoal.errors import ShoalError, check_choice
from shoal.estimators.inputs import check_lengths
from shoal.rng import generator

SPLITS: Final = ("auto", "shuffle", "time", "groups")
TRIES: Final = 50  # random orders of the groups, of which the one with the fairest classes is taken

Rows = NDArray[np.int64]


def carve(
    rows: int,
    valid: Any,
    split: str,
    seed: int,
    *,
    labels: NDArray[np.int64] | None = None,
    classes: NDArray[Any] | None = None,
    groups: Any = None,
) -> tuple[Rows, Rows]:
    """The rows to train on and those to validate by, each sorted.

    Args:
        rows: in all.
        valid: share in [0, 1) or number of rows; 0 for none.
        split: "shuffle" (stratified by class), "time" (the last rows, for rows in the order of
            time), "groups" (whole groups), or "auto": by groups if there are any, else shuffled.
        seed: of "shuffle" and "groups".
        labels: class indices to stratify by.
        classes: the labels, for the text of an error.
        groups: the group of each row.

    Raises:
        ShoalError: groups missing or one only, a class with nothing left to train on.

    >>> carve(10, 0.3, "time", 0)[1].tolist()
    [7, 8, 9]
    >>> train, valid = carve(6, 2, "groups", 0, groups=["a", "a", "b", "b", "c", "c"])
    >>> bool(valid[0] + 1 == valid[1])
    True
    """
    check_choice("split", split, SPLITS)
    if split == "auto":
        split = "shuffle" if groups is None else "groups"
    if split == "groups" and groups is None:
        raise ShoalError("split='groups' needs the group of each row; give fit(X, y, groups=...)")
    if split != "groups" and groups is not None:
        raise ShoalError(
            f"split={split!r} does not keep groups together; leave groups out, or take "
            "split='groups'"
        )
    size = part_size("valid", valid, rows)
    if not size:
        return np.arange(rows), np.arange(0)
    if rows - size < 1:
        raise ShoalError(f"valid={valid} of {rows} rows leaves none to train on; give fewer")
    if split == "shuffle":
        train, carved, _ = split_rows(
            rows, valid, 0, seed, labels, () if classes is None else classes.tolist()
        )
        return train, carved
    if split == "time":
        cut = (np.arange(rows - size), np.arange(rows - size, rows))
    else:
        cut = _by_groups(rows, size, seed, groups, labels)
    if labels is not None and classes is not None:
        _check_classes(cut, labels, classes, split)
    return cut


def _by_groups(
    rows: int, size: int, seed: int, groups: Any, labels: NDArray[np.int64] | None
) -> tuple[Rows, Rows]:
    """Whole groups, about `size` rows, with classes in about the shares they have in all."""
    check_lengths(range(rows), {"groups": groups})
    gone = _missing(groups)
    if gone.any():
        raise ShoalError(
            f"groups has no value in row {int(np.flatnonzero(gone)[0])} (counted from 0); give "
            "every row a group"
        )
    try:
        names, of_row = np.unique(np.asarray(groups), return_inverse=True)
    except TypeError as error:
        raise ShoalError("groups must be of one type, such as text or whole numbers") from error
    if len(names) < 2:
        raise ShoalError(
            f"groups has one group only, {names.tolist()[0]!r}; give at least two, or leave it out"
        )
    counts = np.bincount(of_row)
    best: tuple[float, NDArray[np.bool_]] | None = None
    for turn in range(TRIES if labels is not None else 1):
        order = generator(seed, "split", turn).permutation(len(names))
        filled = np.cumsum(counts[order])
        # as many groups as come nearest to the size, at least one on either side
        take = int(np.argmin(np.abs(filled[:-1] - size))) + 1
        chosen = np.isin(of_row, order[:take])
        unfair = 0.0 if labels is None else _unfairness(labels, chosen)
        if best is None or unfair < best[0]:
            best = (unfair, chosen)
    assert best is not None
    return np.flatnonzero(~best[1]), np.flatnonzero(best[1])


def _missing(groups: Any) -> NDArray[np.bool_]:
    """Where a group is None or NaN."""
    import pandas as pd

    return np.asarray(pd.isna(np.asarray(groups)))


def _unfairness(labels: NDArray[np.int64], chosen: NDArray[np.bool_]) -> float:
    """How far the classes' shares in the part are from those in all; worst if one is lost."""
    every = np.bincount(labels)
    inside = np.bincount(labels[chosen], minlength=len(every))
    lost = int(((every > 0) & (inside == every)).sum())
    return lost * 10 + float(np.abs(inside / chosen.sum() - every / len(labels)).sum())


def _check_classes(
    cut: tuple[Rows, Rows], labels: NDArray[np.int64], classes: NDArray[Any], split: str
) -> None:
    """Every class of the validation part must be one that is trained on."""
    only = np.setdiff1d(labels[cut[1]], labels[cut[0]])
    if len(only):
        label = classes.tolist()[int(only[0])]
        raise ShoalError(
            f"split={split!r} leaves class {label!r} in the validation part only, so nothing could "
            "be learnt of it; give a smaller valid=, or split='shuffle'"
        )
