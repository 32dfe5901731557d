"""The operations besides products: batch norm, dropout, and activations that stand alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.affine import edge
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.memory import call, copy_bytes, doubles, floats
from shoal.engine.compiled.normalise import LINES

_ONE, _ZERO = np.float32(1), np.float32(0)


@inner
def norm_forward(
    op: Any, numbers: Any, rows: int, training: bool, theta: int, running: int,
    home: int, tools: Any,
) -> None:  # fmt: skip
    """y = f(γ x̂ + β); the batch's mean and variance stay for `norm_running`."""
    features, n = op[t.CHANNELS], rows * (op[t.OUT_SIZE] // op[t.CHANNELS])
    for part in range(tools[t.THREAD], op[t.PARTS], tools[t.THREADS]):
        lo, hi = edge(features, op[t.PARTS], part), edge(features, op[t.PARTS], part + 1)
        here, wide = home + 4 * lo, hi - lo
        stats = here + 4 * op[t.STATS]
        if training:
            call(
                tools[t.MOMENTS], here + 4 * op[t.IN], stats, tools[t.SUMS],
                n, wide, features,
            )  # fmt: skip
        else:
            copy_bytes(running + 4 * (op[t.MEAN] + lo), stats, 4 * wide)
            copy_bytes(running + 4 * (op[t.VARIANCE] + lo), stats + 4 * features, 4 * wide)
        call(
            tools[t.NORMALISE], here + 4 * op[t.IN], here + 4 * op[t.HAT],
            here + 4 * op[t.OUT], stats,
            theta + 4 * (op[t.WEIGHT] + lo), numbers[t.EPSILON], n, wide, features,
        )  # fmt: skip
        call(
            tools[t.ACTIVATE], op[t.ACT], numbers[t.SLOPE], theta + 4 * (op[t.BIAS] + lo),
            here + 4 * op[t.OUT], here + 4 * op[t.SAVED], wide, n, features,
        )  # fmt: skip


@inner
def norm_backward(
    op: Any, numbers: Any, rows: int, theta: int, d: int, gradient: int, needed: bool,
    home: int, tools: Any,
) -> None:  # fmt: skip
    """dγ, dβ, and d on its way down, in place."""
    features, n = op[t.CHANNELS], rows * (op[t.OUT_SIZE] // op[t.CHANNELS])
    for part in range(tools[t.THREAD], op[t.PARTS], tools[t.THREADS]):
        lo, hi = edge(features, op[t.PARTS], part), edge(features, op[t.PARTS], part + 1)
        here, wide = home + 4 * lo, hi - lo
        stats, room = here + 4 * op[t.STATS], tools[t.SUMS]
        totals, few = doubles(room, 2 * wide), floats(stats + 12 * features, wide)
        for j in range(wide):
            totals[j], totals[wide + j], few[j] = 0.0, 0.0, _ZERO
        for start in range(0, n, LINES):
            at, some = here + 4 * start * features, min(LINES, n - start)
            call(
                tools[t.DESCEND], op[t.ACT], numbers[t.SLOPE], at + 4 * op[t.OUT],
                at + 4 * op[t.SAVED],
                at + 4 * d, stats + 12 * features, wide, some, features,
            )  # fmt: skip
            call(tools[t.SHARES], at + 4 * d, at + 4 * op[t.HAT], stats, room, some, wide, features)
        call(
            tools[t.UNNORMALISE], here + 4 * d, here + 4 * op[t.HAT], stats, room,
            theta + 4 * (op[t.WEIGHT] + lo), here + 4 * (gradient + op[t.WEIGHT]),
            here + 4 * (gradient + op[t.BIAS]), int(needed), n, wide, features,
        )  # fmt: skip


@inner
def norm_running(op: Any, numbers: Any, rows: int, running: int, home: int) -> None:
    """r ← (1 - momentum) r + momentum · batch, with the unbiased variance."""
    features, n = op[t.CHANNELS], rows * (op[t.OUT_SIZE] // op[t.CHANNELS])
    stats, new = floats(home + 4 * op[t.STATS], 2 * features), numbers[t.MOMENTUM]
    mean = floats(running + 4 * op[t.MEAN], features)
    var = floats(running + 4 * op[t.VARIANCE], features)
    unbiased = np.float32(n / max(n - 1, 1))
    for j in range(features):
        mean[j] = (_ONE - new) * mean[j] + new * stats[j]
        var[j] = (_ONE - new) * var[j] + new * (stats[features + j] * unbiased)


_GROUP = 8  # draws that come at once; a thread's share begins at a multiple


@inner
def dropout_forward(
    op: Any, rows: int, training: bool, rate: float, seed: int, step: int,
    home: int, tools: Any,
) -> None:  # fmt: skip
    """y = m x, with the mask m kept; the identity in evaluation."""
    count = rows * op[t.OUT_SIZE]
    groups, thread, threads = -(-count // _GROUP), tools[t.THREAD], tools[t.THREADS]
    lo = min(count, _GROUP * (thread * groups // threads))
    hi = min(count, _GROUP * ((thread + 1) * groups // threads))
    x, y, mask = (
        home + 4 * (op[t.IN] + lo),
        home + 4 * (op[t.OUT] + lo),
        home + 4 * (op[t.SAVED] + lo),
    )
    if training:
        call(tools[t.DROP], seed, op[t.NUMBER], step, rate, lo, hi - lo, x, y, mask)
    else:
        copy_bytes(x, y, 4 * (hi - lo))


@inner
def dropout_backward(op: Any, rows: int, d: int, home: int, tools: Any) -> None:
    """d ← m d."""
    count, thread, threads = rows * op[t.OUT_SIZE], tools[t.THREAD], tools[t.THREADS]
    lo, hi = thread * count // threads, (thread + 1) * count // threads
    mask, down = (
        floats(home + 4 * (op[t.SAVED] + lo), hi - lo),
        floats(home + 4 * (d + lo), hi - lo),
    )
    for i in range(hi - lo):
        down[i] *= mask[i]


@inner
def activation_forward(
    op: Any, numbers: Any, memory: Any, rows: int, home: int, tools: Any
) -> None:
    """y = f(x), where no operation before it could do it."""
    n, thread, threads = op[t.OUT_SIZE], tools[t.THREAD], tools[t.THREADS]
    lo, hi = thread * rows // threads, (thread + 1) * rows // threads
    here = home + 4 * lo * n
    copy_bytes(here + 4 * op[t.IN], here + 4 * op[t.OUT], 4 * (hi - lo) * n)
    call(
        tools[t.ACTIVATE], op[t.ACT], numbers[t.SLOPE], home + 4 * memory[t.ZEROS],
        here + 4 * op[t.OUT], here + 4 * op[t.SAVED], n, hi - lo, n,
    )  # fmt: skip


@inner
def activation_backward(
    op: Any, numbers: Any, memory: Any, rows: int, d: int, home: int, tools: Any
) -> None:
    """d ← f' d."""
    n, thread, threads = op[t.OUT_SIZE], tools[t.THREAD], tools[t.THREADS]
    lo, hi = thread * rows // threads, (thread + 1) * rows // threads
    here = home + 4 * lo * n
    call(
        tools[t.DESCEND], op[t.ACT], numbers[t.SLOPE], here + 4 * op[t.OUT], here + 4 * op[t.SAVED],
        here + 4 * d, home + 4 * (memory[t.NOTHING] + thread * n), n, hi - lo, n,
    )  # fmt: skip
