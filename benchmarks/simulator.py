"""Searches without training: the runner itself, over curves that are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal import SGD, Recipe, ShoalError, int_range, load, mlp
from shoal.comparison.metrics import Metric
from shoal.engine.history import Curve
from shoal.study.runner import LUCKY, Plan, Runner
from shoal.study.samplers import make_sampler
from shoal.study.search import _sizes
from shoal.study.space import Space, Values
from shoal.study.store import Store
from shoal.study.strategies import make_strategy

Curves = Callable[[Values], NDArray[Any]]
"""The scores of a trial after 1, 2, … epochs, NaN from where it diverged; or scores and losses."""


class Told:
    """Stands for a `Trainer`: what it would find out is known already."""

    def __init__(self, curves: Sequence[np.ndarray]) -> None:
        self.curves = [c if c.ndim == 2 else np.array([c, -c]) for c in curves]
        self.at, self.interrupted = 0, False
        self.trained = np.zeros(len(curves), int)
        self.dropped: set[int] = set()
        fell = [np.flatnonzero(~np.isfinite(scores)) for scores, _ in self.curves]
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
        """Scores up to here, or losses; their negative where none are given."""
        values = self.curves[member][int(name == "valid_loss"), : self.at]
        return Curve(np.arange(1, len(values) + 1), values)


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
    kind: type[Simulation] = Simulation,
) -> Simulation:
    """A search of given curves, chosen and judged as `shoal.search` does it; or by another kind."""
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
    runner = kind(found, DIGITS, chooser, plan, Store(None, {}, resume=False))
    runner.curves = curves
    runner.run()
    return runner


def winner(runner: Simulation) -> Any:
    """The best of the trials that were trained longest."""
    alive = [trial for trial in runner.trials if trial.state == "done"]
    if not alive:
        raise ShoalError("none came through")
    return max(alive, key=lambda trial: trial.key)


class Listed:
    """A sampler that gives the recipes of a list by their numbers."""

    batch = None

    def __init__(self, numbers: Sequence[int]) -> None:
        self.known = iter(numbers)

    def ask(self, count: int) -> list[Values]:
        """The next ones; a number stands where a batch size would, which is at least 1."""
        return [{"batch_size": number + 1} for number in islice(self.known, count)]

    def tell(self, results: Any) -> None:
        """Nothing is learned."""


def finalists(
    curves: NDArray[Any], fresh: NDArray[Any], seed: int, trials: int, **how: Any
) -> tuple[float, float]:
    """Search recorded curves: what the best of five finalists comes to, and the cost.

    Args:
        curves: of each recipe, (recipes, epochs), or (recipes, 2, epochs) with losses.
        fresh: what each recipe comes to on what the search has not seen, (recipes,).
        seed: of the recipes that are tried, and of the lots.
        trials: how many of them.
        how: for `simulate`.

    Returns:
        The largest of `fresh` among the five best that came to the end, and the cost in trainings
        to the end.
    """
    numbers = np.random.default_rng(seed).permutation(len(curves))[:trials].tolist()
    run = simulate(
        Recipe(mlp([4]), SGD(), batch_size=int_range(1, len(curves))),
        lambda values: curves[values["batch_size"] - 1],
        trials=trials,
        budget=curves.shape[-1],
        seed=seed,
        sampler=Listed(numbers),
        **how,
    )
    done = sorted((t for t in run.trials if t.state == "done"), key=lambda t: t.key)[-5:]
    best = max(float(fresh[t.values["batch_size"] - 1]) for t in done)
    return best, run.spent / curves.shape[-1]
