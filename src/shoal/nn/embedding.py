"""Embeddings of numbers: waves of every input, so that a network sees small differences, too.

An affine layer on plain numbers makes functions that bend slowly; to tell 37.7 from 37.8 degrees of
latitude it needs large weights, which training does not find. Waves of several lengths give it
inputs that change quickly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.init import Init
from shoal.nn.layer import Layer, Parameter
from shoal.rng import generator


@dataclass(frozen=True)
class PeriodicEmbedding(Layer):
    """y = (x, e₁, …, eₙ) with eⱼ = cos(xⱼ wⱼ + φⱼ) Vⱼ + bⱼ for each of the first n inputs xⱼ.

    Every input has `frequencies` waves of its own, w and φ, which are trained like everything
    else, and `size` sums of them. They start at w ~ N(0, (2π spread)²) and φ ~ U(-π, π). The inputs
    themselves are kept. Gorishniy, Rubachev and Babenko 2022, arXiv:2203.05556, in the form of
    Holzmüller, Grinsztajn and Steinwart 2024, arXiv:2407.04491 ("PBLD").

    Attributes:
        columns: n, how many inputs are embedded, from the first; None for all.
        frequencies: waves of each input.
        size: numbers that come of each input, besides itself.
        spread: σ of the frequencies, in waves per unit of x.

    >>> layer = PeriodicEmbedding(columns=2, size=3)
    >>> layer.out_shape((5,))
    (11,)
    """

    columns: int | None = None
    frequencies: int = 16
    size: int = 3
    spread: float = 0.3

    def __post_init__(self) -> None:
        if self.columns is not None:
            check_number("columns", self.columns, least=0, whole=True)
        check_number("frequencies", self.frequencies, least=1, whole=True)
        check_number("size", self.size, least=1, whole=True)
        check_number("spread", self.spread, above=0)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (in_shape[0] + self._columns(in_shape) * self.size,)

    def parameters(self, in_shape: Shape) -> dict[str, Parameter]:
        n, k, size = self._columns(in_shape), self.frequencies, self.size
        return {
            "w": Parameter((n, k)),
            "phase": Parameter((n, k)),
            "V": Parameter((n, k, size), fans=(k, size)),
            "b": Parameter((n, size)),
        }

    def multiply_adds(self, in_shape: Shape) -> int:
        return self._columns(in_shape) * self.frequencies * (1 + self.size)

    def working(self, in_shape: Shape) -> int:
        """The angles and their cosines."""
        return 2 * self._columns(in_shape) * self.frequencies

    def _columns(self, in_shape: Shape) -> int:
        if len(in_shape) != 1:
            raise ShoalError(
                f"PeriodicEmbedding takes rows of numbers, not shape {in_shape}; put a Flatten "
                "before it"
            )
        n = in_shape[0] if self.columns is None else self.columns
        if n > in_shape[0]:
            raise ShoalError(f"columns={n} must be at most the number of inputs, {in_shape[0]}")
        return n

    def init(self, key: tuple[int, int], in_shape: Shape, rule: Init = "he") -> dict[str, Array]:
        """V by the rule; w and φ at random whatever it is, because waves that are alike stay so."""
        values = super().init(key, in_shape, rule)
        source = generator(key[0], "weights", key[1], 1)
        shape = values["w"].shape
        draws = source.standard_normal(shape, np.float32)
        values["w"] = draws * np.float32(2 * math.pi * self.spread)
        values["phase"] = (source.random(shape, np.float32) * 2 - 1) * np.float32(math.pi)
        return values

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, in) to y (…, batch, in + n · size)."""
        xp = namespace(x)
        n = params["w"].shape[-2]
        u = x[..., :n, None] * params["w"][..., None, :, :] + params["phase"][..., None, :, :]
        waves = xp.cos(u)
        # one product for each input: (batch, frequencies) by (frequencies, size)
        e = _inputs_last(xp, _inputs_first(xp, waves) @ params["V"]) + params["b"][..., None, :, :]
        lead = e.shape[:-2]
        y = xp.concat(
            [
                xp.broadcast_to(x, (*lead, x.shape[-1])),
                xp.reshape(e, (*lead, n * self.size)),
            ],
            axis=-1,
        )
        return y, (x, u, waves)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """dV = Σ cos(u) de, du = -sin(u) (de Vᵀ), dw = Σ x du, dφ = Σ du, over the batch.

        dx is what comes straight, and Σ w du over the waves of the input.
        """
        xp = namespace(dy)
        x, u, waves = cache
        n, inputs = params["w"].shape[-2], x.shape[-1]
        de = xp.reshape(dy[..., inputs:], (*dy.shape[:-1], n, self.size))
        of_input = _inputs_first(xp, de)
        dwaves = _inputs_last(xp, of_input @ xp.matrix_transpose(params["V"]))
        du = -xp.sin(u) * dwaves
        grads = {
            "w": xp.sum(du * x[..., :n, None], axis=-3),
            "phase": xp.sum(du, axis=-3),
            "V": xp.matrix_transpose(_inputs_first(xp, waves)) @ of_input,
            "b": xp.sum(de, axis=-3),
        }
        if not need_dx:
            return None, grads
        through = xp.sum(du * params["w"][..., None, :, :], axis=-1)
        straight = dy[..., :inputs]
        return xp.concat([straight[..., :n] + through, straight[..., n:]], axis=-1), grads


def _inputs_first(xp: Array, a: Array) -> Array:
    """(…, batch, inputs, numbers) as (…, inputs, batch, numbers)."""
    return xp.moveaxis(a, -2, -3)


def _inputs_last(xp: Array, a: Array) -> Array:
    """(…, inputs, batch, numbers) as (…, batch, inputs, numbers)."""
    return xp.moveaxis(a, -3, -2)
