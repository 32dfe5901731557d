"""Shoal: all members at once, by the engine that it takes by itself."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.harness import Contestant, Timed
from benchmarks.machine import named, processors
from benchmarks.work import Outcome, Training, contestant, keys
from shoal import Trainer

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
    )

    def run() -> Outcome:
        trainer.run()
        history, members = trainer.history, range(len(training.members))
        names = [f"{part}_{what}" for part in training.parts for what in ("loss", "accuracy")]
        return Outcome(
            keys(training.members),
            {n: np.array([history.curve(i, n).values for i in members]) for n in names},
            tuple(training.steps if at < 0 else int(at) for at in history.diverged),
            np.array([history.curve(i, "loss").values for i in members]),
        )

    return run


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
