"""Waves of inputs: the operation of `nn.embedding.PeriodicEmbedding`, column by column.

Each embedded input has waves and sums of its own, so threads take whole columns and share no sum.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.arithmetic import cosine_and_sine
from shoal.engine.compiled.inner import elementwise, inner, summing
from shoal.engine.compiled.memory import call, copy_bytes, floats

_ZERO = np.float32(0)


@elementwise
def wave(
    x: int, x_step: int, w: int, phase: int, cosines: int, sines: int, step: int, count: int,
    rows: int,
) -> None:  # fmt: skip
    """cos u and sin u with u = x w + φ, for one input of every row; all by address.

    Args:
        x: the input in the first row; x_step numbers further in the next.
        w, phase: its waves, `count` of them.
        cosines, sines: of the first row; `step` numbers further those of the next.
    """
    rates, shifts = floats(w, count), floats(phase, count)
    for i in range(rows):
        number = floats(x + 4 * i * x_step, 1)[0]
        of_cos, of_sin = floats(cosines + 4 * i * step, count), floats(sines + 4 * i * step, count)
        for k in range(count):
            of_cos[k], of_sin[k] = cosine_and_sine(number * rates[k] + shifts[k])


@summing
def unwave(
    x: int, x_step: int, w: int, d_w: int, d_phase: int, d_cos: int, sines: int, step: int,
    count: int, d: int, d_step: int, below: int, rows: int,
) -> None:  # fmt: skip
    """dw = Σ x du and dφ = Σ du with du = -sin(u) dcos; with `below` dx = d + Σ w du, too.

    Args:
        d_cos: gradient of the cosines; arguments else as for `wave`.
        d, d_step: gradient of the input as it stands among the outputs, and its step.
        below: for that of the input, x_step apart; or 0.
    """
    rates, of_rates, of_shifts = floats(w, count), floats(d_w, count), floats(d_phase, count)
    for k in range(count):
        of_rates[k], of_shifts[k] = _ZERO, _ZERO
    for i in range(rows):
        number = floats(x + 4 * i * x_step, 1)[0]
        du, sine = floats(d_cos + 4 * i * step, count), floats(sines + 4 * i * step, count)
        for k in range(count):
            du[k] *= -sine[k]
            of_rates[k] += number * du[k]
            of_shifts[k] += du[k]
        if below:
            through = _ZERO
            for k in range(count):
                through += rates[k] * du[k]
            floats(below + 4 * i * x_step, 1)[0] = floats(d + 4 * i * d_step, 1)[0] + through


@inner
def waves_forward(op: Any, rows: int, x: int, theta: int, home: int, tools: Any) -> None:
    """y = (x, e₁, …, eₙ) with eⱼ = cos(xⱼ wⱼ + φⱼ) Vⱼ + bⱼ; x, theta and home are addresses."""
    inputs, outputs, count, size = op[t.IN_SIZE], op[t.OUT_SIZE], op[t.FILTERS], op[t.WIDTH]
    y, step, thread, threads = home + 4 * op[t.OUT], op[t.STEP], tools[t.THREAD], tools[t.THREADS]
    for i in range(thread * rows // threads, (thread + 1) * rows // threads):
        copy_bytes(x + 4 * i * inputs, y + 4 * i * outputs, 4 * inputs)
    for j in range(thread, op[t.CHANNELS], threads):
        cosines = home + 4 * (op[t.SAVED] + j * count)
        call(
            tools[t.WAVE], x + 4 * j, inputs, theta + 4 * (op[t.RATES_AT] + j * count),
            theta + 4 * (op[t.PHASES_AT] + j * count), cosines, home + 4 * (op[t.HAT] + j * count),
            step, count, rows,
        )  # fmt: skip
        out = y + 4 * (inputs + j * size)
        call(
            tools[t.PRODUCT], rows, size, count, cosines, step, 1,
            theta + 4 * (op[t.WEIGHT] + j * count * size), size, 0, out, outputs, 0,
            tools.ctypes.data,
        )  # fmt: skip
        bias = floats(theta + 4 * (op[t.BIAS] + j * size), size)
        for i in range(rows):
            line = floats(out + 4 * i * outputs, size)
            for s in range(size):
                line[s] += bias[s]


@inner
def waves_backward(
    op: Any, rows: int, x: int, theta: int, d: int, below: int, gradient: int, needed: bool,
    home: int, tools: Any,
) -> None:  # fmt: skip
    """dV = Σ cos(u) de, db = Σ de, and what `unwave` says; d and below are offsets."""
    inputs, outputs, count, size = op[t.IN_SIZE], op[t.OUT_SIZE], op[t.FILTERS], op[t.WIDTH]
    step, thread, threads = op[t.STEP], tools[t.THREAD], tools[t.THREADS]
    down, under, g = home + 4 * d, home + 4 * below, home + 4 * gradient
    if needed:
        for i in range(thread * rows // threads, (thread + 1) * rows // threads):
            line = 4 * op[t.CHANNELS]
            copy_bytes(
                down + 4 * i * outputs + line, under + 4 * i * inputs + line, 4 * inputs - line
            )
    for j in range(thread, op[t.CHANNELS], threads):
        cosines, weights = home + 4 * (op[t.SAVED] + j * count), op[t.WEIGHT] + j * count * size
        of_sums = down + 4 * (inputs + j * size)
        of_bias = floats(g + 4 * (op[t.BIAS] + j * size), size)
        for s in range(size):
            of_bias[s] = _ZERO
        for i in range(rows):
            line = floats(of_sums + 4 * i * outputs, size)
            for s in range(size):
                of_bias[s] += line[s]
        call(
            tools[t.PRODUCT], count, size, rows, cosines, 1, step, of_sums, outputs, 0,
            g + 4 * weights, size, 0, tools.ctypes.data,
        )  # fmt: skip
        call(  # the cosines are not needed any more
            tools[t.PRODUCT], rows, count, size, of_sums, outputs, 1, theta + 4 * weights, size, 1,
            cosines, step, 0, tools.ctypes.data,
        )  # fmt: skip
        rates, phases = op[t.RATES_AT] + j * count, op[t.PHASES_AT] + j * count
        call(
            tools[t.UNWAVE], x + 4 * j, inputs, theta + 4 * rates, g + 4 * rates, g + 4 * phases,
            cosines, home + 4 * (op[t.HAT] + j * count), step, count, down + 4 * j, outputs,
            under + 4 * j if needed else 0, rows,
        )  # fmt: skip
