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

from shoal.engine.compiled.vectors import LANES, ZERO, const, first_lanes, load, spread, store


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
            share = spread(at, share)

            def vector(lanes: _Lanes) -> None:
                so_far = cgutils.alloca_once_value(at, lanes.load(x) if largest else ZERO)

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

        return types.void(*[types.int64] * 5, types.float32, *[types.int64] * 2), emit

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
            share = spread(at, share)

            def vector(lanes: _Lanes) -> None:
                rest = cgutils.alloca_once_value(at, at.fmul(lanes.load(d), share))
                peak = lanes.load(y)

                def give(shift: ir.Value) -> None:
                    part = at.load(rest)
                    if largest:
                        here = at.fcmp_ordered("==", lanes.load(at.add(x, shift)), peak)
                        part = at.select(here, part, ZERO)
                        at.store(at.fsub(at.load(rest), part), rest)
                    below = at.add(dx, shift)
                    lanes.store(at.fadd(lanes.load(below), part) if more else part, below)

                _window(at, rows, columns, row_step, step, give)

            _over(at, n, vector)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5, types.float32, *[types.int64] * 4), emit

    return under


class _Lanes:
    """One vector of channels: where it lies in every line, and which of it counts."""

    def __init__(self, at: ir.IRBuilder, index: ir.Value, mask: ir.Value | None) -> None:
        self.at, self.mask = at, mask
        self.shift = at.mul(index, const(4 * LANES))

    def load(self, line: ir.Value) -> ir.Value:
        return load(self.at, self.at.add(line, self.shift), self.mask)

    def store(self, value: ir.Value, line: ir.Value) -> None:
        store(self.at, value, self.at.add(line, self.shift), self.mask)


def _over(at: ir.IRBuilder, n: ir.Value, vector: Callable[[_Lanes], None]) -> None:
    """All vectors of n channels."""
    full = at.sdiv(n, const(LANES))
    with cgutils.for_range(at, full) as loop:
        vector(_Lanes(at, loop.index, None))
    left = at.sub(n, at.mul(full, const(LANES)))
    with at.if_then(at.icmp_signed(">", left, const(0))):
        vector(_Lanes(at, full, first_lanes(at, left)))


def _window(
    at: ir.IRBuilder, rows: ir.Value, columns: ir.Value, row_step: ir.Value, step: ir.Value,
    each: Callable[[ir.Value], None],
) -> None:  # fmt: skip
    """`each` number under a window, by its distance from the first."""
    with cgutils.for_range(at, rows) as down, cgutils.for_range(at, columns) as across:
        each(at.add(at.mul(down.index, row_step), at.mul(across.index, step)))


largest_under, mean_under = pooled(largest=True), pooled(largest=False)
claim_under, claim_more = (unpooled(largest=True, more=more) for more in (False, True))
spread_under, spread_more = (unpooled(largest=False, more=more) for more in (False, True))
