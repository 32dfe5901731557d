"""Searches without training: the runner itself, over curves that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from shoal import ShoalError, load
from shoal.comparison.metrics import Metric
from shoal.engine.history import Curve
from shoal.study.runner import LUCKY, Plan, Runner
from shoal.study.samplers import make_sampler
from shoal.study.search import _sizes
from shoal.study.space import Space, Values
from shoal.study.store import Store
from shoal.study.strategies import make_strategy

Curves = Callable[[Values], np.ndarray]
"""The scores of a trial after 1, 2, … epochs; NaN from where it diverged."""


class Told:
    """Stands for a `Trainer`: what it would find out is known already."""

    def __init__(self, curves: Sequence[np.ndarray]) -> None:
        self.curves, self.at, self.interrupted = curves, 0, False
        self.trained = np.zeros(len(curves), int)
        self.dropped: set[int] = set()
        fell = [np.flatnonzero(~np.isfinite(c)) for c in curves]
        self.history = SimpleNamespace(
            curve=self.curve,
            metrics=("valid_accuracy", "valid_loss"),
            steps_per_epoch=np.ones(len(curves), int),
            diverged=np.full(len(curves), -1),
        )
        self.fell = [int(f[0]) if len(f) else -1 for f in fell]

    def run(self, until: int, save: bool = True) -> None:
        """Train up to so many epochs."""
        for i, fell in enumerate(self.fell):
            if i not in self.dropped:
                self.trained[i] = until
                if 0 <= fell < until:
                    self.history.diverged[i] = fell
        self.at = until

    def drop(self, members: Sequence[int]) -> None:
        """Out for good."""
        self.dropped |= set(members)

    def curve(self, member: int, name: str) -> Curve:
        """Scores up to here; the loss is their negative."""
        scores = self.curves[member][: self.at]
        return Curve(np.arange(1, len(scores) + 1), -scores if name == "valid_loss" else scores)


class Simulation(Runner):
    """A runner whose trainers know their curves."""

    curves: Curves

    def _trainer(self, number: int, trials: Any, recipes: Any) -> Any:
        return Told([self.curves(trial.values) for trial in trials])


DIGITS = load("digits").take(10)


def simulate(
    space: Any,
    curves: Curves,
    *,
    trials: int,
    budget: int,
    sampler: Any = "random",
    strategy: Any = "halving",
    seed: int = 0,
    batch: int | None = None,
    capacity: int | None = None,
    lucky: float = LUCKY,
) -> Simulation:
    """A search of given curves, chosen and judged as `shoal.search` does it."""
    found = space if isinstance(space, Space) else Space(space)
    chooser = make_sampler(sampler, found, seed)
    plan_of = make_strategy(strategy)
    several, room = _sizes(chooser, trials, batch, capacity, 10**9)
    plan = Plan(
        trials=trials,
        unit="epochs",
        budget=budget,
        brackets=plan_of.brackets(budget),
        shares=plan_of.shares(budget),
        batch=several,
        capacity=room,
        metric=Metric("valid_accuracy"),
        seed=seed,
        lucky=lucky,
    )
    runner = Simulation(found, DIGITS, chooser, plan, Store(None, {}, resume=False))
    runner.curves = curves
    runner.run()
    return runner


def winner(runner: Simulation) -> Any:
    """The best of the trials that were trained longest."""
    alive = [trial for trial in runner.trials if trial.state == "done"]
    if not alive:
        raise ShoalError("none came through")
    return max(alive, key=lambda trial: trial.key)
