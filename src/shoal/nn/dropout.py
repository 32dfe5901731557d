"""Dropout: in training, every input is set to 0 with a given probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Cache, Params, namespace
from shoal.nn.layer import Layer


@dataclass(frozen=True)
class Dropout(Layer):
    """y = m x with m = 0 with probability `rate`, else 1 / (1 - rate); the identity in evaluation.

    The division ("inverted" dropout) keeps the expected value of every input, so nothing has to be
    scaled at prediction. Srivastava et al. 2014, JMLR 15.

    Attributes:
        rate: probability of dropping, in [0, 1). May differ from member to member.
    """

    numbers: ClassVar[tuple[str, ...]] = ("rate",)
    random: ClassVar[bool] = True
    rate: float = 0.5

    def __post_init__(self) -> None:
        check_number("rate", self.rate, least=0, below=1)

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x of any shape; `noise` is uniform in [0, 1) and has the shape of x."""
        if not training:
            return x, (None,)
        if noise is None:
            raise ShoalError("Dropout in training needs noise=: uniform draws of the input's shape")
        xp = namespace(x)
        rate = xp.asarray(params.get("rate", self.rate), dtype=x.dtype)
        mask = xp.astype(noise >= rate, x.dtype) / (1 - rate)
        return x * mask, (mask,)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """y = m x, so dx = m dy."""
        (mask,) = cache
        return dy if mask is None else dy * mask, {}
