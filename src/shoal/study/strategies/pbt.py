"""Population based training: losers copy winners and change their numbers, in one training.

Jaderberg et al. 2017. All trials train to the end. Every `interval` epochs the worst share of them
takes over weights, slots and running statistics of trials drawn from the best share (exploit), and
goes on with numbers a little off theirs (explore). What wins is no recipe but a schedule of values
that was found on the way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from shoal.distributions import (
    Choice,
    Distribution,
    IntRange,
    LogUniform,
    OneMinusLogUniform,
)
from shoal.errors import check_number
from shoal.study.space import Dimension, Space, Values
from shoal.study.strategies.strategy import Bracket

FACTOR = 1.25
"""On log scales a value is multiplied or divided by this (0.8 or 1.25)."""
STEP = 0.1
"""On straight scales it moves by this share of the range."""


@dataclass(frozen=True)
class PBT:
    """One population, judged every `interval`; nobody is dropped, losers copy winners.

    Only numbers can change while a network trains: learning rate, momentum, betas, decay, dropout,
    clip norm, a schedule's numbers. Trials that differ in structure (widths, batch size, kind of
    optimizer) train in one population, but each copies only from those of its own structure.
    Schedules run over the steps of the whole training, whatever is copied.

    Attributes:
        interval: epochs (or steps) between two judgings; None for a tenth of the budget.
        share: of the trials of a structure that copies, and that is copied; at most a half.
        resample: how often a number is drawn anew from its distribution instead of moved a little.

    >>> PBT().brackets(20)
    [Bracket(rungs=(2, 4, 6, 8, 10, 12, 14, 16, 18, 20), keep=1.0)]
    """

    interval: int | None = None
    share: float = 0.2
    resample: float = 0.1

    def __post_init__(self) -> None:
        if self.interval is not None:
            check_number("interval", self.interval, least=1, whole=True)
        check_number("share", self.share, above=0, most=0.5)
        check_number("resample", self.resample, least=0, most=1)

    def brackets(self, budget: int) -> Sequence[Bracket]:
        """One: every interval, and everybody goes on."""
        interval = max(1, round(budget / 10)) if self.interval is None else self.interval
        return [Bracket((*range(interval, budget, interval), budget), 1.0)]

    def shares(self, budget: int) -> Sequence[float]:
        """All trials are in it."""
        return [1.0]


@dataclass(frozen=True)
class Standing:
    """How a trial stands when a population is judged.

    Attributes:
        number: of the trial.
        key: what trials are ranked by; higher is better.
        diverged: whether it has.
    """

    number: int
    key: tuple[float, float]
    diverged: bool


def exploit(
    standings: Sequence[Standing], share: float, source: np.random.Generator
) -> list[tuple[int, int]]:
    """Who copies whom, of trials of one structure: (winner, loser) by their numbers.

    The worst `share` copies, and every trial that diverged; the best `share` of the others is
    copied, each as likely as the next. A loser that is no worse than its winner stays as it is.

    Args:
        standings: of all trials of the structure.
        share: at least one, if there are two trials.
        source: of the draws.
    """
    alive = sorted((s for s in standings if not s.diverged), key=lambda s: (s.key, -s.number))
    gone = [s for s in standings if s.diverged]
    if not alive:
        return []
    count = max(1, int(share * len(standings)))
    best = alive[-min(count, max(1, len(alive) // 2)) :]
    worst = alive[: min(max(0, count - len(gone)), len(alive) - len(best))]
    pairs = []
    for loser in sorted([*gone, *worst], key=lambda s: s.number):
        winner = best[int(source.integers(len(best)))]
        if winner.key > loser.key:
            pairs.append((winner.number, loser.number))
    return pairs


def explore(
    space: Space,
    values: Values,
    fits: Callable[[Values], bool],
    resample: float,
    source: np.random.Generator,
) -> Values:
    """Values a little off these, where they are numbers that can change in training.

    Args:
        space: the dimensions.
        values: of the winner.
        fits: whether values are of the winner's structure.
        resample: how often a number is drawn anew.
        source: of the draws.
    """
    moved = dict(values)
    for dimension in space.dimensions:
        if dimension.path not in moved or not movable(dimension):
            continue
        anew, up, u = source.random() < resample, source.random() < 0.5, float(source.random())
        now = moved[dimension.path]
        value = (
            dimension.distribution.value(u) if anew else nudge(dimension.distribution, now, up=up)
        )
        if fits({**moved, dimension.path: value}):
            moved[dimension.path] = value
    return moved


def movable(dimension: Dimension) -> bool:
    """Whether a dimension may be a number that means something after the first step."""
    at_start = dimension.path.partition(".")[0].partition("[")[0] == "init"
    return not at_start and not isinstance(dimension.distribution, Choice)


def nudge(distribution: Distribution, value: Any, *, up: bool) -> Any:
    """A value a step further up or down; the other way where that would leave the range.

    On log scales the value (for momenta its distance from 1) is multiplied by 1.25 or 0.8; on
    straight ones it moves by a tenth of the range. Whole numbers move by one at least.

    >>> from shoal.distributions import int_range, log_uniform, one_minus_log_uniform, uniform
    >>> [round(nudge(log_uniform(1e-4, 1.0), 0.1, up=up), 9) for up in (True, False)]
    [0.125, 0.08]
    >>> round(nudge(one_minus_log_uniform(0.5, 0.999), 0.9, up=True), 9)
    0.92
    >>> nudge(uniform(0.0, 0.5), 0.5, up=True), nudge(int_range(1, 4), 2, up=True)
    (0.45, 3)
    """
    moved = _moved(distribution, value, up)
    low, high = distribution.ends
    if not low <= moved <= high:
        moved = _moved(distribution, value, not up)
    return min(max(moved, low), high)


def _moved(distribution: Distribution, value: Any, up: bool) -> Any:
    factor = FACTOR if up else 1 / FACTOR
    match distribution:
        case LogUniform():
            return value * factor
        case OneMinusLogUniform():
            return 1 - (1 - value) / factor
        case IntRange(low, high, log):
            by = value * (factor - 1) if log else (high - low) * (STEP if up else -STEP)
            return value + (max(1, math.floor(by)) if up else min(-1, math.ceil(by)))
    low, high = distribution.ends
    return value + (high - low) * (STEP if up else -STEP)
