"""RMSprop: AdaGrad that forgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from shoal.errors import check_number
from shoal.optim.rule import Array, Optimizer, Slots, cast, sqrt


@dataclass(frozen=True)
class RMSprop(Optimizer):
    """ν ← ρ ν + (1 - ρ) g²;  θ ← θ - η g / (√ν + ε).

    Tieleman and Hinton 2012, lecture 6.5; PyTorch's convention (ρ = 0.99, ε = 1e-8).

    Attributes:
        lr: learning rate η > 0.
        decay: ρ in [0, 1).
        eps: ε > 0.

    >>> import numpy as np
    >>> RMSprop(lr=0.1, decay=0.99).step(np.array([0.0]), np.array([1.0]))[0].round(6)
    array([-1.])
    """

    slots: ClassVar[tuple[str, ...]] = ("nu",)
    lr: float = 0.01
    decay: float = 0.99
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check_number("lr", self.lr, above=0)
        check_number("decay", self.decay, least=0, below=1)
        check_number("eps", self.eps, above=0)

    @staticmethod
    def update(
        g: Array, slots: Slots, t: int, *, lr: Any, decay: Any, eps: Any
    ) -> tuple[Array, dict[str, Array]]:
        c = cast(g)
        nu = c(decay) * slots["nu"] + c(1 - decay) * (g * g)
        return c(-lr) * g / (sqrt(nu) + c(eps)), {"nu": nu}
