"""Losses of a few rows, with their gradients, in one pass."""

from __future__ import annotations

import math

import numpy as np

from shoal.engine.compiled.arithmetic import exp, sigmoid
from shoal.engine.compiled.inner import elementwise
from shoal.engine.compiled.memory import floats, wholes

CROSS_ENTROPY, SQUARED, ABSOLUTE, HUBER, POISSON, QUANTILE, BINARY = range(7)
"""The losses that are compiled."""

_ZERO, _ONE, _HALF, _TWO = np.float32(0), np.float32(1), np.float32(0.5), np.float32(2)


@elementwise
def cross_entropy(
    kind: int, number: float, y: int, targets: int, given: int, each: int, down: int, count: int,
    n: int, rows: int,
) -> None:  # fmt: skip
    """Softmax and cross-entropy of logits z; see `nn.losses.softmax_cross_entropy`.

    Args:
        kind: which loss.
        number: smoothing, δ of Huber, q of quantiles.
        y: address of some rows of n outputs; so for all that follow.
        targets: labels, or n targets a row.
        given: weights of these rows, or 0.
        each: the loss of each row, to be filled.
        down: gradient of the mean over the batch, to be filled.
        count: how many rows these are.
        n: outputs.
        rows: of the whole batch.
    """
    z, d, losses = floats(y, count * n), floats(down, count * n), floats(each, count)
    weights, labels, smoothing = floats(given, count), wholes(targets, count), number
    share, sure = smoothing / np.float32(n), _ONE - smoothing
    for i in range(count):
        row, out = z[i * n : i * n + n], d[i * n : i * n + n]
        most = row[0]
        for j in range(1, n):
            most = row[j] if row[j] > most else most
        target, mean = row[labels[i]] - most, _ZERO
        for j in range(n):
            out[j] = row[j] - most
            mean += out[j]
        # without smoothing the others do not count, not even where they are infinite
        losses[i] = -target if smoothing == _ZERO else -(sure * target + share * mean)
    for j in range(count * n):
        d[j] = exp(d[j])
    for i in range(count):
        out = d[i * n : i * n + n]
        total = _ZERO
        for j in range(n):
            total += out[j]
        losses[i] += np.float32(math.log(total))
        scale = _ONE / np.float32(rows)
        if given != 0:
            losses[i] *= weights[i]
            scale *= weights[i]
        for j in range(n):
            out[j] = (out[j] / total - share) * scale
        out[labels[i]] -= sure * scale


@elementwise
def pointwise(
    kind: int, number: float, outputs: int, targets: int, given: int, each: int, down: int,
    count: int, n: int, rows: int,
) -> None:  # fmt: skip
    """The losses that are means over the outputs; arguments as for `cross_entropy`."""
    y, t, d = floats(outputs, count * n), floats(targets, count * n), floats(down, count * n)
    weights, losses = floats(given, count), floats(each, count)
    for i in range(len(losses)):
        total = _ZERO
        scale = _ONE / (np.float32(rows) * np.float32(n))
        if given != 0:
            scale *= weights[i]
        row, target, out = (
            y[i * n : i * n + n], t[i * n : i * n + n], d[i * n : i * n + n]
        )  # fmt: skip
        for j in range(n):
            x = row[j]
            e = x - target[j]
            if kind == SQUARED:
                total += e * e
                slope = _TWO * e
            elif kind == ABSOLUTE:
                total += abs(e)
                slope = _ONE if e > _ZERO else -_ONE if e < _ZERO else e
            elif kind == HUBER:
                size = abs(e)
                near = number if size > number else size
                total += near * (size - _HALF * near)
                slope = number if e > number else -number if e < -number else e
            elif kind == POISSON:
                slope = exp(x)
                total += slope - target[j] * x
                slope -= target[j]
            elif kind == QUANTILE:
                slope = _ONE - number if e > _ZERO else -number if e < _ZERO else e
                total += slope * e
            else:
                wanted = (_ONE - number) * target[j] + number * _HALF
                small = exp(-abs(x))
                total += (
                    (x if x > _ZERO else x * _ZERO) - x * wanted + np.float32(math.log1p(small))
                )
                slope = sigmoid(x) - wanted
            out[j] = slope * scale
        losses[i] = total / np.float32(n)
        if given != 0:
            losses[i] *= weights[i]
