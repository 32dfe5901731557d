"""Small comparisons of every kind that pictures and reports must cope with; each made once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

import shoal
from shoal import Comparison, Recipe

DEEP = shoal.mlp([100] * 4)
SMALL = shoal.mlp([24])
RULES = {
    "SGD": shoal.SGD(lr=0.1),
    "Momentum": shoal.Momentum(lr=0.05),
    "Adam": shoal.Adam(lr=0.01),
}
STRANGE = [
    "<script>alert(1)</script>",
    "a \"b\" 'c' \\ $x^2$",
    "随机梯度下降",
    "_x",
    "née\nligne 🐟",
]


@cache
def digits(test: float = 0.2) -> shoal.Dataset:
    return shoal.load("digits", test=test).take(256)


def small(**changes: object) -> dict[str, Recipe]:
    return {name: Recipe(SMALL, rule).replace(changes) for name, rule in RULES.items()}


class StopAfter(shoal.Callback):
    """Ends a run after some steps, as Ctrl-C does."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, trainer: shoal.Trainer) -> None:
        if trainer.steps_done >= self.steps:
            trainer.stop()


def plain() -> Comparison:
    return shoal.compare(small(), digits(), steps=320, seeds=4, batch_size=32)


def diverging() -> Comparison:
    """With Momentum and too long steps all of one arm diverge, and some of another."""
    rates = {"good": 0.02, "some": 3.0, "all": 100.0}
    recipes = {n: Recipe(DEEP, shoal.Momentum(lr=r), init="he") for n, r in rates.items()}
    return shoal.compare(recipes, shoal.load("digits"), steps=60, seeds=5)


def dead() -> Comparison:
    recipes = {f"lr {r:g}": Recipe(DEEP, shoal.SGD(lr=r), init="he") for r in (100.0, 1000.0)}
    return shoal.compare(recipes, digits(), steps=12, seeds=2)


def regression() -> Comparison:
    x = np.random.default_rng(0).normal(size=(300, 4))
    y = 10 * x @ [1.0, 2.0, -1.0, 0.5] + 100
    data = shoal.Dataset.from_arrays(x, y, name="toy")
    return shoal.compare(small(), data, epochs=10, seeds=3, batch_size=32)


def alone() -> Comparison:
    return shoal.compare({"only": small()["SGD"]}, digits(), steps=30, seeds=2)


def one_seed() -> Comparison:
    return shoal.compare(small(), digits(), steps=30, seeds=[7])


def by_loss() -> Comparison:
    """No test part, and verdicts by the training loss."""
    return shoal.compare(small(), digits(test=0), epochs=4, seeds=2, metric="loss")


def many() -> Comparison:
    rates = np.geomspace(0.001, 2, 12)
    recipes = {
        f"stochastic gradient descent with lr {r:.3g} and no momentum": Recipe(
            SMALL, shoal.SGD(lr=float(r))
        )
        for r in rates
    }
    return shoal.compare(recipes, digits(), steps=30, seeds=2)


def strange() -> Comparison:
    recipes = {n: Recipe(SMALL, shoal.SGD(lr=0.05 * (k + 1))) for k, n in enumerate(STRANGE)}
    return shoal.compare(recipes, digits(), steps=30, seeds=2)


def interrupted() -> Comparison:
    return shoal.compare(small(), digits(), steps=50, seeds=2, callbacks=[StopAfter(20)])


def early() -> Comparison:
    """Interrupted before anything was evaluated."""
    return shoal.compare(
        small(batch_size=16), digits(), steps=50, seeds=2, callbacks=[StopAfter(2)]
    )


def batches() -> Comparison:
    recipes = {f"batch {size}": small(batch_size=size)["SGD"] for size in (16, 64)}
    return shoal.compare(recipes, digits(), epochs=4, seeds=2)


def tuned() -> Comparison:
    """With the highest rates every seed diverges."""
    recipes = {
        "SGD": Recipe(DEEP, shoal.SGD(lr=0.1), init="he"),
        "Adam": Recipe(DEEP, shoal.Adam(), init="he"),
    }
    grid = {"optimizer.lr": shoal.log_grid(1e-3, 100, 6)}
    return shoal.compare(recipes, digits(), steps=25, seeds=3, tune=grid)


def tuned_together() -> Comparison:
    grid = {
        "optimizer.lr": [0.01, 0.1],
        "weight_decay": [0, 1e-4, 1e-2],
        "init": ["he", "xavier"],
    }
    return shoal.compare(small(), digits(), steps=20, seeds=2, tune=grid)


CASES: dict[str, Callable[[], Comparison]] = {
    f.__name__: f
    for f in (
        plain,
        diverging,
        dead,
        regression,
        alone,
        one_seed,
        by_loss,
        many,
        strange,
        interrupted,
        early,
        batches,
        tuned,
        tuned_together,
    )
}


@cache
def case(name: str) -> Comparison:
    """A comparison by its name, made once."""
    return CASES[name]()
