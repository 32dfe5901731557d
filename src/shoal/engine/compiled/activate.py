"""Activations over rows of numbers, in place, with bias or bias gradient in the same pass."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from shoal.engine.compiled.arithmetic import sigmoid, tanh
from shoal.engine.compiled.inner import elementwise, inner
from shoal.engine.compiled.memory import floats
from shoal.engine.compiled.straight import (
    LEAKY_RELU,
    NONE,
    RELU,
    activate_straight,
    descend_straight,
)

SIGMOID, TANH, GELU = range(3, 6)
"""What an operation's `act` may be, besides those of `straight`."""

_ZERO, _ONE, _HALF = np.float32(0), np.float32(1), np.float32(0.5)
_INNER, _CUBIC = np.float32(math.sqrt(2 / math.pi)), np.float32(0.044715)
_CUBIC3 = np.float32(3 * 0.044715)


@inner
def activate(
    kind: int, slope: float, bias: int, y: int, saved: int, n: int, rows: int, step: int
) -> None:
    """y ← f(y + bias) for some rows of n numbers, `step` numbers apart, all by address.

    GELU's derivative goes into `saved`; the others follow from y.
    """
    if kind <= LEAKY_RELU and rows > 1:
        activate_straight(kind, slope, bias, y, n, rows, step)
        return
    for i in range(rows):
        shift = 4 * i * step
        _activate(kind, slope, floats(bias, n), floats(y + shift, n), floats(saved + shift, n))


@elementwise
def _activate(kind: int, slope: float, bias: Any, y: Any, saved: Any) -> None:
    n = len(y)
    if kind == NONE:
        for j in range(n):
            y[j] += bias[j]
    elif kind == RELU:
        for j in range(n):
            x = y[j] + bias[j]
            y[j] = _ZERO if x < _ZERO else x
    elif kind == LEAKY_RELU:
        for j in range(n):
            x = y[j] + bias[j]
            y[j] = x if x > _ZERO else slope * x
    elif kind == SIGMOID:
        for j in range(n):
            y[j] = sigmoid(y[j] + bias[j])
    elif kind == TANH:
        for j in range(n):
            y[j] = tanh(y[j] + bias[j])
    else:
        for j in range(n):
            x = y[j] + bias[j]
            t = tanh(_INNER * (x + _CUBIC * x * x * x))
            inner = _INNER * (_ONE + _CUBIC3 * x * x)
            saved[j] = _HALF * (_ONE + t) + _HALF * x * (_ONE - t * t) * inner
            y[j] = _HALF * x * (_ONE + t)


@inner
def descend(
    kind: int, slope: float, y: int, saved: int, d: int, bias: int, n: int, rows: int, step: int
) -> None:
    """d ← f' d, and bias ← bias + Σ d over the rows; arguments as for `activate`."""
    if kind <= LEAKY_RELU and rows > 1:
        descend_straight(kind, slope, y, d, bias, n, rows, step)
        return
    for i in range(rows):
        shift = 4 * i * step
        _descend(
            kind, slope, floats(y + shift, n), floats(saved + shift, n), floats(d + shift, n),
            floats(bias, n),
        )  # fmt: skip


@elementwise
def _descend(kind: int, slope: float, y: Any, saved: Any, d: Any, bias: Any) -> None:
    n = len(d)
    if kind == NONE:
        for j in range(n):
            bias[j] += d[j]
    elif kind == RELU:
        for j in range(n):
            d[j] *= _ONE if y[j] > _ZERO else _ZERO
            bias[j] += d[j]
    elif kind == LEAKY_RELU:
        for j in range(n):
            d[j] *= _ONE if y[j] > _ZERO else slope
            bias[j] += d[j]
    elif kind == SIGMOID:
        for j in range(n):
            d[j] *= y[j] * (_ONE - y[j])
            bias[j] += d[j]
    elif kind == TANH:
        for j in range(n):
            d[j] *= _ONE - y[j] * y[j]
            bias[j] += d[j]
    else:
        for j in range(n):
            d[j] *= saved[j]
            bias[j] += d[j]
