"""Tables of what was measured, for the terminal and as Markdown, and what they say in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.harness import NOISY, Measurement

LEGEND = (
    "Seconds are medians over interleaved rounds, then lowest and highest. A ratio is the seconds "
    "of a contestant over Shoal's in the same round: above 1 Shoal is faster, below 1 it loses."
)


@dataclass(frozen=True)
class Text:
    """A measurement in words: a title, sentences before the table, the table, sentences after."""

    title: str
    before: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    after: tuple[str, ...]


def text(measured: Measurement) -> Text:
    """One row for each contestant."""
    workload = measured.workload
    unit, factor = _unit(measured)
    rows = tuple(
        (
            contestant.name,
            *_median_and_range(measured.seconds[contestant.name] * factor),
            *_median_and_range(measured.ratios(contestant.name)),
            *_speeds(measured, contestant.name),
            *(say(measured.results[contestant.name]) for say in workload.columns.values()),
        )
        for contestant in workload.contestants
    )
    header = ["contestant", f"{unit}/{workload.unit}", "range", "ratio", "range"]
    lines = list(workload.lines)
    if workload.flops is not None:
        header += ["GFLOP/s", "of sgemm"]
        lines.append(f"{workload.formula} One {workload.unit}: {workload.flops / 1e9:.4g} GFLOP.")
    return Text(
        workload.title,
        tuple(lines),
        (*header, *workload.columns),
        rows,
        (
            *verdicts(measured),
            *workload.remarks(measured),
            quiet(measured),
            *workload.agreement(measured.results),
            *_settings(measured),
        ),
    )


def _speeds(measured: Measurement, name: str) -> tuple[str, ...]:
    """GFLOP/s and their fraction of a large product's, where operations are counted."""
    if measured.workload.flops is None:
        return ()
    return (
        f"{np.median(measured.gflops(name)):.0f}",
        f"{np.median(measured.fractions(name)):.0%}",
    )


def quiet(measured: Measurement) -> str:
    """Whether other programs disturbed the run."""
    shares = np.concatenate(list(measured.disturbance.values()))
    if np.isnan(shares).any():
        return "This system does not tell how much other programs disturbed."
    told = (
        f"Other programs took {np.median(shares):.0%} of the processors' time (median of "
        f"{len(shares)} turns; {np.max(shares):.0%} in the worst)"
    )
    disturbed = int((shares > NOISY).sum())
    return f"{told}{f': {disturbed} DISTURBED turns, mind the ranges' if disturbed else ''}."


def verdicts(measured: Measurement) -> list[str]:
    """How the reference stands to each peer at its best; a loss is called one."""
    peers: dict[str, list[str]] = {}
    for contestant in measured.workload.contestants:
        peer = contestant.name.split(",")[0]
        if peer != measured.reference.split(",")[0]:
            kind = "with a process per processor" if "processes" in contestant.name else "at best"
            peers.setdefault(f"{peer} {kind}", []).append(contestant.name)
    lines = []
    for peer, names in peers.items():
        best = min(names, key=lambda name: float(np.median(measured.ratios(name))))
        ratio = float(np.median(measured.ratios(best)))
        beaten = f"{ratio:.2f} times as fast as" if ratio >= 1 else f"SLOWER ({ratio:.2f}) than"
        lines.append(f"{measured.reference}: {beaten} {peer} ({best}).")
    return lines


def _unit(measured: Measurement) -> tuple[str, float]:
    """The unit that suits the reference's seconds, and how many of it a second has."""
    median = float(np.median(measured.seconds[measured.reference]))
    return ("s", 1.0) if median >= 1 else ("ms", 1e3) if median >= 1e-4 else ("µs", 1e6)


def _median_and_range(values: NDArray[np.float64]) -> tuple[str, str]:
    low, median, high = np.percentile(values, [0, 50, 100])
    return _number(median), f"{_number(low)} – {_number(high)}"


def _number(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _settings(measured: Measurement) -> list[str]:
    """Settings, and who has them; who is absent, and why."""
    names: dict[str, list[str]] = {}
    for contestant in measured.workload.contestants:
        names.setdefault(contestant.settings, []).append(contestant.name)
    lines = [f"{'; '.join(who)}: {settings}." for settings, who in names.items()]
    return [*lines, *(f"{who}: {why}." for who, why in measured.workload.absent.items())]


def show(console: Console, told: Text) -> None:
    """Print for people at a terminal."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for i, name in enumerate(told.header):
        table.add_column(name, justify="left" if i == 0 else "right")
    for row in told.rows:
        table.add_row(*row)
    console.rule(told.title, align="left")
    for line in told.before:
        console.print(line, highlight=False, markup=False)
    console.print(table)
    for line in told.after:
        console.print(f"- {line}", highlight=False, markup=False)
    console.print()


def markdown(
    command: str, machine: Mapping[str, str], lines: Sequence[str], told: Sequence[Text]
) -> str:
    """The whole run as a page for docs/benchmarks.md."""
    page = [
        "# Benchmarks",
        LEGEND,
        f"Made by `{command}`.",
        "\n".join(f"- {name}: {value}" for name, value in machine.items()),
        *lines,
    ]
    for one in told:
        page += [
            f"## {one.title}",
            *one.before,
            _table(one),
            "\n".join(f"- {a}" for a in one.after),
        ]
    return "\n\n".join(page) + "\n"


def _table(told: Text) -> str:
    rows = [told.header, ("---", *["---:"] * (len(told.header) - 1)), *told.rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
