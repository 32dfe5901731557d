"""What pictures of a study share: axes of dimensions and scores, colours, which trials to draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.distributions import (
    Choice,
    Distribution,
    IntRange,
    LogUniform,
    OneMinusLogUniform,
)
from shoal.plot.axes import number
from shoal.plot.style import INK, plain, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap

    from shoal.study import Study, Trial
    from shoal.study.space import Dimension

MOST = 1500
"""Trials that are drawn; more would be a blot, and a file of many megabytes."""
HARDLY = 0.1
"""Of the axis of scores, that it may be longer to hold the worst ones."""
SHADES = 48
Values = NDArray[np.float64]


@dataclass(frozen=True)
class Drawn:
    """The trials that a picture shows.

    Attributes:
        trials: in the order tried.
        scores: of each, in the unit of the metric; NaN where it diverged.
        left_out: how many are not drawn.
        low, high: scores that the axis reaches from and to; what is worse stands at its end.
        winner: the best trial.
    """

    trials: list[Trial]
    scores: Values
    left_out: int
    low: float
    high: float
    winner: Trial

    def state(self, *states: str) -> NDArray[np.bool_]:
        """Which of them are in one of these states."""
        return np.array([trial.state in states for trial in self.trials], bool)

    @property
    def shown(self) -> Values:
        """Scores as they are drawn: none beyond the worse end."""
        return np.clip(self.scores, min(self.low, self.high), max(self.low, self.high))

    @property
    def beyond(self) -> NDArray[np.bool_]:
        """Which are worse than the axis reaches."""
        return self.scores < self.low if self.low < self.high else self.scores > self.low


def drawn(study: Study, most: int = MOST) -> Drawn:
    """Choose the trials to draw: all; of very many the best fifth of `most` and a sample."""
    from shoal.rng import generator
    from shoal.study.words import score_of

    trials = study.trials
    if len(trials) > most:
        ranked = study.ranked
        best = [t.number for t in ranked[: most // 5]]
        taken = {*best, study.winner.number}
        others = [t.number for t in trials if t.number not in taken]
        some = generator(0, "sample", 5).choice(len(others), most - len(taken), replace=False)
        kept = sorted({*taken, *(others[i] for i in some.tolist())})
        trials = [trials[i] for i in kept]
    scores = np.array([score_of(study, trial) for trial in trials])
    sign = 1.0 if study.plan.metric.higher_is_better else -1.0
    low, high = view(sign * scores)
    return Drawn(
        list(trials), scores, len(study.trials) - len(trials), sign * low, sign * high, study.winner
    )


def view(scores: Values) -> tuple[float, float]:
    """The scores to show, higher is better: the best half has at least 40 % of the axis.

    What lies so little below that it would hardly be seen to do so is on the axis, too.

    >>> view(np.array([0.1, 0.1, 0.9, 0.95, 1.0]))
    (0.75, 1.0)
    >>> view(np.array([0.82, 0.9, 0.95]))
    (0.82, 0.95)
    """
    known = scores[np.isfinite(scores)]
    if not len(known):
        return 0.0, 1.0
    high, middle = float(known.max()), float(np.median(known))
    worst = float(known.min())
    low = max(worst, high - 2.5 * (high - middle))
    if low - worst < HARDLY * (high - low):
        low = worst
    if low == high:
        low = high - (abs(high) * 0.05 or 0.05)
    return round(low, 12), high


def left_out_note(found: Drawn) -> str:
    """Says that not all trials are drawn, if so."""
    if not found.left_out:
        return ""
    every = found.left_out + len(found.trials)
    return f" {len(found.trials):,} of {every:,} trials are drawn, the best and a sample."


def dimensions_note(study: Study, most: int) -> str:
    """Says that not all dimensions are drawn, if at most so many are."""
    every = len(study.space.dimensions)
    if every <= most:
        return ""
    which = "the first" if study.importance is None else "those that matter most"
    return f" {most} of {every} dimensions are drawn, {which}."


def place(dimension: Dimension, trial: Trial) -> float:
    """Where a trial lies in a dimension, in u; NaN where that does not exist."""
    if dimension.path not in trial.values:
        return math.nan
    return float(dimension.distribution.place(trial.values[dimension.path]))


def places(dimension: Dimension, trials: Sequence[Trial]) -> Values:
    """The same of several."""
    return np.array([place(dimension, trial) for trial in trials])


def ticks(distribution: Distribution, most: int = 5) -> list[tuple[float, str]]:
    """Places in u and texts for an axis.

    >>> from shoal.distributions import int_range, log_uniform
    >>> ticks(log_uniform(1e-4, 1.0), 3)
    [(0.0, '0.0001'), (0.5, '0.01'), (1.0, '1')]
    >>> [text for _, text in ticks(int_range(1, 4))]
    ['1', '2', '3', '4']
    """
    if isinstance(distribution, Choice):
        names = [number(o) if isinstance(o, float) else str(o) for o in distribution.options]
        short = short_names(names, 14)
        return [
            (distribution.place(o), plain(short[name]))
            for o, name in zip(distribution.options, names, strict=True)
        ]
    values = _round_values(distribution, most)
    return [(distribution.place(value), number(value)) for value in values]


def _round_values(distribution: Any, most: int) -> list[Any]:
    """Round values of a range, not too many."""
    from matplotlib.ticker import MaxNLocator

    low, high = distribution.ends
    if isinstance(distribution, OneMinusLogUniform):
        return [1 - v for v in reversed(_decades(1 - high, 1 - low, most))]
    if isinstance(distribution, LogUniform) or (
        isinstance(distribution, IntRange) and distribution.log
    ):
        values = _decades(low, high, most)
        if isinstance(distribution, IntRange):
            return _whole_steps(low, high, most)
        return values
    whole = isinstance(distribution, IntRange)
    located = MaxNLocator(most - 1, integer=whole, steps=[1, 2, 2.5, 5, 10]).tick_values(low, high)
    inside = [float(v) for v in located if low <= v <= high]
    return [int(v) for v in inside] if whole else inside


def _decades(low: float, high: float, most: int) -> list[float]:
    """Powers of ten from low to high, every second or third if they are many; else finer steps."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = list(range(first, last + 1))
    if len(powers) >= 3:
        step = math.ceil(len(powers) / most)
        if (len(powers) - 1) // max(most - 1, 1) < step and len(powers) > most:
            step = math.ceil((len(powers) - 1) / (most - 1))
        return [float(f"1e{p}") for p in powers[::step]]
    every = [float(f"{m}e{p}") for p in range(first - 1, last + 1) for m in (1, 2, 5)]
    inside = [v for v in every if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
    return inside if 2 <= len(inside) <= most + 1 else [low, high]


def _whole_steps(low: int, high: int, most: int) -> list[int]:
    """Whole numbers in about even ratios, powers of two where there are some."""
    powers = [2**k for k in range(int(low).bit_length() - 1, int(high).bit_length())]
    inside = [p for p in powers if low <= p <= high]
    if len(inside) >= 3:
        return inside[:: math.ceil(len(inside) / most)]
    return sorted({low, high, *inside})


def dimension_axis(axes: Axes, which: str, dimension: Dimension, most: int = 5) -> None:
    """An axis that runs through a dimension, evenly in probability."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    found = ticks(dimension.distribution, most)
    axis.set_ticks([u for u, _ in found], [text for _, text in found])
    (axes.set_xlim if which == "x" else axes.set_ylim)(-0.04, 1.04)
    short = short_names([dimension.path], 40)[dimension.path]
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(plain(short))
    if which == "x" and sum(len(text) for _, text in found) > 34:
        for label in axes.get_xticklabels():
            label.set(rotation=25, ha="right", rotation_mode="anchor")


def score_axis(axes: Axes, study: Study, found: Drawn, strip: float = 0.0) -> None:
    """The vertical axis of scores; up is better, with a strip below for what diverged."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    span = found.high - found.low
    axes.set_ylim(found.low - (0.05 + strip) * span, found.high + 0.06 * span)
    axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    percent = study.plan.metric.measure == "accuracy"
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{100 * v:g} %" if percent else number(float(f"{v:.4g}")))
    )
    low, high = sorted((found.low, found.high))
    axes.set_yticks([t for t in axes.get_yticks() if low - 1e-9 <= t <= high + 0.06 * abs(span)])


def shades() -> ListedColormap:
    """From poor to good: viridis, whose lightness rises evenly, for every eye and in grey."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    return ListedColormap(matplotlib.colormaps["viridis"](np.linspace(0.0, 0.96, SHADES)))


def mark_best(axes: Axes, x: float, y: float, size: float = 11.0) -> None:
    """A ring around the winner."""
    axes.plot(
        [x],
        [y],
        "o",
        color=INK,
        markersize=size,
        markerfacecolor="none",
        markeredgewidth=1.5,
        zorder=40,
        clip_on=False,
        gid="chosen",
    )
