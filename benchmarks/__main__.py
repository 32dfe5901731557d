"""The command line: `python -m benchmarks [WORKLOAD ...]`; `--help` says the rest."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import WORKLOADS, machine, report
from benchmarks.harness import measure

PATIENCE = 20.0
"""Seconds that a turn waits at most for other programs to be quiet."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables, and write the page if asked for."""
    options = _parser().parse_args(arguments)
    repeats = options.repeats or (1 if options.quick else 3)
    patience = 0.0 if options.quick else PATIENCE
    console, progress = Console(), Console(stderr=True)
    if not console.is_terminal:
        console = Console(width=100)
    header = machine.describe()
    for name, value in header.items():
        console.print(f"{name:>13}  {value}", highlight=False, markup=False)
    console.print()
    started = time.perf_counter()
    sgemm = machine.Sgemm(size=512) if options.quick else machine.Sgemm()
    told, spent = [], []
    with progress.status("") as status:
        for name in options.workloads or WORKLOADS:
            began = time.perf_counter()
            workload = WORKLOADS[name](options.quick)
            measured = measure(workload, repeats, sgemm, status.update, patience)
            told.append(report.text(measured))
            report.show(console, told[-1])
            spent.append(f"{name} {time.perf_counter() - began:.0f}")
            lines = [
                *sgemm.lines(),
                f"Rounds: {repeats}. Seconds in all: {time.perf_counter() - started:.0f} "
                f"({', '.join(spent)}).",
                *(["Quick: far too little work to conclude from."] if options.quick else []),
            ]
            if options.markdown:  # after every workload: one that is stopped leaves a page of some
                page = report.markdown(_command(arguments), header, lines, told)
                options.markdown.write_text(page, encoding="utf-8")
    for line in lines:
        console.print(line, highlight=False, markup=False)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Shoal beside its peers, measured in one run."
    )
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD", help=f"{', '.join(WORKLOADS)}; all by default"
    )
    parser.add_argument("--repeats", type=int, help="rounds (default 3; 1 with --quick)")
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write a page")
    return parser


def _command(arguments: Sequence[str] | None) -> str:
    """What to type to make this run again."""
    kernels = os.environ.get("OPENBLAS_CORETYPE")
    settings = [] if kernels is None else [f"OPENBLAS_CORETYPE={kernels}"]
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join([*settings, "python", "-m", "benchmarks", *given])


if __name__ == "__main__":
    sys.exit(main())
