"""The machine and the libraries: what they are, and how fast a large matrix product is on them."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

PACKAGES = ("numpy", "scipy", "numba", "torch", "jax", "onnxruntime", "scikit-learn", "shoal")


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def thread_counts(quick: bool = False) -> list[int]:
    """The thread counts that peers are tried with: 1, 2 and all; only 1 if it must be quick."""
    return [1] if quick else sorted({1, min(2, processors()), processors()})


def named(peer: str, threads: int) -> str:
    """A peer with a number of threads, as the tables call it."""
    return f"{peer}, {threads} thread{'s' if threads > 1 else ''}"


class Watch:
    """From now on, how much of the processors do other programs take?

    Args:
        processes: those that are ours besides this one, by their numbers.
    """

    def __init__(self, processes: Sequence[int] = ()) -> None:
        self.processes = processes
        self.started, self.before = time.perf_counter(), self._others()

    def others(self) -> float:
        """Their share of all processors' time, from 0 to 1; NaN where nobody tells."""
        took = time.perf_counter() - self.started
        share = (self._others() - self.before) / took / processors()
        return 0.0 if share < 0 else share  # the clocks are coarse

    def _others(self) -> float:
        """Processor seconds of all programs but ours; Linux tells, others do not."""
        try:
            line = Path("/proc/stat").read_text().splitlines()[0]
            ours = [Path(f"/proc/{p}/stat").read_text() for p in (os.getpid(), *self.processes)]
        except OSError:
            return float("nan")
        user, nice, system, _idle, _waiting, *interrupts = map(int, line.split()[1:9])
        # after the name, which is in brackets: fields 14 and 15 count user and system time
        own = [map(int, each.rpartition(")")[2].split()[11:13]) for each in ours]
        ticks = user + nice + system + sum(interrupts) - sum(map(sum, own))
        return ticks / os.sysconf("SC_CLK_TCK")


def has(module: str) -> bool:
    """Whether a module is installed; it is not imported."""
    return find_spec(module) is not None


def describe() -> dict[str, str]:
    """The header of a report: date, processor, versions."""
    return {
        "date": date.today().isoformat(),
        "processor": f"{processor()}, {processors()} processors, {platform.system()}",
        "python": platform.python_version(),
        **{name: _version(name) for name in PACKAGES},
        "BLAS": "; ".join(
            f"{b['internal_api']} {b['version']} ({_of(b['filepath'])}), "
            f"kernels for {b.get('architecture', 'unknown')}, {b['num_threads']} threads"
            for b in _blas()
        ),
    }


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's name."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


class Sgemm:
    """The machine's speed for large float32 products: NumPy's or PyTorch's, whichever is faster.

    Args:
        size: of the square matrices.
        products: how many each library does at every call.
    """

    def __init__(self, size: int = 2048, products: int = 5) -> None:
        random = np.random.default_rng(0)
        self.size, self.products = size, products
        self.a, self.b = (random.standard_normal((size, size), np.float32) for _ in range(2))
        self.speeds: dict[str, list[float]] = {"NumPy": []}
        if has("torch"):
            self.speeds["PyTorch"] = []

    def __call__(self) -> float:
        """GFLOP/s of the faster library with all threads, the median of several products."""
        now = {"NumPy": self._speed(self.a, self.b)}
        if "PyTorch" in self.speeds:
            import torch

            torch.set_num_threads(processors())
            now["PyTorch"] = self._speed(torch.from_numpy(self.a), torch.from_numpy(self.b))
        for library, speed in now.items():
            self.speeds[library].append(speed)
        return max(now.values())

    def _speed(self, a: Any, b: Any) -> float:
        _ = a @ b
        seconds = []
        for _ in range(self.products):
            started = time.perf_counter()
            _ = a @ b
            seconds.append(time.perf_counter() - started)
        return 2 * self.size**3 / float(np.median(seconds)) / 1e9

    def lines(self) -> list[str]:
        """What was measured, in sentences."""
        medians = ", ".join(f"{np.median(s):.0f} in {name}" for name, s in self.speeds.items() if s)
        return [
            f"Large sgemm ({self.size}³, float32, {processors()} threads, median over the run): "
            f"{medians} GFLOP/s; fractions are of the faster one in the same round.",
            *_slow_kernels(),
        ]


def _slow_kernels() -> list[str]:
    """A warning where OpenBLAS takes older kernels than the processor has instructions for."""
    ours = next((b for b in _blas() if "numpy" in b["filepath"]), None)
    flags = (_cpuinfo("flags") or "").split()
    if ours is None or ours["internal_api"] != "openblas" or "avx512bw" not in flags:
        return []
    if ours.get("architecture") not in ("Haswell", "Zen", "Sandybridge", "Nehalem", "Prescott"):
        return []
    told = "OPENBLAS_CORETYPE tells it to" if "OPENBLAS_CORETYPE" in os.environ else "it chose so"
    return [
        f"This processor has AVX-512, but NumPy's OpenBLAS {ours['version']} takes its kernels for "
        f"{ours['architecture']} ({told}); with OPENBLAS_CORETYPE=SkylakeX the same product "
        f"reaches {_speed_with('SkylakeX'):.0f} GFLOP/s here."
    ]


@lru_cache(maxsize=4)
def _speed_with(kernels: str) -> float:
    """NumPy's speed with other kernels; they can only be chosen when OpenBLAS is loaded."""
    code = "from benchmarks.machine import Sgemm; s = Sgemm(); print(s._speed(s.a, s.b))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "OPENBLAS_CORETYPE": kernels},
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    return float(done.stdout) if done.returncode == 0 else float("nan")


def _blas() -> list[dict[str, Any]]:
    return [library for library in threadpool_info() if library["user_api"] == "blas"]


def _of(path: str) -> str:
    """The package that a shared library came with: …/numpy.libs/libopenblas.so is NumPy's."""
    return Path(path).parent.name.removesuffix(".libs")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _cpuinfo(key: str) -> str | None:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), None)
