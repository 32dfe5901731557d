"""The affine layer: every output is a weighted sum of all inputs, plus a bias."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.layer import Layer, Parameter


@dataclass(frozen=True)
class Affine(Layer):
    """y = x W + b.

    Attributes:
        units: number of outputs; None in a network's last layer, which takes it from the data.

    >>> import numpy as np
    >>> params = {"W": np.array([[2.0], [3.0]]), "b": np.array([1.0])}
    >>> y, cache = Affine(1).forward(params, np.array([[1.0, 1.0]]))
    >>> y
    array([[6.]])
    """

    units: int | None = None

    def __post_init__(self) -> None:
        if self.units is not None:
            check_number("units", self.units, least=1, whole=True)

    def bind(self, in_shape: Shape, outputs: int | None) -> Affine:
        return Affine(outputs) if self.units is None else self

    def out_shape(self, in_shape: Shape) -> Shape:
        return (self._units(in_shape),)

    def parameters(self, in_shape: Shape) -> dict[str, Parameter]:
        fan_in, fan_out = in_shape[0], self._units(in_shape)
        return {
            "W": Parameter((fan_in, fan_out), fans=(fan_in, fan_out)),
            "b": Parameter((fan_out,)),
        }

    def multiply_adds(self, in_shape: Shape) -> int:
        return in_shape[0] * self._units(in_shape)

    def _units(self, in_shape: Shape) -> int:
        if len(in_shape) != 1:
            raise ShoalError(
                f"Affine takes rows of numbers, not shape {in_shape}; put a Flatten before it"
            )
        if self.units is None:
            raise ShoalError(
                "Affine(units=None) must be the last layer, or be given a number of units"
            )
        return self.units

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, in) to y (…, batch, units)."""
        y = x @ params["W"]
        y += params["b"][..., None, :]  # in place: y is new, and nobody has it yet
        return y, (x,)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """y_bj = Σ_i x_bi W_ij + b_j, so dx = dy Wᵀ, dW = xᵀ dy, and db sums dy over the batch."""
        xp = namespace(dy)
        (x,) = cache
        dx = dy @ xp.matrix_transpose(params["W"]) if need_dx else None
        return dx, {"W": xp.matrix_transpose(x) @ dy, "b": xp.sum(dy, axis=-2)}
