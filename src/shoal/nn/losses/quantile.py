"""The pinball loss: its best answer is a quantile of the targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import check_number
from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class Quantile(Loss):
    """L = mean over the outputs of q (t - y) where y < t, else (1 - q) (y - t).

    Answering too low costs q for each unit, too high 1 - q; the mean cost is least where a share q
    of the targets lies below the answer. The gradient is -q or 1 - q, / outputs / batch; at y = t
    it is taken as 0. q = 0.5 is half the mean absolute error. (Koenker and Bassett 1978.)

    Attributes:
        q: in (0, 1), such as 0.9 for a value that 90 % of the targets do not reach.

    >>> import numpy as np
    >>> y, t = np.array([[0.0], [0.0]]), np.array([[2.0], [-2.0]])
    >>> rows, cache = Quantile(q=0.75).per_row(y, t)
    >>> rows.tolist(), Quantile(q=0.75).backward(cache).ravel().tolist()
    ([1.5, 0.5], [-0.375, 0.125])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    q: float = 0.5

    def __post_init__(self) -> None:
        check_number("q", self.q, above=0, below=1)

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs and targets (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        error = outputs - targets
        xp = namespace(error)
        costs = xp.where(error > 0, (1 - self.q) * error, -self.q * error)
        return xp.mean(costs, axis=-1), (error,)

    def derivative(self, cache: Cache) -> Array:
        (error,) = cache
        xp = namespace(error)
        sign = xp.sign(error)
        # (|s| (1 - 2 q) + s) / 2 is 1 - q, -q or 0 for s = 1, -1 or 0
        slope = 0.5 * (xp.abs(sign) * (1 - 2 * self.q) + sign)
        return slope / (error.shape[-1] * error.shape[-2])
