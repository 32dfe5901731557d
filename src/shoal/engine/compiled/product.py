"""Products of matrices, C = A B, as tiles; and the order in which they are taken.

Each number of C is a sum over k in an order that depends on k alone. So threads may cut a product
into any rows and columns, and its bits stay. Large right sides are first copied, panel by panel, so
that a tile reads them in order; transposed ones always are.

All matrices are float32 and given as addresses, with the numbers between two of their rows.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
from numba.core import types
from numba.extending import intrinsic

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.memory import call, put_whole, wholes
from shoal.engine.compiled.tile import ROWS, VECTORS, tile
from shoal.engine.compiled.vectors import LANES, const, in_bytes, lanes_of, load, store

PANEL = VECTORS * LANES
"""Columns of C that are made at once."""
DEPTH = 1024
"""Numbers of k that are summed at once; a panel of so many rows of B stays near the core."""
DIRECT = 2**18
"""Numbers of B up to which it is read where it lies: it stays near the core as it is."""
SCRATCH = (DEPTH + LANES) * PANEL
"""Float32 numbers of working memory that a product needs."""

_ROWS = tuple(ROWS >> i for i in range(ROWS.bit_length()))  # 8, 4, 2, 1


def _chooser(vectors: int) -> Any:
    """All rows of one panel of `vectors` vectors, in tiles of falling height."""
    r8, r4, r2, r1 = (tile(rows, vectors) for rows in ((8, 4, 2, 1) if ROWS == 8 else (4, 4, 2, 1)))
    step = ROWS

    @inner
    def rows(
        m: int, table: int, whole: int, a: int, a_row: int, b: int, c: int,
        outer: int, inner: int, a_outer: int, a_inner: int, b_step: int, c_step: int,
        last: int, more: int,
    ) -> None:  # fmt: skip
        i = 0
        while i + step <= m:
            r8(
                table + 8 * i * whole, a + 4 * a_row * i, b, c + 4 * c_step * i,
                outer, inner, a_outer, a_inner, b_step, c_step, last, more,
            )  # fmt: skip
            i += step
        if step == 8 and m - i >= 4:
            r4(
                table + 8 * i * whole, a + 4 * a_row * i, b, c + 4 * c_step * i,
                outer, inner, a_outer, a_inner, b_step, c_step, last, more,
            )  # fmt: skip
            i += 4
        if m - i >= 2:
            r2(
                table + 8 * i * whole, a + 4 * a_row * i, b, c + 4 * c_step * i,
                outer, inner, a_outer, a_inner, b_step, c_step, last, more,
            )  # fmt: skip
            i += 2
        if m - i >= 1:
            r1(
                table + 8 * i * whole, a + 4 * a_row * i, b, c + 4 * c_step * i,
                outer, inner, a_outer, a_inner, b_step, c_step, last, more,
            )  # fmt: skip

    return rows


_three, _two, _one = (_chooser(vectors) for vectors in (3, 2, 1))


@inner
def panel(
    m: int, n: int, table: int, whole: int, a: int, a_row: int, b: int, c: int,
    outer: int, inner: int, a_outer: int, a_inner: int, b_step: int, c_step: int, more: int,
) -> None:  # fmt: skip
    """One panel of at most `PANEL` columns.

    With `whole` the table says where each row of A begins, and a_row is 0; else it has multiples of
    a_row for one tile, and is used for all of them.
    """
    vectors = -(-n // LANES)
    last = n - (vectors - 1) * LANES
    if vectors == 3:
        _three(
            m, table, whole, a, a_row, b, c,
            outer, inner, a_outer, a_inner, b_step, c_step, last, more,
        )  # fmt: skip
    elif vectors == 2:
        _two(
            m, table, whole, a, a_row, b, c,
            outer, inner, a_outer, a_inner, b_step, c_step, last, more,
        )  # fmt: skip
    else:
        _one(
            m, table, whole, a, a_row, b, c,
            outer, inner, a_outer, a_inner, b_step, c_step, last, more,
        )  # fmt: skip


BROAD = 16 if LANES == 16 else 8
"""Vectors of columns of one row that are made at once: what there is room for in registers."""
_whole, _half, _quarter = (tile(1, vectors) for vectors in (BROAD, BROAD // 2, BROAD // 4))


@inner
def _one_row(
    n: int, table: int, a: int, b: int, c: int, k: int, a_step: int, b_step: int, c_step: int,
    more: int,
) -> int:  # fmt: skip
    """Columns of a product with one row: it waits for memory, so B is read in long lines.

    Returns how many columns are done; less than a quarter of `BROAD` vectors is left.
    """
    j = 0
    while j + BROAD * LANES <= n:
        _whole(table, a, b + 4 * j, c + 4 * j, 1, k, 0, a_step, b_step, c_step, LANES, more)
        j += BROAD * LANES
    if j + BROAD // 2 * LANES <= n:
        _half(table, a, b + 4 * j, c + 4 * j, 1, k, 0, a_step, b_step, c_step, LANES, more)
        j += BROAD // 2 * LANES
    if j + BROAD // 4 * LANES <= n:
        _quarter(table, a, b + 4 * j, c + 4 * j, 1, k, 0, a_step, b_step, c_step, LANES, more)
        j += BROAD // 4 * LANES
    return j


@inner
def product(
    m: int, n: int, k: int, a: int, a_row: int, a_step: int,
    b: int, b_step: int, flipped: int, c: int, c_step: int, more: int, tools_at: int,
) -> None:  # fmt: skip
    """C (m, n) = A (m, k) B (k, n), or C + A B with `more`.

    Number (i, j) of A lies at a + i · a_row + j · a_step, so A may be transposed. With `flipped`
    B is given as its transpose, (n, k). `tools_at` is the address of a thread's tools.
    """
    tools, table = wholes(tools_at, t.TOOLS), tools_at + 8 * t.TILE
    scratch = tools[t.SCRATCH]
    for i in range(ROWS):
        put_whole(table + 8 * i, i * a_row)
    copied = flipped != 0 or (m >= 4 * ROWS and k * n > DIRECT)
    parts = -(-k // DEPTH)
    for part in range(parts):
        first, end = part * k // parts, (part + 1) * k // parts
        deep = end - first
        j = 0
        if m == 1 and not copied:
            j = _one_row(
                n, table, a + 4 * first * a_step, b + 4 * first * b_step, c, deep, a_step, b_step,
                c_step, more + part,
            )  # fmt: skip
        while j < n:
            # vectors are spread evenly: 7 as 3 + 2 + 2
            left = -(-(n - j) // LANES)
            vectors = -(-left // -(-left // VECTORS))
            columns = min(n - j, vectors * LANES)
            where, step = b + 4 * (first * b_step + j), b_step
            if copied:
                if flipped:
                    _flip_panel(b + 4 * (j * b_step + first), b_step, columns, deep, scratch)
                else:
                    _copy_panel(where, b_step, columns, deep, scratch)
                where, step = scratch, PANEL
            call(
                tools[t.PANEL], m, columns, table, 0, a + 4 * first * a_step, a_row, where,
                c + 4 * j, 1, deep, 0, a_step, step, c_step, more + part,
            )  # fmt: skip
            j += columns


def _copied_row(vectors: int) -> Any:
    """A row of so many vectors, from one address to another."""

    @intrinsic
    def copy(context: Any, source: Any, target: Any) -> Any:
        def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
            for j in range(vectors):
                source, target = (at.add(value, const(4 * LANES * j)) for value in values)
                store(at, load(at, source), target)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), emit

    return copy


_copy_row, _copy_vector = _copied_row(VECTORS), _copied_row(1)


@inner
def _copy_panel(b: int, b_step: int, columns: int, deep: int, scratch: int) -> None:
    """The first rows of a panel of B, one after another."""
    if columns > 2 * LANES:
        for i in range(deep):
            _copy_row(b + 4 * i * b_step, scratch + 4 * i * PANEL)
    else:
        for i in range(deep):
            for j in range(0, columns, LANES):
                _copy_vector(b + 4 * (i * b_step + j), scratch + 4 * (i * PANEL + j))


@intrinsic
def _flip(context: Any, source: Any, step: Any, rows: Any, target: Any, target_step: Any) -> Any:
    """A square of LANES × LANES numbers, transposed; rows after the last are the last again."""

    def emit(context: Any, at: ir.IRBuilder, signature: Any, values: Any) -> ir.Value:
        source, step, rows, target, target_step = values
        last = at.sub(rows, const(1))
        lines = []
        for i in range(LANES):
            index = at.select(at.icmp_signed("<", const(i), last), const(i), last)
            lines.append(load(at, at.add(source, in_bytes(at, at.mul(index, step)))))
        # rows i and i + half exchange their halves; then the same within each half
        half = LANES // 2
        while half:
            mask_low, mask_high = [], []
            for lane in range(LANES):
                block, inside = divmod(lane, 2 * half)
                low = inside < half
                mask_low.append(lane if low else LANES + block * 2 * half + inside - half)
                mask_high.append(block * 2 * half + inside + half if low else LANES + lane)
            new = list(lines)
            for i in range(LANES):
                if i // half % 2 == 0:
                    upper, lower = lines[i], lines[i + half]
                    new[i] = at.shuffle_vector(upper, lower, lanes_of(mask_low))
                    new[i + half] = at.shuffle_vector(upper, lower, lanes_of(mask_high))
            lines, half = new, half // 2
        for i, line in enumerate(lines):
            store(at, line, at.add(target, at.mul(target_step, const(4 * i))))
        return context.get_dummy_value()

    return types.void(*[types.int64] * 5), emit


@inner
def _flip_panel(b: int, b_step: int, columns: int, deep: int, scratch: int) -> None:
    """A panel of Bᵀ, `columns` rows of `deep` numbers, as `deep` rows."""
    for j in range(0, columns, LANES):
        for i in range(0, deep, LANES):
            _flip(
                b + 4 * (j * b_step + i), b_step, min(LANES, columns - j),
                scratch + 4 * (i * PANEL + j), PANEL,
            )  # fmt: skip
