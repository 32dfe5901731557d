"""What instruments cost: the same training with and without, in turns.

    python -m benchmarks.instruments [--repeats N] [--quick]

Each round trains every workload without and with instruments, one thread each, and takes the ratio
of the processor seconds of the two; the machine's other programs disturb that little.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

import shoal
from benchmarks.data import mnist
from benchmarks.optimizers import ARMS

TINY = shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=0.1), batch_size=32)
DEEP = shoal.Recipe(shoal.mlp([16] * 8, batch_norm=True), shoal.SGD(lr=0.1), batch_size=32)
WIDE = shoal.Recipe(shoal.mlp([500, 500]), shoal.Adam(), batch_size=16)
BOOK = {type(rule).__name__: shoal.Recipe(shoal.mlp([100] * 4), rule) for rule in ARMS}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line for each workload."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instruments")
    parser.add_argument("--repeats", type=int, default=7, help="rounds (default 7)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    images, digits = mnist(valid=1 / 6)[0], shoal.load("digits")
    repeats, book = (1, 50) if options.quick else (options.repeats, 500)
    workloads = (
        (f"the book's optimizers, 5 seeds, {book} steps", BOOK, images, book, 5),
        ("the book's optimizers, 2 seeds, 40 steps", BOOK, images, 40, 2),
        ("64-16-10, batch 32, 1 network, 400 steps", {"tiny": TINY}, digits, 400, 1),
        ("64-16×8-10, batch norm, batch 32, 4 seeds, 400 steps", {"deep": DEEP}, digits, 400, 4),
        ("784-500×2-10, batch 16, 1 network, 100 steps", {"wide": WIDE}, images, 100, 1),
    )
    print("processor seconds with instruments over those without: median (lowest – highest)")
    for name, arms, data, steps, seeds in workloads:
        ratios = measure(arms, data, steps, seeds, repeats)
        low, middle, high = ratios.min(), np.median(ratios), ratios.max()
        print(f"{middle:.3f} ({low:.3f} – {high:.3f})  {name}", flush=True)
    return 0


def measure(
    arms: dict[str, shoal.Recipe], data: shoal.Dataset, steps: int, seeds: int, repeats: int
) -> np.ndarray:
    """Ratios of processor seconds, one per round; who comes first changes from round to round."""
    seconds(arms, data, min(steps, 20), seeds, True)  # nothing happens for the first time later
    ratios = []
    for k in range(repeats):
        order = (False, True) if k % 2 else (True, False)
        taken = {wanted: seconds(arms, data, steps, seeds, wanted) for wanted in order}
        ratios.append(taken[True] / taken[False])
    return np.array(ratios)


def seconds(
    arms: dict[str, shoal.Recipe], data: shoal.Dataset, steps: int, seeds: int, wanted: bool
) -> float:
    """Processor seconds of one training on one thread, without evaluations worth mentioning."""
    trainer = shoal.Trainer(
        arms,
        data,
        steps=steps,
        seeds=seeds,
        instruments=wanted,
        threads=1,
        evaluate_parts=("valid",),
        evaluate_rows=10,
    )
    started = time.process_time()
    trainer.run()
    return time.process_time() - started


if __name__ == "__main__":
    sys.exit(main())
