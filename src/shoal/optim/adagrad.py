"""AdaGrad: parameters that have moved much take smaller steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from shoal.errors import check_number
from shoal.optim.rule import Array, Optimizer, Slots, cast, sqrt


@dataclass(frozen=True)
class AdaGrad(Optimizer):
    """h ← h + g²;  θ ← θ - η g / (√h + ε).

    Duchi, Hazan and Singer 2011; PyTorch's convention (ε = 1e-10; textbooks often take 1e-7).

    Attributes:
        lr: learning rate η > 0.
        eps: ε > 0.

    >>> import numpy as np
    >>> AdaGrad(lr=0.5).step(np.array([3.0]), np.array([2.0]))[0].round(6)
    array([2.5])
    """

    slots: ClassVar[tuple[str, ...]] = ("sum_of_squares",)
    lr: float = 0.01
    eps: float = 1e-10

    def __post_init__(self) -> None:
        check_number("lr", self.lr, above=0)
        check_number("eps", self.eps, above=0)

    @staticmethod
    def update(
        g: Array, slots: Slots, t: int, *, lr: Any, eps: Any
    ) -> tuple[Array, dict[str, Array]]:
        c = cast(g)
        h = slots["sum_of_squares"] + g * g
        return c(-lr) * g / (sqrt(h) + c(eps)), {"sum_of_squares": h}
