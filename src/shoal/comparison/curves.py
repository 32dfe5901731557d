"""Curves and values of a comparison, taken from the history: smoothed, final, best."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.comparison.metrics import Metric
from shoal.engine import History
from shoal.engine.history import Curve

Values = NDArray[np.float64]


def window(steps: int) -> int:
    """Steps over which the loss of the batches is averaged: a twentieth of the run, 1 to 100."""
    return max(1, min(100, steps // 20))


def smooth(loss: Values, width: int) -> Values:
    """Mean of the last `width` values at each step; of fewer at the start.

    >>> smooth(np.array([4.0, 2.0, 0.0]), 2)
    array([4., 3., 1.])
    """
    loss = np.asarray(loss, np.float64)
    width = min(width, len(loss))
    if not width:
        return loss
    start = loss[: width - 1].cumsum() / np.arange(1, width)
    # every window anew: a running sum would keep the rounding error of one huge loss to the end
    return np.concatenate([start, np.lib.stride_tricks.sliding_window_view(loss, width).mean(-1)])


def loss_curve(history: History, member: int) -> Values:
    """Smoothed loss of a member at every step it took; a diverged one ends early."""
    loss = history.curve(member, "loss").values
    width = window(len(loss))
    if history.diverged[member] >= 0:
        loss = loss[: history.diverged[member]]
    return smooth(loss, width)


def final_values(history: History, metric: Metric) -> Values:
    """The metric at the end of each member; NaN for a diverged one."""
    if metric.name != "loss":
        return history.final(metric.name)
    curves = [loss_curve(history, i) for i in range(len(history.members))]
    ends = [curve[-1] if len(curve) else np.nan for curve in curves]
    return np.where(history.diverged < 0, ends, np.nan)


def best_values(history: History, metric: Metric) -> Values:
    """The metric where each member was best.

    With a validation part, "best" is the evaluation with the best validation metric of the same
    measure: choosing the best on the test part itself would flatter.
    """
    if metric.name == "loss":
        curves = [loss_curve(history, i) for i in range(len(history.members))]
        lows = [curve.min() if len(curve) else np.nan for curve in curves]
        return np.where(history.diverged < 0, lows, np.nan)
    judge = f"valid_{metric.measure}"
    judge = judge if judge in history.metrics else metric.name
    best = np.full(len(history.members), np.nan)
    for i in np.flatnonzero(history.diverged < 0):
        by = history.curve(int(i), judge).values
        if len(by) and np.isfinite(by).any():
            at = np.nanargmax(by) if metric.higher_is_better else np.nanargmin(by)
            best[i] = history.curve(int(i), metric.name).values[at]
    return best


def steps_to(history: History, target: float) -> Values:
    """Steps until the smoothed loss is at most `target`; NaN if it never was, or diverged.

    Only whole windows count: the first batches alone may be easy ones.
    """
    steps = np.full(len(history.members), np.nan)
    for i in np.flatnonzero(history.diverged < 0).tolist():
        curve = loss_curve(history, i)
        first = window(len(curve)) - 1
        reached = np.flatnonzero(curve[first:] <= target)
        if len(reached):
            steps[i] = first + reached[0] + 1
    return steps


def slowest_end(history: History, arms: Sequence[NDArray[np.int64]]) -> float:
    """Mean final training loss of the slowest arm that learned; NaN if none did.

    An arm has learned if it lost a tenth of the loss that all began with. One that never learns
    would set a target that everybody reaches at once.

    Args:
        history: of the run.
        arms: the members of each arm.
    """
    final = final_values(history, Metric("loss"))
    first = [history.curve(i, "loss").values[:1] for i in range(len(history.members))]
    start = float(np.nanmean(first)) if np.isfinite(first).any() else np.nan
    ends = [float(np.nanmean(final[at])) for at in arms if np.isfinite(final[at]).any()]
    return max((end for end in ends if end <= 0.9 * start), default=min(ends, default=np.nan))


@dataclass(frozen=True)
class Band:
    """The seeds of one arm over training: their mean, and from the lowest to the highest."""

    steps: NDArray[np.int64]
    mean: Values
    low: Values
    high: Values


def trace(history: History, member: int, name: str) -> Curve:
    """A member's smoothed loss or a metric over training; a diverged one ends early.

    Args:
        history: of the run.
        member: number of the member.
        name: "loss", smoothed as everywhere in a comparison, or one of `history.metrics`.
    """
    if name == "loss":
        loss = loss_curve(history, member)
        return Curve(np.arange(len(loss)), loss)
    curve = history.curve(member, name)
    finite = np.isfinite(curve.values)
    return Curve(curve.steps[finite], curve.values[finite])


def seed_band(curves: Sequence[Curve]) -> Band:
    """Mean, lowest and highest of curves with the same steps.

    >>> steps = np.array([1, 2])
    >>> band = seed_band([Curve(steps, np.array([4.0, 2.0])), Curve(steps, np.array([6.0, 2.0]))])
    >>> band.mean, band.low, band.high
    (array([5., 2.]), array([4., 2.]), array([6., 2.]))
    """
    values = np.array([curve.values for curve in curves], np.float64)
    return Band(curves[0].steps, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def thin(count: int, most: int = 300) -> NDArray[np.int64]:
    """Which of `count` values to draw, evenly spread, first and last included; at most `most`.

    >>> thin(10, 4)
    array([0, 3, 6, 9])
    """
    if count <= most:
        return np.arange(count)
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))
