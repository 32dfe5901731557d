"""How good a network is: losses and metrics on whole parts of the data, in evaluation mode."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.member import Program
from shoal.nn.arrays import Array, Params

PIECE = 512
"""Rows that go through the networks at once; fixed, so that sums do not depend on the machine."""

LARGEST = 2**22
"""Numbers of one network that a layer makes at once; images take pieces of fewer rows for it."""

METRICS = {
    "classification": ("loss", "accuracy"),
    "multilabel": ("loss", "accuracy", "hamming"),
    "regression": ("loss", "rmse", "r2"),
}
"""What is measured on each part, by task."""

HIGHER_IS_BETTER = ("accuracy", "hamming", "r2")
"""Those of which more is better; of the others less."""

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
    say: Callable[[Array], Array] | None = None,
) -> dict[str, Values]:
    """Metrics of every part, such as {"valid_loss": (members,), "valid_accuracy": (members,)}.

    Classes: loss and accuracy. Several labels a row: loss, accuracy (rows with all labels right),
    hamming (labels that are right; one is predicted where its output is above 0). Regression: loss
    (of the standardised targets), rmse (in the unit of the targets) and r2. Each is a mean over
    rows, Σ w m / Σ w if the part has weights of rows; sums are kept in float64.

    Args:
        parts: the rows of each part to use, or None for all of them.
        say: the outputs (members, rows, outputs) of some rows of data; None to make them here.
    """
    if say is None:
        say = partial(_outputs, program, params)
    metrics: dict[str, Values] = {}
    for name, rows in parts.items():
        found = _MEASURE[data.task](_Sums(program, say, getattr(data, name), rows), data)
        metrics |= {f"{name}_{metric}": np.asarray(value) for metric, value in found.items()}
    return metrics


def _outputs(program: Program, params: Sequence[Params], x: Array) -> Array:
    """Outputs for some rows at once."""
    return program.network.forward(params, x[None])[0]


class _Sums:
    """Means over some rows of a part, which go through the networks piece by piece."""

    def __init__(
        self,
        program: Program,
        say: Callable[[Array], Array],
        part: Any,
        rows: NDArray[np.int64] | None,
    ) -> None:
        self.program, self.say = program, say
        self.part, self.rows = part, rows
        self.y, self.weights = (
            array if rows is None or array is None else array[rows]
            for array in (part.y, part.weights)
        )
        self.total = (
            len(self.y) if self.weights is None else self.weights.sum(dtype=np.float64).item()
        )

    def means(self, *measures: Callable[[Array, Array], Array]) -> list[Values]:
        """Mean of what each measure makes of outputs and targets, (members, rows, …)."""
        sums: list[Any] = [0.0] * len(measures)
        piece = piece_of(self.program)
        for at in range(0, len(self.y), piece):
            here = slice(at, at + piece)
            outputs = self.say(self.part.inputs(here if self.rows is None else self.rows[here]))
            targets = self.y[None, here]
            for i, measure in enumerate(measures):
                values = measure(outputs, targets)
                sums[i] = sums[i] + self._sum(values, here)
        return [np.asarray(total / self.total) for total in sums]

    def loss(self, outputs: Array, targets: Array) -> Array:
        """The loss of every row; a measure."""
        return self.program.loss.per_row(outputs, targets)[0]

    def _sum(self, values: Array, here: slice) -> Array:
        if self.weights is None:
            return values.sum(axis=1, dtype=np.float64)
        w = self.weights[here].astype(np.float64)
        return (values * w.reshape(-1, *(1,) * (values.ndim - 2))).sum(axis=1)


def _classes(rows: _Sums, data: Any) -> dict[str, Values]:
    def right(outputs: Array, labels: Array) -> Array:
        return outputs.argmax(axis=-1) == labels

    loss, accuracy = rows.means(rows.loss, right)
    return {"loss": loss, "accuracy": accuracy}


def _labels(rows: _Sums, data: Any) -> dict[str, Values]:
    def right(outputs: Array, labels: Array) -> Array:
        return (outputs > 0) == (labels > 0)

    def all_right(outputs: Array, labels: Array) -> Array:
        return right(outputs, labels).all(axis=-1)

    loss, accuracy, each = rows.means(rows.loss, all_right, right)
    return {"loss": loss, "accuracy": accuracy, "hamming": each.mean(axis=-1)}


def _targets(rows: _Sums, data: Any) -> dict[str, Values]:
    def square(outputs: Array, targets: Array) -> Array:
        error = (rows.program.loss.predict(outputs) - targets).astype(np.float64)
        return error * error

    loss, mean_square = rows.means(rows.loss, square)  # in units of the standardised targets
    y = rows.y.astype(np.float64)
    variance = np.average((y - np.average(y, 0, rows.weights)) ** 2, 0, rows.weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = (1 - mean_square / variance).mean(axis=-1)
    rmse = np.sqrt(mean_square * np.asarray(data.target_scale) ** 2).mean(axis=-1)
    return {"loss": loss, "rmse": rmse, "r2": r2}


_MEASURE = {"classification": _classes, "multilabel": _labels, "regression": _targets}
