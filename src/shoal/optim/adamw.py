"""AdamW: Adam with weight decay beside the gradient, not inside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.optim.adam import Adam


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam's step, and θ ← θ - η λ θ for the weights.

    λ is the recipe's `weight_decay`, as with every rule; here it does not pass through the
    averages, so all weights shrink at the same rate. With λ = 0 this is Adam.
    Loshchilov and Hutter 2019, arXiv:1711.05101.

    Attributes:
        lr: learning rate η > 0.
        beta1, beta2: in [0, 1).
        eps: ε > 0.
    """

    decoupled_decay: ClassVar[bool] = True
