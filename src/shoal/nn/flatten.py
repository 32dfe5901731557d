"""Flatten: an image becomes a row of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.layer import Layer


@dataclass(frozen=True)
class Flatten(Layer):
    """Every row (height, width, channels), or of any shape, becomes one axis; back in backward.

    Attributes:
        shape: of one input row; None stands for all axes after the first, and a network fills it
            in from the data.

    >>> import numpy as np
    >>> y, cache = Flatten().forward({}, np.zeros((32, 28, 28)))
    >>> y.shape
    (32, 784)
    """

    shape: Shape | None = None

    def bind(self, in_shape: Shape, outputs: int | None) -> Flatten:
        return Flatten(in_shape)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (math.prod(in_shape),)

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, *shape) to y (…, batch, product of shape)."""
        axes = x.ndim - 1 if self.shape is None else len(self.shape)
        rows = x.shape[: x.ndim - axes]
        return namespace(x).reshape(x, (*rows, math.prod(x.shape[x.ndim - axes :]))), (x.shape,)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """The same numbers in the shape of the input."""
        in_shape = cache[0][1:] if self.shape is None else self.shape
        return namespace(dy).reshape(dy, (*dy.shape[:-1], *in_shape)), {}
