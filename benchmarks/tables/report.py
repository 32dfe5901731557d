"""What was measured, in words and tables, for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables.evidence import differences, interval
from benchmarks.tables.measure import Measured
from shoal.comparison.statistics import Difference

OURS = "Shoal"
BEGIN = "<!-- measured: begin -->"
END = "<!-- measured: end -->"
OPTIONAL = ("<!-- optional: begin -->", "<!-- optional: end -->")
"""For a run with peers that are not installed for development."""
MARKS = {"won": "▲", "lost": "▼", "open": "·"}

LEGEND = (
    "Each score is the mean over random splits ± half of its 95 % interval. The columns of "
    "differences say by how much Shoal is better (+) or worse (-) than the contestant on the same "
    "splits, in points of accuracy or in per cent of the contestant's RMSE, with ▲ where Shoal has "
    "won, ▼ where it has lost and · where the splits do not decide. Splits share rows: intervals "
    "and decisions are corrected for it (Nadeau and Bengio 2003), and decisions for the number of "
    "contestants in a column (Holm). Times are medians, to fit the training rows and to predict "
    "1,000 rows, in one run in which contestants take turns."
)


@dataclass(frozen=True)
class Text:
    """One table in words: a title, a line, the header and the rows."""

    title: str
    line: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def references(measured: Measured) -> list[int]:
    """The contestants that are ours."""
    names = [c.name for c in measured.contestants]
    return [i for i, name in enumerate(names) if name.startswith(OURS)]


def compared(measured: Measured) -> dict[tuple[int, int], Difference]:
    """What each of ours gains over each peer, by their numbers; more is better for us.

    RMSEs are compared as logarithms, so that a difference is a share.
    """
    gains = measured.gains
    if measured.table.task == "regression":
        gains = -np.log(measured.scores)
    ours = references(measured)
    step = 1 / _test(measured) if measured.table.task == "classification" else 0.0
    told: dict[tuple[int, int], Difference] = {}
    for a in ours:
        # among ours, the first is held against the others
        others = [b for b in range(len(gains)) if b not in ours or (a == ours[0] and b != a)]
        pairs = [(gains[a], gains[b]) for b in others]
        found = differences(pairs, measured.table.shared, step)
        told |= {(a, b): difference for b, difference in zip(others, found, strict=True)}
    return told


def outcome(difference: Difference) -> str:
    """What the splits say: "won", "lost" or "open"."""
    if not difference.p < 0.05:
        return "open"
    return "won" if difference.mean > 0 else "lost"


def text(measured: Measured) -> Text:
    """One row for each contestant, the best first."""
    table, found = measured.table, compared(measured)
    names = [c.name for c in measured.contestants]
    ours = references(measured)
    shown = [a for a in ours if '"tuned"' in names[a]] or ours
    unit = "accuracy, %" if table.task == "classification" else "RMSE"
    rows = []
    for b in np.argsort(-measured.gains.mean(axis=1), kind="stable").tolist():
        rows.append(
            (
                names[b],
                _score(measured, b),
                *(_difference(found.get((a, b)), table.task) for a in shown),
                _short(float(np.median(measured.fit_seconds[b]))),
                _short(1e6 * float(np.median(measured.predict_seconds[b])) / _test(measured)),
            )
        )
    task = "classes" if table.task == "classification" else "a number"
    levels = len(table.x.select_dtypes(include=["category", "bool"]).columns)
    line = (
        f"{len(table.y):,} rows, {table.x.shape[1]} columns ({levels} of levels), predicts {task}. "
        f"{measured.scores.shape[1]} splits, each with {table.train_rows:,} training rows and "
        f"{_test(measured):,} test rows{' (the same in all)' if table.test is not None else ''}."
    )
    columns = [f"{names[a].replace('Shoal ', '')} is better by" for a in shown]
    header = ("contestant", unit, *columns, "s to fit", "ms for 1,000 rows")
    return Text(table.name, line, header, tuple(rows))


def summary(all_measured: Sequence[Measured]) -> Text:
    """How often each of ours has won against each peer, and lost."""
    first = all_measured[0]
    names = [c.name for c in first.contestants]
    ours = references(first)
    found = [compared(measured) for measured in all_measured]
    rows = []
    for b in range(len(names)):
        if b in ours:
            continue
        cells = [names[b]]
        for a in ours:
            told = [outcome(each[a, b]) for each in found]
            cells.append(" ".join(f"{told.count(kind)} {MARKS[kind]}" for kind in MARKS))
        rows.append(tuple(cells))
    return Text(
        "How often Shoal has won (▲), lost (▼), and how often the splits do not decide (·)",
        f"Over the tables {', '.join(m.table.name for m in all_measured)}.",
        ("against", *(names[a] for a in ours)),
        tuple(rows),
    )


def settings(measured: Measured) -> list[str]:
    """How each contestant was set up."""
    return [f"{c.name}: {c.settings}." for c in measured.contestants]


def markdown(
    command: str,
    header: Mapping[str, str],
    groups: Sequence[tuple[str, Sequence[Measured]]],
    lines: Sequence[str],
) -> str:
    """All of it as Markdown, to stand between the markers of a page."""
    machine = "; ".join(f"{name}: {value}" for name, value in header.items())
    blocks = [f"Printed by `{command}`.", machine + ".", LEGEND, *lines]
    for title, group in groups:
        if not group:
            continue
        blocks.append(f"### {title}")
        if len(group) > 1:
            blocks += block(summary(group))
        for measured in group:
            blocks += block(text(measured))
    every = [measured for _, group in groups for measured in group]
    blocks += ["#### Settings", "\n".join(f"- {line}" for line in settings(every[0]))]
    return "\n\n".join(blocks)


def block(told: Text) -> list[str]:
    """A table as Markdown: its title, its line, itself."""
    lines = [_line(told.header), _line(["---", *["---:"] * (len(told.header) - 1)])]
    title = f"#### {told.title[:1].upper()}{told.title[1:]}"
    return [title, told.line, "\n".join([*lines, *map(_line, told.rows)])]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def put(page: Path, told: str, begin: str = BEGIN, end: str = END) -> None:
    """Write between the markers of a page; what stands around them stays.

    Raises:
        SystemExit: the page or its markers are missing.
    """
    if not page.is_file():
        raise SystemExit(f"{page} is missing; give a page with {begin} and {end}")
    before, found, rest = page.read_text(encoding="utf-8").partition(begin)
    _, ended, after = rest.partition(end)
    if not (found and ended):
        raise SystemExit(f"{page} must hold {begin} and, after it, {end}")
    page.write_text(f"{before}{begin}\n\n{told}\n\n{end}{after}", encoding="utf-8")


def _test(measured: Measured) -> int:
    table = measured.table
    if table.test is not None:
        return len(table.test)
    return min(table.test_rows, len(table.y) - table.train_rows)


def _score(measured: Measured, contestant: int) -> str:
    factor = 100.0 if measured.table.task == "classification" else 1.0
    found = interval(measured.scores[contestant] * factor, measured.table.shared)
    half = found.high - found.mean
    if measured.table.task == "classification":
        return f"{found.mean:.2f} ± {half:.2f}"
    digits = max(0, 3 - int(np.floor(np.log10(max(found.mean, 1e-9)))))
    return f"{found.mean:.{digits}f} ± {half:.{digits}f}"


def _difference(difference: Difference | None, task: str) -> str:
    """The gain with its half width, and what it decides."""
    if difference is None:
        return ""
    mark = MARKS[outcome(difference)]
    if task == "classification":
        mean, half = 100 * difference.mean, 100 * (difference.high - difference.mean)
        return f"{mean:+.2f} ± {half:.2f} {mark}"
    # of logarithms: a share of the peer's RMSE
    mean, low, high = (
        100 * (1 - np.exp(-d)) for d in (difference.mean, difference.low, difference.high)
    )
    return f"{mean:+.1f} % ({low:+.1f} to {high:+.1f}) {mark}"


def _short(number: float) -> str:
    return f"{number:.2g}" if number < 10 else f"{number:.0f}"
