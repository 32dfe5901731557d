"""Which rows a step trains on: a pure function of (seed, step), the same for every member.

By default an *epoch* is one random permutation of the training rows, cut into batches; the last
batch of an epoch may be smaller and counts as a step, so every row is seen exactly once an epoch.
On request batches are drawn *with replacement* instead, as in the textbook's code. Nothing is
remembered between steps, so a run can resume at any step and two members with the same seed
always see the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_number
from shoal.rng import generator

_CACHE_BYTES = 128 * 2**20  # permutations kept at hand, for each size of data set


def steps_per_epoch(n: int, batch_size: int, replacement: bool = False) -> int:
    """The steps in one epoch, ⌈n / batch_size⌉: the last partial batch counts.

    With replacement an epoch has no natural end; the same number of steps is called one.

    Args:
        n: rows of the training part.
        batch_size: rows of a batch.
        replacement: whether batches are drawn with replacement.

    Raises:
        ShoalError: if a number is not whole and positive, or the batch is larger than the data.

    >>> steps_per_epoch(1001, 100)
    11
    """
    _check(n, batch_size)
    return -(-n // batch_size)


def batch_rows(
    seed: int, n: int, batch_size: int, step: int, replacement: bool = False
) -> NDArray[np.int64]:
    """The rows of one step, counted from step 0 through all epochs.

    Args:
        seed: the member's seed; equal seeds get equal rows.
        n: rows of the training part.
        batch_size: rows of a batch.
        step: 0 is the first step of the run; the epoch is `step // steps_per_epoch(n, batch_size)`.
        replacement: draw `batch_size` rows at random instead of cutting up a permutation.

    Returns:
        Row indices, int64, `(batch_size,)` or fewer in the last batch of an epoch; read-only.

    Raises:
        ShoalError: if a number is out of range, or the batch is larger than the data.

    >>> first, second = batch_rows(0, 5, 3, step=0), batch_rows(0, 5, 3, step=1)
    >>> len(first), len(second), sorted([*first.tolist(), *second.tolist()])
    (3, 2, [0, 1, 2, 3, 4])
    """
    _check(n, batch_size)
    if type(step) is not int or step < 0:
        check_number("step", step, least=0, whole=True)
    if replacement:
        check_number("seed", seed, least=0, whole=True)
        rows = generator(seed, "batches", step).integers(0, n, size=batch_size)
        rows.flags.writeable = False
        return rows
    epoch, place = divmod(step, -(-n // batch_size))
    return epoch_rows(seed, n, epoch)[place * batch_size : (place + 1) * batch_size]


def starts_of_steps(
    n: int, batch_size: int, first: int, last: int, replacement: bool = False
) -> NDArray[np.int64]:
    """Where each of the steps first, …, last - 1 begins in `rows_of_steps`, and where they end.

    Returns:
        int64, `(last - first + 1,)`, from 0; the same for every seed.

    >>> starts_of_steps(5, 3, 1, 5).tolist()  # 2 rows end the first epoch, then come 3, 2 and 3
    [0, 2, 5, 7, 10]
    """
    _check(n, batch_size)
    steps = np.arange(first, last + 1)
    if replacement:
        starts: NDArray[np.int64] = steps * batch_size
    else:
        epoch, place = np.divmod(steps, -(-n // batch_size))
        starts = epoch * n + place * batch_size
    starts -= starts[0]
    return starts


def rows_of_steps(
    seed: int, n: int, batch_size: int, first: int, last: int, replacement: bool = False
) -> NDArray[np.int64]:
    """The rows of the steps first, …, last - 1, one after another: those of `batch_rows`.

    Within one epoch this is a piece of its permutation, which is not copied.

    Returns:
        Row indices, int64, `(starts_of_steps(…)[-1],)`; not to be written to.

    >>> both = [batch_rows(0, 5, 3, step) for step in (1, 2)]
    >>> bool((rows_of_steps(0, 5, 3, 1, 3) == np.concatenate(both)).all())
    True
    """
    if replacement:
        drawn = [batch_rows(seed, n, batch_size, step, True) for step in range(first, last)]
        return np.concatenate(drawn)
    _check(n, batch_size)
    steps = -(-n // batch_size)
    (epoch, place), (whole, more) = divmod(first, steps), divmod(last, steps)
    epochs = [epoch_rows(seed, n, each) for each in range(epoch, whole + (more > 0))]
    rows = epochs[0] if len(epochs) == 1 else np.concatenate(epochs)
    return rows[place * batch_size : (whole - epoch) * n + more * batch_size]


def epoch_rows(seed: int, n: int, epoch: int) -> NDArray[np.int64]:
    """All rows in the order of one epoch, int64 `(n,)`, read-only; the latest epochs are cached.

    >>> sorted(epoch_rows(0, 4, epoch=2).tolist())
    [0, 1, 2, 3]
    """
    return _shuffler(n)(int(seed), int(epoch))


@lru_cache(maxsize=8)
def _shuffler(n: int) -> Callable[[int, int], NDArray[np.int64]]:
    """A cached `(seed, epoch) -> permutation` for one size; both caches are thread-safe."""

    # Many seeds may take turns within one step, so the cache is limited by bytes, not by epochs.
    @lru_cache(maxsize=max(4, min(1024, _CACHE_BYTES // (8 * n))))
    def shuffled(seed: int, epoch: int) -> NDArray[np.int64]:
        check_number("seed", seed, least=0, whole=True)
        order = generator(seed, "batches", epoch).permutation(n)
        order.flags.writeable = False  # everyone gets this very array
        return order

    return shuffled


def _check(n: int, batch_size: int) -> None:
    """Refuse sizes that make no batch; quick, because it runs at every step."""
    if type(n) is int and type(batch_size) is int and 0 < batch_size <= n:
        return
    check_number("n", n, least=1, whole=True)
    check_number("batch_size", batch_size, least=1, whole=True)
    if batch_size > n:
        raise ShoalError(
            f"batch_size={batch_size} must be at most the number of training rows, {n}; "
            f"make the batch smaller, for example batch_size={max(1, n // 4)}"
        )
