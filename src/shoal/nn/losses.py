"""Losses: one number for how wrong the outputs of a batch are, and its gradient.

A loss is the mean over the batch. With a member axis there is one loss per member; a shoal's loss
is their sum, so that nobody's gradient is divided by the number of members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shoal.errors import ShoalError, check_choice
from shoal.nn.arrays import Array, Cache, Shape, namespace


@dataclass(frozen=True)
class Loss:
    """Base of the losses."""

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Loss of every row (…, batch), and what `backward` needs."""
        raise NotImplementedError

    def forward(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Mean loss over the batch (…), and what `backward` needs."""
        rows, cache = self.per_row(outputs, targets)
        return namespace(rows).mean(rows, axis=-1), cache

    def backward(self, cache: Cache) -> Array:
        """Gradient of the mean loss with respect to the outputs."""
        raise NotImplementedError


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """L = -log pₜ with p = softmax(z), as one function of the logits z.

    log pₜ = zₜ - max z - log Σ exp(z - max z): nothing overflows, so nothing is clamped.
    The gradient of one row is p - onehot(t); the mean divides it by the batch.

    Attributes:
        targets: "labels" (…, batch), whole numbers from 0 to classes - 1 (not checked here: a
            `Dataset` checks them once); or "probabilities" (…, batch, classes), one-hot
            or soft. It is stated, never guessed.

    >>> import numpy as np
    >>> loss, cache = SoftmaxCrossEntropy().forward(np.array([[0.0, 0.0]]), np.array([1]))
    >>> bool(loss == np.log(2))
    True
    """

    targets: Literal["labels", "probabilities"] = "labels"

    def __post_init__(self) -> None:
        check_choice("targets", self.targets, ("labels", "probabilities"))

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs are the logits z (…, batch, classes)."""
        xp = namespace(outputs)
        labels = self.targets == "labels"
        shape = outputs.shape[:-1] if labels else outputs.shape
        _check_targets(self, targets, shape, axes=1 if labels else 2)
        z = outputs - xp.max(outputs, axis=-1, keepdims=True)
        e = xp.exp(z)
        total = xp.sum(e, axis=-1, keepdims=True)
        if labels:
            losses = (xp.log(total) - _at(z, targets))[..., 0]
        else:
            # where, not a product: 0 · (-inf) of a class that is not the target must stay 0
            log_p = z - xp.log(total)
            losses = -xp.sum(xp.where(targets > 0, targets * log_p, 0), axis=-1)
        return losses, (e, total, targets)

    def backward(self, cache: Cache) -> Array:
        e, total, targets = cache
        xp = namespace(e)
        if self.targets == "labels":
            return (e / total - _one_hot(targets, e)) / e.shape[-2]
        return (e / total * xp.sum(targets, axis=-1, keepdims=True) - targets) / e.shape[-2]


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """L = mean over the outputs of (y - t)²; the gradient is 2 (y - t) / outputs / batch.

    >>> import numpy as np
    >>> loss, cache = MeanSquaredError().forward(np.array([[1.0], [3.0]]), np.array([[0.0], [0.0]]))
    >>> loss.item()
    5.0
    """

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs and targets (…, batch, outputs)."""
        _check_targets(self, targets, outputs.shape, axes=2)
        error = outputs - targets
        return namespace(error).mean(error * error, axis=-1), (error,)

    def backward(self, cache: Cache) -> Array:
        (error,) = cache
        return error * (2 / (error.shape[-1] * error.shape[-2]))


def _check_targets(loss: Loss, targets: Array, shape: Shape, axes: int) -> None:
    """Require targets of `shape`; only the member axis, before the last `axes`, may be absent.

    Broadcasting would accept more: (batch,) against (batch, 1) makes a square of errors.
    """
    if targets.ndim > len(shape) or targets.shape[-axes:] != shape[-axes:]:
        raise ShoalError(f"{loss!r} needs targets of shape {shape}, not {targets.shape}")


def _at(z: Array, labels: Array) -> Array:
    """The number of each row that its label names, (…, batch, 1)."""
    xp = namespace(z)
    at = xp.broadcast_to(labels, z.shape[:-1])[..., None]
    return xp.take_along_axis(z, at, axis=-1)


def _one_hot(labels: Array, like: Array) -> Array:
    """1 at the label and 0 elsewhere, in the last axis and the type of `like`."""
    xp = namespace(like)
    return xp.astype(labels[..., None] == xp.arange(like.shape[-1]), like.dtype)


LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "mean_squared_error": MeanSquaredError,
}
"""The names that `Recipe(loss=...)` and TOML files use."""
