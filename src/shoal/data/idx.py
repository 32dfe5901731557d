"""The IDX format, in which MNIST comes: a tiny header, then the bytes of one array.

Bytes 0 and 1 are zero, byte 2 names the type, byte 3 the number of dimensions d; then come d sizes
as big-endian unsigned 32-bit integers, then the elements, row by row, big-endian.
(http://yann.lecun.com/exdb/mnist, "the IDX file format".)
"""

from __future__ import annotations

import math
import struct
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError

_TYPES: Final[dict[int, str]] = {
    0x08: ">u1",
    0x09: ">i1",
    0x0B: ">i2",
    0x0C: ">i4",
    0x0D: ">f4",
    0x0E: ">f8",
}


def parse_idx(raw: bytes, name: str = "the file") -> NDArray[Any]:
    """The array in the (uncompressed) bytes of an IDX file; no copy is made.

    Args:
        raw: the whole file.
        name: what to call it in an error.

    Returns:
        A read-only array of the shape and type that the header states.

    Raises:
        ShoalError: if the bytes are not IDX, or are fewer or more than the header promises.

    >>> parse_idx(bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6]))
    array([[1, 2, 3],
           [4, 5, 6]], dtype=uint8)
    """
    if len(raw) < 4:
        raise ShoalError(
            f"{name} must begin with the 4 bytes of an IDX header, but holds {len(raw)} bytes in "
            "all; it is truncated: get it again"
        )
    zero, kind, dimensions = struct.unpack(">HBB", raw[:4])
    if zero != 0 or kind not in _TYPES or dimensions == 0:
        raise ShoalError(
            f"{name} must be an IDX file, beginning 00 00, type, dimensions, but begins "
            f"{raw[:4].hex(' ')}; check that it is the right file, uncompressed or gzipped"
        )
    start = 4 + 4 * dimensions
    if len(raw) < start:
        raise ShoalError(
            f"{name} must have a header of {start} bytes ({dimensions} dimensions), but holds "
            f"{len(raw)} bytes in all; it is truncated: get it again"
        )
    shape = struct.unpack(f">{dimensions}I", raw[4:start])
    dtype = np.dtype(_TYPES[kind])
    expected = start + math.prod(shape) * dtype.itemsize
    if len(raw) != expected:
        fault = "truncated" if len(raw) < expected else "longer than its header says"
        raise ShoalError(
            f"{name} must hold {expected} bytes for its shape {shape}, but holds {len(raw)}; "
            f"it is {fault}: get it again"
        )
    return np.frombuffer(raw, dtype=dtype, offset=start).reshape(shape)
