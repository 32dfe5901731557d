"""Exponentials and waves in float32 that a compiler can turn into vectors.

eˣ is 2ⁿ eʳ with n = round(x / ln 2) and |r| ≤ ln 2 / 2, where eʳ - 1 = r + r² q(r) with a
polynomial q of degree 4 (interpolated at Chebyshev's points; the relative error is 1e-8, a sixth of
what float32 can tell apart).

cos x and sin x follow from those of r = x - n π/2 with n = round(2 x / π), taken in float64, so
that r is right as long as n is a whole number that float64 can tell from its neighbours.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled.inner import elementwise

_LOG2E = np.float32(1.4426950408889634)
# ln 2 in two parts: the first has few digits, so that n times it is exact
_LN2_HIGH, _LN2_LOW = np.float32(0.693359375), np.float32(-2.12194440e-4)
_Q0, _Q1, _Q2 = np.float32(0.5), np.float32(0.16666576846), np.float32(0.04166655444)
_Q3, _Q4 = np.float32(0.00836320297), np.float32(0.00139262135)
_LOW, _HIGH = np.float32(-87.3), np.float32(88.7228)
_HALF, _ONE, _TWO = np.float32(0.5), np.float32(1), np.float32(2)
_ZERO, _INFINITE = np.float32(0), np.float32(np.inf)
_QUARTERS, _QUARTER, _QUARTER_LOW = 0.6366197723675814, 1.5707963267948966, 6.123233995736766e-17
_C0, _C1 = np.float32(4.16666646597e-2), np.float32(-1.38883030359e-3)
_C2, _S2 = np.float32(2.4547942085e-5), np.float32(-1.9587890880e-4)
_S0, _S1 = np.float32(-0.16666664662), np.float32(8.33274827063e-3)


@intrinsic
def _power_of_two(context: Any, n: Any) -> Any:
    """2ⁿ of a whole float32 number n from -126 to 127, by its bits."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        i32 = ir.IntType(32)
        whole = at.add(at.fptosi(values[0], i32), ir.Constant(i32, 127))
        return at.bitcast(at.shl(whole, ir.Constant(i32, 23)), ir.FloatType())

    return types.float32(types.float32), emit


@elementwise
def exp(x: Any) -> Any:
    """eˣ; 0 below -87.3, where float32 has no more than fragments."""
    z = _LOW if x < _LOW else x
    z = _HIGH if z > _HIGH else z
    n = np.floor(z * _LOG2E + _HALF)
    r = (z - n * _LN2_HIGH) - n * _LN2_LOW
    p = r + r * r * (_Q0 + r * (_Q1 + r * (_Q2 + r * (_Q3 + r * _Q4))))
    y = (p + _ONE) * _power_of_two(n - _ONE) * _TWO  # 2¹²⁸ is no float32, but 2¹²⁷ · 2 · p may be
    y = _ZERO if x < _LOW else y
    y = _INFINITE if x > _HIGH else y
    return y if x == x else x


@elementwise
def tanh(x: Any) -> Any:
    """tanh x = -t / (2 + t) with t = e^(-2|x|) - 1, and the sign of x."""
    a = -x if x < _ZERO else x
    z = -_TWO * a
    z = _LOW if z < _LOW else z
    n = np.floor(z * _LOG2E + _HALF)
    r = (z - n * _LN2_HIGH) - n * _LN2_LOW
    p = r + r * r * (_Q0 + r * (_Q1 + r * (_Q2 + r * (_Q3 + r * _Q4))))
    power = _power_of_two(n)
    t = power * p + (power - _ONE)
    y = -t / (_TWO + t)
    y = -y if x < _ZERO else y
    return y if x == x else x


@elementwise
def sigmoid(x: Any) -> Any:
    """1 / (1 + e⁻ˣ), by the exponential that cannot overflow."""
    e = exp(-x if x > _ZERO else x)
    y = _ONE / (_ONE + e)
    return y if x > _ZERO else e * y


@elementwise
def cosine_and_sine(x: Any) -> Any:
    """cos x and sin x."""
    wide = np.float64(x)
    n = np.floor(wide * _QUARTERS + 0.5)
    r = np.float32((wide - n * _QUARTER) - n * _QUARTER_LOW)
    turn = n - 4.0 * np.floor(n * 0.25)  # 0, 1, 2 or 3
    z = r * r
    c = _ONE - _HALF * z + z * z * (_C0 + z * (_C1 + z * _C2))
    s = r + r * z * (_S0 + z * (_S1 + z * _S2))
    odd = (turn == 1.0) | (turn == 3.0)
    cosine = s if odd else c
    sine = c if odd else s
    cosine = -cosine if (turn == 1.0) | (turn == 2.0) else cosine
    return cosine, -sine if turn >= 2.0 else sine
