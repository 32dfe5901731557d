"""The findings of a claim in one picture: effects with intervals, and the zone that is too small.

Findings have different units, so each effect is drawn as a multiple of the largest one that does
not matter. Then this zone is from −1 to 1 for all, and an answer can be seen: on the right of it
as claimed; for a claim that two things are the same, inside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from shoal.book import pictures
from shoal.book.claims.claim import ANSWERS, Answer, Finding
from shoal.book.claims.weigh import effect_words
from shoal.book.text import Language, Text, say
from shoal.plot.style import INK, LOOKS, MUTED, PAGE, ZONE, Look, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ROW = 0.27
WIDTH = 7.6
LOOK: dict[Answer, Look] = {
    "supported": LOOKS[0],
    "not supported": LOOKS[1],
    "undecided": LOOKS[3],
}
NOTE = Text(
    "Effect in multiples of the largest that does not matter (shaded).",
    "横轴：效应，以可忽略的最大差异（阴影）为单位。",
)
MORE = Text("Right of the zone: as claimed.", "阴影右侧：与论断一致。")
SAME = Text("Inside the zone: as claimed.", "阴影之内：与论断一致。")
BOTH = Text(
    "Right of the zone: as claimed; where marked (≈), inside it.",
    "阴影右侧：与论断一致；标有（≈）者，阴影之内为一致。",
)


def draw_forest(findings: Sequence[Finding], language: Language) -> Figure:
    """One row for each finding, under the statement that it is about."""
    groups = [list(group) for _, group in groupby(findings, key=lambda f: f.what)]
    rows = len(findings) + len(groups)
    kinds = {finding.kind for finding in findings}
    with pictures.sheet(WIDTH, 0.75 + ROW * rows) as (figure, axes):
        ax = axes[0, 0]
        limits = _limits(findings)
        ax.set_xscale("symlog", linthresh=1, linscale=0.8)
        ax.set_xlim(*limits)
        ax.set_ylim(rows - 0.4, -0.6)
        ax.axvspan(-1, 1, color=ZONE, lw=0, zorder=1)
        ax.axvline(0, color=MUTED, linewidth=1, zorder=2)
        row, places, names = 0, [], []
        for group in groups:
            _heading(ax, row, group[0], len(kinds) > 1, language)
            for finding in group:
                row += 1
                _draw(ax, row, finding, limits, language)
                places.append(row)
                names.append(plain(finding.condition[language]))
            row += 1
        ax.set_yticks(places, names, color=INK, fontsize=8.5)
        ax.grid(axis="y", visible=False)
        ax.spines["left"].set_visible(False)
        _ticks(ax, limits)
        as_claimed = BOTH if len(kinds) > 1 else SAME if "same" in kinds else MORE
        pictures.footnote(figure, NOTE + as_claimed, language)
    return figure


def _heading(axes: Axes, row: int, finding: Finding, mixed: bool, language: Language) -> None:
    """The statement above its findings, from the picture's left edge."""
    same = Text(" (≈)", "（≈）")[language] if finding.kind == "same" and mixed else ""
    axes.annotate(
        plain(f"{finding.what[language]}{same}"),
        (0, row),
        xycoords=("figure fraction", "data"),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=9 if language == "en" else 9.5,
        fontweight="bold" if language == "en" else "normal",  # Chinese fonts often have no bold
        color=INK,
        annotation_clip=False,
    ).set_in_layout(False)


def _draw(
    axes: Axes, row: int, finding: Finding, limits: tuple[float, float], language: Language
) -> None:
    """Interval, mean, answer and numbers of one finding."""
    look = LOOK[finding.answer]
    mean, low, high = (
        float(np.clip(v / finding.margin, *limits))
        for v in (finding.effect, finding.low, finding.high)
    )
    axes.plot([low, high], [row, row], color=look.colour, linewidth=2, zorder=3)
    axes.plot(
        [mean],
        [row],
        color=look.colour,
        marker=look.marker,
        markersize=look.size + 1.5,
        markerfacecolor=PAGE if finding.answer == "undecided" else look.colour,
        markeredgewidth=1.6,
        zorder=4,
    )
    for place, text, colour in (
        (8, ANSWERS[finding.answer], INK),
        (78 if language == "en" else 58, effect_words(finding), MUTED),
    ):
        axes.annotate(
            plain(say(text, language)),
            (1, row),
            (place, 0),
            xycoords=axes.get_yaxis_transform(),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            color=colour,
            annotation_clip=False,
        )


def _limits(findings: Sequence[Finding]) -> tuple[float, float]:
    """All intervals and the zone, with a little room."""
    ends = [v / f.margin for f in findings for v in (f.effect, f.low, f.high) if np.isfinite(v)]
    low, high = min([-1.5, *ends]), max([1.5, *ends])
    return max(low * 1.3, -1e4), min(high * 1.3, 1e4)


def _ticks(axes: Axes, limits: tuple[float, float]) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    powers = [s * 10.0**k for s in (-1, 1) for k in range(5)]
    ticks = [v for v in sorted([0.0, *powers]) if limits[0] <= v <= limits[1]]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{'+' if v > 0 else ''}{v:g}".replace("-", "−"))
    )
