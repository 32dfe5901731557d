"""The legend: every arm, best first, above the axes where it covers nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shoal.plot.style import MUTED, OTHER, PAGE, Look, looks, plain, short_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from shoal.comparison import Comparison

INCH_PER_CHARACTER = 0.078
INCH_PER_SAMPLE = 0.55
LONGEST_NAME = 34


def entries(comparison: Comparison, *, runs: bool = True) -> list[tuple[str, Look]]:
    """Label and look of every arm, best first; those without a look of their own together.

    Args:
        comparison: whose arms.
        runs: say how many runs of the comparison diverged.
    """
    given = looks(comparison)
    shown = [name for name in comparison.ranking if given[name] is not OTHER]
    short = short_names(comparison.names, LONGEST_NAME)
    gone = {name: diverged(comparison, name) if runs else "" for name in shown}
    listed = [(short[name] + gone[name], given[name]) for name in shown]
    others = len(comparison.names) - len(shown)
    return [*listed, (f"{others} others", OTHER)] if others else listed


def diverged(comparison: Comparison, arm: str) -> str:
    """How many members of an arm diverged, if any did, to put behind its name."""
    members = comparison.members(arm)
    gone = int((comparison.history.diverged[members] >= 0).sum())
    return f" (diverged {gone}/{len(members)})" if gone else ""


def add_legend(figure: Figure, comparison: Comparison, *, runs: bool = True) -> None:
    """Add the legend above everything else, in as many columns as there is room for."""
    from matplotlib.lines import Line2D

    listed = entries(comparison, runs=runs)
    widest = max(len(label) for label, _ in listed) * INCH_PER_CHARACTER + INCH_PER_SAMPLE
    columns = max(1, min(len(listed), int(figure.get_figwidth() / widest)))
    # a legend is filled column by column; this is read row by row
    order = [i for column in range(columns) for i in range(column, len(listed), columns)]
    samples: list[Line2D] = [
        Line2D(
            [],
            [],
            color=look.colour,
            linewidth=look.line,
            marker=look.marker or None,
            markersize=look.size,
            markeredgecolor=PAGE,
            markeredgewidth=0.6,
        )
        for _, look in listed
    ]
    legend = figure.legend(
        [samples[i] for i in order],
        [str(i) for i in order],
        loc="outside upper left",
        ncols=columns,
        handlelength=2.2,
        columnspacing=1.6,
        borderaxespad=0.4,
    )
    for text, i in zip(legend.get_texts(), order, strict=True):
        # set afterwards: given as a label, a name such as "_x" would be left out
        text.set_text(plain(listed[i][0]))
        if listed[i][1] is OTHER:
            text.set_color(MUTED)
