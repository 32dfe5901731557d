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
        y: int64 class indices `(n,)`; or float32 `(n, outputs)`, standardised targets or labels
            that hold (1) or not (0); read-only.
        weights: how much each row counts, float32 `(n,)`, at least 0 and not all 0; None if all
            count the same.

    Raises:
        ShoalError: if the lengths differ, or a weight is negative or not finite.

    >>> len(Part(np.zeros((3, 2), np.float32), np.array([0, 1, 0])))
    3
    """

    x: NDArray[np.float32]
    y: NDArray[Any]
    weights: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Bring all to the promised type, without a copy where they are of it already."""
        x = np.ascontiguousarray(self.x, dtype=np.float32)
        of_y = np.float32 if self.y.dtype.kind == "f" else np.int64
        y = np.ascontiguousarray(self.y, dtype=of_y)
        if len(x) != len(y):
            raise ShoalError(
                f"x and y must have the same number of rows, but x has {len(x)} and y {len(y)}; "
                "give one target for each row"
            )
        arrays = {"x": x, "y": y}
        if self.weights is not None:
            arrays["weights"] = _checked(self.weights, len(x))
        for name, array in arrays.items():
            view = array.view()
            view.flags.writeable = False
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.x)

    def rows(self, which: NDArray[np.int64] | slice) -> Part:
        """The part made of some of its rows."""
        weights = None if self.weights is None else self.weights[which]
        return Part(self.x[which], self.y[which], weights)


def _checked(weights: NDArray[Any], rows: int) -> NDArray[np.float32]:
    """Weights of rows as float32, if they can be such."""
    w = np.ascontiguousarray(weights, dtype=np.float32)
    if w.shape != (rows,):
        raise ShoalError(f"weights of shape {w.shape} must be ({rows},), one for each row")
    wrong = ~(np.isfinite(w) & (w >= 0))
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise ShoalError(f"weights[{at}]={w[at]} must be a number >= 0")
    if rows and not w.any():
        raise ShoalError("weights are all 0; give at least one row a weight above 0")
    return w
