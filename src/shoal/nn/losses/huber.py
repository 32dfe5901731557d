"""Huber's loss: squared near the target, absolute far from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import check_number
from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class Huber(Loss):
    """L = mean over the outputs of e²/2 where |e| <= δ, else δ (|e| - δ/2), with e = y - t.

    Both pieces and their slopes meet at δ. The gradient is e held between -δ and δ, / outputs /
    batch: an outlier pulls no harder than δ. (Huber 1964.)

    Attributes:
        delta: δ > 0, in units of the standardised targets.

    >>> import numpy as np
    >>> y, t = np.array([[0.5], [-3.0]]), np.array([[0.0], [0.0]])
    >>> rows, cache = Huber(delta=1.0).per_row(y, t)
    >>> rows.tolist(), Huber(delta=1.0).backward(cache).ravel().tolist()
    ([0.125, 2.5], [0.25, -0.5])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    delta: float = 1.0

    def __post_init__(self) -> None:
        check_number("delta", self.delta, above=0)

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs and targets (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        error = outputs - targets
        xp = namespace(error)
        size = xp.abs(error)
        near = xp.clip(size, max=self.delta)
        # with near = min(|e|, δ) both pieces are one: near (|e| - near / 2)
        return xp.mean(near * (size - 0.5 * near), axis=-1), (error,)

    def derivative(self, cache: Cache) -> Array:
        (error,) = cache
        held = namespace(error).clip(error, -self.delta, self.delta)
        return held / (error.shape[-1] * error.shape[-2])
