"""Mean squared error: the loss whose best answer is the mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """L = mean over the outputs of (y - t)²; the gradient is 2 (y - t) / outputs / batch.

    >>> import numpy as np
    >>> loss, cache = MeanSquaredError().forward(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]))
    >>> loss.item()
    5.0
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs and targets (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        error = outputs - targets
        return namespace(error).mean(error * error, axis=-1), (error,)

    def derivative(self, cache: Cache) -> Array:
        (error,) = cache
        return error * (2 / (error.shape[-1] * error.shape[-2]))
