"""The command line: `python -m benchmarks.tables [TABLE ...]`; `--help` says the rest."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid

from benchmarks import machine
from benchmarks.tables import ablation, contestants, data, report
from benchmarks.tables.measure import Measured, measure
from benchmarks.tables.table import Table

REAL = "Real tables, on which nothing was chosen"
EMBEDDED = 'Embedded tables; on breast_cancer, digits and diabetes "tuned" was chosen'

LARGE, MOST = 5000, 6
"""From so many training rows on a table is split so often at most: it takes minutes."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write between the markers of a page if asked for."""
    options = _parser().parse_args(arguments)
    splits = options.splits or (2 if options.quick else 10)
    console, progress = Console(), Console(stderr=True)
    if not console.is_terminal:
        console = Console(width=140)
    header = machine.describe()
    started = time.perf_counter()
    command = _command(arguments)
    if options.ablation:
        with progress.status("") as status:
            found = ablation.measure(splits, status.update, options.quick)
        _show(console, ablation.text(found))
        told = ablation.markdown(command, found)
        marks = (ablation.BEGIN, ablation.END)
    else:
        who, absent = _who(options.optional)
        groups: list[tuple[str, list[Measured]]] = []
        with progress.status("") as status:
            for title, names, make in (
                (REAL, data.REAL, data.real),
                (EMBEDDED, data.EMBEDDED, data.embedded),
            ):
                group: list[Measured] = []
                for name in [n for n in names if n in (options.tables or names)]:
                    table = make(name)
                    if isinstance(table, str):
                        absent.append(f"{table}.")
                        continue
                    table = _smaller(table) if options.quick else table
                    count = splits if table.train_rows < LARGE else min(splits, MOST)
                    group.append(measure(table, who, count, status.update))
                    _show(console, report.text(group[-1]))
                if len(group) > 1:
                    _show(console, report.summary(group))
                groups.append((title, group))
        if not any(group for _, group in groups):
            raise SystemExit(" ".join(absent))
        lines = [*absent, f"Seconds in all: {time.perf_counter() - started:.0f}."]
        if options.quick:
            lines.append("Quick: far too little work to conclude from.")
        console.print("\n".join(lines), highlight=False, markup=False)
        told = report.markdown(command, header, groups, lines)
        marks = report.OPTIONAL if options.optional else (report.BEGIN, report.END)
    if options.markdown:
        report.put(options.markdown, told, *marks)
    return 0


def _who(more: bool) -> tuple[list[contestants.Contestant], list[str]]:
    """The contestants, and who is missing."""
    who = [*contestants.shoal_contestants(), *contestants.peers()]
    if not more:
        return who, []
    found, absent = contestants.optional()
    return [*who, *found], absent


def _smaller(table: Table) -> Table:
    """A few rows, to see that it runs."""
    from dataclasses import replace

    rows = min(table.train_rows, 250)
    return replace(table, train_rows=rows, test_rows=min(table.test_rows, 100))


def _show(console: Console, told: report.Text) -> None:
    grid = Grid(box=SIMPLE_HEAD)
    for number, name in enumerate(told.header):
        grid.add_column(name, justify="right" if number else "left")
    for row in told.rows:
        grid.add_row(*row)
    console.print(f"{told.title}: {told.line}", highlight=False, markup=False)
    console.print(grid)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables",
        description="Shoal's estimators beside their peers on tables, measured in one run.",
    )
    every = (*data.REAL, *data.EMBEDDED)
    parser.add_argument(
        "tables", nargs="*", metavar="TABLE", help=f"{', '.join(every)}; all by default"
    )
    parser.add_argument(
        "--splits",
        type=int,
        help=f"of each table (10; tables of {LARGE:,} training rows at most {MOST})",
    )
    parser.add_argument(
        "--optional", action="store_true", help="also skorch and pytabkit's RealMLP, if installed"
    )
    parser.add_argument(
        "--ablation", action="store_true", help='instead: what each setting of "tuned" is worth'
    )
    parser.add_argument("--quick", action="store_true", help="little work, to see that it runs")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="write between the markers of this page"
    )
    return parser


def _command(arguments: Sequence[str] | None) -> str:
    """What to type to make this run again."""
    given = sys.argv[1:] if arguments is None else arguments
    return shlex.join(["python", "-m", "benchmarks.tables", *given])


if __name__ == "__main__":
    sys.exit(main())
