"""Softmax and cross-entropy: one class for each row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from shoal.errors import check_choice, check_number
from shoal.nn.arrays import Array, Cache, largest, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """L = -Σₖ tₖ log pₖ with p = softmax(z), as one function of the logits z.

    log pₖ = zₖ - max z - log Σ exp(z - max z): nothing overflows, so nothing is clamped.
    The gradient of one row is p - t; the mean divides it by the batch.

    Label smoothing takes s of the certainty and gives it to all K classes alike,
    t ← (1 - s) t + s / K, so that no logit is pulled to infinity (Szegedy et al. 2016).

    Attributes:
        targets: "labels" (…, batch), whole numbers from 0 to classes - 1 (not checked here: a
            `Dataset` checks them once); or "probabilities" (…, batch, classes), one-hot
            or soft. It is stated, never guessed.
        smoothing: s, in [0, 1).

    >>> import numpy as np
    >>> loss, cache = SoftmaxCrossEntropy().forward(np.array([[0.0, 0.0]]), np.array([1]))
    >>> bool(loss == np.log(2))
    True
    >>> SoftmaxCrossEntropy().predict(np.array([[0.0, np.log(3.0)]])).round(6)
    array([[0.25, 0.75]])
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    targets: Literal["labels", "probabilities"] = "labels"
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        check_choice("targets", self.targets, ("labels", "probabilities"))
        check_number("smoothing", self.smoothing, least=0, below=1)

    def suits(self, task: str) -> bool:
        """Only with labels: they are what a data set holds."""
        return super().suits(task) and self.targets == "labels"

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs are the logits z (…, batch, classes)."""
        xp = namespace(outputs)
        labels = self.targets == "labels"
        shape = outputs.shape[:-1] if labels else outputs.shape
        check_shape(self, "targets", targets, shape, axes=1 if labels else 2)
        z = outputs - largest(outputs)
        e = xp.exp(z)
        total = xp.sum(e, axis=-1, keepdims=True)
        if labels and not self.smoothing:
            losses = (xp.log(total) - _at(z, targets))[..., 0]
        else:
            # where, not a product: 0 · (-inf) of a class that is not the target must stay 0
            log_p, t = z - xp.log(total), self._smooth(targets, z)
            losses = -xp.sum(xp.where(t > 0, t * log_p, 0), axis=-1)
        return losses, (e, total, targets)

    def derivative(self, cache: Cache) -> Array:
        e, total, targets = cache
        p, t = e / total, self._smooth(targets, e)
        if self.targets == "probabilities":  # of a row that counts half they sum to a half
            p = p * namespace(e).sum(targets, axis=-1, keepdims=True)
        return (p - t) / e.shape[-2]

    def predict(self, outputs: Array) -> Array:
        """Probabilities of the classes: softmax(z)."""
        xp = namespace(outputs)
        e = xp.exp(outputs - largest(outputs))
        return e / xp.sum(e, axis=-1, keepdims=True)

    def _smooth(self, targets: Array, like: Array) -> Array:
        """The targets as probabilities, smoothed, in the type of `like`."""
        t = _one_hot(targets, like) if self.targets == "labels" else targets
        if not self.smoothing:
            return t
        share = self.smoothing / like.shape[-1]
        return (1 - self.smoothing) * t + share * namespace(t).sum(t, axis=-1, keepdims=True)


def _at(z: Array, labels: Array) -> Array:
    """The number of each row that its label names, (…, batch, 1)."""
    xp = namespace(z)
    at = xp.broadcast_to(labels, z.shape[:-1])[..., None]
    return xp.take_along_axis(z, at, axis=-1)


def _one_hot(labels: Array, like: Array) -> Array:
    """1 at the label and 0 elsewhere, in the last axis and the type of `like`."""
    xp = namespace(like)
    return xp.astype(labels[..., None] == xp.arange(like.shape[-1]), like.dtype)
