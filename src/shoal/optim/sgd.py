"""Stochastic gradient descent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shoal.errors import check_number
from shoal.optim.rule import Array, Optimizer, Slots, cast


@dataclass(frozen=True)
class SGD(Optimizer):
    """θ ← θ - η g.

    Robbins and Monro 1951.

    Attributes:
        lr: learning rate η > 0.

    >>> import numpy as np
    >>> SGD(lr=0.5).step(np.array([3.0]), np.array([2.0]))[0]
    array([2.])
    """

    lr: float = 0.01

    def __post_init__(self) -> None:
        check_number("lr", self.lr, above=0)

    @staticmethod
    def update(g: Array, slots: Slots, t: int, *, lr: Any) -> tuple[Array, dict[str, Array]]:
        return cast(g)(-lr) * g, {}
