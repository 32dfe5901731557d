"""Momentum: the steps remember where they were going."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from shoal.errors import check_number
from shoal.optim.rule import Array, Optimizer, Slots, cast


@dataclass(frozen=True)
class Momentum(Optimizer):
    """v ← μ v + g;  θ ← θ - η v.

    Polyak 1964; PyTorch's convention. Textbooks often write v ← μ v - η g, θ ← θ + v, which is the
    same while η does not change.

    Attributes:
        lr: learning rate η > 0.
        momentum: μ in [0, 1).

    >>> import numpy as np
    >>> theta, slots = Momentum(lr=0.1).step(np.array([0.0]), np.array([1.0]))
    >>> Momentum(lr=0.1).step(theta, np.array([1.0]), slots, t=2)[0].round(6)
    array([-0.29])
    """

    slots: ClassVar[tuple[str, ...]] = ("velocity",)
    lr: float = 0.01
    momentum: float = 0.9

    def __post_init__(self) -> None:
        check_number("lr", self.lr, above=0)
        check_number("momentum", self.momentum, least=0, below=1)

    @staticmethod
    def update(
        g: Array, slots: Slots, t: int, *, lr: Any, momentum: Any
    ) -> tuple[Array, dict[str, Array]]:
        c = cast(g)
        velocity = c(momentum) * slots["velocity"] + g
        return c(-lr) * velocity, {"velocity": velocity}
