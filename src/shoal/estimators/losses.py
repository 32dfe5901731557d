"""What an estimator trains on: a loss by name, a `Loss`, or two functions of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.data import Dataset
from shoal.errors import ShoalError, check_number, unknown
from shoal.nn import Loss, check_loss
from shoal.nn.losses import LOSSES, BinaryCrossEntropy, CustomLoss, Poisson, SoftmaxCrossEntropy

CHECKED_ROWS: Final = 8
SMOOTHING = {"classification": SoftmaxCrossEntropy, "multilabel": BinaryCrossEntropy}


def loss_of(settled: Mapping[str, Any], task: str) -> Loss | str:
    """The loss for a recipe.

    Args:
        settled: values by the names of the constructor.
        task: "classification", "multilabel" or "regression".

    Raises:
        ShoalError: none that is known, or label smoothing with a loss that has none.

    >>> loss_of({"loss": "auto", "label_smoothing": 0.1}, "classification")
    SoftmaxCrossEntropy(targets='labels', smoothing=0.1)
    >>> loss_of({"loss": "huber"}, "regression")
    'huber'
    """
    loss, smoothing = settled["loss"], settled.get("label_smoothing", 0.0)
    if isinstance(loss, tuple | list):
        if len(loss) != 2 or not all(callable(each) for each in loss):
            raise ShoalError(
                f"loss={loss!r} must be a name, a Loss, or two functions (value, gradient) of "
                "outputs and targets"
            )
        loss = CustomLoss(*loss)
    if not isinstance(loss, str | Loss):
        raise ShoalError(f"loss={loss!r} must be 'auto', one of {', '.join(LOSSES)}, or a Loss")
    if isinstance(loss, str) and loss != "auto" and loss not in LOSSES:
        fitting = [name for name, kind in LOSSES.items() if task in kind.tasks]
        raise unknown("loss", loss, ["auto", *fitting])
    check_number("label_smoothing", smoothing, least=0, below=1)
    if not smoothing:
        return loss
    kind: Any = SMOOTHING[task]
    if loss == "auto" or (isinstance(loss, str) and LOSSES.get(loss) is kind):
        smoothed: Loss = kind(smoothing=smoothing)
        return smoothed
    if isinstance(loss, SoftmaxCrossEntropy | BinaryCrossEntropy) and loss.suits(task):
        return replace(loss, smoothing=smoothing)
    raise ShoalError(
        f"label_smoothing={smoothing:g} is for cross-entropy, not for loss={loss!r}; leave one of "
        "the two out"
    )


def check_custom(loss: Loss, data: Dataset) -> None:
    """Require that the two functions of a loss of one's own belong together.

    Its gradient is compared with differences of its value, for a few training rows.

    Raises:
        ShoalError: where they disagree, or what they return is of another shape.
    """
    if not isinstance(loss, CustomLoss):
        return
    targets = data.train.y[:CHECKED_ROWS]
    outputs = np.random.default_rng(0).standard_normal((len(targets), data.outputs))
    found = check_loss(loss, outputs, targets.astype(np.float64) if targets.ndim > 1 else targets)
    if not found:
        raise ShoalError(
            f"loss=(value, gradient): the gradient is not that of the value, {found.where}: "
            f"it says {found.analytic:.6g}, differences of the value say {found.numerical:.6g}"
        )


def check_counts(loss: Loss, y: NDArray[np.float64], name: str = "y") -> None:
    """Require that targets are such as the loss is for: none is negative for Poisson.

    Raises:
        ShoalError: a negative one.

    >>> check_counts(Poisson(), np.array([[3.0], [-1.0]]))
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: loss='poisson' needs targets >= 0, but y has -1; take another loss
    """
    if isinstance(loss, Poisson) and len(y) and (y < 0).any():
        raise ShoalError(
            f"loss='poisson' needs targets >= 0, but {name} has {y.min():g}; take another loss"
        )


def scaling_of(
    y: NDArray[np.float64], weights: NDArray[np.float64] | None, loss: Loss
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and scale by which targets are brought to the size of a network's outputs.

    Standardised; divided by their mean for Poisson, whose targets cannot be negative; as they are
    for a loss of one's own, which knows them in their own unit. A constant target has scale 1.

    Raises:
        ShoalError: a negative target for Poisson, or one too large to be squared.

    >>> from shoal.nn import MeanSquaredError
    >>> scaling_of(np.array([[1.0], [3.0]]), None, MeanSquaredError())
    (array([2.]), array([1.]))
    """
    outputs = y.shape[1]
    if isinstance(loss, CustomLoss):
        return np.zeros(outputs), np.ones(outputs)
    with np.errstate(over="ignore", invalid="ignore"):  # is reported
        mean = np.average(y, axis=0, weights=weights)
        scale = np.sqrt(np.average((y - mean) ** 2, axis=0, weights=weights))
    if not (np.isfinite(mean) & np.isfinite(scale)).all():
        raise ShoalError(
            f"y has values up to {np.abs(y).max():.3g}, too large for a standard deviation; give "
            "it in another unit"
        )
    if isinstance(loss, Poisson):
        check_counts(loss, y)
        return np.zeros(outputs), np.where(mean > 0, mean, 1.0)
    # what is left of a constant by rounding is no spread
    constant = (y == y[0]).all(axis=0)
    return mean, np.where(constant | (scale == 0), 1.0, scale)
