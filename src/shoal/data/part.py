"""One part of a data set: rows to train on, to choose by, or to judge by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.mapped import is_mapped, piece_rows
from shoal.data.scaling import Pixels, Transformer
from shoal.errors import ShoalError

PartName = Literal["train", "valid", "test"]
PARTS: tuple[PartName, ...] = ("train", "valid", "test")


@dataclass(frozen=True, eq=False)
class Part:
    """One part of a data set: inputs and targets, row by row.

    A network's inputs are float32. Pixels that came as bytes stay bytes, a quarter of that, and an
    array that is mapped from a file stays there; `inputs` makes rows of them ready when they are
    asked for. All else is made ready at once.

    Attributes:
        stored: the inputs as they are kept: float32 `(n, *in_shape)`, C-contiguous; or bytes; or
            an array in a file, of any numbers, perhaps with more rows than the part has; read-only.
        y: int64 class indices `(n,)`; or float32 `(n, outputs)`, standardised targets or labels
            that hold (1) or not (0); read-only.
        weights: how much each row counts, float32 `(n,)`, at least 0 and not all 0; None if all
            count the same.
        scaling: what makes `stored` ready; None if nothing but the type changes.
        at: where the part's rows lie in an array in a file; None if they are all of it, in order.

    Raises:
        ShoalError: if the lengths differ, or a weight is negative or not finite.

    >>> part = Part(np.array([[0, 51], [255, 0]], np.uint8), np.array([0, 1]), scaling=Pixels(255))
    >>> part.stored.dtype, part.x.tolist(), part.inputs(np.array([1])).tolist()
    (dtype('uint8'), [[0.0, 0.20000000298023224], [1.0, 0.0]], [[1.0, 0.0]])
    """

    stored: NDArray[Any]
    y: NDArray[Any]
    weights: NDArray[np.float32] | None = None
    scaling: Transformer | None = None
    at: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        """Bring all to the promised type, without a copy where they are of it already."""
        stored, scaling, at = self.stored, self.scaling, self.at
        if at is not None:
            at = np.asarray(at, np.int64)
            if _is_range(at):
                stored, at = stored[at[0] : at[0] + len(at)] if len(at) else stored[:0], None
            elif not is_mapped(stored):
                stored, at = stored[at], None
        if not stays(stored, scaling):
            ready = stored if scaling is None else scaling.transform(stored)
            stored, scaling = np.ascontiguousarray(ready, dtype=np.float32), None
        elif not is_mapped(stored):
            stored = np.ascontiguousarray(stored)
        of_y = np.float32 if self.y.dtype.kind == "f" else np.int64
        y = np.ascontiguousarray(self.y, dtype=of_y)
        rows = len(stored) if at is None else len(at)
        if rows != len(y):
            raise ShoalError(
                f"x and y must have the same number of rows, but x has {rows} and y {len(y)}; "
                "give one target for each row"
            )
        arrays = {"stored": stored, "y": y}
        if self.weights is not None:
            arrays["weights"] = _checked(self.weights, rows)
        if at is not None:
            arrays["at"] = at
        for name, array in {"at": None, "scaling": scaling, **arrays}.items():
            if isinstance(array, np.ndarray):
                array = np.asarray(array).view()
                array.flags.writeable = False
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        """The number of rows."""
        return len(self.y)

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return self.stored.shape[1:]

    @property
    def x(self) -> NDArray[np.float32]:
        """All inputs, float32 `(n, *in_shape)`, read-only; where they are kept otherwise, a copy.

        A copy is made anew whenever it is asked for: ask once, or take `inputs` of some rows.
        """
        x = self.inputs(slice(None))
        x.flags.writeable = False
        return x

    def inputs(self, which: NDArray[np.int64] | slice) -> NDArray[np.float32]:
        """Some rows as a network takes them, float32 `(rows, *in_shape)`, C-contiguous.

        What is kept so is not copied where rows follow one another. No number depends on which
        rows are asked for together.
        """
        rows: NDArray[Any] = self.stored[which if self.at is None else self.at[which]]
        if self.scaling is not None:
            rows = self.scaling.transform(rows)
        return np.asarray(np.ascontiguousarray(rows, dtype=np.float32))

    def pieces(self) -> Iterator[NDArray[np.float32]]:
        """All inputs in order, some rows at a time."""
        step = piece_rows(self.stored)
        for first in range(0, len(self), step):
            yield self.inputs(slice(first, first + step))

    @property
    def range(self) -> tuple[float, float]:
        """The smallest and largest input."""
        ends = [(float(x.min()), float(x.max())) for x in self.pieces()]
        return min(low for low, _ in ends), max(high for _, high in ends)

    def rows(self, which: NDArray[np.int64] | slice) -> Part:
        """The part made of some of its rows; those in a file are not copied."""
        weights = None if self.weights is None else self.weights[which]
        stored, at = self.stored, None
        if is_mapped(stored):
            at = (np.arange(len(self)) if self.at is None else self.at)[which]
        else:
            stored = stored[which]
        return Part(stored, self.y[which], weights, self.scaling, at)


def stays(stored: NDArray[Any], scaling: Transformer | None) -> bool:
    """Whether inputs are kept as they are until they are asked for.

    >>> stays(np.zeros((2, 3), np.uint8), Pixels(255)), stays(np.zeros((2, 3)), None)
    (True, False)
    """
    plain = scaling is None or isinstance(scaling, Pixels)
    return is_mapped(stored) or (stored.dtype == np.uint8 and plain)


def _is_range(rows: NDArray[np.int64]) -> bool:
    """Whether rows follow one another."""
    return len(rows) == 0 or (
        rows[-1] - rows[0] == len(rows) - 1 and bool((np.diff(rows) == 1).all())
    )


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
