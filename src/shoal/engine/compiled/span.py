"""A member's training in one call: its steps from first to last, without Python in between.

Several threads may work on one network: all call the same function with tools of their own, do
their share of every operation, and meet before the next. What a share is depends on shapes alone
wherever it could change a bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, njit

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.affine import affine_backward, affine_descend, affine_forward
from shoal.engine.compiled.images import conv_backward, conv_forward, pool_backward, pool_forward
from shoal.engine.compiled.inner import inner
from shoal.engine.compiled.layers import (
    activation_backward,
    activation_forward,
    dropout_backward,
    dropout_forward,
    norm_backward,
    norm_forward,
    norm_running,
)  # fmt: skip
from shoal.engine.compiled.losses import CROSS_ENTROPY
from shoal.engine.compiled.memory import (
    bytes_at,
    call,
    copy_bytes,
    doubles,
    float_pointer,
    floats,
    meet,
    whole_pointer,
    wholes,
)  # fmt: skip
from shoal.engine.compiled.rules import careful_norm, squares
from shoal.engine.compiled.vectors import LANES
from shoal.engine.compiled.waves import waves_backward, waves_forward


@inner
def forward(
    operations: int, count: int, all_numbers: int, memory_at: int, rows: int, x: int,
    training: int, theta: int, running: int, rates_at: int, seed: int, step: int, home: int,
    tools_at: int,
) -> None:  # fmt: skip
    """All operations on some rows; what the last puts out lies where it says. All by address.

    Args:
        operations, count, all_numbers, memory_at: the plan.
        x: the rows, one after another.
        theta, running: the member's numbers.
        rates_at: of each dropout layer.
        home: working memory.
    """
    ops = carray(whole_pointer(operations), (count, t.COLUMNS))
    numbers = carray(float_pointer(all_numbers), (count, t.NUMBERS))
    memory, tools = wholes(memory_at, t.MEMORY), wholes(tools_at, t.TOOLS)
    rates = floats(rates_at, count)
    for k in range(len(ops)):
        op, kind = ops[k], ops[k, t.KIND]
        source = x if k == 0 else home + 4 * op[t.IN]
        if kind == t.AFFINE:
            affine_forward(op, numbers[k], rows, source, theta, k == 0, home, tools)
        elif kind == t.CONVOLUTION:
            pooling = np.int64(ops[k + 1].ctypes.data) if op[t.FUSED] else np.int64(0)
            conv_forward(op, numbers[k], pooling, rows, source, theta, home, tools)
        elif kind == t.MAX_POOL or kind == t.AVG_POOL:
            if not (k > 0 and ops[k - 1, t.FUSED]):
                pool_forward(op, rows, source, home, tools)
        elif kind == t.BATCH_NORM:
            norm_forward(op, numbers[k], rows, training, theta, running, home, tools)
        elif kind == t.DROPOUT:
            dropout_forward(op, rows, training, rates[op[t.NUMBER]], seed, step, home, tools)
        elif kind == t.ACTIVATION:
            activation_forward(op, numbers[k], memory, rows, home, tools)
        elif kind == t.WAVES:
            waves_forward(op, rows, source, theta, home, tools)
        meet(tools)


@inner
def backward(
    ops: Any, numbers: Any, memory: Any, rows: int, theta: int, home: int, tools: Any
) -> None:
    """Gradients of all parameters, last operation first, from that of the outputs."""
    d, below, first = memory[t.DOWN], memory[t.UP_AGAIN], memory[t.FIRST]
    gradient = memory[t.GRADIENT]
    for k in range(len(ops) - 1, first - 1, -1):
        op, kind, needed = ops[k], ops[k, t.KIND], k > first
        x = home + 4 * op[t.IN]
        if kind == t.AFFINE:
            affine_descend(op, numbers[k], rows, d, gradient, home, tools)
            meet(tools)
            affine_backward(op, rows, x, theta, d, below, gradient, k == 0, needed, home, tools)
            d, below = below, d
        elif kind == t.CONVOLUTION:
            pooling = np.int64(ops[k + 1].ctypes.data) if op[t.FUSED] else np.int64(0)
            conv_backward(
                op, numbers[k], pooling, rows, x, theta, d, below, gradient, needed, home, tools
            )
            d, below = below, d
        elif kind == t.MAX_POOL or kind == t.AVG_POOL:
            if not (k > 0 and ops[k - 1, t.FUSED]):
                pool_backward(op, rows, x, d, below, home, tools)
                d, below = below, d
        elif kind == t.BATCH_NORM:
            norm_backward(op, numbers[k], rows, theta, d, gradient, needed, home, tools)
        elif kind == t.DROPOUT:
            dropout_backward(op, rows, d, home, tools)
        elif kind == t.ACTIVATION:
            activation_backward(op, numbers[k], memory, rows, d, home, tools)
        elif kind == t.WAVES:
            waves_backward(op, rows, x, theta, d, below, gradient, needed, home, tools)
            d, below = below, d
        meet(tools)


@inner
def losses(
    kind: int, number: float, memory: Any, last: Any, rows: int, weighted: bool, home: int,
    labels: int, tools: Any,
) -> None:  # fmt: skip
    """Loss of every row, and the gradient of their mean."""
    n = memory[t.OUTPUTS]
    lo, hi = (
        tools[t.THREAD] * rows // tools[t.THREADS],
        (tools[t.THREAD] + 1) * rows // tools[t.THREADS],
    )
    here = home + 4 * lo * n
    softmax = kind == CROSS_ENTROPY
    call(
        tools[t.SOFTMAX] if softmax else tools[t.ELEMENTWISE], kind, number, here + 4 * last[t.OUT],
        labels + 8 * lo if softmax else here + 4 * memory[t.TARGETS],
        home + 4 * (memory[t.ROW_WEIGHTS] + lo) if weighted else 0,
        home + 4 * (memory[t.ROW_LOSSES] + lo), here + 4 * memory[t.DOWN], hi - lo, n, rows,
    )  # fmt: skip


@inner
def mean_loss(memory: Any, rows: int, home: int) -> Any:
    """The mean over the batch, the same for all threads."""
    each, total = floats(home + 4 * memory[t.ROW_LOSSES], rows), 0.0
    for i in range(rows):
        total += each[i]
    return np.float32(total / rows)


@inner
def update_row(
    memory: Any, job: Any, number: int, lr: float, numbers: int, clip: float, decay: float,
    theta: int, first: int, second: int, home: int, tools: Any,
) -> float:  # fmt: skip
    """Clip, decay and update the whole row; the norm of its gradient is returned."""
    size, decaying, g = memory[t.SIZE], memory[t.DECAYING], home + 4 * memory[t.GRADIENT]
    heavy, light = -(-decaying // t.PIECE), -(-(size - decaying) // t.PIECE)
    norms, thread, threads = home + 4 * memory[t.NORMS], tools[t.THREAD], tools[t.THREADS]
    sums = floats(norms, heavy + light)
    # a thread's pieces lie side by side, where most of its gradients are
    own = range(thread * (heavy + light) // threads, (thread + 1) * (heavy + light) // threads)
    scale, norm = 1.0, 0.0
    if job[t.CLIPS]:
        for piece in own:
            lo, hi = _piece(piece, heavy, decaying, size)
            sums[piece] = squares(floats(g + 4 * lo, hi - lo))
        meet(tools)
        norm = _norm(sums, floats(g, size))
        scale = min(clip / max(norm, 1e-30), 1.0)
        meet(tools)
    for piece in own:
        lo, hi = _piece(piece, heavy, decaying, size)
        call(
            tools[t.UPDATE], job[t.RULE], number, lr, numbers, scale,
            decay if piece < heavy else 0.0,
            job[t.DECOUPLED], theta + 4 * lo, g + 4 * lo, first + 4 * lo, second + 4 * lo, hi - lo,
            norms + 4 * piece,
        )  # fmt: skip
    meet(tools)
    if not job[t.CLIPS]:
        norm = _norm(sums, floats(g, size))
    meet(tools)
    return norm


@inner
def _piece(piece: int, heavy: int, decaying: int, size: int) -> tuple[int, int]:
    """Where a piece of the row begins and ends; none has both weights and others."""
    if piece < heavy:
        return piece * t.PIECE, min(decaying, (piece + 1) * t.PIECE)
    lo = decaying + (piece - heavy) * t.PIECE
    return lo, min(size, lo + t.PIECE)


@inner
def _norm(sums: Any, g: Any) -> float:
    total = 0.0
    for piece in range(len(sums)):
        total += sums[piece]
    if np.isfinite(total):
        return np.sqrt(total)
    return careful_norm(g)


@inner
def divided(pixels: int, n: int, top: float, inputs: int) -> None:
    """x / top of bytes, in float32."""
    x, y, below = bytes_at(pixels, n), floats(inputs, n), np.float32(top)
    for j in range(n):
        y[j] = np.float32(x[j]) / below


@inner
def standardised(raw: int, n: int, means: int, deviations: int, inputs: int) -> None:
    """(x - mean) / deviation of float32 columns, in float64."""
    x, y, mean, deviation = (
        floats(raw, n),
        floats(inputs, n),
        doubles(means, n),
        doubles(deviations, n),
    )
    for j in range(n):
        y[j] = np.float32((np.float64(x[j]) - mean[j]) / deviation[j])


@inner
def gather(memory: Any, job: Any, batch: Any, placed: Any, home: int, tools: Any) -> None:
    """Rows of the data, their targets and their weights into working memory.

    Args:
        batch: the rows.
        placed: where they lie in the inputs.
    """
    n, k, thread, threads = memory[t.ROW_SIZE], memory[t.OUTPUTS], tools[t.THREAD], tools[t.THREADS]
    for i in range(thread * len(batch) // threads, (thread + 1) * len(batch) // threads):
        row = batch[i]
        inputs = home + 4 * (memory[t.INPUT] + i * n)
        if job[t.PIXELS]:
            divided(job[t.X] + placed[i] * n, n, doubles(job[t.PIXELS], 1)[0], inputs)
        elif job[t.MEANS]:
            raw = job[t.X] + 4 * placed[i] * n
            standardised(raw, n, job[t.MEANS], job[t.DEVIATIONS], inputs)
        else:
            copy_bytes(job[t.X] + 4 * placed[i] * n, inputs, 4 * n)
        if job[t.LABELLED]:
            copy_bytes(job[t.Y] + 8 * row, job[t.LABELS] + 8 * i, 8)
        else:
            copy_bytes(job[t.Y] + 4 * row * k, home + 4 * (memory[t.TARGETS] + i * k), 4 * k)
        if job[t.ROWS_WEIGHTS]:
            copy_bytes(job[t.ROWS_WEIGHTS] + 4 * row, home + 4 * (memory[t.ROW_WEIGHTS] + i), 4)


@inner
def _row(memory: Any, job: Any, member: int) -> int:
    return job[t.PARAMETERS] + 4 * member * memory[t.SIZE]


@inner
def enter(memory: Any, job: Any, member: int, tools: Any) -> int:
    """The address of a member's row; a copy of it where a vector read beyond its end may not be."""
    row = _row(memory, job, member)
    # a small network may have several rows within a vector of the last
    if (job[t.ALL] - 1 - member) * memory[t.SIZE] >= LANES:
        return row
    copied = job[t.HOME] + 4 * memory[t.THETA]
    if tools[t.THREAD] == 0:
        copy_bytes(row, copied, 4 * memory[t.SIZE])
    meet(tools)
    return copied


@njit(nogil=True, error_model="numpy")
def train_span(
    ops: Any, numbers: Any, memory: Any, job: Any, loss_number: float, tools: Any
) -> None:
    """Let members take steps, one member after another; see `tables` for what a job is."""
    home, steps, members = job[t.HOME], job[t.STEPS], job[t.ALL]
    live, starts = wholes(job[t.LIVE], job[t.MEMBERS]), wholes(job[t.STARTS], steps + 1)
    order, seeds = wholes(job[t.ORDER], job[t.MEMBERS]), wholes(job[t.SEEDS], members)
    clip, decay = doubles(job[t.CLIP], members), doubles(job[t.DECAY], members)
    lr, leader = doubles(job[t.LR], steps * members), tools[t.THREAD] == 0
    for place in range(len(live)):
        member = live[place]
        theta = enter(memory, job, member, tools)
        running = job[t.RUNNING] + 4 * member * job[t.RUNNING_SIZE]
        first = job[t.SLOTS] + 4 * member * job[t.SLOTS_SIZE]
        second = job[t.MORE_SLOTS] + 4 * member * job[t.MORE_SLOTS_SIZE]
        rates = job[t.RATES] + 4 * member * job[t.DROPOUTS]
        found = floats(job[t.FOUND] + 4 * place * steps, steps)
        norms = floats(job[t.FOUND_NORMS] + 4 * place * steps, steps)
        listed = 8 * order[place] * starts[steps]
        batches = wholes(job[t.BATCHES] + listed, starts[steps])
        placed = wholes(job[t.PLACED] + listed, starts[steps])
        for s in range(steps):
            step, rows = job[t.FIRST_STEP] + s, starts[s + 1] - starts[s]
            here = slice(starts[s], starts[s + 1])
            gather(memory, job, batches[here], placed[here], home, tools)
            meet(tools)
            call(
                tools[t.FORWARD], ops.ctypes.data, len(ops), numbers.ctypes.data,
                memory.ctypes.data, rows, home + 4 * memory[t.INPUT], 1, theta, running, rates,
                seeds[member], step, home, tools.ctypes.data,
            )  # fmt: skip
            losses(
                job[t.LOSS], loss_number, memory, ops[-1], rows, job[t.ROWS_WEIGHTS] != 0, home,
                job[t.LABELS], tools,
            )  # fmt: skip
            meet(tools)
            loss = mean_loss(memory, rows, home)
            if leader:
                found[s] = loss
            if not np.isfinite(loss):
                if leader:
                    wholes(job[t.DIVERGED], job[t.MEMBERS])[place] = step
                break
            backward(ops, numbers, memory, rows, theta, home, tools)
            norm = update_row(
                memory, job, step + 1, lr[s * members + member],
                job[t.RULE_NUMBERS] + 24 * member, clip[member], decay[member],
                theta, first, second, home, tools,
            )  # fmt: skip
            if leader:
                norms[s] = norm
                for k in range(len(ops)):
                    if ops[k, t.KIND] == t.BATCH_NORM:
                        norm_running(ops[k], numbers[k], rows, running, home)
        row = _row(memory, job, member)
        if leader and theta != row:
            copy_bytes(theta, row, 4 * memory[t.SIZE])
        meet(tools)


@inner
def answer(request: int) -> None:
    """What members say of rows of data, in evaluation, (members, rows, outputs).

    Args:
        request: address of what `tables` says of it. What is said of a row does not depend on the
            other rows.
    """
    asked = wholes(request, t.ASKED)
    ops, count, numbers = asked[t.ASKED_OPS], asked[t.ASKED_COUNT], asked[t.ASKED_NUMBERS]
    memory, tools = wholes(asked[t.ASKED_MEMORY], t.MEMORY), wholes(asked[t.ASKED_TOOLS], t.TOOLS)
    last = wholes(ops + 8 * (count - 1) * t.COLUMNS, t.COLUMNS)
    job = wholes(asked[t.ASKED_JOB], t.JOB)
    home, n, width = job[t.HOME], memory[t.ROW_SIZE], memory[t.OUTPUTS]
    live, first = wholes(job[t.LIVE], job[t.MEMBERS]), wholes(ops, t.COLUMNS)[t.KIND]
    straight = first == t.AFFINE or first == t.CONVOLUTION or first == t.WAVES
    leader = tools[t.THREAD] == 0
    for place in range(len(live)):
        member = live[place]
        theta = enter(memory, job, member, tools)
        running = job[t.RUNNING] + 4 * member * job[t.RUNNING_SIZE]
        rates = job[t.RATES] + 4 * member * job[t.DROPOUTS]
        for start in range(0, job[t.WHOLE], job[t.ROWS_AT_ONCE]):
            rows = min(job[t.ROWS_AT_ONCE], job[t.WHOLE] - start)
            source = job[t.X] + 4 * start * n
            if not straight:
                if leader:
                    copy_bytes(source, home + 4 * memory[t.INPUT], 4 * rows * n)
                source = home + 4 * memory[t.INPUT]
                meet(tools)
            call(
                tools[t.FORWARD], ops, count, numbers, memory.ctypes.data, rows, source, 0, theta,
                running, rates, 0, 0, home, tools.ctypes.data,
            )  # fmt: skip
            if leader:
                said = job[t.SAID] + 4 * (place * job[t.WHOLE] + start) * width
                copy_bytes(home + 4 * last[t.OUT], said, 4 * rows * width)
            meet(tools)
