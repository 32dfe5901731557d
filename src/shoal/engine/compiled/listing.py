"""Which rows the steps of many seeds train on, listed ahead: what `batching.rows_of_steps` says.

Compiled code makes whole epochs faster than NumPy does, and no other thread waits for it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shoal.data.batching import rows_of_steps
from shoal.engine.compiled.library import Library
from shoal.engine.compiled.rooms import address

Seeds = NDArray[np.int64]


def rows_of_seeds(
    library: Library,
    seeds: Seeds,
    count: int,
    n: int,
    batch_size: int,
    first: int,
    last: int,
    replacement: bool = False,
) -> NDArray[np.int64]:
    """The rows of the steps first, …, last - 1, (seeds, count).

    Args:
        count: of these rows, for each seed.
        n: rows of the training part.
    """
    # of less than an epoch the next steps may want the rest, and NumPy's are kept at hand
    if not replacement and count >= n and _agrees(library):
        return _compiled(library, seeds, count, n, batch_size, first, last)
    listed = np.empty((len(seeds), count), np.int64)
    for rows, seed in zip(listed, seeds.tolist(), strict=True):
        rows[...] = rows_of_steps(seed, n, batch_size, first, last, replacement)
    return listed


def _compiled(
    library: Library, seeds: Seeds, count: int, n: int, batch_size: int, first: int, last: int
) -> NDArray[np.int64]:
    seeds = np.ascontiguousarray(seeds, np.int64)
    room, listed = np.empty(n, np.int64), np.empty((len(seeds), count), np.int64)
    library.list_rows(
        address(seeds), len(seeds), n, batch_size, first, last, address(room), address(listed)
    )
    return listed


@lru_cache(maxsize=1)
def _agrees(library: Library) -> bool:
    """Whether this NumPy's permutations are those that are compiled; it may change them."""
    ours = _compiled(library, np.array([5]), 2600, 1300, 13, 100, 300)
    return bool((ours[0] == rows_of_steps(5, 1300, 13, 100, 300)).all())
