"""What every loss is: one number for how wrong the outputs of a batch are, and its gradient.

A loss is the mean over the batch. With a member axis there is one loss per member; a shoal's loss
is their sum, so that nobody's gradient is divided by the number of members.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import ShoalError
from shoal.nn.arrays import Array, Cache, Shape, namespace


@dataclass(frozen=True)
class Loss:
    """Base of the losses.

    L = Σᵢ wᵢ lᵢ / batch, with lᵢ the loss of row i and weights of rows that are all 1 unless given.
    Weights of mean 1 over the training part keep it a mean: the divisor is always the number of
    rows, so a row's pull on the network does not depend on the batch it falls into.
    """

    tasks: ClassVar[tuple[str, ...]] = ()
    """The kinds of data that it is for: "classification", "multilabel", "regression"."""

    def suits(self, task: str) -> bool:
        """Whether the targets of such data are what this loss takes."""
        return task in self.tasks

    def check_targets(self, targets: Array) -> None:
        """Refuse targets whose values the loss has no meaning for; it is asked once, before a run.

        Raises:
            ShoalError: a value out of range.
        """

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Loss of every row (…, batch), and what `derivative` needs."""
        raise NotImplementedError

    def derivative(self, cache: Cache) -> Array:
        """Gradient of the mean over the batch with respect to the outputs, without weights."""
        raise NotImplementedError

    def forward(
        self, outputs: Array, targets: Array, weights: Array | None = None
    ) -> tuple[Array, Cache]:
        """Mean loss over the batch (…), and what `backward` needs.

        Args:
            outputs: (…, batch, outputs).
            targets: of the batch, with or without the member axis.
            weights: of its rows, likewise; None if all count the same.
        """
        rows, cache = self.per_row(outputs, targets)
        if weights is not None:
            check_shape(self, "weights", weights, rows.shape, axes=1)
            rows = rows * weights
        return namespace(rows).mean(rows, axis=-1), cache

    def backward(self, cache: Cache, weights: Array | None = None) -> Array:
        """Gradient of `forward` with respect to the outputs, given the same weights."""
        gradient = self.derivative(cache)
        return gradient if weights is None else gradient * weights[..., None]

    def predict(self, outputs: Array) -> Array:
        """What the outputs say of the targets: here themselves; else probabilities or rates."""
        return outputs


def check_shape(loss: Loss, name: str, array: Array, shape: Shape, axes: int) -> None:
    """Require `shape`; only the member axis, before the last `axes`, may be absent or 1.

    Broadcasting would accept more: (batch,) against (batch, 1) makes a square of errors.

    Raises:
        ShoalError: it is another.
    """
    if array.ndim > len(shape) or array.shape[-axes:] != shape[-axes:]:
        raise ShoalError(f"{loss!r} needs {name} of shape {shape}, not {array.shape}")
