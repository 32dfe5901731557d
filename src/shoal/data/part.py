"""One part of a data set: rows to train on, to choose by, or to judge by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError

PartName = Literal["train", "valid", "test"]
PARTS: tuple[PartName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a data set: inputs and targets, row by row.

    Attributes:
        x: inputs, float32 `(n, *in_shape)`, C-contiguous, read-only.
        y: int64 class indices `(n,)`, or standardised float32 targets `(n, outputs)`; read-only.

    Raises:
        ShoalError: if `x` and `y` differ in length.

    >>> len(Part(np.zeros((3, 2), np.float32), np.array([0, 1, 0])))
    3
    """

    x: NDArray[np.float32]
    y: NDArray[Any]

    def __post_init__(self) -> None:
        """Bring both to the promised type, without a copy where they are of it already."""
        x = np.ascontiguousarray(self.x, dtype=np.float32)
        of_y = np.float32 if self.y.dtype.kind == "f" else np.int64
        y = np.ascontiguousarray(self.y, dtype=of_y)
        if len(x) != len(y):
            raise ShoalError(
                f"x and y must have the same number of rows, but x has {len(x)} and y {len(y)}; "
                "give one target for each row"
            )
        for name, array in (("x", x), ("y", y)):
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    def rows(self, which: NDArray[np.int64] | slice) -> Part:
        """The part made of some of its rows."""
        return Part(self.x[which], self.y[which])
