"""Where each array of a network lies in its row.

A row holds the weights first (they decay), then the other trained parameters; running statistics
lie in a row of their own. A layer sees its part as a view, so no weight is ever copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shoal.nn import Parameter
from shoal.nn.arrays import Array, Shape
from shoal.nn.network import Network

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Span:
    """One array in the row: of which layer, its name, columns and shape."""

    layer: int
    name: str
    start: int
    stop: int
    shape: Shape

    def view(self, rows: Matrix) -> Matrix:
        """This array of every member, (members, *shape), as a view of the rows."""
        return rows[:, self.start : self.stop].reshape(len(rows), *self.shape)


@dataclass(frozen=True)
class Layout:
    """The spans of a row.

    Attributes:
        trained: spans of the trained row; the weights stand first.
        running: spans of the row of running statistics.
        weights: how many of the trained numbers are weights.
        size: trained numbers in all.
        running_size: running statistics in all.
        layers: number of layers.
    """

    trained: tuple[Span, ...]
    running: tuple[Span, ...]
    weights: int
    size: int
    running_size: int
    layers: int

    def split(self, theta: Matrix, running: Matrix) -> list[dict[str, Array]]:
        """The arrays of each layer by name, as views of the rows."""
        layers: list[dict[str, Array]] = [{} for _ in range(self.layers)]
        for spans, rows in ((self.trained, theta), (self.running, running)):
            for span in spans:
                layers[span.layer][span.name] = span.view(rows)
        return layers

    def join(self, layers: Sequence[dict[str, Array]], out: Matrix) -> None:
        """Write the trained arrays of each layer, such as gradients, into rows."""
        for span in self.trained:
            out[:, span.start : span.stop] = layers[span.layer][span.name].reshape(len(out), -1)

    def join_running(self, layers: Sequence[dict[str, Array]], out: Matrix) -> None:
        """Write the running statistics of each layer into rows."""
        for span in self.running:
            out[:, span.start : span.stop] = layers[span.layer][span.name]


@lru_cache(maxsize=64)
def layout_of(network: Network, in_shape: Shape) -> Layout:
    """The layout of a bound network.

    >>> from shoal.nn import mlp
    >>> layout = layout_of(mlp([3]).bind((2,), 2), (2,))
    >>> [(s.layer, s.name, s.start, s.stop) for s in layout.trained]
    [(1, 'W', 0, 6), (3, 'W', 6, 12), (1, 'b', 12, 15), (3, 'b', 15, 17)]
    """
    parameters = [
        (i, name, p)
        for i, layer in enumerate(network.parameters(in_shape))
        for name, p in layer.items()
    ]
    kinds = (
        [x for x in parameters if x[2].is_weight],
        [x for x in parameters if x[2].trained and not x[2].is_weight],
        [x for x in parameters if not x[2].trained],
    )
    weights, others, running = kinds
    trained_spans, size = _spans([*weights, *others])
    running_spans, running_size = _spans(running)
    return Layout(
        trained_spans,
        running_spans,
        sum(math.prod(p.shape) for _, _, p in weights),
        size,
        running_size,
        len(network.layers),
    )


def _spans(parameters: Sequence[tuple[int, str, Parameter]]) -> tuple[tuple[Span, ...], int]:
    spans: list[Span] = []
    at = 0
    for layer, name, parameter in parameters:
        size = math.prod(parameter.shape)
        spans.append(Span(layer, name, at, at + size, parameter.shape))
        at += size
    return tuple(spans), at
