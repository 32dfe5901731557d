"""Bias and activations made of straight pieces over rows of numbers, as vectors.

These take so little that what stands around them counts: Numba's own loops ask anew for every row
whether arrays overlap, which for rows of 32 numbers takes ten times as long as the work itself.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.vectors import (
    LANES,
    ONE,
    ZERO,
    const,
    first_lanes,
    in_bytes,
    load,
    spread,
    store,
)  # fmt: skip

NONE, RELU, LEAKY_RELU = range(3)
"""The first of the kinds in `activate`."""
WIDTH = 4
"""Vectors of columns whose sums are kept in registers while the rows run."""
TOGETHER = 8
"""Rows of the last, partial vector that are taken together."""


def _forward(kind: int) -> Any:
    """y ← f(y + bias) of a few rows: `(slope, bias, y, n, rows, step)`, as in `activate`."""

    @intrinsic
    def forward(
        context: Any, slope: Any, bias: Any, y: Any, n: Any, rows: Any, step: Any
    ) -> Any:  # fmt: skip
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            slope, bias, y, n, rows, step = values
            full = at.and_(n, const(-LANES))

            def value(line: ir.Value, shift: ir.Value) -> tuple[ir.Value, ir.Value]:
                place = at.add(line, shift)
                x = at.fadd(load(at, place), load(at, at.add(bias, shift)))
                return place, _activated(at, kind, x, slope)

            with cgutils.for_range(at, rows) as row:
                line = at.add(y, in_bytes(at, at.mul(row.index, step)))
                with cgutils.for_range_slice(at, const(0), full, const(LANES)) as (j, _):
                    place, x = value(line, in_bytes(at, j))
                    store(at, x, place)
            with at.if_then(at.icmp_signed("<", full, n)):
                mask, shift = first_lanes(at, at.sub(n, full)), in_bytes(at, full)
                for first, last, together in _groups(at, rows):
                    with cgutils.for_range_slice(at, first, last, const(together)) as (i, _):
                        lines = [
                            at.add(y, in_bytes(at, at.mul(at.add(i, const(k)), step)))
                            for k in range(together)
                        ]
                        for place, x in [value(line, shift) for line in lines]:
                            store(at, x, place, mask)
            return context.get_dummy_value()

        return types.void(types.float32, *[types.int64] * 5), emit

    return forward


def _backward(kind: int, vectors: int, tail: bool = False) -> Any:
    """d ← f' d and bias ← bias + Σ d of a few rows, of so many vectors of columns.

    It takes `(slope, y, d, bias, n, rows, step)`, as `activate.descend`. All lanes of a vector
    count but of the `tail`, a single one, of which n do.
    """

    @intrinsic
    def backward(
        context: Any, slope: Any, y: Any, d: Any, bias: Any, n: Any, rows: Any, step: Any
    ) -> Any:
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            slope, y, d, bias, n, rows, step = values
            mask = first_lanes(at, n) if tail else None

            def value(place: ir.Value, said: ir.Value) -> ir.Value:
                x = load(at, place)
                if kind == NONE:
                    return x
                return at.fmul(x, _slope(at, kind, load(at, said), slope))

            shifts = [const(4 * LANES * j) for j in range(vectors)]
            sums = [
                cgutils.alloca_once_value(at, load(at, at.add(bias, shift))) for shift in shifts
            ]
            groups = _groups(at, rows) if tail else [(const(0), rows, 1)]
            for first, last, together in groups:
                with cgutils.for_range_slice(at, first, last, const(together)) as (i, _):
                    for shift, total in zip(shifts, sums, strict=True):
                        lines = [
                            at.add(shift, in_bytes(at, at.mul(at.add(i, const(k)), step)))
                            for k in range(together)
                        ]
                        found = [value(at.add(d, line), at.add(y, line)) for line in lines]
                        for line, x in zip(lines, found, strict=True):
                            if kind != NONE:
                                store(at, x, at.add(d, line), mask)
                            at.store(at.fadd(at.load(total), x), total)
            for shift, total in zip(shifts, sums, strict=True):
                store(at, at.load(total), at.add(bias, shift), mask)
            return context.get_dummy_value()

        return types.void(types.float32, *[types.int64] * 6), emit

    return backward


def _groups(at: ir.IRBuilder, rows: ir.Value) -> list[tuple[ir.Value, ir.Value, int]]:
    """The rows as (first, last, so many at a time): what is loaded of some before they are stored.

    Vectors of narrow rows reach into the next ones, and a load waits long for a store that it
    overlaps.
    """
    full = at.and_(rows, const(-TOGETHER))
    return [(const(0), full, TOGETHER), (full, rows, 1)]


def _activated(at: ir.IRBuilder, kind: int, x: ir.Value, slope: ir.Value) -> ir.Value:
    if kind == RELU:
        return at.select(at.fcmp_ordered("<", x, ZERO), ZERO, x)
    if kind == LEAKY_RELU:
        bent = at.fmul(spread(at, slope), x)
        return at.select(at.fcmp_ordered(">", x, ZERO), x, bent)
    return x


def _slope(at: ir.IRBuilder, kind: int, y: ir.Value, slope: ir.Value) -> ir.Value:
    low = ZERO if kind == RELU else spread(at, slope)
    return at.select(at.fcmp_ordered(">", y, ZERO), ONE, low)


_none, _relu, _leaky = (_forward(kind) for kind in (NONE, RELU, LEAKY_RELU))


@inner
def activate_straight(
    kind: int, slope: float, bias: int, y: int, n: int, rows: int, step: int
) -> None:
    """y ← f(y + bias) for some rows of n numbers, `step` numbers apart, all by address."""
    if kind == NONE:
        _none(slope, bias, y, n, rows, step)
    elif kind == RELU:
        _relu(slope, bias, y, n, rows, step)
    else:
        _leaky(slope, bias, y, n, rows, step)


def _by_vectors(kind: int) -> Any:
    """All columns of a kind, a few vectors at a time."""
    one, two, three, four = (_backward(kind, vectors) for vectors in (1, 2, 3, 4))
    rest = _backward(kind, 1, tail=True)
    width = WIDTH * LANES

    @inner
    def backward(slope: float, y: int, d: int, bias: int, n: int, rows: int, step: int) -> None:
        j = 0
        while n - j >= LANES:
            shift, left = 4 * j, n - j
            if left >= 4 * LANES:
                four(slope, y + shift, d + shift, bias + shift, left, rows, step)
                j += width
            elif left >= 3 * LANES:
                three(slope, y + shift, d + shift, bias + shift, left, rows, step)
                j += 3 * LANES
            elif left >= 2 * LANES:
                two(slope, y + shift, d + shift, bias + shift, left, rows, step)
                j += 2 * LANES
            else:
                one(slope, y + shift, d + shift, bias + shift, left, rows, step)
                j += LANES
        if j < n:
            shift = 4 * j
            rest(slope, y + shift, d + shift, bias + shift, n - j, rows, step)

    return backward


_none_back, _relu_back, _leaky_back = (_by_vectors(kind) for kind in (NONE, RELU, LEAKY_RELU))


@inner
def descend_straight(
    kind: int, slope: float, y: int, d: int, bias: int, n: int, rows: int, step: int
) -> None:
    """d ← f' d, and bias ← bias + Σ d, the rows in their order; see `activate_straight`."""
    if kind == NONE:
        _none_back(slope, y, d, bias, n, rows, step)
    elif kind == RELU:
        _relu_back(slope, y, d, bias, n, rows, step)
    else:
        _leaky_back(slope, y, d, bias, n, rows, step)
