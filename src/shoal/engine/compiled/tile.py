"""The innermost loop of every product: a tile of C = A B that stays in the processor's registers.

A tile has a few rows and up to three vectors of columns. Its sums live in registers while k runs:
for every k a row of B is loaded as vectors, and one number of each row of A is multiplied to them.
Numba's own vectoriser does not find this form, so the instructions are written out, for the widest
vectors that the processor has.

Rows of A may lie anywhere (a table says where each begins) and k runs in two levels, each with a
stride of its own. So A may be a matrix, its transpose, or the patches of an image, which are never
copied.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled.vectors import (
    F32,
    I64,
    LANES,
    ZERO,
    const,
    first_lanes,
    in_bytes,
    load,
    multiply_add,
    pointer,
    spread,
    store,
)  # fmt: skip

ROWS = 4 if LANES == 8 else 8
"""Rows of the largest tile: rows × vectors sums, and what is multiplied, fill the registers."""
VECTORS = 3
"""Vectors of columns of the largest tile."""


def tile(rows: int, vectors: int) -> Any:
    """The compiled tile of so many rows and vectors.

    It takes addresses and counts of float32 numbers: `(table, a, b, c, outer, inner, a_outer,
    a_inner, b_step, c_step, last, more)`. Row i of A begins at a + table[i]; `outer` × `inner`
    numbers of it are a_outer and a_inner apart; rows of B and C are b_step and c_step apart. Of the
    last vector `last` columns are written; with `more` they are added to what is there.
    """

    @intrinsic
    def product(
        context: Any,
        table: Any,
        a: Any,
        b: Any,
        c: Any,
        outer: Any,
        inner: Any,
        a_outer: Any,
        a_inner: Any,
        b_step: Any,
        c_step: Any,
        last: Any,
        more: Any,
    ) -> Any:
        def emit(context: Any, builder: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            Tile(builder, rows, vectors).emit(*values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), emit

    return product


class Tile:
    """Writes the instructions of a tile."""

    def __init__(self, builder: ir.IRBuilder, rows: int, vectors: int) -> None:
        self.builder, self.rows, self.vectors = builder, rows, vectors

    def emit(self, *values: ir.Value) -> None:
        """All of it; see `tile` for the values."""
        table, a, b, c, outer, inner, a_outer, a_inner, b_step, c_step, last, more = values
        at = self.builder
        places = [at.add(table, const(8 * i)) for i in range(self.rows)]
        lines = [at.add(a, in_bytes(at, at.load(pointer(at, place, I64)))) for place in places]
        a_outer, a_inner, b_step, c_step = (
            in_bytes(at, step) for step in (a_outer, a_inner, b_step, c_step)
        )
        sums = [ZERO] * (self.rows * self.vectors)

        def turn(state: list[ir.Value]) -> list[ir.Value]:
            offset, b, *sums = state
            offset, b, *sums = self.loop(inner, [offset, b, *sums], once)
            # the inner loop went on by inner · a_inner; the outer wants a_outer instead
            offset = at.sub(offset, at.mul(inner, a_inner))
            return [at.add(offset, a_outer), b, *sums]

        def once(state: list[ir.Value]) -> list[ir.Value]:
            offset, b, *sums = state
            columns = [load(at, place) for place in self.vectors_of(b)]
            self.multiply([at.add(line, offset) for line in lines], columns, sums)
            return [at.add(offset, a_inner), at.add(b, b_step), *sums]

        _, _, *sums = self.loop(outer, [const(0), b, *sums], turn)
        self.write(sums, c, c_step, last, more)

    def multiply(
        self, lines: list[ir.Value], columns: list[ir.Value], sums: list[ir.Value]
    ) -> None:
        """Add the products of a number of each row of A, by address, and a row of B."""
        at = self.builder
        for i, line in enumerate(lines):
            number = spread(at, at.load(pointer(at, line, F32)))
            for j, column in enumerate(columns):
                k = i * self.vectors + j
                sums[k] = multiply_add(at, number, column, sums[k])

    def write(
        self, sums: list[ir.Value], c: ir.Value, c_step: ir.Value, last: ir.Value, more: ir.Value
    ) -> None:
        """The sums into C, or added to it."""
        at = self.builder
        with at.if_else(at.icmp_signed("!=", more, const(0))) as (yes, no):
            with yes:
                self._store(sums, c, c_step, last, adding=True)
            with no:
                self._store(sums, c, c_step, last, adding=False)

    def _store(
        self, sums: list[ir.Value], c: ir.Value, c_step: ir.Value, last: ir.Value, adding: bool
    ) -> None:
        at, line = self.builder, c
        mask = first_lanes(at, last)
        for i in range(self.rows):
            for j, where in enumerate(self.vectors_of(line)):
                value = sums[i * self.vectors + j]
                some = mask if j == self.vectors - 1 else None
                if adding:
                    value = at.fadd(load(at, where, some), value)
                store(at, value, where, some)
            line = at.add(line, c_step)

    def vectors_of(self, line: ir.Value) -> list[ir.Value]:
        """Where the vectors of a row begin."""
        return [self.builder.add(line, const(4 * LANES * j)) for j in range(self.vectors)]

    def loop(self, count: ir.Value, first: list[ir.Value], body: Any) -> list[ir.Value]:
        """`body` so many times (at least once), its state handed on in registers."""
        at = self.builder
        before, inside = at.block, at.append_basic_block("k")
        after = at.append_basic_block("k_end")
        at.branch(inside)
        at.position_at_end(inside)
        k = at.phi(I64)
        state = [at.phi(value.type) for value in first]
        new = body(state)
        following = at.add(k, const(1))
        end = at.block
        at.cbranch(at.icmp_signed("<", following, count), inside, after)
        for phi, start, value in zip(
            [k, *state], [const(0), *first], [following, *new], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, end)
        at.position_at_end(after)
        return new
