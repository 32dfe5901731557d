"""Adam: momentum, with steps scaled by the size of recent gradients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from shoal.errors import check_number
from shoal.optim.rule import Array, Optimizer, Slots, cast, sqrt


@dataclass(frozen=True)
class Adam(Optimizer):
    """μ ← β₁ μ + (1 - β₁) g;  ν ← β₂ ν + (1 - β₂) g²;  θ ← θ - η μ̂ / (√ν̂ + ε).

    μ̂ = μ / (1 - β₁ᵗ) and ν̂ = ν / (1 - β₂ᵗ) undo that both averages start at 0.
    Kingma and Ba 2015, arXiv:1412.6980, algorithm 1. Textbooks often take the paper's second
    form, θ ← θ - η √(1 - β₂ᵗ) / (1 - β₁ᵗ) μ / (√ν + ε̂), whose ε̂ is not the same number.

    Attributes:
        lr: learning rate η > 0.
        beta1, beta2: in [0, 1).
        eps: ε > 0.

    >>> import numpy as np
    >>> Adam(lr=0.1).step(np.array([0.0]), np.array([5.0]))[0].round(6)
    array([-0.1])
    """

    slots: ClassVar[tuple[str, ...]] = ("mu", "nu")
    lr: float = 0.001
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def __post_init__(self) -> None:
        check_number("lr", self.lr, above=0)
        check_number("beta1", self.beta1, least=0, below=1)
        check_number("beta2", self.beta2, least=0, below=1)
        check_number("eps", self.eps, above=0)

    @staticmethod
    def update(
        g: Array, slots: Slots, t: int, *, lr: Any, beta1: Any, beta2: Any, eps: Any
    ) -> tuple[Array, dict[str, Array]]:
        c = cast(g)
        mu = c(beta1) * slots["mu"] + c(1 - beta1) * g
        nu = c(beta2) * slots["nu"] + c(1 - beta2) * (g * g)
        root = sqrt(nu) * c((1 - beta2**t) ** -0.5)
        return c(-lr / (1 - beta1**t)) * mu / (root + c(eps)), {"mu": mu, "nu": nu}
