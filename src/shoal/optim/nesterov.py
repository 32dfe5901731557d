"""Nesterov's momentum: look where the velocity leads, then correct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shoal.optim.momentum import Momentum
from shoal.optim.rule import Array, Slots, cast


@dataclass(frozen=True)
class Nesterov(Momentum):
    """v ← μ v + g;  θ ← θ - η (g + μ v).

    With φ = θ - η μ v, the point looked at, this is Nesterov's v ← μ v + g(φ), written for φ
    (Sutskever et al. 2013); PyTorch's convention. Both lines use the *new* v.

    Attributes:
        lr: learning rate η > 0.
        momentum: μ in [0, 1).

    >>> import numpy as np
    >>> Nesterov(lr=0.1, momentum=0.9).step(np.array([0.0]), np.array([1.0]))[0]
    array([-0.19])
    """

    @staticmethod
    def update(
        g: Array, slots: Slots, t: int, *, lr: Any, momentum: Any
    ) -> tuple[Array, dict[str, Array]]:
        c = cast(g)
        velocity = c(momentum) * slots["velocity"] + g
        return c(-lr) * (g + c(momentum) * velocity), {"velocity": velocity}
