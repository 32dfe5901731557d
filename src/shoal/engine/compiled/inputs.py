"""Where the compiled engine finds the inputs of its batches.

Compiled code reads float32, and bytes that are divided by a number, where they lie: in memory or in
a file that is mapped; and it standardises float32 as it goes. What has to be made ready in another
way is made ready here, for the steps to come.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from shoal.data.part import Part
from shoal.data.preparation import Numbers
from shoal.data.scaling import Pixels

READY = 2**22
"""Numbers that are made ready ahead at most, where a step does not need more."""


class Inputs(NamedTuple):
    """What a job says of its inputs.

    Attributes:
        x: rows of float32, or of bytes.
        placed: where the rows of the batches lie in `x`, like the batches.
        top: what bytes are divided by, float64 (1,); None for float32.
        mean, deviation: of the columns of float32 that are standardised, float64; None for ready
            ones.
    """

    x: NDArray[Any]
    placed: NDArray[np.int64]
    top: NDArray[np.float64] | None = None
    mean: NDArray[np.float64] | None = None
    deviation: NDArray[np.float64] | None = None


def inputs_of(part: Part, batches: NDArray[np.int64]) -> Inputs:
    """The inputs of some batches.

    Args:
        part: that the rows are of.
        batches: rows of the part, in any shape.

    >>> part = Part(np.array([[0], [51], [255]], np.uint8), np.arange(3), scaling=Pixels(255))
    >>> found = inputs_of(part, np.array([[2, 1]]))
    >>> found.x.dtype, found.top.tolist(), found.placed.tolist()
    (dtype('uint8'), [255.0], [[2, 1]])
    """
    scaling = part.scaling
    if not as_it_lies(part):
        x = part.inputs(batches.reshape(-1))
        return Inputs(x, np.arange(len(x)).reshape(batches.shape))
    found = Inputs(part.stored, batches if part.at is None else part.at[batches])
    if part.stored.dtype == np.uint8:
        top = scaling.top if isinstance(scaling, Pixels) else 1
        return found._replace(top=np.array([top], np.float64))
    if isinstance(scaling, Numbers):
        mean, deviation = (
            np.ascontiguousarray(np.broadcast_to(v, part.in_shape), np.float64)
            for v in (scaling.mean, scaling.scale)
        )
        return found._replace(mean=mean, deviation=deviation)
    return found


def at_once(part: Part, most: int) -> int:
    """Rows that are listed ahead: `most`, or fewer where they are made ready.

    >>> at_once(Part(np.zeros((3, 2), np.float32), np.arange(3)), 100)
    100
    """
    return most if as_it_lies(part) else min(most, READY // math.prod(part.in_shape))


def as_it_lies(part: Part) -> bool:
    """Whether compiled code can read the inputs where they are.

    >>> as_it_lies(Part(np.zeros((3, 2), np.float32), np.arange(3)))
    True
    """
    x, flags, scaling = part.stored, part.stored.flags, part.scaling
    if not (flags.c_contiguous and flags.aligned):
        return False
    if x.dtype == np.uint8:
        return scaling is None or isinstance(scaling, Pixels)
    plain = isinstance(scaling, Numbers) and scaling.fill is None and scaling.clip is None
    return x.dtype == np.float32 and (scaling is None or plain)
