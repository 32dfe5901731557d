"""Update rules over a piece of a row: clip, decay, update and Σ g² in one pass."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.engine.compiled.inner import inner, summing
from shoal.engine.compiled.memory import doubles, floats
from shoal.optim import SGD, AdaGrad, Adam, AdamW, Momentum, Nesterov, Optimizer, RMSprop

_SGD, _MOMENTUM, _NESTEROV, _ADAGRAD, _RMSPROP, _ADAM = range(6)
RULES: dict[type[Optimizer], int] = {
    SGD: _SGD,
    Momentum: _MOMENTUM,
    Nesterov: _NESTEROV,
    AdaGrad: _ADAGRAD,
    RMSprop: _RMSPROP,
    Adam: _ADAM,
    AdamW: _ADAM,
}
"""The rules that are compiled, and how the compiled code calls them."""
NUMBERS: dict[type[Optimizer], tuple[str, ...]] = {
    SGD: (),
    Momentum: ("momentum",),
    Nesterov: ("momentum",),
    AdaGrad: ("eps",),
    RMSprop: ("decay", "eps"),
    Adam: ("beta1", "beta2", "eps"),
    AdamW: ("beta1", "beta2", "eps"),
}
"""The numbers of each rule besides the learning rate, in the order in which they come."""
_ONE = np.float32(1)


@summing
def squares(g: Any) -> Any:
    """Σ gᵢ²."""
    total = np.float32(0)
    for i in range(len(g)):
        total += g[i] * g[i]
    return total


@inner
def careful_norm(g: Any) -> float:
    """‖g‖ in float64 of a row whose squares are too large for float32; see `optim.clipping`."""
    most = 0.0
    for i in range(len(g)):
        size = abs(np.float64(g[i]))
        if not size <= most:
            most = size
        if size != size:
            return np.nan
    if np.isinf(most):
        return most
    total = 0.0
    for i in range(len(g)):
        part = np.float64(g[i]) / most
        total += part * part
    return most * np.sqrt(total)


@inner
def update(
    rule: int, t: int, lr: float, numbers: int, clip: float, decay: float, decoupled: int,
    theta: int, g: int, first: int, second: int, n: int, total: int,
) -> None:  # fmt: skip
    """θ ← θ + δ of a piece of a row, all by address; Σ gᵢ² before clipping goes into `total`.

    Args:
        rule: one of `RULES`.
        t: number of the update, from 1.
        lr, numbers: of the rule, in float64.
        clip: what the gradient is multiplied by.
        decay: λ, or 0 where nothing decays; `decoupled` shrinks θ beside the rule.
        theta, g: the piece and its gradient, n numbers.
        first, second: slots, as far as the rule has them.
    """
    floats(total, 1)[0] = _update(
        rule, t, lr, doubles(numbers, 3), clip, decay, decoupled != 0,
        floats(theta, n), floats(g, n), floats(first, n), floats(second, n),
    )  # fmt: skip


@summing
def _update(
    rule: int, t: int, lr: float, numbers: Any, clip: float, decay: float, decoupled: bool,
    theta: Any, g: Any, first: Any, second: Any,
) -> Any:  # fmt: skip
    total = np.float32(0)
    scale, rate = np.float32(clip), np.float32(-lr)
    shrink = np.float32(1 - lr * decay) if decoupled else _ONE
    pull = np.float32(0) if decoupled else np.float32(decay)
    a = np.float32(numbers[0])
    n = len(theta)
    if rule == _SGD:
        for i in range(n):
            total += g[i] * g[i]
            theta[i] = shrink * theta[i] + rate * (scale * g[i] + pull * theta[i])
    elif rule == _MOMENTUM:
        for i in range(n):
            total += g[i] * g[i]
            v = a * first[i] + (scale * g[i] + pull * theta[i])
            first[i] = v
            theta[i] = shrink * theta[i] + rate * v
    elif rule == _NESTEROV:
        for i in range(n):
            total += g[i] * g[i]
            x = scale * g[i] + pull * theta[i]
            v = a * first[i] + x
            first[i] = v
            theta[i] = shrink * theta[i] + rate * (x + a * v)
    elif rule == _ADAGRAD:
        for i in range(n):
            total += g[i] * g[i]
            x = scale * g[i] + pull * theta[i]
            h = first[i] + x * x
            first[i] = h
            theta[i] = shrink * theta[i] + rate * x / (np.sqrt(h) + a)
    elif rule == _RMSPROP:
        eps, rest = np.float32(numbers[1]), np.float32(1 - numbers[0])
        for i in range(n):
            total += g[i] * g[i]
            x = scale * g[i] + pull * theta[i]
            nu = a * first[i] + rest * (x * x)
            first[i] = nu
            theta[i] = shrink * theta[i] + rate * x / (np.sqrt(nu) + eps)
    else:
        b, eps = np.float32(numbers[1]), np.float32(numbers[2])
        rest_a, rest_b = np.float32(1 - numbers[0]), np.float32(1 - numbers[1])
        rate = np.float32(-lr / (1 - numbers[0] ** t))
        root = np.float32((1 - numbers[1] ** t) ** -0.5)
        for i in range(n):
            total += g[i] * g[i]
            x = scale * g[i] + pull * theta[i]
            mu = a * first[i] + rest_a * x
            nu = b * second[i] + rest_b * (x * x)
            first[i], second[i] = mu, nu
            theta[i] = shrink * theta[i] + rate * mu / (root * np.sqrt(nu) + eps)
    return total
