"""Activations: one function for every unit, with its derivative beside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import check_number
from shoal.nn.arrays import Array, Cache, Params, namespace
from shoal.nn.layer import Layer


@dataclass(frozen=True)
class Activation(Layer):
    """Base of the activations: y = f(x), so dx = f'(x) dy.

    A subclass gives `f` and the derivative, written in whichever of x and y is cheaper.
    """

    saves: ClassVar[str] = "x"
    """What the derivative is written in: the input "x" or the output "y"."""
    gain: ClassVar[str] = "he"
    """The initialisation that `init="auto"` chooses for the weights before it."""

    def f(self, x: Array) -> Array:
        """The activation."""
        raise NotImplementedError

    def derivative(self, saved: Array) -> Array:
        """f'(x), as a function of what `saves` names."""
        raise NotImplementedError

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        y = self.f(x)
        return y, (x if self.saves == "x" else y,)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        return dy * self.derivative(cache[0]), {}


@dataclass(frozen=True)
class ReLU(Activation):
    """f(x) = max(x, 0), f'(x) = 1 where x > 0 (and 0 at 0). Nair and Hinton 2010.

    >>> import numpy as np
    >>> ReLU().f(np.array([-1.0, 2.0]))
    array([0., 2.])
    """

    saves: ClassVar[str] = "y"

    def f(self, x: Array) -> Array:
        xp = namespace(x)
        # a row (or an image) of zeros, not one: NumPy is twice as fast with two arrays
        return xp.maximum(x, xp.zeros(x.shape[-3:] if x.ndim > 3 else x.shape[-1:], dtype=x.dtype))

    def derivative(self, saved: Array) -> Array:
        return namespace(saved).astype(saved > 0, saved.dtype)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """f(x) = x where x > 0, else slope · x. Maas et al. 2013.

    Attributes:
        slope: in [0, 1).
    """

    slope: float = 0.01

    def __post_init__(self) -> None:
        check_number("slope", self.slope, least=0, below=1)

    def f(self, x: Array) -> Array:
        return namespace(x).maximum(x, self.slope * x)  # the larger of both, as slope < 1

    def derivative(self, saved: Array) -> Array:
        positive = namespace(saved).astype(saved > 0, saved.dtype)
        return positive * (1 - self.slope) + self.slope


@dataclass(frozen=True)
class Sigmoid(Activation):
    """f(x) = 1 / (1 + e⁻ˣ), f' = f (1 - f).

    Both forms below are exact; each is used where its exponential cannot overflow.
    """

    saves: ClassVar[str] = "y"
    gain: ClassVar[str] = "xavier"

    def f(self, x: Array) -> Array:
        xp = namespace(x)
        e = xp.exp(-xp.abs(x))
        return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))

    def derivative(self, saved: Array) -> Array:
        return saved * (1 - saved)


@dataclass(frozen=True)
class Tanh(Activation):
    """f(x) = (eˣ - e⁻ˣ) / (eˣ + e⁻ˣ), f' = 1 - f²."""

    saves: ClassVar[str] = "y"
    gain: ClassVar[str] = "xavier"

    def f(self, x: Array) -> Array:
        return namespace(x).tanh(x)

    def derivative(self, saved: Array) -> Array:
        return 1 - saved * saved


@dataclass(frozen=True)
class GELU(Activation):
    """f(x) = x/2 · (1 + tanh u) with u = √(2/π) (x + 0.044715 x³). Hendrycks and Gimpel 2016.

    This is the paper's form with tanh (PyTorch's approximate="tanh"), within 5e-4 of x Φ(x).
    With t = tanh u: f' = (1 + t)/2 + x/2 · (1 - t²) u'.
    """

    def _tanh(self, x: Array) -> Array:
        return namespace(x).tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x))

    def f(self, x: Array) -> Array:
        return 0.5 * x * (1 + self._tanh(x))

    def derivative(self, saved: Array) -> Array:
        return self._slope(saved, self._tanh(saved))

    def _slope(self, x: Array, t: Array) -> Array:
        du = math.sqrt(2 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * du

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """As f; t is kept, because it is dear."""
        t = self._tanh(x)
        return 0.5 * x * (1 + t), (x, t)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        return dy * self._slope(*cache), {}


ACTIVATIONS: dict[str, type[Activation]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "gelu": GELU,
}
"""The names that `mlp(activation=...)` and TOML files use."""
