"""How fast products of matrices are: Shoal's own kernel beside NumPy, on one thread.

    python -m benchmarks.products [--repeats N] [--quick]

GFLOP/s, 2 operations for a multiply-add; the two take turns, and the median of all turns is shown.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from shoal.engine.compiled import tables
from shoal.engine.compiled.library import library
from shoal.engine.compiled.plan import PAD
from shoal.engine.compiled.product import SCRATCH
from shoal.engine.compiled.rooms import address

SHAPES = ((100, 100, 100), (100, 100, 784), (128, 256, 784), (256, 2048, 2048))
"""Rows and columns of C, and the length of its sums."""
WORK = 2 * 10**9
"""Operations of a turn, some ten milliseconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a row for each shape."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.products")
    parser.add_argument("--repeats", type=int, default=15, help="turns (default 15)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    options = parser.parse_args(arguments)
    shapes, repeats = (SHAPES[:2], 1) if options.quick else (SHAPES, options.repeats)
    print("| C = A B | Shoal | NumPy |\n|---|---:|---:|")
    with threadpool_limits(1):
        for m, n, k in shapes:
            ways = ours(m, n, k), theirs(m, n, k)
            speeds = [[speed(way, 2 * m * n * k) for way in ways] for _ in range(repeats)]
            middle = " | ".join(f"{each:.0f}" for each in np.median(speeds, axis=0))
            print(f"| ({m} × {k}) ({k} × {n}) | {middle} |", flush=True)
    return 0


def speed(way: Callable[[int], None], flops: int) -> float:
    """GFLOP/s of one turn."""
    times = max(1, WORK // flops)
    started = time.perf_counter()
    way(times)
    return times * flops / (time.perf_counter() - started) / 1e9


def ours(m: int, n: int, k: int) -> Callable[[int], None]:
    """The kernel, so many times; Python calls it by its address, as nothing else here does."""
    product, tools = library().kernels[tables.PRODUCT].ctypes, library().tools()
    a, b, c = (np.ones(size + PAD, np.float32) for size in (m * k, k * n, m * n))
    scratch = np.zeros(SCRATCH, np.float32)

    def way(times: int) -> None:
        tools[tables.SCRATCH] = address(scratch)
        given = m, n, k, address(a), k, 1, address(b), n, 0, address(c), n, 0
        for _ in range(times):
            product(*given, address(tools))

    return way


def theirs(m: int, n: int, k: int) -> Callable[[int], None]:
    """NumPy's, into an array that is there."""
    a, b, c = (np.ones(shape, np.float32) for shape in ((m, k), (k, n), (m, n)))

    def way(times: int) -> None:
        for _ in range(times):
            np.matmul(a, b, out=c)

    return way


if __name__ == "__main__":
    sys.exit(main())
