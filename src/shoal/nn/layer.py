"""What every layer is: a frozen description and three pure functions.

A layer holds no weights. `forward` takes them and returns the output together with what `backward`
will need; `backward` turns the gradient of the output into the gradients of input and weights.
Every array may have a leading member axis (one network per entry); nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from shoal.nn.arrays import Array, Cache, Params, Shape
from shoal.nn.init import Equal, Init, standard_deviation
from shoal.rng import generator


@dataclass(frozen=True)
class Parameter:
    """One array of a layer: its shape and how it starts.

    Attributes:
        shape: without the member axis.
        fans: (fan_in, fan_out) of a weight, drawn at random; None for one with a fixed start.
        start: the fixed start.
        trained: False for a running statistic, which no gradient moves.
    """

    shape: Shape
    fans: tuple[int, int] | None = None
    start: float = 0.0
    trained: bool = True

    @property
    def is_weight(self) -> bool:
        """Weights are drawn at random and decay; biases, γ and β are neither."""
        return self.fans is not None


@dataclass(frozen=True)
class Layer:
    """Base of all layers; by itself the identity."""

    numbers: ClassVar[tuple[str, ...]] = ()
    """Fields that may differ from member to member: they can come in `params` too."""
    random: ClassVar[bool] = False
    """Whether training needs `noise`: uniform draws in [0, 1) of the input's shape."""

    def bind(self, in_shape: Shape, outputs: int | None) -> Layer:
        """This layer with all that it left open taken from the data.

        Args:
            in_shape: shape of one input row.
            outputs: number of outputs that the data asks for, in the last layer; else None.
        """
        return self

    def out_shape(self, in_shape: Shape) -> Shape:
        """Shape of one output row for one input row."""
        return in_shape

    def parameters(self, in_shape: Shape) -> dict[str, Parameter]:
        """The arrays that the layer needs for inputs of this shape, by name."""
        return {}

    def has_weights(self, in_shape: Shape) -> bool:
        """Whether any of the parameters is drawn at random."""
        return any(p.is_weight for p in self.parameters(in_shape).values())

    def least_rows(self, in_shape: Shape) -> int:
        """The smallest batch that the layer can learn from."""
        return 1

    def multiply_adds(self, in_shape: Shape) -> int:
        """Multiplications with addition that one row costs forward."""
        return 0

    def working(self, in_shape: Shape) -> int:
        """Numbers that one row needs in forward besides its output."""
        return 0

    def init(self, key: tuple[int, int], in_shape: Shape, rule: Init = "he") -> dict[str, Array]:
        """Start values of `parameters`: normal draws for weights, constants for the rest.

        Args:
            key: (seed, which weight layer this is); equal keys give equal draws.
            in_shape: shape of one input row.
            rule: "he", "xavier", "lecun", "zeros", a standard deviation, or `Equal(value)`.
        """
        values: dict[str, Array] = {}
        source = None  # made where it is needed: most layers draw nothing
        for name, p in self.parameters(in_shape).items():
            if p.fans is None:
                values[name] = np.full(p.shape, p.start, np.float32)
            elif isinstance(rule, Equal):
                values[name] = np.full(p.shape, rule.value, np.float32)
            else:
                source = source or generator(key[0], "weights", key[1])
                draws = source.standard_normal(p.shape, np.float32)
                values[name] = draws * np.float32(standard_deviation(rule, *p.fans))
        return values

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """Output for input `x` (…, batch, *in_shape), and what `backward` needs."""
        return x, ()

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """Gradients of input and trained parameters, given the gradient `dy` of the output.

        With `need_dx=False` (the first layer of a network) the gradient of the input may be None.
        """
        return dy, {}

    def running(self, params: Params, cache: Cache) -> dict[str, Array]:
        """New running statistics after a forward pass in training."""
        return {}
