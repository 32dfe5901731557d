"""Convolution and pooling, image by image, while the numbers of one image are near the core.

A convolution is a product whose left side, the patches, is never made: a table says where each
patch begins, and within a patch the numbers of a row of the window lie side by side. What is padded
or spread out is one image at a time, in a thread's own room.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.memory import call, copy_bytes, floats, meet, wholes
from shoal.engine.compiled.tile import VECTORS
from shoal.engine.compiled.under import (
    claim_more,
    claim_under,
    largest_under,
    mean_under,
    spread_more,
    spread_under,
)
from shoal.engine.compiled.vectors import LANES

_ZERO = np.float32(0)
_PANEL = LANES * VECTORS


@inner
def _fill(address: int, count: int) -> None:
    """Zeros."""
    numbers = floats(address, count)
    for i in range(count):
        numbers[i] = _ZERO


@inner
def _patched(
    m: int, n: int, table: int, a: int, b: int, c: int, outer: int, inner_: int, a_outer: int,
    a_inner: int, more: int, tools: Any,
) -> None:  # fmt: skip
    """A product whose rows of A begin where a table says, panel by panel."""
    for j in range(0, n, _PANEL):
        call(
            tools[t.PANEL], m, min(_PANEL, n - j), table, 1, a, 0, b + 4 * j, c + 4 * j,
            outer, inner_, a_outer, a_inner, n, n, more,
        )  # fmt: skip


@inner
def _padded(op: Any, x: int, room: int) -> int:
    """The address of an image with its padding: itself, if there is none."""
    if op[t.PADDED] == 0:
        return x
    line = 4 * op[t.WIDTH] * op[t.CHANNELS]
    for i in range(op[t.HEIGHT]):
        at = (op[t.UP] + i) * op[t.PADDED_WIDTH] + op[t.LEFT]
        copy_bytes(x + i * line, room + 4 * at * op[t.CHANNELS], line)
    return room


@inner
def convolve(
    op_at: int, pool_at: int, slope: float, first: int, last: int, x: int, theta: int, home: int,
    tools_at: int,
) -> None:  # fmt: skip
    """y = f(patches · W + b) of some images and, if a pooling follows, that at once.

    Args:
        op_at, pool_at: addresses of the operations' whole numbers; 0 for no pooling.
        first, last: which images.
        x: address of the first of all.
    """
    op, tools = wholes(op_at, t.COLUMNS), wholes(tools_at, t.TOOLS)
    filters, room = op[t.FILTERS], tools[t.ROOM]
    places = op[t.PLACES_DOWN] * op[t.PLACES_ACROSS]
    if op[t.PADDED]:
        _fill(room, op[t.PADDED])
    line = op[t.PADDED_WIDTH] * op[t.CHANNELS]
    for i in range(first, last):
        image = _padded(op, x + 4 * i * op[t.IN_SIZE], room)
        y = home + 4 * (op[t.OUT] + i * op[t.OUT_SIZE])
        _patched(
            places, filters, tools[t.PLACES] + 8 * op[t.TABLE], image, theta + 4 * op[t.WEIGHT], y,
            op[t.WINDOW_ROWS], op[t.WINDOW_COLUMNS] * op[t.CHANNELS], line, 1, 0, tools,
        )  # fmt: skip
        # the bias lies ready for a whole image
        call(
            tools[t.ACTIVATE], op[t.ACT], slope, home + 4 * op[t.STATS], y,
            home + 4 * (op[t.SAVED] + i * op[t.OUT_SIZE]), op[t.OUT_SIZE], 1, 0,
        )  # fmt: skip
        if pool_at:
            out = wholes(pool_at, t.COLUMNS)
            call(tools[t.POOL], pool_at, y, home + 4 * (out[t.OUT] + i * out[t.OUT_SIZE]))


@inner
def unconvolve(
    op_at: int, pool_at: int, slope: float, first: int, last: int, x: int, home: int, d: int,
    below: int, needed: int, partial: int, tools_at: int,
) -> None:  # fmt: skip
    """Shares of dW and db of some images and, if it is needed, dx.

    Args:
        d: address of the gradient of the output of the first of all images (of the pooling, if one
            follows).
        below: address for dx of the first of all.
        partial: address for dW and then an image of db, which is summed over places later.
    """
    op, tools = wholes(op_at, t.COLUMNS), wholes(tools_at, t.TOOLS)
    filters, channels, size, room = op[t.FILTERS], op[t.CHANNELS], op[t.OUT_SIZE], tools[t.ROOM]
    numbers = op[t.WINDOW_ROWS] * op[t.WINDOW_COLUMNS] * channels
    if op[t.PADDED]:
        _fill(room, op[t.PADDED])
    spread, own = room + 4 * op[t.PADDED], room + 4 * (op[t.PADDED] + op[t.SPREAD])
    if needed:
        _fill(spread, op[t.SPREAD])
    of_bias = partial + 4 * numbers * filters
    _fill(of_bias, size)
    across = op[t.PLACES_ACROSS]
    wide = op[t.SPREAD_WIDTH]
    for i in range(first, last):
        y = home + 4 * (op[t.OUT] + i * size)
        down = d + 4 * i * size
        if pool_at:
            pool = wholes(pool_at, t.COLUMNS)
            down = own
            call(
                tools[t.UNPOOL], pool_at, y, home + 4 * (pool[t.OUT] + i * pool[t.OUT_SIZE]),
                d + 4 * i * pool[t.OUT_SIZE], down,
            )  # fmt: skip
        call(
            tools[t.DESCEND], op[t.ACT], slope, y, home + 4 * (op[t.SAVED] + i * size),
            down, of_bias,
            size, 1, 0,
        )  # fmt: skip
        image = _padded(op, x + 4 * i * op[t.IN_SIZE], room)
        _patched(
            numbers, filters, tools[t.PLACES] + 8 * op[t.WINDOW_TABLE], image, down, partial,
            op[t.PLACES_DOWN], across, op[t.STRIDE_ROWS] * op[t.PADDED_WIDTH] * channels,
            op[t.STRIDE_COLUMNS] * channels, int(i > first), tools,
        )  # fmt: skip
        if needed:
            for r in range(op[t.PLACES_DOWN]):
                row = op[t.WINDOW_ROWS] - 1 + r * op[t.STRIDE_ROWS]
                for c in range(across):
                    column = op[t.WINDOW_COLUMNS] - 1 + c * op[t.STRIDE_COLUMNS]
                    copy_bytes(
                        down + 4 * (r * across + c) * filters,
                        spread + 4 * (row * wide + column) * filters, 4 * filters,
                    )  # fmt: skip
            _patched(
                op[t.HEIGHT] * op[t.WIDTH], channels,
                tools[t.PLACES] + 8 * op[t.PIXEL_TABLE], spread,
                home + 4 * op[t.FLIPPED], below + 4 * i * op[t.IN_SIZE],
                op[t.WINDOW_ROWS], op[t.WINDOW_COLUMNS] * filters, wide * filters, 1, 0, tools,
            )  # fmt: skip


@inner
def conv_forward(
    op: Any, numbers: Any, pool_at: int, rows: int, x: int, theta: int, home: int, tools: Any
) -> None:
    """All images; the bias is laid out for one first."""
    if tools[t.THREAD] == 0:
        line, bias = (
            floats(home + 4 * op[t.STATS], op[t.OUT_SIZE]),
            floats(theta + 4 * op[t.BIAS], op[t.FILTERS]),
        )
        for at in range(0, op[t.OUT_SIZE], op[t.FILTERS]):
            for j in range(op[t.FILTERS]):
                line[at + j] = bias[j]
    meet(tools)
    thread, threads = tools[t.THREAD], tools[t.THREADS]
    call(
        tools[t.CONVOLVE], op.ctypes.data, pool_at, numbers[t.SLOPE],
        thread * rows // threads, (thread + 1) * rows // threads, x, theta, home, tools.ctypes.data,
    )  # fmt: skip


@inner
def conv_backward(
    op: Any, numbers: Any, pool_at: int, rows: int, x: int, theta: int, d: int, below: int,
    gradient: int, needed: bool, home: int, tools: Any,
) -> None:  # fmt: skip
    """dW, db and dx; the shares of blocks of images are added in their order."""
    window, filters, channels = (
        op[t.WINDOW_ROWS] * op[t.WINDOW_COLUMNS],
        op[t.FILTERS],
        op[t.CHANNELS],
    )
    weights = window * channels * filters
    leader, step = tools[t.THREAD] == 0, 4 * (weights + op[t.OUT_SIZE] + 64)
    if needed:
        if leader:  # the window turned round, inputs and outputs exchanged
            w, turned = (
                floats(theta + 4 * op[t.WEIGHT], weights),
                floats(home + 4 * op[t.FLIPPED], weights),
            )
            for k in range(window):
                for c in range(channels):
                    for f in range(filters):
                        turned[((window - 1 - k) * filters + f) * channels + c] = w[
                            (k * channels + c) * filters + f
                        ]
        meet(tools)
    partial = home + 4 * op[t.PARTIAL]
    for block in range(tools[t.THREAD], op[t.PARTS], tools[t.THREADS]):
        first, last = min(rows, block * op[t.IMAGES]), min(rows, (block + 1) * op[t.IMAGES])
        if first < last:
            call(
                tools[t.UNCONVOLVE], op.ctypes.data, pool_at, numbers[t.SLOPE], first,
                last, x, home,
                home + 4 * d, home + 4 * below, int(needed), partial + block * step,
                tools.ctypes.data,
            )  # fmt: skip
    meet(tools)
    if leader:
        here = home + 4 * gradient
        total, of_bias = (
            floats(here + 4 * op[t.WEIGHT], weights),
            floats(here + 4 * op[t.BIAS], filters),
        )
        for j in range(filters):
            of_bias[j] = _ZERO
        for block in range(-(-rows // op[t.IMAGES])):
            share = floats(partial + block * step, weights + op[t.OUT_SIZE])
            for j in range(weights):
                total[j] = share[j] if block == 0 else total[j] + share[j]
            for at in range(weights, weights + op[t.OUT_SIZE], filters):
                for j in range(filters):
                    of_bias[j] += share[at + j]


@inner
def pool(op_at: int, x: int, y: int) -> None:
    """One image: the largest number, or the mean, under the window at every place."""
    op = wholes(op_at, t.COLUMNS)
    channels, largest, width = op[t.CHANNELS], op[t.KIND] == t.MAX_POOL, op[t.WIDTH]
    share = np.float32(1.0 / (op[t.WINDOW_ROWS] * op[t.WINDOW_COLUMNS]))
    step, across = 4 * channels, op[t.PLACES_ACROSS]
    for r in range(op[t.PLACES_DOWN]):
        top, bottom = _under(r, op[t.STRIDE_ROWS], op[t.UP], op[t.WINDOW_ROWS], op[t.HEIGHT])
        for c in range(across):
            left, right = _under(c, op[t.STRIDE_COLUMNS], op[t.LEFT], op[t.WINDOW_COLUMNS], width)
            line, out = x + (top * width + left) * step, y + (r * across + c) * step
            rows, columns = bottom - top, right - left
            if largest:
                largest_under(line, rows, columns, width * step, step, share, out, channels)
            else:
                mean_under(line, rows, columns, width * step, step, share, out, channels)


@inner
def unpool(op_at: int, x: int, y: int, d: int, dx: int) -> None:
    """One image: d to the first number that is the largest, or to all alike."""
    op = wholes(op_at, t.COLUMNS)
    channels, largest, width = op[t.CHANNELS], op[t.KIND] == t.MAX_POOL, op[t.WIDTH]
    high, wide, down, across = (
        op[t.WINDOW_ROWS], op[t.WINDOW_COLUMNS], op[t.PLACES_DOWN], op[t.PLACES_ACROSS]
    )  # fmt: skip
    share = np.float32(1) if largest else np.float32(1.0 / (high * wide))
    # windows side by side, all over the image: each number has its gradient from one of them
    tiled = (
        op[t.PADDED] == 0 and op[t.STRIDE_ROWS] == high and op[t.STRIDE_COLUMNS] == wide
        and down * high == op[t.HEIGHT] and across * wide == width
    )  # fmt: skip
    step = 4 * channels
    if not tiled:
        _fill(dx, op[t.HEIGHT] * width * channels)
    for r in range(down):
        top, bottom = _under(r, op[t.STRIDE_ROWS], op[t.UP], high, op[t.HEIGHT])
        for c in range(across):
            left, right = _under(c, op[t.STRIDE_COLUMNS], op[t.LEFT], wide, width)
            at, first = (r * across + c) * step, (top * width + left) * step
            line, out, given, below = x + first, y + at, d + at, dx + first
            rows, columns, row = bottom - top, right - left, width * step
            if largest and tiled:
                claim_under(line, rows, columns, row, step, share, out, given, below, channels)
            elif largest:
                claim_more(line, rows, columns, row, step, share, out, given, below, channels)
            elif tiled:
                spread_under(line, rows, columns, row, step, share, out, given, below, channels)
            else:
                spread_more(line, rows, columns, row, step, share, out, given, below, channels)


@inner
def _under(place: int, stride: int, padding: int, window: int, size: int) -> tuple[int, int]:
    """Where the window at a place begins and ends within the image, in one direction."""
    start = place * stride - padding
    return max(0, start), min(size, start + window)


@inner
def pool_forward(op: Any, rows: int, x: int, home: int, tools: Any) -> None:
    """All images."""
    for i in range(tools[t.THREAD], rows, tools[t.THREADS]):
        y = home + 4 * (op[t.OUT] + i * op[t.OUT_SIZE])
        call(tools[t.POOL], op.ctypes.data, x + 4 * i * op[t.IN_SIZE], y)


@inner
def pool_backward(op: Any, rows: int, x: int, d: int, below: int, home: int, tools: Any) -> None:
    """All images, from d to below."""
    for i in range(tools[t.THREAD], rows, tools[t.THREADS]):
        call(
            tools[t.UNPOOL], op.ctypes.data, x + 4 * i * op[t.IN_SIZE],
            home + 4 * (op[t.OUT] + i * op[t.OUT_SIZE]), home + 4 * (d + i * op[t.OUT_SIZE]),
            home + 4 * (below + i * op[t.IN_SIZE]),
        )  # fmt: skip
