"""What an arm is judged by: one number for each of its members, taken from the history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine import History
from shoal.engine.evaluate import METRICS
from shoal.engine.history import Curve
from shoal.errors import unknown

Values = NDArray[np.float64]

RELATIVE_MARGIN = 0.1
ABSOLUTE_MARGIN = 0.005
RMSE_MARGIN = 0.01


@dataclass(frozen=True)
class Metric:
    """A quantity by which arms are compared.

    Attributes:
        name: "loss" (of the batches, smoothed), or a part and a measure: "test_accuracy".
    """

    name: str

    @property
    def measure(self) -> str:
        """Its last word: loss, accuracy, rmse or r2."""
        return self.name.rsplit("_", 1)[-1]

    @property
    def higher_is_better(self) -> bool:
        """True for accuracy and r2."""
        return self.measure in ("accuracy", "r2")

    @property
    def label(self) -> str:
        """Its name for people."""
        if self.name == "loss":
            return "training loss"
        part, measure = self.name.rsplit("_", 1)
        part = {"train": "training", "valid": "validation"}.get(part, part)
        return f"{part} {({'rmse': 'RMSE', 'r2': 'R²'}).get(measure, measure)}"

    def margin(self, a: float, b: float) -> float:
        """The largest difference of two means that does not matter, unless one is given.

        Half a percentage point of accuracy; 0.005 of R²; a tenth of the smaller loss; a hundredth
        of the smaller RMSE.
        """
        if self.measure in ("accuracy", "r2"):
            return ABSOLUTE_MARGIN
        share = RMSE_MARGIN if self.measure == "rmse" else RELATIVE_MARGIN
        return share * min(abs(a), abs(b))


def choose_metric(name: str | None, task: str, parts: Sequence[str]) -> Metric:
    """The metric of a name; for None, accuracy or RMSE on the test part or the nearest to it.

    Args:
        name: "loss", a part and a measure such as "valid_accuracy", or None.
        task: "classification" or "regression".
        parts: which parts of the data have rows.

    Raises:
        ShoalError: there is no such metric.
    """
    if name is None:
        part = next(part for part in ("test", "valid", "train") if part in parts)
        return Metric(f"{part}_{METRICS[task][1]}")
    known = ["loss", *(f"{part}_{measure}" for part in parts for measure in METRICS[task])]
    if name not in known:
        raise unknown("metric", name, known)
    return Metric(name)


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
    """Steps until the smoothed loss is at most `target`; NaN if it never was, or diverged."""
    steps = np.full(len(history.members), np.nan)
    for i in np.flatnonzero(history.diverged < 0).tolist():
        reached = np.flatnonzero(loss_curve(history, i) <= target)
        if len(reached):
            steps[i] = reached[0] + 1
    return steps


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


def best_with_each(
    points: Sequence[Mapping[str, Any]],
    values: Sequence[Sequence[float]],
    path: str,
    higher_is_better: bool,
) -> list[tuple[Any, int | None]]:
    """Each value of one setting, and the number of the best point that has it.

    Args:
        points: the settings that were tried.
        values: of the metric, (points, seeds); NaN where diverged.
        path: the setting.
        higher_is_better: of the metric.

    Returns:
        Values in the order tried; None for one with which every point had a seed that diverged.

    >>> points = [{"lr": 1, "decay": 0}, {"lr": 1, "decay": 1}, {"lr": 2, "decay": 0}]
    >>> best_with_each(points, [[0.5, 0.5], [0.9, 0.7], [0.9, np.nan]], "lr", True)
    [(1, 1), (2, None)]
    """
    sign = 1 if higher_is_better else -1
    means = sign * np.mean(np.asarray(values, np.float64), axis=1)
    tried: list[Any] = []
    for point in points:
        if point[path] not in tried:
            tried.append(point[path])
    best: list[tuple[Any, int | None]] = []
    for value in tried:
        at = [i for i, p in enumerate(points) if p[path] == value and np.isfinite(means[i])]
        best.append((value, max(at, key=lambda i: float(means[i])) if at else None))
    return best
