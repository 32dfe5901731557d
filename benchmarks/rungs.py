"""What dropping losers early costs: recorded curves are searched again and again.

    python -m benchmarks.rungs [--searches N] [--quick]

In every set all recipes are trained to the end with some seeds, and their curves are kept. Then the
runner of `shoal.search` searches a hundred of them with one seed, many times, by each rule below;
nothing is trained for that. What counts is the best of five finalists, judged by the test part and
the seeds that the search has not seen: points of accuracy behind the best finalist of a search that
trains all to the end, and in how many searches it is a point or more behind.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import shoal
from benchmarks import search
from benchmarks.data import mnist
from benchmarks.simulator import Simulation, finalists
from shoal import SGD, Halving, Recipe, choice, log_uniform, mlp, uniform
from shoal.study.runner import LUCKY
from shoal.study.samplers import make_sampler
from shoal.study.space import Space
from shoal.study.strategies import Bracket
from shoal.study.trial import Trial

RECIPES, SEEDS, TRIALS, SEARCHES = 200, 3, 100, 150
ROWS = 1000
"""Of the test part at most."""
KINDS = choice(
    [
        SGD(lr=log_uniform(1e-3, 1.0)),
        shoal.Momentum(lr=log_uniform(1e-4, 0.3), momentum=shoal.one_minus_log_uniform(0.5, 0.99)),
        shoal.Adam(lr=log_uniform(1e-5, 0.1)),
    ]
)


def _book(low: float, high: float) -> Recipe:
    """The network of the book's search, in some range of learning rates."""
    return Recipe(
        mlp([100] * 6),
        SGD(lr=log_uniform(low, high)),
        init="he",
        weight_decay=log_uniform(1e-8, 1e-4),
        batch_size=100,
    )


def _images(train: int, valid: int) -> shoal.Dataset:
    data, _ = mnist(valid=0.0)
    return data.take(train + valid).with_valid(valid)


def _digits() -> shoal.Dataset:
    return shoal.load("digits")


_DROPOUT = Recipe(mlp([64, 64], dropout=uniform(0.0, 0.5)), KINDS, batch_size=choice([32, 64, 128]))
_RATE = Recipe(
    mlp([32, 32]),
    SGD(lr=log_uniform(1e-4, 3.0)),
    weight_decay=log_uniform(1e-8, 1e-2),
    batch_size=choice([32, 64]),
)
_BATCH_NORM = Recipe(
    choice(
        [
            mlp([32, 32], activation=kind, batch_norm=normed)
            for kind in ("relu", "tanh", "sigmoid")
            for normed in (False, True)
        ]
    ),
    choice([SGD(lr=log_uniform(1e-3, 3.0)), shoal.Adam(lr=log_uniform(1e-4, 0.1))]),
)
_SCHEDULES = Recipe(
    mlp([48, 48], activation=choice(["relu", "tanh"])),
    KINDS,
    schedule=choice([shoal.Cosine(), shoal.StepDecay(every=300, gamma=0.5)]),
)
_FEW = Recipe(mlp([32, 32]), KINDS, weight_decay=log_uniform(1e-8, 1e-2), batch_size=64)

SETS: list[tuple[str, Callable[[], shoal.Dataset], Recipe, int]] = [
    ("the book's search", lambda: search.training(1, 1)[0].data, _book(1e-6, 1e-2), 50),
    ("the same, higher rates", lambda: search.training(1, 1)[0].data, _book(1e-4, 1.0), 50),
    ("2000 images, kinds, dropout", lambda: _images(2000, 500), _DROPOUT, 54),
    ("digits, rate", _digits, _RATE, 60),
    ("digits, schedules", _digits, _SCHEDULES, 54),
    ("digits, batch norm", _digits, _BATCH_NORM, 100),
    ("2000 images, kinds, dropout", lambda: _images(2000, 500), _DROPOUT, 27),
    ("digits, schedules", _digits, _SCHEDULES, 27),
    ("digits, rate", _digits, _RATE, 18),
    ("digits, batch norm", _digits, _BATCH_NORM, 18),
    ("digits, few epochs", _digits, _FEW, 9),
]
"""What each set of curves is of: data, space and epochs."""


@dataclass(frozen=True)
class Recorded:
    """What all recipes of a set came to.

    Attributes:
        curves: scores and losses on the validation part, (seeds, recipes, 2, epochs).
        final: on the test part at the end, (seeds, recipes).
    """

    curves: NDArray[np.float64]
    final: NDArray[np.float64]

    def searched(self, seed: int, **how: Any) -> tuple[float, float]:
        """The best finalist of a search by one of the seeds, and what it cost; see `finalists`."""
        by = seed % len(self.curves)
        fresh = np.delete(self.final, by, axis=0).mean(axis=0)
        return finalists(self.curves[by], fresh, seed, TRIALS, **how)


def record(data: shoal.Dataset, space: Recipe, epochs: int, recipes: int) -> Recorded:
    """Train recipes of a space to the end; of those that diverge the rest of the curve is NaN."""
    found = Space(space)
    asked = make_sampler("random", found, 0).ask(recipes)
    members = [
        shoal.Member(found.build(values), seed, str(i))
        for seed in range(SEEDS)
        for i, values in enumerate(asked)
    ]
    settings = {"epochs": epochs, "evaluate_rows": ROWS, "evaluate_parts": ("valid", "test")}
    history = shoal.Trainer(members, data, **settings).run().history
    shape = (SEEDS, recipes, epochs)

    def curves(name: str) -> NDArray[np.float64]:
        return np.array([history.curve(i, name).values for i in range(len(members))]).reshape(shape)

    both = np.stack([curves("valid_accuracy"), curves("valid_loss")], axis=2)
    return Recorded(both, np.nan_to_num(curves("test_accuracy")[..., -1]))


class ByScore(Simulation):
    """Judges by the score, and among equals by the loss."""

    def _see(self, bracket: int, rung: int, here: Iterable[Trial]) -> Any:
        keys = self._seen.setdefault((bracket, rung), [])
        for trial in here:
            score, gain = trial.key
            keys.append((score + 1e-6 * gain,) * 2)
        return keys


class ByLoss(Simulation):
    """Judges by the loss alone."""

    def _see(self, bracket: int, rung: int, here: Iterable[Trial]) -> Any:
        keys = self._seen.setdefault((bracket, rung), [])
        keys.extend((trial.key[1], trial.key[1]) for trial in here)
        return keys


class Late(Halving):
    """Halving with its first rung at a 27th of the budget."""

    def brackets(self, budget: int) -> Sequence[Bracket]:
        return Halving(grace=max(1, round(budget / 27))).brackets(budget)


def rules() -> dict[str, dict[str, Any]]:
    """Ways to drop losers, in words."""
    default = {"lucky": LUCKY}
    found: dict[str, dict[str, Any]] = {
        f"both, {lots:g} by lot": {"lucky": lots} for lots in sorted({0.0, LUCKY, 0.1, 0.2, 0.3})
    }
    for words, kind in (("score", ByScore), ("loss", ByLoss)):
        found[f"{words}, {LUCKY:g} by lot"] = default | {"kind": kind}
    for eta in (3.0, 4.0):
        found[f"η = {eta:g}"] = default | {"strategy": Halving(eta=eta)}
    found["first rung at a 27th"] = default | {"strategy": Late()}
    found["hyperband"] = default | {"strategy": "hyperband"}
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Record, search, and print a row for each rule."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rungs")
    parser.add_argument("--searches", type=int, default=SEARCHES, help=f"default {SEARCHES}")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    searches, recipes = (2, 110) if options.quick else (options.searches, RECIPES)
    chosen = SETS[-1:] if options.quick else SETS
    sets = [record(make(), space, epochs, recipes) for _, make, space, epochs in chosen]
    print(f"{searches} searches of {TRIALS} of {recipes} recipes in each set:")
    for i, (name, _, _, epochs) in enumerate(chosen, 1):
        print(f"{i}: {name}, {epochs} epochs")
    print(f"| judged by | epochs | {' | '.join(map(str, range(1, len(sets) + 1)))} | all |")
    print(f"|---|---:|{'---:|' * len(sets)}---:|")
    full = [_searches(kept, searches, strategy="full")[0] for kept in sets]
    for words, how in rules().items():
        behind, costs = [], []
        for kept, all_to_the_end in zip(sets, full, strict=True):
            best, cost = _searches(kept, searches, **how)
            behind.append(100 * (all_to_the_end - best))
            costs.append(cost.mean() / TRIALS)
        cells = [_cell(each) for each in (*behind, np.concatenate(behind))]
        print(f"| {words} | {_spread(costs)} | {' | '.join(cells)} |", flush=True)
    return 0


def _spread(costs: Sequence[float]) -> str:
    """The least and the most of the sets."""
    return f"{min(costs):.0%}–{max(costs):.0%}"


def _searches(kept: Recorded, count: int, **how: Any) -> NDArray[np.float64]:
    """Best finalists and costs of many searches, (2, searches)."""
    return np.array([kept.searched(seed, **how) for seed in range(count)]).T


def _cell(behind: NDArray[np.float64]) -> str:
    """Points behind, and the share of searches that are a point or more behind."""
    return f"{behind.mean():.2f} ({(behind >= 1).mean():.0%})"


if __name__ == "__main__":
    sys.exit(main())
