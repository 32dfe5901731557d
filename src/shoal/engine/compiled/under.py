"""What pooling does with the channels of the numbers under a window, vector by vector.

The channels of a pixel are a short line: Numba's vectoriser spends most of its time in finding out
whether lines overlap, and in what is left over. Here the instructions are written out: for each
vector of channels the window is gone through, and what comes of it stays in a register; the last
vector is masked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from shoal.engine.compiled.tile import LANES

_I32, _I64 = ir.IntType(32), ir.IntType(64)
_VECTOR = ir.VectorType(ir.FloatType(), LANES)
_MASK = ir.VectorType(ir.IntType(1), LANES)
_ZERO = ir.Constant(_VECTOR, [0.0] * LANES)


def pooled(largest: bool) -> Any:
    """The largest number under a window, or `share` times their sum, for n channels.

    Takes addresses and, in bytes, the steps from row to row and from pixel to pixel:
    `(x, rows, columns, row_step, step, share, out, n)`.
    """

    @intrinsic
    def under(
        context: Any, x: Any, rows: Any, columns: Any, row_step: Any, step: Any, share: Any,
        out: Any, n: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            x, rows, columns, row_step, step, share, out, n = values
            share = _spread(at, share)

            def vector(lanes: _Lanes) -> None:
                so_far = cgutils.alloca_once_value(at, lanes.load(x) if largest else _ZERO)

                def take(shift: ir.Value) -> None:
                    old, new = at.load(so_far), lanes.load(at.add(x, shift))
                    if largest:
                        keep = at.fcmp_ordered(">=", old, new)
                        keep = at.or_(keep, at.fcmp_unordered("uno", old, old))
                        at.store(at.select(keep, old, new), so_far)
                    else:
                        at.store(at.fadd(old, new), so_far)

                _window(at, rows, columns, row_step, step, take)
                value = at.load(so_far)
                lanes.store(value if largest else at.fmul(value, share), out)

            _over(at, n, vector)
            return context.get_dummy_value()

        whole = types.int64
        return types.void(*[whole] * 5, types.float32, whole, whole), emit

    return under


def unpooled(largest: bool, more: bool) -> Any:
    """`share` · d to the first number that is y, or to all under a window; added with `more`.

    Arguments as for `pooled`: `(x, rows, columns, row_step, step, share, y, d, dx, n)`, where dx
    has the steps of x.
    """

    @intrinsic
    def under(
        context: Any, x: Any, rows: Any, columns: Any, row_step: Any, step: Any, share: Any,
        y: Any, d: Any, dx: Any, n: Any,
    ) -> Any:  # fmt: skip
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            x, rows, columns, row_step, step, share, y, d, dx, n = values
            share = _spread(at, share)

            def vector(lanes: _Lanes) -> None:
                rest = cgutils.alloca_once_value(at, at.fmul(lanes.load(d), share))
                peak = lanes.load(y)

                def give(shift: ir.Value) -> None:
                    part = at.load(rest)
                    if largest:
                        here = at.fcmp_ordered("==", lanes.load(at.add(x, shift)), peak)
                        part = at.select(here, part, _ZERO)
                        at.store(at.fsub(at.load(rest), part), rest)
                    below = at.add(dx, shift)
                    lanes.store(at.fadd(lanes.load(below), part) if more else part, below)

                _window(at, rows, columns, row_step, step, give)

            _over(at, n, vector)
            return context.get_dummy_value()

        whole = types.int64
        return types.void(*[whole] * 5, types.float32, *[whole] * 4), emit

    return under


class _Lanes:
    """One vector of channels: where it lies in every line, and which of it counts."""

    def __init__(self, at: ir.IRBuilder, index: ir.Value, mask: ir.Value | None) -> None:
        self.at, self.mask = at, mask
        self.shift = at.mul(index, ir.Constant(_I64, 4 * LANES))

    def load(self, line: ir.Value) -> ir.Value:
        if self.mask is None:
            return self.at.load(self._place(line), align=4)
        load = self._declared("load", _VECTOR, [ir.PointerType(_VECTOR), _I32, _MASK, _VECTOR])
        align = ir.Constant(_I32, 4)
        return self.at.call(load, [self._place(line), align, self.mask, _ZERO])

    def store(self, value: ir.Value, line: ir.Value) -> None:
        if self.mask is None:
            self.at.store(value, self._place(line), align=4)
            return
        kinds = [_VECTOR, ir.PointerType(_VECTOR), _I32, _MASK]
        store = self._declared("store", ir.VoidType(), kinds)
        self.at.call(store, [value, self._place(line), ir.Constant(_I32, 4), self.mask])

    def _place(self, line: ir.Value) -> ir.Value:
        return self.at.inttoptr(self.at.add(line, self.shift), ir.PointerType(_VECTOR))

    def _declared(self, what: str, result: ir.Type, kinds: list[ir.Type]) -> ir.Function:
        name, module = f"llvm.masked.{what}.v{LANES}f32.p0", self.at.module
        if name in module.globals:
            return module.globals[name]
        return ir.Function(module, ir.FunctionType(result, kinds), name)


def _over(at: ir.IRBuilder, n: ir.Value, vector: Callable[[_Lanes], None]) -> None:
    """All vectors of n channels."""
    lanes = ir.Constant(_I64, LANES)
    whole = at.sdiv(n, lanes)
    with cgutils.for_range(at, whole) as loop:
        vector(_Lanes(at, loop.index, None))
    left = at.sub(n, at.mul(whole, lanes))
    with at.if_then(at.icmp_signed(">", left, ir.Constant(_I64, 0))):
        order = ir.Constant(ir.VectorType(_I64, LANES), list(range(LANES)))
        vector(_Lanes(at, whole, at.icmp_signed("<", order, _spread(at, left))))


def _window(
    at: ir.IRBuilder, rows: ir.Value, columns: ir.Value, row_step: ir.Value, step: ir.Value,
    each: Callable[[ir.Value], None],
) -> None:  # fmt: skip
    """`each` number under a window, by its distance from the first."""
    with cgutils.for_range(at, rows) as down, cgutils.for_range(at, columns) as across:
        each(at.add(at.mul(down.index, row_step), at.mul(across.index, step)))


def _spread(at: ir.IRBuilder, value: ir.Value) -> ir.Value:
    kind = ir.VectorType(value.type, LANES)
    one = at.insert_element(ir.Constant(kind, ir.Undefined), value, ir.Constant(_I32, 0))
    zeros = ir.Constant(ir.VectorType(_I32, LANES), [0] * LANES)
    return at.shuffle_vector(one, ir.Constant(kind, ir.Undefined), zeros)


largest_under, mean_under = pooled(largest=True), pooled(largest=False)
claim_under, claim_more = (unpooled(largest=True, more=more) for more in (False, True))
spread_under, spread_more = (unpooled(largest=False, more=more) for more in (False, True))
