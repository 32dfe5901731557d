"""Differences: by how much the best arm leads each other one, with intervals; a forest plot."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.comparison.metrics import Metric
from shoal.comparison.words import scale_of, signed
from shoal.plot.axes import capital, note, number, title
from shoal.plot.caption import differences_note
from shoal.plot.style import INK, MUTED, PAGE, ZONE, looks, plain, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.comparison import Comparison, Pair

ROW = 0.3
CHARACTERS_PER_INCH = 4
"""of the picture's width may a name have, so that there is room for the rest."""


def plot_differences(
    comparison: Comparison,
    metric: str | None = None,
    path: str | Path | None = None,
    *,
    every_pair: bool = False,
    width: float = 7.2,
    bare: bool = False,
) -> Figure:
    """Paired differences with their intervals, a line at zero, and the zone of ties shaded.

    Args:
        comparison: what to draw.
        metric: such as "test_accuracy" or "loss"; None for the comparison's own.
        path: where to save it, .png, .svg or .pdf.
        every_pair: draw all pairs; else the arm with the best mean against each other one.
        width: in inches; the height comes from the number of rows.
        bare: without footnote, and without each difference in numbers.

    Raises:
        ShoalError: no such metric, or a file that cannot be written.
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    pairs = comparison.pairs(metric)
    if not every_pair:
        pairs = [pair for pair in pairs if pair.a == pairs[0].a]
    with figures.drawing():
        figure = figures.new(width, (1.15 if bare else 1.5) + ROW * max(len(pairs), 2))
        chosen = comparison.metric if metric is None else Metric(metric)
        draw_differences(figure.add_subplot(), comparison, pairs, chosen, numbers=not bare)
        if not bare:
            figures.footnote(figure, differences_note(comparison, pairs, chosen))
    return figures.finish(figure, path)


def draw_differences(
    axes: Axes,
    comparison: Comparison,
    pairs: Sequence[Pair],
    metric: Metric,
    *,
    numbers: bool = True,
) -> None:
    """Draw pairs into axes, one row each, the first on top."""
    longest = int(CHARACTERS_PER_INCH * axes.figure.bbox.width / axes.figure.dpi)
    one = len({pair.a for pair in pairs}) == 1
    short = short_names(comparison.names, longest if one else longest // 2)
    first = short[pairs[0].a] if one else ""
    unit = ", percentage points" if metric.measure == "accuracy" else ""
    what = f"{first} minus each other arm" if first else "first arm minus second"
    title(axes, capital(metric.label), what + unit if pairs else "")
    if not pairs:
        note(axes, "one arm: nothing to compare")
        return
    given = looks(comparison)
    scale = scale_of(metric)
    low, high = reach(pairs, scale)
    for row, pair in enumerate(pairs):
        zone = scale * pair.margin
        if math.isfinite(zone):
            axes.fill_betweenx([row - 0.5, row + 0.5], -zone, zone, color=ZONE, lw=0, zorder=1)
        _draw_pair(axes, row, pair, given[pair.b].colour if first else INK, metric, (low, high))
        for place, text, colour in _texts(pair, metric, why_absent(comparison, pair), numbers):
            axes.annotate(
                text,
                (1, row),
                (place, 0),
                xycoords=axes.get_yaxis_transform(),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=colour,
                annotation_clip=False,
            )
    axes.axvline(0, color=MUTED, linewidth=1, zorder=2)
    axes.set_xlim(low, high)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    names = [short[pair.b] if first else f"{short[pair.a]} − {short[pair.b]}" for pair in pairs]
    axes.set_yticks(range(len(pairs)), [plain(name) for name in names], color=INK, fontsize=9)
    axes.grid(axis="y", visible=False)
    _x_axis(axes, metric, first)


def reach(pairs: Sequence[Pair], scale: float) -> tuple[float, float]:
    """The horizontal axis: all intervals, unless one is so far out that it would hide the rest."""
    known = [pair for pair in pairs if pair.difference.n]
    if not known:
        return -1.0, 1.0
    ends = [
        scale * value
        for pair in known
        for value in (pair.difference.mean, pair.difference.low, pair.difference.high)
        if math.isfinite(value)
    ]
    zone = max(scale * pair.margin for pair in known)
    middles = sorted(abs(scale * pair.difference.mean) for pair in known)
    widths = sorted(scale * (p.difference.high - p.difference.low) for p in known)
    typical = [values[len(values) // 2] for values in (middles, widths)]
    most = max(8 * typical[0], 1.2 * typical[1] if typical[1] > 0 else 0, 4 * zone) or 1.0
    low = max(-most, min(*ends, -1.25 * zone))
    high = min(most, max(*ends, 1.25 * zone))
    room = 0.05 * (high - low)
    return low - room, high + room


def _draw_pair(
    axes: Axes, row: int, pair: Pair, colour: str, metric: Metric, limits: tuple[float, float]
) -> None:
    """Interval and mean; hollow where undecided, an arrow where it leaves the picture."""
    difference, scale = pair.difference, scale_of(metric)
    if not difference.n:
        return
    mean = scale * difference.mean
    ends = (scale * difference.low, scale * difference.high) if difference.n > 1 else (mean, mean)
    inset = 0.012 * (limits[1] - limits[0])
    left, right = limits[0] + inset, limits[1] - inset
    shown = np.clip(ends, left, right)
    axes.plot(shown, [row, row], color=colour, linewidth=2, zorder=3)
    for at, marker, out in ((left, "<", ends[0] < left), (right, ">", ends[1] > right)):
        if out:
            axes.plot([at], [row], marker, color=colour, markersize=5.5, zorder=4)
    if left <= mean <= right:
        axes.plot(
            [mean],
            [row],
            color=colour,
            marker="o",
            markersize=6.5,
            markerfacecolor=PAGE if pair.verdict == "undecided" else colour,
            markeredgecolor=colour,
            markeredgewidth=1.6,
            zorder=4,
        )
    else:
        axes.annotate(
            signed(metric, difference.mean)[0],
            (left if mean < left else right, row),
            (8 if mean < left else -8, 0),
            textcoords="offset points",
            ha="left" if mean < left else "right",
            va="center",
            fontsize=8.5,
            color=MUTED,
        )


def why_absent(comparison: Comparison, pair: Pair) -> str:
    """Why a pair has no difference: one of its arms diverged with all seeds, or has no value yet.

    "no common seed" where each has values, but on other seeds.
    """
    values = [comparison.history.diverged[comparison.members(arm)] for arm in (pair.a, pair.b)]
    if any(bool((steps >= 0).all()) for steps in values):
        return "diverged"
    return "no common seed" if any(bool((steps >= 0).any()) for steps in values) else "no value yet"


def _texts(pair: Pair, metric: Metric, absent: str, numbers: bool) -> list[tuple[float, str, str]]:
    """What stands right of a row: how far from the axes, the text, its colour."""
    difference = pair.difference
    colour = MUTED if pair.verdict == "undecided" else INK
    if not difference.n:
        return [(8.0, f"{pair.verdict} (× {absent})", colour)]
    texts = [(8.0, str(pair.verdict), colour)]
    if numbers and difference.n == 1:
        texts.append((64.0, f"{signed(metric, difference.mean)[0]} (one pair of runs)", MUTED))
    elif numbers:
        mean, low, high = signed(metric, difference.mean, difference.low, difference.high)
        texts.append((64.0, f"{mean} [{low}, {high}]", MUTED))
    return texts


def _x_axis(axes: Axes, metric: Metric, first: str) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda value, _: ("+" if value > 0 else "") + number(value))
    )
    name = plain(first or "first")
    if metric.higher_is_better:
        axes.set_xlabel(f"{name} better →", loc="right")
    else:
        axes.set_xlabel(f"← {name} better", loc="left")
    axes.spines["left"].set_visible(False)
