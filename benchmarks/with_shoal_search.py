"""Shoal's search of given trials: to the end, and with the worse dropped at rungs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

import shoal
from benchmarks.harness import Contestant, Timed
from benchmarks.machine import processors
from benchmarks.work import Outcome, Training, contestant, keys

HALVING, FULL = "Shoal, halving", "Shoal, full"

SETTINGS = (
    "`shoal.search`, all threads, its own default for the rest; the clock runs from the call to "
    "the study, first weights included; no finalists"
)


class Listed:
    """A sampler that gives the trials of a list."""

    batch = None

    def __init__(self, trials: Sequence[shoal.Recipe]) -> None:
        self.left = list(trials)

    def ask(self, count: int) -> list[dict[str, float]]:
        """The next ones."""
        now, self.left = self.left[:count], self.left[count:]
        return [
            {"optimizer.lr": recipe.optimizer.numbers["lr"], "weight_decay": recipe.weight_decay}
            for recipe in now
        ]

    def tell(self, results: object) -> None:
        """Nothing is learned."""


def start(training: Training, strategy: str) -> Timed:
    """The space is that of the first trial, with its learning rate and decay opened."""
    recipes = [member.recipe for member in training.members]
    space = recipes[0].replace(
        {
            "optimizer.lr": shoal.log_uniform(1e-6, 1e-2),
            "weight_decay": shoal.log_uniform(1e-8, 1e-4),
        }
    )
    epochs = len(training.evaluated_at)
    seed = training.members[0].seed

    def run() -> Outcome:
        study = shoal.search(
            space,
            training.data,
            trials=len(recipes),
            epochs=epochs,
            sampler=Listed(recipes),
            strategy=strategy,
            seed=seed,
            finalists=0,
            threads=processors(),
            progress=False,
        )
        return _outcome(training, study)

    return run


def _outcome(training: Training, study: shoal.Study) -> Outcome:
    shape = (len(training.members), len(training.evaluated_at))
    accuracy, loss = np.full(shape, np.nan), np.full(shape, np.nan)
    for trial in study.trials:
        for epoch, score, at in trial.curve:
            accuracy[trial.number, epoch - 1], loss[trial.number, epoch - 1] = score, at
    steps = training.evaluated_at[0]
    return Outcome(
        keys(training.members),
        {"valid_accuracy": accuracy, "valid_loss": loss},
        tuple(steps * trial.budget for trial in study.trials),
    )


def contestants(training: Training) -> list[Contestant]:
    """Halving, the reference, and all trials to the end."""
    return [
        contestant(name, SETTINGS, partial(start, strategy=strategy), training)
        for name, strategy in ((HALVING, "halving"), (FULL, "full"))
    ]
