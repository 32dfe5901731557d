"""Cutting rows into training, validation and test parts: seeded, and stratified by class.

Stratified means that each class has its fair share of each part: a class with n_c of the n rows
has n_c·m/n of the m rows of the validation or test part, rounded down or up. Rows keep their
original order within a part.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_number
from shoal.rng import generator

Rows = NDArray[np.int64]


def part_size(name: str, share: float, n: int) -> int:
    """How many of `n` rows a part gets: a whole number is rows, a fraction in [0, 1) a share.

    A share above 0 is at least one row.

    Raises:
        ShoalError: if it is neither, or more rows than there are.

    >>> part_size("valid", 0.2, 1797), part_size("valid", 10, 1797), part_size("test", 0.0, 1797)
    (359, 10, 0)
    """
    if isinstance(share, numbers.Integral) and not isinstance(share, bool):
        if 0 <= share < n:
            return int(share)
        raise ShoalError(
            f"{name}={share} must leave rows to train on, but there are {n} rows in all; "
            f"give fewer rows, or a share such as {name}=0.2"
        )
    if isinstance(share, numbers.Real) and not isinstance(share, bool) and 0 <= share < 1:
        return max(1, round(float(share) * n)) if share > 0 else 0
    raise ShoalError(
        f"{name}={share!r} must be a share of the rows in [0, 1) or a whole number of rows; "
        f"for example {name}=0.2 or {name}=100"
    )


def split_rows(
    n: int,
    valid: float,
    test: float,
    seed: int,
    y: NDArray[np.int64] | None = None,
    classes: Sequence[object] = (),
) -> tuple[Rows, Rows, Rows]:
    """The rows of the training, validation and test parts.

    Args:
        n: rows in all.
        valid: share or number of rows of the validation part; 0 for none.
        test: share or number of rows of the test part; 0 for none.
        seed: equal seeds give equal splits.
        y: class indices `(n,)` to stratify by; without them the split is simply random.
        classes: the classes' labels, for the text of an error.

    Returns:
        Three sorted arrays of row indices; together they hold every row once. A class whose fair
        share of a part is one row or more has rows there; smaller classes come before a second
        row of larger ones, and a class always keeps at least one row to train on.

    Raises:
        ShoalError: if a size is out of range, or nothing of some class is left to train on.

    >>> y = np.array([0] * 6 + [1] * 4)
    >>> train, valid, test = split_rows(10, 0.2, 0.3, seed=0, y=y)
    >>> y[train].tolist(), y[valid].tolist(), y[test].tolist()
    ([0, 0, 0, 1, 1], [0, 1], [0, 0, 1])
    """
    check_number("seed", seed, least=0, whole=True)
    n_valid, n_test = part_size("valid", valid, n), part_size("test", test, n)
    if n_valid + n_test >= n:
        raise ShoalError(f"{_leave(valid, test)} none of {n} rows to train on; give smaller parts")
    random = generator(seed, "split")
    shuffled = random.permutation(n)
    if y is None:
        cuts = np.split(shuffled, [n_test, n_test + n_valid])
        of_test, of_valid, of_train = (np.sort(cut) for cut in cuts)
        return of_train, of_valid, of_test

    counts = np.bincount(y, minlength=len(classes))
    tie = random.permutation(len(counts))
    # One row of each class stays for training, and what the validation part is sure to need.
    spare = counts - 1 - counts * n_valid // n
    per_class_test = _allot(counts, n_test, spare, tie)
    per_class_valid = _allot(counts, n_valid, counts - 1 - per_class_test, tie)
    left = counts - per_class_test - per_class_valid
    if ((left < 1) & (counts > 0)).any():
        worst = int(np.flatnonzero((left < 1) & (counts > 0))[0])
        label = classes[worst] if len(classes) else worst
        raise ShoalError(
            f"{_leave(valid, test)} no row of class {label!r} to train on "
            f"({counts[worst]} of {n} rows are of this class); give smaller parts"
        )
    rank = _rank_in_class(y[shuffled])
    of_class = y[shuffled]
    to_test = rank < per_class_test[of_class]
    to_valid = ~to_test & (rank < (per_class_test + per_class_valid)[of_class])
    return (
        np.sort(shuffled[~to_test & ~to_valid]),
        np.sort(shuffled[to_valid]),
        np.sort(shuffled[to_test]),
    )


def sample_rows(n: int, size: int, seed: int, y: NDArray[np.int64] | None = None) -> Rows:
    """The first `size` rows of a random order of all `n`, in which classes take fair turns.

    The order does not depend on `size`: a smaller sample is the beginning of a larger one. Rows of
    a class stand at (rank + ½) / n_c, which is Webster's method of apportionment, so the classes
    of any beginning are close to their shares.

    Raises:
        ShoalError: if `size` is not a whole number from 1 to `n`.

    >>> y = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1])
    >>> y[sample_rows(9, 3, seed=0, y=y)].tolist()
    [0, 1, 0]
    """
    check_number("n", size, least=1, most=n, whole=True)
    check_number("seed", seed, least=0, whole=True)
    order = generator(seed, "sample").permutation(n)
    if y is not None:
        of_class = y[order]
        turn = (_rank_in_class(of_class) + 0.5) / np.bincount(y)[of_class]
        order = order[np.argsort(turn, kind="stable")]
    return order[:size]


def _allot(counts: Rows, size: int, spare: Rows, tie: Rows) -> Rows:
    """Share a part of `size` rows among classes in proportion to `counts`, rounding down or up."""
    # Whole numbers throughout, so that nothing hangs on a rounding error.
    n = int(counts.sum())
    allotted, rest = np.divmod(counts * size, n)
    # Who is rounded up: of those with a remainder, first classes that can spare the row, then
    # classes that would have none in this part, then the largest remainder.
    keys = (tie, -rest, allotted > 0, allotted + 1 > spare, rest == 0)  # the last one counts most
    more = np.lexsort(keys)[: size - int(allotted.sum())]
    allotted[more] += 1
    return allotted


def _leave(valid: float, test: float) -> str:
    """What was asked for; a test part only if there is one."""
    return f"valid={valid} and test={test} leave" if test else f"valid={valid} leaves"


def _rank_in_class(y: NDArray[np.int64]) -> Rows:
    """For each row, how many rows of its class come before it: [7, 7, 2, 7] -> [0, 1, 0, 2]."""
    order = np.argsort(y, kind="stable")
    counts = np.bincount(y)
    starts = np.cumsum(counts) - counts
    rank = np.empty(len(y), dtype=np.int64)
    rank[order] = np.arange(len(y)) - np.repeat(starts, counts)
    return rank
