"""What a step of one network costs among 1 to 1000 of them; it should not depend on how many.

    python -m benchmarks.members [--repeats N] [--quick]

Seconds of all threads are taken per step of one network, in turns; the table gives their ratio to
those with 64 networks.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

import shoal
from benchmarks.data import mnist

COUNTS = (1, 4, 16, 64, 256, 1000)
STANDARD = 64


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a line for each number of networks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.members")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    repeats, budget = (1, 200) if options.quick else (options.repeats, 20_000)
    counts = [n for n in COUNTS if n <= budget]
    data = mnist(valid=1 / 6)[0].take(2000)
    per_step(data, 1, 4)  # compiles
    taken = np.array([[per_step(data, n, max(4, budget // n)) for n in counts]
                      for _ in range(repeats)])  # fmt: skip
    standard = taken[:, counts.index(STANDARD)]
    print("784-100×2-10, batch 100: microseconds a step of one network, ratio to 64 networks")
    for k, n in enumerate(counts):
        micro, ratio = np.median(taken[:, k]) * 1e6, np.median(taken[:, k] / standard)
        print(f"{n:>5} networks  {micro:8.1f}  {ratio:.2f}", flush=True)
    return 0


def per_step(data: shoal.Dataset, count: int, steps: int) -> float:
    """Seconds per step of one network, without evaluations."""
    recipe = shoal.Recipe(shoal.mlp([100, 100]), shoal.SGD(lr=0.01), batch_size=100)
    settings = {"evaluate_parts": (), "evaluate_every": steps}
    trainer = shoal.Trainer(recipe, data, steps=steps, seeds=count, **settings)
    started = time.perf_counter()
    trainer.run()
    return (time.perf_counter() - started) / steps / count


if __name__ == "__main__":
    sys.exit(main())
