"""A peer in several processes: one for each processor, each training its share of the networks.

This is how people use all processors with a library that trains one network after another. The
processes live for the whole run; data and networks are sent to them outside of the timed part.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from benchmarks.harness import Contestant, Timed
from benchmarks.machine import processors
from benchmarks.work import Outcome, Training, counted

Start = Callable[[Training], Timed]


def in_processes(name: str, settings: str, start: Start, training: Training) -> list[Contestant]:
    """The contestant with a process per processor, where there are several, and several networks.

    Args:
        name: of the peer.
        settings: of the peer, in one line.
        start: makes a training ready; a function that can be pickled.
        training: what all processes train together.
    """
    if min(processors(), len(training.members)) == 1:
        return []
    return [
        Contestant(
            f"{name}, {processors()} processes",
            f"{settings}; each process has one thread; {counted(len(training.members))} a round",
            prepare=lambda: team().prepare(start, training),
            warm_up=lambda: _run(team().prepare(start, training.short())),
            processes=lambda: team().numbers,
        )
    ]


def _run(timed: Timed) -> None:
    timed()


@lru_cache(maxsize=1)
def team() -> _Team:
    """The processes, started when first needed; they end with this one."""
    return _Team(processors())


class _Team:
    """Processes that wait for work."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipes: list[Any] = []
        self.numbers: list[int] = []
        for _ in range(count):
            here, there = context.Pipe()
            process = context.Process(target=_work, args=(there,), daemon=True)
            process.start()
            there.close()
            self.pipes.append(here)
            self.numbers.append(process.pid or 0)

    def prepare(self, start: Start, training: Training) -> Timed:
        """Send everyone their share, and wait until all are ready."""
        count, members = len(self.pipes), training.members
        busy = self.pipes[: len(members)]
        for i, pipe in enumerate(busy):
            pipe.send((start, training.only(members[i::count])))
        for pipe in busy:
            pipe.recv()

        def run() -> Outcome:
            for pipe in busy:
                pipe.send("go")
            return joined([pipe.recv() for pipe in busy])

        return run


def _work(pipe: Any) -> None:
    """The life of a process: a training comes, is made ready, and runs at the word."""
    while True:
        start, training = pipe.recv()
        run = start(training)
        pipe.send("ready")
        pipe.recv()
        pipe.send(run())
        del run, training


def joined(outcomes: Sequence[Outcome]) -> Outcome:
    """One outcome of all members."""
    losses = [outcome.loss for outcome in outcomes if outcome.loss is not None]
    return Outcome(
        tuple(key for outcome in outcomes for key in outcome.members),
        {
            name: np.concatenate([outcome.metrics[name] for outcome in outcomes])
            for name in outcomes[0].metrics
        },
        tuple(steps for outcome in outcomes for steps in outcome.steps),
        np.concatenate(losses) if losses else None,
    )
