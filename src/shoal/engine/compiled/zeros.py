"""Products that pass over the zeros of their left side, as inputs have them.

Most pixels of a digit are black, most columns of an encoded category are 0, and what is multiplied
by 0 adds nothing. Some rows of A that lie together have zeros in nearly the same places: the
places where any of them is something else are listed, and a tile takes these alone. The sums keep
their order, so that the bits are those of `product`, as long as B is finite.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.memory import call, put_whole, wholes
from shoal.engine.compiled.product import DEPTH
from shoal.engine.compiled.tile import ROWS, VECTORS, Tile
from shoal.engine.compiled.vectors import (
    I64,
    LANES,
    ZERO,
    const,
    first_lanes,
    in_bytes,
    load,
    pointer,
)  # fmt: skip

TOGETHER = min(ROWS, LANES)
"""Rows that share a list."""
BLOCK = 8
"""Lists that are there at once."""
LINE = DEPTH + 32
"""Places that a list has room for: some are written before it is known whether they count."""
GUESS = 8
"""Places that are written at once."""
WORTH = 2**12
"""Numbers of B from which looking for zeros is worth the while."""
LOOKED = 4
"""One list in so many is looked at to see how many zeros there are."""

I16 = ir.IntType(16)
MASK = ir.IntType(LANES)


class _Listed(Tile):
    """A tile whose k runs through a list."""

    def emit(self, *values: ir.Value) -> None:
        """All of it; see `_listed` for the values."""
        a, a_row, a_step, places, count, b, b_step, c, c_step, last, more = values
        at = self.builder
        a_row, a_step, b_step, c_step = (
            in_bytes(at, step) for step in (a_row, a_step, b_step, c_step)
        )
        lines = [at.add(a, at.mul(a_row, const(i))) for i in range(self.rows)]

        def once(state: list[ir.Value]) -> list[ir.Value]:
            place, *sums = state
            k = at.zext(at.load(pointer(at, place, I16)), I64)
            columns = [load(at, each) for each in self.vectors_of(at.add(b, at.mul(k, b_step)))]
            offset = at.mul(k, a_step)
            self.multiply([at.add(line, offset) for line in lines], columns, sums)
            return [at.add(place, const(2)), *sums]

        _, *sums = self.loop(count, [places, *[ZERO] * (self.rows * self.vectors)], once)
        self.write(sums, c, c_step, last, more)


def _listed(vectors: int) -> Any:
    """A tile of `TOGETHER` rows and so many vectors.

    It takes `(a, a_row, a_step, places, count, b, b_step, c, c_step, last, more)`: number (i, k) of
    A is at a + i · a_row + k · a_step, and `places` are those k that count, as uint16.
    """

    @intrinsic
    def product(
        context: Any, a: Any, a_row: Any, a_step: Any, places: Any, count: Any, b: Any,
        b_step: Any, c: Any, c_step: Any, last: Any, more: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            _Listed(at, TOGETHER, vectors).emit(*values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11), emit

    return product


def _lanes(at: ir.IRBuilder, address: ir.Value, mask: ir.Value | None = None) -> ir.Value:
    """Which lanes of a vector are not 0, as a number with a bit for each."""
    there = at.fcmp_unordered("!=", load(at, address, mask), ZERO)
    return at.bitcast(there, MASK)


@intrinsic
def _union(context: Any, a: Any, a_row: Any, left: Any) -> Any:
    """In which of the next `left` columns, LANES at most, one of a few rows is not 0."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        a, a_row, left = values
        mask, step = first_lanes(at, left), in_bytes(at, a_row)
        found = _lanes(at, a, mask)
        for i in range(1, TOGETHER):
            found = at.or_(found, _lanes(at, at.add(a, at.mul(step, const(i))), mask))
        return at.zext(found, I64)

    return types.int64(types.int64, types.int64, types.int64), emit


@intrinsic
def _bits(context: Any, mask: Any) -> Any:
    """How many bits are set."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        return at.ctpop(values[0])

    return types.int64(types.int64), emit


@intrinsic
def _append(context: Any, places: Any, count: Any, first: Any, mask: Any) -> Any:
    """Write first + j to a list for every bit j of a mask; the new length of the list.

    Bits are taken some at a time, whether there are so many or not: that costs less than to ask
    after each, where nobody can guess the answer. What is written too much lies beyond the end.
    """

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        places, count, first, mask = values
        before, inside, after = (at.block, *(at.append_basic_block() for _ in range(2)))
        at.branch(inside)
        at.position_at_end(inside)
        left, length = at.phi(I64), at.phi(I64)
        rest = left
        for j in range(GUESS):
            place = at.add(first, at.cttz(rest, ir.Constant(ir.IntType(1), 0)))
            _put(at, places, at.add(length, const(j)), place)
            rest = at.and_(rest, at.sub(rest, const(1)))
        longer = at.add(length, const(GUESS))
        at.cbranch(at.icmp_signed("!=", rest, const(0)), inside, after)
        for phi, start, value in ((left, mask, rest), (length, count, longer)):
            phi.add_incoming(start, before)
            phi.add_incoming(value, inside)
        at.position_at_end(after)
        return at.add(count, at.ctpop(mask))

    return types.int64(*[types.int64] * 4), emit


@intrinsic
def _down(context: Any, a: Any, a_step: Any, deep: Any, left: Any, lists: Any, counts: Any) -> Any:
    """List a vector of columns of a matrix, in groups of a few; `left` of its lanes count."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        a, a_step, deep, left, lists, counts = values
        mask, step, groups = first_lanes(at, left), in_bytes(at, a_step), LANES // TOGETHER
        starts = [at.add(lists, const(2 * LINE * g)) for g in range(groups)]
        lengths = [cgutils.alloca_once_value(at, const(0)) for _ in starts]
        some = ir.Constant(MASK, 2**TOGETHER - 1)
        with cgutils.for_range(at, deep) as k:
            found = _lanes(at, at.add(a, at.mul(k.index, step)), mask)
            for g, (start, length) in enumerate(zip(starts, lengths, strict=True)):
                here = at.and_(at.lshr(found, ir.Constant(MASK, g * TOGETHER)), some)
                counts_too = at.icmp_unsigned("!=", here, ir.Constant(MASK, 0))
                before = at.load(length)
                _put(at, start, before, k.index)
                at.store(at.add(before, at.zext(counts_too, I64)), length)
        for g, length in enumerate(lengths):
            at.store(at.load(length), pointer(at, at.add(counts, const(8 * g)), I64))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 6), emit


def _put(at: ir.IRBuilder, places: ir.Value, count: ir.Value, place: ir.Value) -> None:
    """Write a place to the end of a list."""
    where = pointer(at, at.add(places, at.mul(count, const(2))), I16)
    at.store(at.trunc(place, I16), where)


@inner
def zeros_pay(x: int, rows: int, k: int, n: int) -> bool:
    """Whether rows of inputs, k numbers each, have so many zeros that listing the others pays.

    All threads ask about the whole batch, and get the same answer. Lists that are three quarters as
    long as the rows still gain a little.
    """
    if rows < TOGETHER or k * n < WORTH:
        return False
    looked = found = 0
    for i in range(0, rows - TOGETHER + 1, LOOKED * TOGETHER):
        looked += k
        for p in range(0, k, LANES):
            found += _bits(_union(x + 4 * (i * k + p), k, min(LANES, k - p)))
    return 4 * found <= 3 * looked


@inner
def _list(rows: int, deep: int, a: int, a_row: int, a_step: int, lists: int, counts: int) -> None:
    """List what counts for every few rows of a block of A."""
    if a_step == 1:
        for g in range(rows // TOGETHER):
            line, places, count = a + 4 * g * TOGETHER * a_row, lists + 2 * LINE * g, 0
            for p in range(0, deep, LANES):
                mask = _union(line + 4 * p, a_row, min(LANES, deep - p))
                if mask != 0:
                    count = _append(places, count, p, mask)
            if count == 0:
                _append(places, 0, 0, 1)
            put_whole(counts + 8 * g, count)
    else:
        for i in range(0, rows, LANES):
            g = i // TOGETHER
            _down(a + 4 * i, a_step, deep, rows - i, lists + 2 * LINE * g, counts + 8 * g)


_one, _two, _three = (_listed(vectors) for vectors in range(1, VECTORS + 1))


@inner
def _panel(
    lines: int, vectors: int, a: int, a_row: int, a_step: int, lists: int, counts: int,
    b: int, b_step: int, c: int, c_step: int, last: int, more: int,
) -> None:  # fmt: skip
    """Some columns of C, for all rows of a block."""
    lengths = wholes(counts, lines)
    for g in range(lines):
        line, out = a + 4 * g * TOGETHER * a_row, c + 4 * g * TOGETHER * c_step
        # a tile takes one place at least; where all is 0, it adds 0
        places, count = lists + 2 * LINE * g, max(1, lengths[g])
        if vectors == 1:
            _one(line, a_row, a_step, places, count, b, b_step, out, c_step, last, more)
        elif vectors == 2:
            _two(line, a_row, a_step, places, count, b, b_step, out, c_step, last, more)
        else:
            _three(line, a_row, a_step, places, count, b, b_step, out, c_step, last, more)


@inner
def frugal(
    m: int, n: int, k: int, a: int, a_row: int, a_step: int, b: int, b_step: int, flipped: int,
    c: int, c_step: int, more: int, tools_at: int,
) -> None:  # fmt: skip
    """As `product`, by the places where A is not 0; B as it is, not flipped."""
    tools, whole, parts = wholes(tools_at, t.TOOLS), m - m % TOGETHER, -(-k // DEPTH)
    lists = tools[t.SCRATCH]
    counts = lists + 2 * LINE * BLOCK
    for top in range(0, whole, BLOCK * TOGETHER):
        rows = min(BLOCK * TOGETHER, whole - top)
        for part in range(parts):
            first, end = part * k // parts, (part + 1) * k // parts
            here = a + 4 * (top * a_row + first * a_step)
            _list(rows, end - first, here, a_row, a_step, lists, counts)
            j = 0
            while j < n:
                left = -(-(n - j) // LANES)
                vectors = -(-left // -(-left // VECTORS))
                last = min(n - j, vectors * LANES) - (vectors - 1) * LANES
                _panel(
                    rows // TOGETHER, vectors, here, a_row, a_step, lists, counts,
                    b + 4 * (first * b_step + j), b_step, c + 4 * (top * c_step + j), c_step,
                    last, more + part,
                )  # fmt: skip
                j += vectors * LANES
    if whole < m:
        call(
            tools[t.PRODUCT], m - whole, n, k, a + 4 * whole * a_row, a_row, a_step, b, b_step,
            flipped, c + 4 * whole * c_step, c_step, more, tools_at,
        )  # fmt: skip
