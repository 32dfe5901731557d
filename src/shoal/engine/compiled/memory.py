"""Memory by address: what compiled code needs where arrays would stand in its way.

A kernel that is called by its address (see `kernels`) takes numbers only, so arrays come to it as
addresses. Threads that work on one network meet at a gate.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import carray
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.tables import GATE, THREADS, YIELD


def _pointer_to(kind: Any) -> Any:
    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            return at.inttoptr(values[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.int64), emit

    return pointer


float_pointer, _double_pointer, whole_pointer, _byte_pointer = (
    _pointer_to(kind) for kind in (types.float32, types.float64, types.int64, types.uint8)
)


@inner
def floats(address: int, count: int) -> Any:
    """The float32 numbers at an address."""
    return carray(float_pointer(address), (count,))


@inner
def bytes_at(address: int, count: int) -> Any:
    """The bytes at an address."""
    return carray(_byte_pointer(address), (count,))


@inner
def doubles(address: int, count: int) -> Any:
    """The float64 numbers at an address."""
    return carray(_double_pointer(address), (count,))


@inner
def wholes(address: int, count: int) -> Any:
    """The int64 numbers at an address."""
    return carray(whole_pointer(address), (count,))


@intrinsic
def put_whole(context: Any, address: Any, value: Any) -> Any:
    """Write an int64 to an address."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        at.store(values[1], at.inttoptr(values[0], ir.PointerType(ir.IntType(64))))
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit


@intrinsic
def call(context: Any, address: Any, *arguments: Any) -> Any:
    """Call a kernel by its address: it returns nothing, and takes int64, float32 and float64."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        where, arguments = values[0], values[1]
        parts = [at.extract_value(arguments, k) for k in range(len(arguments.type.elements))]
        kind = ir.FunctionType(ir.VoidType(), [part.type for part in parts])
        at.call(at.inttoptr(where, ir.PointerType(kind)), parts)
        return context.get_dummy_value()

    return types.void(types.int64, types.StarArgTuple(arguments)), emit


@intrinsic
def _atomic_add(context: Any, address: Any, value: Any) -> Any:
    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        pointer = at.inttoptr(values[0], ir.PointerType(ir.IntType(64)))
        return at.atomic_rmw("add", pointer, values[1], "seq_cst")

    return types.int64(types.int64, types.int64), emit


@intrinsic
def _atomic_load(context: Any, address: Any) -> Any:
    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        pointer = at.inttoptr(values[0], ir.PointerType(ir.IntType(64)))
        return at.load_atomic(pointer, "acquire", 8)

    return types.int64(types.int64), emit


_PATIENCE = 2000  # turns, some microseconds


@inner
def meet(tools: Any) -> None:
    """Wait until all threads that work on one network have come here.

    The gate is a line of whole numbers: the first counts who has come, the ninth, which lies in
    another line of the cache, how often all have met.
    """
    threads, gate = tools[THREADS], tools[GATE]
    if threads == 1:
        return
    met = _atomic_load(gate + 64)
    if _atomic_add(gate, 1) == threads - 1:
        _atomic_add(gate, -threads)
        _atomic_add(gate + 64, 1)
    else:
        turns = 0
        while _atomic_load(gate + 64) == met:
            turns += 1
            if turns > _PATIENCE:  # the others may be waiting for this very processor
                call(tools[YIELD])


@intrinsic
def copy_bytes(context: Any, source: Any, target: Any, count: Any) -> Any:
    """So many bytes from one address to another."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        source, target, count = values
        pointer = ir.PointerType(ir.IntType(8))
        copy = at.module.declare_intrinsic("llvm.memcpy", [pointer, pointer, ir.IntType(64)])
        no = ir.Constant(ir.IntType(1), 0)
        at.call(copy, [at.inttoptr(target, pointer), at.inttoptr(source, pointer), count, no])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64), emit
