"""Sigmoid and cross-entropy: several yes-or-no labels for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class BinaryCrossEntropy(Loss):
    """L = mean over the outputs of -t log σ(z) - (1 - t) log(1 - σ(z)), as one function of z.

    Each output is a label of its own that holds (t = 1) or not (t = 0). As log(1 - σ(z)) =
    log σ(-z), L = max(z, 0) - z t + log(1 + exp(-|z|)): nothing overflows, nothing is clamped. The
    gradient is (σ(z) - t) / outputs / batch. (Bishop 2006, section 4.3.2.)

    Attributes:
        smoothing: s in [0, 1): t ← (1 - s) t + s / 2, as for softmax with two classes.

    >>> import numpy as np
    >>> z, t = np.array([[0.0, 0.0]]), np.array([[1.0, 0.0]])
    >>> loss, cache = BinaryCrossEntropy().forward(z, t)
    >>> bool(loss == np.log(2))
    True
    >>> BinaryCrossEntropy().backward(cache)
    array([[-0.25,  0.25]])
    >>> BinaryCrossEntropy().predict(z)
    array([[0.5, 0.5]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("multilabel",)

    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_number("smoothing", self.smoothing, least=0, below=1)

    def check_targets(self, targets: Array) -> None:
        xp = namespace(targets)
        if not xp.all((targets >= 0) & (targets <= 1)):
            raise ShoalError(f"{self!r} needs targets from 0 to 1, such as 0 for no and 1 for yes")

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs are the logits z, targets 0 or 1 or between, (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        xp = namespace(outputs)
        t = (1 - self.smoothing) * targets + self.smoothing / 2 if self.smoothing else targets
        e = xp.exp(-xp.abs(outputs))
        positive = xp.where(outputs > 0, outputs, xp.zeros_like(outputs))
        return xp.mean(positive - outputs * t + xp.log1p(e), axis=-1), (outputs, e, t)

    def derivative(self, cache: Cache) -> Array:
        z, e, t = cache
        return (_sigmoid(z, e) - t) / (z.shape[-1] * z.shape[-2])

    def predict(self, outputs: Array) -> Array:
        """Probability of each label: σ(z)."""
        xp = namespace(outputs)
        return _sigmoid(outputs, xp.exp(-xp.abs(outputs)))


def _sigmoid(z: Array, e: Array) -> Array:
    """σ(z) with e = exp(-|z|), which cannot overflow."""
    return namespace(z).where(z >= 0, 1 / (1 + e), e / (1 + e))
