"""The draws of dropout, number for number those of `rng.generator`.

A key (seed, purpose, layer, step) goes through NumPy's SeedSequence to the 128 bits of Philox,
which turns a counter into four whole numbers of 64 bits; each gives two draws. Any draw can be made
without those before it. Both algorithms are fixed by NumPy's promise that streams do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled.inner import elementwise, inner
from shoal.engine.compiled.memory import floats

_LOW = np.uint64(0xFFFFFFFF)
_INIT_A, _MULT_A = np.uint64(0x43B0D7E5), np.uint64(0x931E8875)
_INIT_B, _MULT_B = np.uint64(0x8B51F9DD), np.uint64(0x58F38DED)
_MIX_L, _MIX_R = np.uint64(0xCA01F9DD), np.uint64(0x4973F715)
_SHIFT, _32 = np.uint64(16), np.uint64(32)
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ONE, _ZERO = np.float32(1), np.float32(0)
_8, _UNIT = np.uint64(8), np.float32(2.0**-24)
_DROPOUT = np.uint64(3)  # its number among the purposes in `rng`


@intrinsic
def _high(context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of a product."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        wide = ir.IntType(128)
        a, b = (at.zext(value, wide) for value in values)
        return at.trunc(at.lshr(at.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), emit


@inner
def dropout_key(seed: int, layer: int, step: int, pool: Any) -> None:
    """Philox's key for the draws of a dropout layer in a step, into pool[0] and pool[1].

    Args:
        seed: of the member.
        layer: which dropout layer this is.
        step: counted from 0.
        pool: room for four uint64.
    """
    constant = _INIT_A
    value = np.uint64(seed)
    # the seed is filled up to four words with zeros, then comes the key of `rng.generator`
    for i in range(7):
        if i == 0:
            word = value & _LOW
        elif i == 1:
            word = value >> _32
        elif i < 4:
            word = np.uint64(0)
        elif i == 4:
            word = _DROPOUT
        elif i == 5:
            word = np.uint64(layer)
        else:
            word = np.uint64(step)
        if i < 4:
            hashed = (word ^ constant) & _LOW
            constant = (constant * _MULT_A) & _LOW
            hashed = (hashed * constant) & _LOW
            pool[i] = hashed ^ (hashed >> _SHIFT)
            if i < 3:
                continue
            for source in range(4):
                for target in range(4):
                    if source != target:
                        constant = _stir(pool, target, pool[source], constant)
        else:
            for target in range(4):
                constant = _stir(pool, target, word, constant)
    constant = _INIT_B
    for i in range(4):
        hashed = (pool[i] ^ constant) & _LOW
        constant = (constant * _MULT_B) & _LOW
        hashed = (hashed * constant) & _LOW
        pool[i] = hashed ^ (hashed >> _SHIFT)
    pool[0] |= pool[1] << _32
    pool[1] = pool[2] | (pool[3] << _32)


@inner
def _stir(pool: Any, target: int, value: Any, constant: Any) -> Any:
    hashed = (value ^ constant) & _LOW
    constant = (constant * _MULT_A) & _LOW
    hashed = (hashed * constant) & _LOW
    hashed ^= hashed >> _SHIFT
    mixed = (_MIX_L * pool[target] - _MIX_R * hashed) & _LOW
    pool[target] = mixed ^ (mixed >> _SHIFT)
    return constant


@inner
def uniform(key0: int, key1: int, first: int, out: Any) -> None:
    """Draws number first, first + 1, … of a key, in [0, 1), into `out`; `first` divides by 8."""
    count = len(out)
    for at in range(0, count, 8):
        c0, c1 = np.uint64((first + at) // 8 + 1), np.uint64(0)
        c2, c3 = np.uint64(0), np.uint64(0)
        k0, k1 = np.uint64(key0), np.uint64(key1)
        for turn in range(10):
            if turn:
                k0 += _W0
                k1 += _W1
            low0, high0 = _M0 * c0, _high(_M0, c0)
            low1, high1 = _M1 * c2, _high(_M1, c2)
            c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
        for i in range(min(8, count - at)):
            word = c0 if i < 2 else c1 if i < 4 else c2 if i < 6 else c3
            half = (word & _LOW) if i % 2 == 0 else (word >> _32)
            out[at + i] = np.float32(half >> _8) * _UNIT


@elementwise
def drop(
    seed: int, layer: int, step: int, rate: float, first: int, count: int, x: int, y: int, mask: int
) -> None:
    """m = 1 / (1 - rate) where the draw is at least `rate`, else 0, and y = m x, by address.

    Args:
        seed, layer, step: the key of the draws.
        first: number of the first draw; it divides by 8.
        count: how many.
    """
    pool = np.zeros(4, np.uint64)
    dropout_key(seed, layer, step, pool)
    out, source, m = floats(y, count), floats(x, count), floats(mask, count)
    uniform(pool[0], pool[1], first, m)
    keep = _ONE / (_ONE - rate)
    for i in range(count):
        m[i] = keep if m[i] >= rate else _ZERO
        out[i] = source[i] * m[i]
