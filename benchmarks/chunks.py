"""What the size of a chunk costs: the book's search, by each engine, in chunks of many sizes.

    python -m benchmarks.chunks [--repeats N] [--quick]

Processor milliseconds per trial of 50 epochs, from a run of a fifth of them on one thread; the
sizes take turns. The last column is the size that `engine.memory` computes for all processors.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from benchmarks import search
from benchmarks.machine import processors
from benchmarks.work import Training
from shoal.engine.memory import chunk_of

ENGINES = ("compiled", "reference")
SIZES = (1, 4, 16, 64)
PART = 10
"""Epochs of a trial that are trained here."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a row for each engine."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chunks")
    parser.add_argument("--repeats", type=int, default=3, help="rounds (default 3)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    trials, sizes = (4, SIZES[:2]) if options.quick else (SIZES[-1], SIZES)
    repeats, epochs = (1, 1) if options.quick else (options.repeats, PART)
    work, called = search.training(trials, epochs)
    print(f"{called}; {trials} trials; medians of {repeats} rounds")
    print(f"| members in a chunk | {' | '.join(map(str, sizes))} | chosen |")
    print(f"|---|{'---:|' * len(sizes)}---|")
    for engine in ENGINES:
        processor_milliseconds(work, epochs, engine, sizes[0])  # so that all is loaded
        taken = [
            [processor_milliseconds(work, epochs, engine, size) for size in sizes]
            for _ in range(repeats)
        ]
        middle = " | ".join(f"{ms:.0f}" for ms in np.median(taken, axis=0))
        print(f"| {engine} engine | {middle} | {computed(work, engine)} |")
    return 0


def processor_milliseconds(work: Training, epochs: int, engine: str, size: int) -> float:
    """For one trial of 50 epochs."""
    chosen = {"engine": engine, "threads": 1, "chunk": size}
    return search.milliseconds(work, epochs, clock=time.process_time, **chosen)


def computed(work: Training, engine: str) -> int:
    """The size that is taken where nobody says and nothing is remembered."""
    (cohort,) = search.trainer(work, search.EPOCHS, engine=engine)._cohorts
    return chunk_of(cohort, processors())


if __name__ == "__main__":
    sys.exit(main())
