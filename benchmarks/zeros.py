"""What passing over black pixels gains: the book's search on pixels as they are, and without zeros.

    python -m benchmarks.zeros [--repeats N] [--quick]

Milliseconds per trial of 50 epochs, from a run of a fifth of them; the two take turns. Without
zeros means that a tiny number is added to every pixel, which is the same work otherwise.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

import shoal
from benchmarks import search
from benchmarks.machine import processors
from benchmarks.work import Training

PART = 10
"""Epochs of a trial that are trained here."""
TINY = 1e-6
"""What stands in the place of 0."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a row for each number of threads."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zeros")
    parser.add_argument("--repeats", type=int, default=5, help="rounds (default 5)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    trials, epochs, repeats = (2, 1, 1) if options.quick else (32, PART, options.repeats)
    work, called = search.training(trials, epochs)
    both = [at_least(work, least) for least in (0, TINY)]
    shares = " and ".join(f"{100 * np.mean(each.data.train.x == 0):.0f} %" for each in both)
    print(f"{called}; {shares} of the pixels are 0; {trials} trials; medians of {repeats} rounds")
    print("| threads | as they are | without zeros | ratio |\n|---:|---:|---:|---:|")
    for threads in sorted({1, processors()}):
        for each in both:
            search.milliseconds(
                each, 1, engine="compiled", threads=threads
            )  # so that all is loaded
        taken = [
            [search.milliseconds(each, epochs, engine="compiled", threads=threads) for each in both]
            for _ in range(repeats)
        ]
        zeros, none = np.median(taken, axis=0)
        ratio = np.median([later / first for first, later in taken])
        print(f"| {threads} | {zeros:.1f} | {none:.1f} | {ratio:.2f} |", flush=True)
    return 0


def at_least(work: Training, least: float) -> Training:
    """The same training on pixels that have at least this value."""
    parts = [work.flat(name) for name in ("train", "valid")]
    x, y = (np.concatenate(each) for each in zip(*parts, strict=True))
    x_test, y_test = work.flat("test", most=10)
    data = shoal.Dataset.from_arrays(
        np.maximum(x, np.float32(least)),
        y,
        x_test=x_test,
        y_test=y_test,
        valid=len(parts[1][0]),
        scale="none",
    )
    return replace(work, data=data)


if __name__ == "__main__":
    sys.exit(main())
