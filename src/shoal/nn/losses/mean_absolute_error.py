"""Mean absolute error: the loss whose best answer is the median."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class MeanAbsoluteError(Loss):
    """L = mean over the outputs of |y - t|; the gradient is sign(y - t) / outputs / batch.

    A target far off pulls no harder than one close by, so a few wild ones do little harm. At y = t
    there is no slope; it is taken as 0.

    >>> import numpy as np
    >>> y, t = np.array([[1.0], [-3.0]]), np.array([[0.0], [0.0]])
    >>> loss, cache = MeanAbsoluteError().forward(y, t)
    >>> loss.item(), MeanAbsoluteError().backward(cache).ravel().tolist()
    (2.0, [0.5, -0.5])
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs and targets (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        error = outputs - targets
        xp = namespace(error)
        return xp.mean(xp.abs(error), axis=-1), (error,)

    def derivative(self, cache: Cache) -> Array:
        (error,) = cache
        return namespace(error).sign(error) / (error.shape[-1] * error.shape[-2])
