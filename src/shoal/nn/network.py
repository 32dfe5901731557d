"""A network: a stack of layers, without weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from shoal.errors import ShoalError
from shoal.nn.activations import Activation
from shoal.nn.affine import Affine
from shoal.nn.arrays import Array, Cache, Params, Shape
from shoal.nn.conv import Conv2D
from shoal.nn.init import Init
from shoal.nn.layer import Layer, Parameter
from shoal.rng import generator

if TYPE_CHECKING:
    from shoal.nn.summary import Summary


class Sizes(Protocol):
    """What a network needs to know of the data; a `Dataset` has it."""

    @property
    def in_shape(self) -> Shape:
        """Shape of one row."""

    @property
    def outputs(self) -> int:
        """Number of classes, or of regression targets."""


@dataclass(frozen=True, repr=False)
class Network:
    """A stack of layers; the sizes of input and output are open until `bind`.

    Weights are a list with one dict per layer, {"W": …, "b": …}; every function below is pure.

    >>> Network((Affine(16), Affine()))
    Network((Affine(units=16), Affine(units=None)))
    """

    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        if not isinstance(self.layers, Sequence):
            raise ShoalError(f"layers={self.layers!r} must be a list of layers; see shoal.nn")
        object.__setattr__(self, "layers", tuple(self.layers))
        for layer in self.layers:
            for each in getattr(layer, "ends", (layer,)):  # a distribution: all its values
                if not isinstance(each, Layer):
                    raise ShoalError(f"a network is made of layers, not {each!r}; see shoal.nn")
        if not self.layers:
            raise ShoalError("a network needs at least one layer; try shoal.mlp([100])")

    def __repr__(self) -> str:
        from shoal.nn.convnet import as_convnet
        from shoal.nn.mlp import as_mlp

        for name, settings in (("mlp", as_mlp(self)), ("convnet", as_convnet(self))):
            if settings:
                first, *others = settings.items()  # the list of sizes goes without its name
                return f"{name}({', '.join([repr(first[1]), *(f'{k}={v!r}' for k, v in others)])})"
        return f"Network({self.layers!r})"

    def bind(self, in_shape: Shape, outputs: int) -> Network:
        """This network for rows of a shape and a number of outputs.

        Raises:
            ShoalError: the layers do not fit together, or do not end in `outputs` numbers.
        """
        bound: list[Layer] = []
        shape = in_shape
        for i, layer in enumerate(self.layers):
            last = i == len(self.layers) - 1
            layer = layer.bind(shape, outputs if last else None)
            shape = layer.out_shape(shape)
            bound.append(layer)
        if shape != (outputs,):
            raise ShoalError(
                f"the network ends in shape {shape}, the data needs {outputs} outputs; "
                "end it with Affine(), which takes the number from the data"
            )
        return Network(tuple(bound))

    def shapes(self, in_shape: Shape) -> list[Shape]:
        """Shape of one row before each layer, and after the last."""
        shapes = [in_shape]
        for layer in self.layers:
            shapes.append(layer.out_shape(shapes[-1]))
        return shapes

    def parameters(self, in_shape: Shape) -> list[dict[str, Parameter]]:
        """The arrays of each layer, by name."""
        shapes = self.shapes(in_shape)
        return [layer.parameters(shape) for layer, shape in zip(self.layers, shapes, strict=False)]

    def multiply_adds(self, in_shape: Shape) -> int:
        """Multiplications with addition that one row costs forward."""
        shapes = self.shapes(in_shape)
        works = (layer.multiply_adds(s) for layer, s in zip(self.layers, shapes, strict=False))
        return sum(works)

    def init_rules(self, rule: Init = "auto") -> list[Init]:
        """The initialisation of each layer; "auto" suits the activation that follows it.

        He before ReLU and its kin, Xavier before sigmoid and tanh and in the last layer.
        """
        if rule != "auto":
            return [rule] * len(self.layers)
        rules: list[Init] = []
        following: str = "xavier"
        for layer in reversed(self.layers):
            if isinstance(layer, Activation):
                following = layer.gain
            rules.append(following)
            if isinstance(layer, Affine | Conv2D):
                following = "xavier"
        return rules[::-1]

    def init(self, seed: int, in_shape: Shape, rule: Init = "auto") -> list[dict[str, Array]]:
        """First weights (float32). The k-th weight layer's draws depend on seed and k alone.

        So two networks that differ in batch norm or dropout start from the same weights.
        """
        values: list[dict[str, Array]] = []
        k = 0
        shapes, rules = self.shapes(in_shape), self.init_rules(rule)
        for layer, shape, layer_rule in zip(self.layers, shapes[:-1], rules, strict=True):
            values.append(layer.init((seed, k), shape, layer_rule))
            k += layer.has_weights(shape)
        return values

    def noise(self, seed: int, step: int, rows: int, in_shape: Shape) -> list[Array | None]:
        """Uniform draws (rows, *shape) for the layers that need them; the k-th by its number k."""
        draws: list[Array | None] = []
        for layer, shape in zip(self.layers, self.shapes(in_shape), strict=False):
            k = sum(d is not None for d in draws)
            draws.append(
                generator(seed, "dropout", k, step).random((rows, *shape), np.float32)
                if layer.random
                else None
            )
        return draws

    def forward(
        self,
        params: Sequence[Params],
        x: Array,
        *,
        training: bool = False,
        noise: Sequence[Array | None] | None = None,
        outputs: list[Array] | None = None,
    ) -> tuple[Array, list[Cache]]:
        """Outputs for rows `x`, and the caches that `backward` needs.

        Given a list `outputs`, what each layer puts out is appended to it.
        """
        caches: list[Cache] = []
        for i, layer in enumerate(self.layers):
            draws = noise[i] if noise is not None else None
            x, cache = layer.forward(params[i], x, training=training, noise=draws)
            caches.append(cache)
            if outputs is not None:
                outputs.append(x)
        return x, caches

    def backward(
        self, params: Sequence[Params], caches: Sequence[Cache], dy: Array, *, need_dx: bool = False
    ) -> tuple[Array, list[dict[str, Array]]]:
        """Gradients of all parameters by the chain rule, last layer first.

        Without `need_dx` the gradient of the input, which nobody uses in training, is not made.
        """
        grads: list[dict[str, Array]] = [{} for _ in self.layers]
        first = 0 if need_dx else self._first_with_parameters(params)
        for i in range(len(self.layers) - 1, first - 1, -1):
            wanted = need_dx or i > first
            dy, grads[i] = self.layers[i].backward(params[i], caches[i], dy, need_dx=wanted)
        return dy, grads

    def _first_with_parameters(self, params: Sequence[Params]) -> int:
        return next((i for i, p in enumerate(params) if p), 0)

    def running(self, params: Sequence[Params], caches: Sequence[Cache]) -> list[dict[str, Array]]:
        """New running statistics of each layer after a forward pass in training."""
        return [
            layer.running(p, cache)
            for layer, p, cache in zip(self.layers, params, caches, strict=True)
        ]

    def summary(self, data: Sizes) -> Summary:
        """A table of the layers: output shape, parameters, multiply-adds for one row.

        Args:
            data: a `Dataset`, or anything with `in_shape` and `outputs`.
        """
        from shoal.nn.summary import summarise

        return summarise(self.bind(data.in_shape, data.outputs), data.in_shape)


def row_size(parameters: Sequence[dict[str, Parameter]]) -> int:
    """Numbers in one network: all parameters, trained or running."""
    return sum(math.prod(p.shape) for layer in parameters for p in layer.values())
