"""Draws, number for number those of `rng.generator`: dropout's, and the order of an epoch's rows.

A key (seed, purpose, where) goes through NumPy's SeedSequence to the 128 bits of Philox, which
turns a counter into four whole numbers of 64 bits; each gives two draws. Any draw can be made
without those before it. Both algorithms are fixed by NumPy's promise that streams do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled.inner import elementwise, inner
from shoal.engine.compiled.memory import copy_bytes, floats, wholes

_LOW = np.uint64(0xFFFFFFFF)
_INIT_A, _MULT_A = np.uint64(0x43B0D7E5), np.uint64(0x931E8875)
_INIT_B, _MULT_B = np.uint64(0x8B51F9DD), np.uint64(0x58F38DED)
_MIX_L, _MIX_R = np.uint64(0xCA01F9DD), np.uint64(0x4973F715)
_SHIFT, _32, _1 = np.uint64(16), np.uint64(32), np.uint64(1)
_M0, _M1 = np.uint64(0xD2E7470EE14C6C93), np.uint64(0xCA5A826395121157)
_W0, _W1 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBB67AE8584CAA73B)
_ONE, _ZERO = np.float32(1), np.float32(0)
_8, _UNIT = np.uint64(8), np.float32(2.0**-24)
_BATCHES, _DROPOUT = np.uint64(2), np.uint64(3)  # their numbers among the purposes in `rng`


@intrinsic
def _high(context: Any, a: Any, b: Any) -> Any:
    """The upper 64 bits of a product."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        wide = ir.IntType(128)
        a, b = (at.zext(value, wide) for value in values)
        return at.trunc(at.lshr(at.mul(a, b), ir.Constant(wide, 64)), ir.IntType(64))

    return types.uint64(types.uint64, types.uint64), emit


@inner
def philox_key(seed: int, where: Any, pool: Any) -> None:
    """Philox's key for a key of `rng.generator`, into pool[0] and pool[1].

    Args:
        seed: of the member.
        where: the number of the purpose and what follows it, each of 32 bits at most, in uint64.
        pool: room for four uint64.
    """
    constant = _INIT_A
    value = np.uint64(seed)
    # the seed is filled up to four words with zeros, then comes the key of `rng.generator`
    for i in range(4):
        word = value & _LOW
        value >>= _32
        hashed = (word ^ constant) & _LOW
        constant = (constant * _MULT_A) & _LOW
        hashed = (hashed * constant) & _LOW
        pool[i] = hashed ^ (hashed >> _SHIFT)
    for source in range(4):
        for target in range(4):
            if source != target:
                constant = _stir(pool, target, pool[source], constant)
    for word in where:
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
def words(key0: int, key1: int, number: int) -> Any:
    """Four whole numbers of a key, those after 4 · number others."""
    c0, c1 = np.uint64(number + 1), np.uint64(0)
    c2, c3 = np.uint64(0), np.uint64(0)
    k0, k1 = np.uint64(key0), np.uint64(key1)
    for turn in range(10):
        if turn:
            k0 += _W0
            k1 += _W1
        low0, high0 = _M0 * c0, _high(_M0, c0)
        low1, high1 = _M1 * c2, _high(_M1, c2)
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, low1, high0 ^ c3 ^ k1, low0
    return c0, c1, c2, c3


@inner
def uniform(key0: int, key1: int, first: int, out: Any) -> None:
    """Draws number first, first + 1, … of a key, in [0, 1), into `out`; `first` divides by 8."""
    count = len(out)
    for at in range(0, count, 8):
        c0, c1, c2, c3 = words(key0, key1, (first + at) // 8)
        for i in range(min(8, count - at)):
            word = c0 if i < 2 else c1 if i < 4 else c2 if i < 6 else c3
            half = (word & _LOW) if i % 2 == 0 else (word >> _32)
            out[at + i] = np.float32(half >> _8) * _UNIT


@inner
def permutation(key0: int, key1: int, out: Any) -> None:
    """The whole numbers 0, 1, … in the order of NumPy's `Generator.permutation`, into `out`.

    From the last place on, each changes places with one before it or itself: the first draw counts
    that is not too large, of as many bits as are needed. After a draw that is too large a place
    changes with itself and has another turn: nobody can guess a branch here.
    """
    i: Any
    for i in range(len(out)):
        out[i] = i
    eight, number, mask = np.empty(8, np.uint64), 0, _LOW
    i = len(out) - 1
    while i > 0:
        four = words(key0, key1, number)
        number += 1
        for k in range(4):
            eight[2 * k], eight[2 * k + 1] = four[k] & _LOW, four[k] >> _32
        for k in range(8):
            if i > 0:
                while mask >> _1 >= np.uint64(i):
                    mask >>= _1
                j: Any = np.int64(eight[k] & mask)
                fits = j <= i
                j = j if fits else i
                out[i], out[j] = out[j], out[i]
                i -= np.int64(fits)


@inner
def list_rows(
    seeds: int, count: int, n: int, batch_size: int, first: int, last: int, room: int, listed: int
) -> None:
    """Rows of the steps first, …, last - 1 for some seeds, as `batching.rows_of_steps` says them.

    Args:
        seeds, count: address of the seeds, and how many.
        n: rows of the training part.
        room: for n whole numbers.
        listed: where they go, seed by seed.
    """
    order, pool, steps = wholes(room, n), np.zeros(4, np.uint64), -(-n // batch_size)
    for seed in wholes(seeds, count):
        for epoch in range(first // steps, (last - 1) // steps + 1):
            philox_key(seed, (_BATCHES, np.uint64(epoch)), pool)
            permutation(pool[0], pool[1], order)
            begin = max(first - epoch * steps, 0) * batch_size
            end = min((last - epoch * steps) * batch_size, n)
            copy_bytes(room + 8 * begin, listed, 8 * (end - begin))
            listed += 8 * (end - begin)


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
    philox_key(seed, (_DROPOUT, np.uint64(layer), np.uint64(step)), pool)
    out, source, m = floats(y, count), floats(x, count), floats(mask, count)
    uniform(pool[0], pool[1], first, m)
    keep = _ONE / (_ONE - rate)
    for i in range(count):
        m[i] = keep if m[i] >= rate else _ZERO
        out[i] = source[i] * m[i]
