"""Memory that was freed is kept for those who need as much next.

What the system hands out anew costs a fault for every page: hundredths of a second for the rows of
a hundred small networks, on virtual machines that take memory back a tenth and more. A search
trains wave after wave, a notebook search after search.
"""

from __future__ import annotations

import os
import threading
import weakref
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shoal.engine.layout import Matrix
from shoal.nn.arrays import Shape

BY_LIBRARY = 2**25
"""Bytes up to which a piece of memory is kept by the C library, if it is told to."""
MOST = 2**27
"""Bytes that are kept here at most, in larger pieces."""
SPARSE = 4
"""Of so many rows at least one is in use, or the others' memory is freed."""

_lock = threading.Lock()
_pieces: list[tuple[NDArray[np.float32], weakref.ref[_Given]]] = []
"""Each with whom it was given to."""


def _new_lock() -> None:
    """In a child that was born while another thread held the lock: that one is not there."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_lock)


class _Given:
    """Memory that a matrix has: what all its views hold on to, whatever becomes of the matrix."""

    def __init__(self, piece: NDArray[np.float32], shape: Shape) -> None:
        self.piece = piece  # theirs even if nothing is kept any more
        self.__array_interface__ = piece.__array_interface__ | {"shape": shape}


@lru_cache(maxsize=1)
def keep_freed_memory() -> None:
    """Let the C library keep memory that is freed, up to `BY_LIBRARY` a piece.

    glibc gives freed memory back to the system beyond a threshold, which it raises to the largest
    block freed so far, up to 32 MiB. Freeing one of that size at the start (nobody writes to it, so
    it costs nothing) spares every step asking for its pages anew: a quarter of the time of a
    convolutional network, measured. Other libraries take no notice.
    """
    np.empty(BY_LIBRARY - 2**13, np.uint8)


def empty(rows: int, columns: int) -> Matrix:
    """A matrix of whatever numbers, in memory that is kept when it and all its views are gone.

    >>> empty(2, 3).shape
    (2, 3)
    """
    size = rows * columns
    if 4 * size > BY_LIBRARY:
        with _lock:
            piece = _piece(size)
            if piece is not None:
                given = _Given(piece, (rows, columns))
                _pieces.append((piece, weakref.ref(given)))
                return np.asarray(given)
    return np.empty((rows, columns), np.float32)


def packed(matrix: Matrix, which: NDArray[np.int64]) -> Matrix:
    """Some rows of a matrix, rising, moved up to its beginning: the matrix is lost.

    Where they would hold on to memory for more than `SPARSE` times as many they get their own.

    >>> packed(np.arange(8.0, dtype=np.float32).reshape(4, 2), np.array([1, 3])).tolist()
    [[2.0, 3.0], [6.0, 7.0]]
    """
    if held(matrix) > SPARSE * matrix[: len(which)].nbytes:
        apart: Matrix = matrix[which]
        return apart
    for to, at in enumerate(which.tolist()):
        if to < at:
            matrix[to] = matrix[at]
    return matrix[: len(which)]


def held(matrix: Matrix) -> int:
    """Bytes that a matrix holds on to: those of all rows, if it is the rest of them.

    >>> held(packed(np.ones((4, 2), np.float32), np.array([1, 3])))
    32
    """
    return (matrix.base if isinstance(matrix.base, np.ndarray) else matrix).nbytes


def _piece(size: int) -> NDArray[np.float32] | None:
    """Memory for so many numbers that nobody has, or new memory; None if that is not to be kept.

    What nobody has, and is too small, is given up where all together would be too much.
    """
    free = [i for i, (_, given_to) in enumerate(_pieces) if given_to() is None]
    fitting = [i for i in free if _pieces[i][0].size >= size]
    if fitting:
        return _pieces.pop(min(fitting, key=lambda i: _pieces[i][0].size))[0]
    for i in reversed(free):
        if _bytes() + 4 * size > MOST:
            del _pieces[i]
    return np.empty(size, np.float32) if _bytes() + 4 * size <= MOST else None


def _bytes() -> int:
    return sum(piece.nbytes for piece, _ in _pieces)
