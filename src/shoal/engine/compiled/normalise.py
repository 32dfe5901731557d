"""Batch normalisation, a few features at a time, all by address."""

from __future__ import annotations

import numpy as np

from shoal.engine.compiled.inner import elementwise
from shoal.engine.compiled.memory import doubles, floats

LINES = 128
"""Float32 sums of so many lines are added up in float64."""
_ONE = np.float32(1)


@elementwise
def moments(x: int, stats: int, sums: int, n: int, wide: int, features: int) -> None:
    """Mean and biased variance of `wide` features over n lines, `features` numbers apart.

    Args:
        x: the numbers.
        stats: five rows of `features` numbers: mean, variance, 1/σ, and room for two sums.
        sums: room for float64 sums.
    """
    mean, var = floats(stats, wide), floats(stats + 4 * features, wide)
    few, total = floats(stats + 12 * features, wide), doubles(sums, wide)
    for power in range(2):
        for j in range(wide):
            total[j] = 0.0
        for start in range(0, n, LINES):
            for j in range(wide):
                few[j] = 0
            for i in range(start, min(n, start + LINES)):
                line = floats(x + 4 * i * features, wide)
                if power == 0:
                    for j in range(wide):
                        few[j] += line[j]
                else:
                    for j in range(wide):
                        few[j] += (line[j] - mean[j]) * (line[j] - mean[j])
            for j in range(wide):
                total[j] += few[j]
        for j in range(wide):
            if power == 0:
                mean[j] = np.float32(total[j] / n)
            else:
                var[j] = np.float32(total[j] / n)


@elementwise
def normalise(
    x: int, hat: int, y: int, stats: int, gamma: int, eps: float, n: int, wide: int, features: int
) -> None:
    """x̂ = (x - μ) / √(σ² + ε) and y = γ x̂; β comes with the activation."""
    mean, var = floats(stats, wide), floats(stats + 4 * features, wide)
    inverse, g = floats(stats + 8 * features, wide), floats(gamma, wide)
    for j in range(wide):
        inverse[j] = _ONE / np.sqrt(var[j] + eps)
    for i in range(n):
        shift = 4 * i * features
        line, x_hat = floats(x + shift, wide), floats(hat + shift, wide)
        out = floats(y + shift, wide)
        for j in range(wide):
            x_hat[j] = (line[j] - mean[j]) * inverse[j]
            out[j] = g[j] * x_hat[j]


@elementwise
def shares(d: int, hat: int, stats: int, sums: int, n: int, wide: int, features: int) -> None:
    """Some lines' shares of dγ = Σ d x̂ and dβ = Σ d; the latter lies in the first room for sums."""
    few, more = floats(stats + 12 * features, wide), floats(stats + 16 * features, wide)
    for j in range(wide):
        more[j] = 0
    for i in range(n):
        down, x_hat = floats(d + 4 * i * features, wide), floats(hat + 4 * i * features, wide)
        for j in range(wide):
            more[j] += down[j] * x_hat[j]
    shift, spread = doubles(sums, wide), doubles(sums + 8 * wide, wide)
    for j in range(wide):
        shift[j] += few[j]
        spread[j] += more[j]
        few[j] = 0


@elementwise
def unnormalise(
    d: int, hat: int, stats: int, sums: int, gamma: int, d_gamma: int, d_beta: int, needed: int,
    n: int, wide: int, features: int,
) -> None:  # fmt: skip
    """dγ, dβ and, if it is needed, d ← γ (d - (dβ + x̂ dγ) / n) / σ, in place."""
    shift, spread = doubles(sums, wide), doubles(sums + 8 * wide, wide)
    of_gamma, of_beta, g = floats(d_gamma, wide), floats(d_beta, wide), floats(gamma, wide)
    few, more = floats(stats + 12 * features, wide), floats(stats + 16 * features, wide)
    inverse = floats(stats + 8 * features, wide)
    for j in range(wide):
        of_beta[j], of_gamma[j] = np.float32(shift[j]), np.float32(spread[j])
        few[j], more[j] = np.float32(shift[j] / n), np.float32(spread[j] / n)
    if needed:
        for i in range(n):
            down, x_hat = floats(d + 4 * i * features, wide), floats(hat + 4 * i * features, wide)
            for j in range(wide):
                down[j] = g[j] * inverse[j] * (down[j] - few[j] - x_hat[j] * more[j])
