"""Shoal: all members at once, by the engine that it takes by itself."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Contestant, Timed
from benchmarks.machine import named, processors
from benchmarks.work import Outcome, Training, contestant, keys, padded
from shoal import Callback, Trainer

SETTINGS = "compiled engine, all members at once; keeps each step's loss and gradient norm"


def start(training: Training, threads: int) -> Timed:
    """First weights are drawn outside of the timed part, as for everyone."""
    trainer = Trainer(
        training.members,
        training.data,
        steps=training.steps,
        evaluate_parts=training.parts,
        evaluate_rows=training.rows,
        threads=threads,
        callbacks=[] if training.enough is None else [_Enough(training)],
    )

    def run() -> Outcome:
        trainer.run()
        history, members = trainer.history, range(len(training.members))
        names = [f"{part}_{what}" for part in training.parts for what in ("loss", "accuracy")]
        evaluations = len(training.evaluated_at)

        def curves(name: str, length: int) -> NDArray[np.float64]:
            return np.array([padded(history.curve(i, name).values, length) for i in members])

        return Outcome(
            keys(training.members),
            {name: curves(name, evaluations) for name in names},
            tuple(trainer.steps_done if at < 0 else int(at) for at in history.diverged),
            curves("loss", training.steps),
        )

    return run


class _Enough(Callback):
    """Ends the run of one network after an epoch that was good enough."""

    def __init__(self, training: Training) -> None:
        self.training = training

    def on_epoch(self, trainer: Trainer) -> None:
        accuracy = trainer.history.curve(0, f"{self.training.parts[-1]}_accuracy").values
        if len(accuracy) and self.training.reached(float(accuracy[-1])):
            trainer.stop()


def contestants(training: Training, alone: Training) -> list[Contestant]:
    """Shoal with all threads, the reference, and with one thread.

    Args:
        training: what all threads do.
        alone: what the single thread does, the same or a part of it.
    """
    made = []
    for threads, work in {processors(): training, 1: alone}.items():
        name = named("Shoal", threads)
        made.append(contestant(name, SETTINGS, partial(start, threads=threads), work))
    return made
