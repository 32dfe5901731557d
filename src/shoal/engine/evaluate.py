"""How good a network is: losses and metrics on whole parts of the data, in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.member import Program
from shoal.nn.arrays import Array, Params

PIECE = 512
"""Rows that go through the networks at once; fixed, so that sums do not depend on the machine."""

LARGEST = 2**22
"""Numbers of one network that a layer makes at once; images take pieces of fewer rows for it."""

METRICS = {"classification": ("loss", "accuracy"), "regression": ("loss", "rmse", "r2")}
"""What is measured on each part, by task."""

Values = NDArray[np.float64]


def piece_of(program: Program) -> int:
    """Rows that go through the networks of a program at once; it divides `PIECE`.

    >>> from shoal.engine.recipe import Recipe
    >>> from shoal.engine.member import program_of
    >>> from shoal.nn import convnet, mlp
    >>> from shoal.optim import SGD
    >>> [
    ...     piece_of(program_of(Recipe(network, SGD()), (28, 28), 10, "classification"))
    ...     for network in (mlp([100]), convnet())
    ... ]
    [512, 128]
    """
    network = program.network
    shapes = network.shapes(program.in_shape)
    most = max(
        math.prod(after) + layer.working(before)
        for layer, before, after in zip(network.layers, shapes[:-1], shapes[1:], strict=True)
    )
    piece = PIECE
    while piece > 1 and piece * most > LARGEST:
        piece //= 2
    return piece


def outputs_of(program: Program, params: Sequence[Params], x: Array) -> Array:
    """Outputs (members, rows, outputs) for rows x, piece by piece."""
    piece = piece_of(program)
    pieces = [
        program.network.forward(params, x[None, at : at + piece])[0]
        for at in range(0, max(len(x), 1), piece)
    ]
    return np.concatenate(pieces, axis=1)


def evaluate(
    program: Program,
    params: Sequence[Params],
    data: Any,
    parts: Mapping[str, NDArray[np.int64] | None],
) -> dict[str, Values]:
    """Metrics of every part, such as {"valid_loss": (members,), "valid_accuracy": (members,)}.

    Classes: loss, accuracy. Regression: loss (of the standardised targets), rmse (in the unit of
    the targets) and r2. Sums over rows are kept in float64.

    Args:
        parts: the rows of each part to use, or None for all of them.
    """
    metrics: dict[str, Values] = {}
    for name, rows in parts.items():
        part = getattr(data, name)
        x, y = (part.x, part.y) if rows is None else (part.x[rows], part.y[rows])
        measure = _classes if data.task == "classification" else _targets
        for metric, value in measure(program, params, x, y, data).items():
            metrics[f"{name}_{metric}"] = value
    return metrics


def _classes(
    program: Program, params: Sequence[Params], x: Array, y: Array, data: Any
) -> dict[str, Values]:
    loss = correct = 0.0
    piece = piece_of(program)
    for at in range(0, len(x), piece):
        outputs, _ = program.network.forward(params, x[None, at : at + piece])
        labels = y[None, at : at + piece]
        rows, _ = program.loss.per_row(outputs, labels)
        loss = loss + rows.sum(axis=-1, dtype=np.float64)
        correct = correct + (outputs.argmax(axis=-1) == labels).sum(axis=-1)
    return {"loss": np.asarray(loss / len(x)), "accuracy": np.asarray(correct / len(x))}


def _targets(
    program: Program, params: Sequence[Params], x: Array, y: Array, data: Any
) -> dict[str, Values]:
    loss: Any = 0.0
    squares: Any = 0.0
    piece = piece_of(program)
    for at in range(0, len(x), piece):
        outputs, _ = program.network.forward(params, x[None, at : at + piece])
        targets = y[None, at : at + piece]
        rows, _ = program.loss.per_row(outputs, targets)
        loss = loss + rows.sum(axis=-1, dtype=np.float64)
        error = (outputs - targets).astype(np.float64)
        squares = squares + (error * error).sum(axis=1)
    mean_square = squares / len(x)  # (members, outputs), in units of the standardised targets
    variance = y.astype(np.float64).var(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = (1 - mean_square / variance).mean(axis=-1)
    rmse = np.sqrt(mean_square * np.asarray(data.target_scale) ** 2).mean(axis=-1)
    return {"loss": np.asarray(loss / len(x)), "rmse": rmse, "r2": r2}
