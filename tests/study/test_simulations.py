"""How good strategies and samplers are: many searches of curves that are given, nothing trained.

The landscape is that of a real search: a best learning rate and decay, low rates rise slowly, high
ones diverge. Figures are of fixed seeds; what is claimed of them holds for others too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.simulator import Simulation, finalists, simulate, winner

import shoal
from shoal import SGD, Halving, Recipe, log_uniform, mlp
from shoal.study.space import Space, Values

EPOCHS = 27
TRIALS = 96
SPACE = Space(
    Recipe(mlp([4]), SGD(lr=log_uniform(1e-4, 3.0)), weight_decay=log_uniform(1e-8, 1e-2))
)


def end_of(values: Values) -> float:
    """The accuracy that a recipe comes to, without noise; 0.97 at best."""
    lr, decay = math.log10(values["optimizer.lr"]), math.log10(values["weight_decay"])
    return 0.97 - 0.01 * (lr + 1) ** 2 * (1.5 if lr > -1 else 1) - 0.002 * (decay + 4) ** 2


def noise(values: Values, seed: int) -> np.random.Generator:
    """Of one recipe in one repetition."""
    return np.random.default_rng([seed, int(values["optimizer.lr"] * 1e12) % 2**31])


def rising(spread: float, seed: int) -> Any:
    """Curves that rise the faster the higher the rate, and scatter by `spread`."""

    def curve(values: Values) -> np.ndarray:
        lr = values["optimizer.lr"]
        if lr > 1:
            return np.full(EPOCHS, np.nan)
        slowness = 3 * (0.1 / lr) ** 0.3
        rise = 0.8 * np.exp(-np.arange(1, EPOCHS + 1) / slowness)
        return end_of(values) - rise + spread * noise(values, seed).standard_normal(EPOCHS)

    return curve


def crossing(spread: float, seed: int) -> Any:
    """The better a recipe ends, the slower it begins."""

    def curve(values: Values) -> np.ndarray:
        end = end_of(values)
        slowness = 1 + 12 * max((end - 0.8) / 0.17, 0) ** 2
        rise = 0.8 * np.exp(-np.arange(1, EPOCHS + 1) / slowness)
        return end - rise + spread * noise(values, seed).standard_normal(EPOCHS)

    return curve


def searches(count: int, curves: Any, spread: float, **how: Any) -> tuple[np.ndarray, float]:
    """What the winners of many searches come to, and what a search spends, in full trainings."""
    how = {"trials": TRIALS} | how
    runs = [simulate(SPACE, curves(spread, s), budget=EPOCHS, seed=s, **how) for s in range(count)]
    return (
        np.array([end_of(winner(run).values) for run in runs]),
        float(np.mean([run.spent for run in runs])) / EPOCHS,
    )


def t_of(differences: np.ndarray) -> float:
    """Mean over its standard error."""
    return float(differences.mean() / (differences.std(ddof=1) / math.sqrt(len(differences))))


# The simulator itself


@pytest.mark.parametrize("strategy", ["halving", "hyperband"])
@pytest.mark.parametrize(("batch", "capacity"), [(None, None), (5, 12)])
def test_a_simulated_search_decides_what_the_real_one_does(space, data, strategy, batch, capacity):
    settings = {"trials": 24, "strategy": strategy, "batch": batch, "capacity": capacity}
    real = shoal.search(space, data, epochs=9, finalists=0, **settings)
    full = shoal.search(
        space, data, epochs=9, finalists=0, **(settings | {"strategy": "full", "trials": 24})
    )
    known = {str(t.values): np.array(t.curve).T[1:] for t in full.trials}
    found = simulate(space, lambda values: known[str(values)], budget=9, **settings)
    assert [(t.state, t.budget, t.bracket, t.lucky) for t in found.trials] == [
        (t.state, t.budget, t.bracket, t.lucky) for t in real.trials
    ]
    assert found.spent == real.spent


def test_a_simulated_search_spends_what_its_trainers_train():
    run: Simulation = simulate(SPACE, rising(0.0, 0), trials=50, budget=27, batch=10, capacity=15)
    assert len(run.trials) == 50
    assert sum(t.state == "diverged" for t in run.trials) > 1
    assert run.spent == sum(t.budget for t in run.trials) < 0.3 * 50 * 27


# Early dropping


def test_halving_finds_the_best_within_noise_for_a_quarter():
    full, cost = searches(40, rising, 0.004, strategy="full")
    halved, less = searches(40, rising, 0.004)
    assert less <= 0.25 * TRIALS < 0.8 * TRIALS < cost
    assert full.mean() - halved.mean() < 0.005
    assert np.quantile(full - halved, 0.9) < 0.01


@dataclass
class Recorded:
    """Curves of 200 recipes with 3 seeds, 18 epochs of digits, [32, 32], as `benchmarks.rungs` has
    them: "rate" and "batch_norm".

    Attributes:
        curves: validation accuracies and losses, (seeds, recipes, 2, epochs).
    """

    curves: np.ndarray

    @classmethod
    def of(cls, name: str) -> Recorded:
        """Accuracies are stored as numbers of the 359 rows that were right; 65535: it diverged."""
        with np.load(Path(__file__).parent / "recorded.npz") as stored:
            right, losses = stored[name], stored[f"{name}_losses"].astype(float)
        return cls(np.stack([np.where(right == 65535, np.nan, right / 359), losses], axis=2))

    def finalists(self, seed: int, trials: int, **how: Any) -> tuple[float, float]:
        """The best of five finalists, by the seeds that the search has not seen; and the cost."""
        searched = seed % 3
        ends = np.nan_to_num(np.delete(self.curves, searched, axis=0)[:, :, 0, -1])
        return finalists(self.curves[searched], ends.mean(axis=0), seed, trials, **how)


@pytest.mark.parametrize("name", ["rate", "batch_norm"])
def test_on_recorded_curves_halving_is_as_good_as_full_for_a_quarter(name):
    recorded = Recorded.of(name)
    full, _ = np.array([recorded.finalists(s, 100, strategy="full") for s in range(60)]).T
    halved, costs = np.array([recorded.finalists(s, 100) for s in range(60)]).T
    few, same = np.array([recorded.finalists(s, 22, strategy="full") for s in range(60)]).T
    assert costs.mean() <= 25
    row = 1 / 359
    assert full.mean() - halved.mean() < 1.5 * row  # of the validation part
    assert same.mean() >= costs.mean() - 1
    assert t_of(halved - few) > 2  # and better than so many trained to the end


def test_where_curves_cross_halving_loses_and_hyperband_does_not():
    full, _ = searches(20, crossing, 0.004, strategy="full")
    halved, _ = searches(20, crossing, 0.004)
    banded, cost = searches(20, crossing, 0.004, strategy="hyperband")
    assert full.mean() - halved.mean() > 0.01
    assert full.mean() - banded.mean() < 0.005
    assert cost < 0.4 * TRIALS
    later, _ = searches(20, crossing, 0.004, strategy=Halving(grace=9))
    assert later.mean() > halved.mean() + 0.005  # a longer grace helps too


def test_those_kept_by_luck_help_where_curves_cross():
    without, _ = searches(20, crossing, 0.004, lucky=0.0)
    lucky, cost = searches(20, crossing, 0.004)
    assert t_of(lucky - without) > 3
    assert cost <= 0.25 * TRIALS


@pytest.mark.parametrize(("batch", "capacity"), [(8, 16), (24, 48), (None, None)])
def test_waves_cost_little_quality(batch, capacity):
    at_once, _ = searches(20, rising, 0.004)
    in_waves, cost = searches(20, rising, 0.004, batch=batch, capacity=capacity)
    assert in_waves.mean() > at_once.mean() - 0.002
    assert cost < 0.3 * TRIALS


# Samplers


@pytest.mark.parametrize("sampler", ["tpe", "narrowing"])
def test_what_learns_beats_random_search_at_equal_cost(sampler):
    count = {"tpe": 30, "narrowing": 40}[sampler]
    random, cost = searches(count, rising, 0.0005, strategy="full")
    learned, same = searches(count, rising, 0.0005, strategy="full", sampler=sampler)
    assert same == pytest.approx(cost, rel=0.12)  # fewer diverge
    assert t_of(learned - random) > 2


@pytest.mark.parametrize("sampler", ["tpe", "narrowing"])
def test_where_there_is_nothing_to_learn_nothing_is_gained(sampler):
    def luck(spread: float, seed: int) -> Any:
        return lambda values: np.full(EPOCHS, noise(values, seed).random())

    def best(how: str) -> np.ndarray:
        runs = [
            simulate(SPACE, luck(0, s), trials=64, budget=27, seed=s, strategy="full", sampler=how)
            for s in range(8)
        ]
        return np.array([winner(run).score for run in runs])

    assert abs(t_of(best(sampler) - best("random"))) < 3


@pytest.mark.parametrize("sampler", ["tpe", "narrowing"])
def test_with_halving_random_search_is_as_good_at_equal_cost(sampler):
    """Trials are so cheap then that many random ones do what a few chosen ones do."""
    random, cost = searches(12, rising, 0.004, trials=160)
    learned, same = searches(12, rising, 0.004, sampler=sampler)
    assert 0.75 * cost < same < 1.15 * cost
    assert abs(learned.mean() - random.mean()) < 0.002
