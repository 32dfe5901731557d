"""Where the compiled engine finds the inputs of its batches.

Compiled code reads float32, and bytes that are divided by a number, where they lie: in memory or in
a file that is mapped. What has to be made ready in another way is made ready here, for the steps
to come.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.data.part import Part
from shoal.data.scaling import Pixels

READY = 2**22
"""Numbers that are made ready ahead at most, where a step does not need more."""


class Inputs(NamedTuple):
    """What a job says of its inputs.

    Attributes:
        x: rows of float32, or of bytes.
        top: what bytes are divided by, float64 (1,); None for float32.
        placed: where the rows of the batches lie in `x`, like the batches.
    """

    x: NDArray[Any]
    top: NDArray[np.float64] | None
    placed: NDArray[np.int64]


def inputs_of(part: Part, batches: NDArray[np.int64]) -> Inputs:
    """The inputs of some batches.

    Args:
        part: that the rows are of.
        batches: rows of the part, in any shape.

    >>> part = Part(np.array([[0], [51], [255]], np.uint8), np.arange(3), scaling=Pixels(255))
    >>> x, top, placed = inputs_of(part, np.array([[2, 1]]))
    >>> x.dtype, top.tolist(), placed.tolist()
    (dtype('uint8'), [255.0], [[2, 1]])
    """
    if not _as_it_lies(part):
        x = part.inputs(batches.reshape(-1))
        return Inputs(x, None, np.arange(len(x)).reshape(batches.shape))
    top = None
    if part.stored.dtype == np.uint8:
        scaling = part.scaling
        top = np.array([scaling.top if isinstance(scaling, Pixels) else 1], np.float64)
    return Inputs(part.stored, top, batches if part.at is None else part.at[batches])


def at_once(part: Part, most: int) -> int:
    """Rows that are listed ahead: `most`, or fewer where they are made ready.

    >>> at_once(Part(np.zeros((3, 2), np.float32), np.arange(3)), 100)
    100
    """
    return most if _as_it_lies(part) else min(most, READY // int(np.prod(part.in_shape)))


def _as_it_lies(part: Part) -> bool:
    """Whether compiled code can read the inputs where they are."""
    x, flags = part.stored, part.stored.flags
    if not (flags.c_contiguous and flags.aligned):
        return False
    pixels = x.dtype == np.uint8 and (part.scaling is None or isinstance(part.scaling, Pixels))
    return pixels or (x.dtype == np.float32 and part.scaling is None)
