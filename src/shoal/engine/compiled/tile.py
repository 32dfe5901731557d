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

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic


def _features() -> set[str]:
    """What the processor has that Numba compiles for: this one, unless the user names another."""
    if numba.config.CPU_FEATURES is not None:
        given = numba.config.CPU_FEATURES.split(",")
        return {feature[1:] for feature in given if feature.startswith("+")}
    return {name for name, there in llvm.get_host_cpu_features().items() if there}


_FEATURES = _features()
_I64, _F32 = ir.IntType(64), ir.FloatType()

LANES = 16 if "avx512f" in _FEATURES else 8 if "avx" in _FEATURES else 4
"""Numbers in a vector."""
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
            _Tile(builder, rows, vectors).emit(*values)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 12), emit

    return product


class _Tile:
    """Writes the instructions of a tile."""

    def __init__(self, builder: ir.IRBuilder, rows: int, vectors: int) -> None:
        self.builder, self.rows, self.vectors = builder, rows, vectors
        self.vector = ir.VectorType(_F32, LANES)

    def emit(self, *values: ir.Value) -> None:
        """All of it; see `tile` for the values."""
        table, a, b, c, outer, inner, a_outer, a_inner, b_step, c_step, last, more = values
        at = self.builder
        starts = [at.load(self._pointer(table, _I64, i, 8)) for i in range(self.rows)]
        lines = [at.add(a, at.mul(start, _i64(4))) for start in starts]
        a_outer, a_inner, b_step, c_step = (
            at.mul(step, _i64(4)) for step in (a_outer, a_inner, b_step, c_step)
        )
        zero = ir.Constant(self.vector, [0.0] * LANES)
        sums = [zero] * (self.rows * self.vectors)

        def turn(state: list[ir.Value]) -> list[ir.Value]:
            offset, b, *sums = state
            offset, b, *sums = self._loop(inner, [offset, b, *sums], once)
            # the inner loop went on by inner · a_inner; the outer wants a_outer instead
            offset = at.sub(offset, at.mul(inner, a_inner))
            return [at.add(offset, a_outer), b, *sums]

        def once(state: list[ir.Value]) -> list[ir.Value]:
            offset, b, *sums = state
            columns = [
                at.load(self._pointer(b, self.vector, j, 4 * LANES), align=4)
                for j in range(self.vectors)
            ]
            for i, line in enumerate(lines):
                number = at.load(self._pointer(at.add(line, offset), _F32, 0, 4))
                spread = self._spread(number)
                for j, column in enumerate(columns):
                    k = i * self.vectors + j
                    sums[k] = at.call(self._multiply_add, [spread, column, sums[k]])
            return [at.add(offset, a_inner), at.add(b, b_step), *sums]

        _, _, *sums = self._loop(outer, [_i64(0), b, *sums], turn)
        adding = at.icmp_signed("!=", more, _i64(0))
        with at.if_else(adding) as (yes, no):
            with yes:
                self._write(sums, c, c_step, last, adding=True)
            with no:
                self._write(sums, c, c_step, last, adding=False)

    def _write(
        self, sums: list[ir.Value], c: ir.Value, c_step: ir.Value, last: ir.Value, adding: bool
    ) -> None:
        at, line = self.builder, c
        lanes = ir.Constant(ir.VectorType(_I64, LANES), list(range(LANES)))
        mask = at.icmp_signed("<", lanes, self._spread(last))
        for i in range(self.rows):
            for j in range(self.vectors):
                value, where = (
                    sums[i * self.vectors + j],
                    self._pointer(line, self.vector, j, 4 * LANES),
                )
                if j < self.vectors - 1:
                    if adding:
                        value = at.fadd(at.load(where, align=4), value)
                    at.store(value, where, align=4)
                else:
                    align, nothing = (
                        ir.Constant(ir.IntType(32), 4),
                        ir.Constant(self.vector, [0.0] * LANES),
                    )
                    if adding:
                        old = at.call(self._masked_load, [where, align, mask, nothing])
                        value = at.fadd(old, value)
                    at.call(self._masked_store, [value, where, align, mask])
            line = at.add(line, c_step)

    def _loop(self, count: ir.Value, first: list[ir.Value], body: Any) -> list[ir.Value]:
        """`body` so many times (at least once), its state handed on in registers."""
        at = self.builder
        before, inside = at.block, at.append_basic_block("k")
        after = at.append_basic_block("k_end")
        at.branch(inside)
        at.position_at_end(inside)
        k = at.phi(_I64)
        state = [at.phi(value.type) for value in first]
        new = body(state)
        following = at.add(k, _i64(1))
        end = at.block
        at.cbranch(at.icmp_signed("<", following, count), inside, after)
        for phi, start, value in zip(
            [k, *state], [_i64(0), *first], [following, *new], strict=True
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(value, end)
        at.position_at_end(after)
        return new

    def _pointer(self, address: ir.Value, kind: ir.Type, index: int, size: int) -> ir.Value:
        at = self.builder
        return at.inttoptr(at.add(address, _i64(index * size)), ir.PointerType(kind))

    def _spread(self, value: ir.Value) -> ir.Value:
        """A vector with a number in every lane."""
        at, kind = self.builder, ir.VectorType(value.type, LANES)
        one = at.insert_element(
            ir.Constant(kind, ir.Undefined), value, ir.Constant(ir.IntType(32), 0)
        )
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        return at.shuffle_vector(one, ir.Constant(kind, ir.Undefined), lanes)

    def _declared(self, name: str, result: ir.Type, arguments: list[ir.Type]) -> ir.Function:
        module = self.builder.module
        if name in module.globals:
            return module.globals[name]
        return ir.Function(module, ir.FunctionType(result, arguments), name)

    @property
    def _multiply_add(self) -> ir.Function:
        return self._declared(f"llvm.fmuladd.v{LANES}f32", self.vector, [self.vector] * 3)

    @property
    def _masked_load(self) -> ir.Function:
        mask = ir.VectorType(ir.IntType(1), LANES)
        pointer = ir.PointerType(self.vector)
        arguments = [pointer, ir.IntType(32), mask, self.vector]
        return self._declared(f"llvm.masked.load.v{LANES}f32.p0", self.vector, arguments)

    @property
    def _masked_store(self) -> ir.Function:
        mask = ir.VectorType(ir.IntType(1), LANES)
        pointer = ir.PointerType(self.vector)
        arguments = [self.vector, pointer, ir.IntType(32), mask]
        return self._declared(f"llvm.masked.store.v{LANES}f32.p0", ir.VoidType(), arguments)


def _i64(value: int) -> ir.Constant:
    return ir.Constant(_I64, value)
