"""A loss of your own: two functions, its value and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shoal.errors import ShoalError
from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss


@dataclass(frozen=True)
class CustomLoss(Loss):
    """L = mean over the batch of value(outputs, targets).

    Both functions take outputs (…, batch, outputs) and targets as the data has them: labels
    (…, batch), or values (…, batch, outputs). Before the batch there may be an axis of members,
    which the targets may lack or have of length 1; so reduce over the last axis, by axis=-1, and no
    row may look at another. `check_loss` compares the two functions with each other. A file cannot
    hold functions, so a recipe with such a loss cannot be written to one; and to train in other
    processes they must be functions of a module, not lambdas.

    Attributes:
        value: loss of every row, (…, batch).
        gradient: of that loss with respect to the outputs, (…, batch, outputs).
        meaning: what outputs say of the targets, for `predict`; None for themselves.

    >>> import numpy as np
    >>> from shoal.nn import check_loss
    >>> fourth = CustomLoss(
    ...     lambda y, t: ((y - t) ** 4).sum(axis=-1),
    ...     lambda y, t: 4 * (y - t) ** 3,
    ... )
    >>> y, t = np.array([[2.0], [1.0]]), np.array([[0.0], [0.0]])
    >>> fourth.forward(y, t)[0].item()
    8.5
    >>> bool(check_loss(fourth, y, t))
    True
    """

    value: Callable[[Array, Array], Array]
    gradient: Callable[[Array, Array], Array]
    meaning: Callable[[Array], Array] | None = None

    def __post_init__(self) -> None:
        for name in ("value", "gradient", "meaning"):
            function = getattr(self, name)
            if not (callable(function) or (name == "meaning" and function is None)):
                raise ShoalError(f"{name}={function!r} must be a function of outputs and targets")

    def suits(self, task: str) -> bool:
        """What it is for, its author knows."""
        return True

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Calls `value`."""
        losses = self.value(outputs, targets)
        _check_shape("value", losses, outputs.shape[:-1])
        return losses, (outputs, targets)

    def derivative(self, cache: Cache) -> Array:
        """Calls `gradient`."""
        outputs, targets = cache
        gradients = self.gradient(outputs, targets)
        _check_shape("gradient", gradients, outputs.shape)
        return namespace(outputs).astype(gradients, outputs.dtype) / outputs.shape[-2]

    def predict(self, outputs: Array) -> Array:
        """Calls `meaning`, if there is one."""
        return outputs if self.meaning is None else self.meaning(outputs)


def _check_shape(name: str, array: Array, shape: tuple[int, ...]) -> None:
    found = getattr(array, "shape", None)
    if found != shape:
        came = f"{type(array).__name__}" if found is None else f"shape {found}"
        what = "one number a row: sum over axis=-1" if name == "value" else "one for each output"
        raise ShoalError(
            f"{name} of CustomLoss must return an array of shape {shape}, not {came}; {what}"
        )
