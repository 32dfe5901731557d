"""Arrays that lie in a file, mapped into memory: looked at piece by piece, never copied whole.

`numpy.load(file, mmap_mode="r")` and `numpy.memmap` give such arrays. Their rows are read from the
file when they are asked for, and the system keeps of them what memory is free for; so they may be
larger than memory.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

AT_ONCE: Final = 2**20
"""Numbers that are looked at, or made ready, at once."""


def is_mapped(array: object) -> bool:
    """Whether an array, or what it is a view of, lies in a file.

    >>> is_mapped(np.zeros(3))
    False
    """
    while isinstance(array, np.ndarray):  # a `memmap` may be a copy in memory
        array = array.base
    return isinstance(array, mmap.mmap)


def piece_rows(array: NDArray[Any]) -> int:
    """Rows of an array that are looked at at once.

    >>> piece_rows(np.zeros((10, 28, 28))), piece_rows(np.zeros((0, 3)))
    (1337, 349525)
    """
    return max(1, AT_ONCE // max(1, int(np.prod(array.shape[1:]))))


def pieces(
    array: NDArray[Any], rows: NDArray[np.int64] | None = None
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Rows of an array, some at a time, each piece with the number of rows before it.

    Args:
        array: of any shape `(n, …)`.
        rows: which, in this order; None for all.

    >>> [(first, len(piece)) for first, piece in pieces(np.zeros((3, 2**20)))]
    [(0, 1), (1, 1), (2, 1)]
    """
    step, count = piece_rows(array), len(array) if rows is None else len(rows)
    for first in range(0, count, step):
        here = slice(first, first + step)
        yield first, array[here] if rows is None else array[rows[here]]
