"""The affine operation: a product, then bias and activation while the numbers are at hand."""

from __future__ import annotations

from typing import Any

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.memory import call, floats
from shoal.engine.compiled.product import PANEL
from shoal.engine.compiled.vectors import LANES
from shoal.engine.compiled.zeros import zeros_pay


@inner
def edge(size: int, parts: int, part: int) -> int:
    """Where a part of so many numbers begins: at whole vectors, whoever does it."""
    return min(size, LANES * (part * (-(-size // LANES)) // parts))


@inner
def share(size: int, tools: Any) -> tuple[int, int]:
    """Where a thread's share of so many numbers begins and ends."""
    thread, threads = tools[t.THREAD], tools[t.THREADS]
    return edge(size, threads, thread), edge(size, threads, thread + 1)


@inner
def affine_forward(
    op: Any,
    numbers: Any,
    rows: int,
    x: int,
    theta: int,
    raw: bool,
    home: int,
    tools: Any,
) -> None:
    """y = f(x W + b); x, theta and home are addresses, `raw` says whether x are the inputs.

    Threads share the columns, so that each copies its own part of W; of a narrow W, which is not
    copied, the rows, which are shared more evenly.
    """
    n, k = op[t.OUT_SIZE], op[t.IN_SIZE]
    first, end, top, bottom = 0, n, 0, rows
    if n >= 2 * PANEL * tools[t.THREADS]:
        first, end = share(n, tools)
    else:
        top, bottom = share(rows, tools)
    y = home + 4 * (op[t.OUT] + top * n + first)
    product = tools[t.PRODUCT]
    if raw:
        if zeros_pay(x, rows, k, n):
            product = tools[t.FRUGAL]
        tools[t.OF_INPUTS] = product
    call(
        product, bottom - top, end - first, k, x + 4 * top * k, k, 1,
        theta + 4 * (op[t.WEIGHT] + first), n, 0, y, n, 0, tools.ctypes.data,
    )  # fmt: skip
    call(
        tools[t.ACTIVATE], op[t.ACT], numbers[t.SLOPE], theta + 4 * (op[t.BIAS] + first), y,
        home + 4 * (op[t.SAVED] + top * n + first), end - first, bottom - top, n,
    )  # fmt: skip


@inner
def affine_descend(
    op: Any, numbers: Any, rows: int, d: int, gradient: int, home: int, tools: Any
) -> None:
    """d ← f' d and the gradient of the bias; d and gradient are offsets."""
    n, bias = op[t.OUT_SIZE], gradient + op[t.BIAS]
    first, end = share(n, tools)
    here = home + 4 * first
    of_bias = floats(here + 4 * bias, end - first)
    for j in range(end - first):
        of_bias[j] = 0
    call(
        tools[t.DESCEND], op[t.ACT], numbers[t.SLOPE], here + 4 * op[t.OUT], here + 4 * op[t.SAVED],
        here + 4 * d, here + 4 * bias, end - first, rows, n,
    )  # fmt: skip


@inner
def affine_backward(
    op: Any, rows: int, x: int, theta: int, d: int, below: int, gradient: int, raw: bool,
    needed: bool, home: int, tools: Any,
) -> None:  # fmt: skip
    """dW = xᵀ d and, if it is needed, dx = d Wᵀ into `below`."""
    n, k = op[t.OUT_SIZE], op[t.IN_SIZE]
    w = theta + 4 * op[t.WEIGHT]
    dw = home + 4 * (gradient + op[t.WEIGHT])
    first, end = share(k, tools)
    call(
        tools[t.OF_INPUTS] if raw else tools[t.PRODUCT], end - first, n, rows, x + 4 * first, 1, k,
        home + 4 * d, n, 0, dw + 4 * first * n, n, 0, tools.ctypes.data,
    )  # fmt: skip
    if needed:
        call(
            tools[t.PRODUCT], rows, end - first, n, home + 4 * d, n, 1, w + 4 * first * n, n, 1,
            home + 4 * (below + first), k, 0, tools.ctypes.data,
        )  # fmt: skip
