"""Vectors of float32 as instructions, for loops in which Numba finds none.

All addresses are whole numbers; a mask says which lanes of a vector are read or written.
"""

from __future__ import annotations

import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba.core import cgutils


def _features() -> set[str]:
    """What the processor has that Numba compiles for: this one, unless the user names another."""
    if numba.config.CPU_FEATURES is not None:
        given = numba.config.CPU_FEATURES.split(",")
        return {feature[1:] for feature in given if feature.startswith("+")}
    return {name for name, there in llvm.get_host_cpu_features().items() if there}


_FEATURES = _features()
LANES = 16 if "avx512f" in _FEATURES else 8 if "avx" in _FEATURES else 4
"""Numbers in a vector."""

I32, I64, F32 = ir.IntType(32), ir.IntType(64), ir.FloatType()
VECTOR = ir.VectorType(F32, LANES)
ZERO = ir.Constant(VECTOR, [0.0] * LANES)
ONE = ir.Constant(VECTOR, [1.0] * LANES)
_ALIGN = ir.Constant(I32, 4)


def const(value: int) -> ir.Constant:
    """A whole number that is known beforehand."""
    return ir.Constant(I64, value)


def in_bytes(at: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """The bytes of so many numbers."""
    return at.mul(count, const(4))


def pointer(at: ir.IRBuilder, address: ir.Value, kind: ir.Type = VECTOR) -> ir.Value:
    """What lies at an address."""
    return at.inttoptr(address, ir.PointerType(kind))


def spread(at: ir.IRBuilder, value: ir.Value) -> ir.Value:
    """A vector with a number in every lane."""
    kind = ir.VectorType(value.type, LANES)
    nothing = ir.Constant(kind, ir.Undefined)
    one = at.insert_element(nothing, value, ir.Constant(I32, 0))
    return at.shuffle_vector(one, nothing, lanes_of([0] * LANES))


def lanes_of(lanes: list[int]) -> ir.Constant:
    """Which lanes a shuffle takes."""
    return ir.Constant(ir.VectorType(I32, len(lanes)), lanes)


def first_lanes(at: ir.IRBuilder, count: ir.Value) -> ir.Value:
    """The mask of the first so many lanes."""
    lanes = ir.Constant(ir.VectorType(I64, LANES), list(range(LANES)))
    return at.icmp_signed("<", lanes, spread(at, count))


def load(at: ir.IRBuilder, address: ir.Value, mask: ir.Value | None = None) -> ir.Value:
    """The vector at an address; zeros in lanes that are not of the mask, which are not read."""
    where = pointer(at, address)
    if mask is None:
        return at.load(where, align=4)
    kinds = [where.type, I32, mask.type, VECTOR]
    return at.call(_masked(at, "load", VECTOR, kinds), [where, _ALIGN, mask, ZERO])


def store(
    at: ir.IRBuilder, value: ir.Value, address: ir.Value, mask: ir.Value | None = None
) -> None:
    """Write a vector to an address, or those of its lanes that are of the mask."""
    where = pointer(at, address)
    if mask is None:
        at.store(value, where, align=4)
        return
    kinds = [VECTOR, where.type, I32, mask.type]
    at.call(_masked(at, "store", ir.VoidType(), kinds), [value, where, _ALIGN, mask])


def multiply_add(at: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> ir.Value:
    """a b + c, rounded once where the processor can."""
    kind = ir.FunctionType(VECTOR, [VECTOR] * 3)
    return at.call(
        cgutils.get_or_insert_function(at.module, kind, f"llvm.fmuladd.v{LANES}f32"), [a, b, c]
    )


def _masked(at: ir.IRBuilder, what: str, result: ir.Type, kinds: list[ir.Type]) -> ir.Function:
    name = f"llvm.masked.{what}.v{LANES}f32.p0"
    return cgutils.get_or_insert_function(at.module, ir.FunctionType(result, kinds), name)
