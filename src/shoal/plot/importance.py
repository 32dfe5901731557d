"""Importance: how much of the variance of the score each dimension explains, with ranges."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shoal.errors import ShoalError
from shoal.plot.axes import title
from shoal.plot.style import INK, LOOKS, MUTED, OTHER, plain, short_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shoal.study import Study
    from shoal.study.importance import Importance

BARS = 10
PAIRS = 4
LEAST_PAIR = 0.01


def plot_importance(study: Study, path: str | Path | None = None, *, bare: bool = False) -> Figure:
    """A bar for every dimension, and for pairs that explain something beyond them.

    Args:
        study: what to draw.
        path: where to save it, .png, .svg or .pdf.
        bare: without footnote.

    Raises:
        ShoalError: too few trials, or a file that cannot be written.
    """
    from shoal.plot import figure as figures
    from shoal.study.importance import LEAST

    figures.check_path(path)
    found = study.importance
    if found is None:
        raise ShoalError(f"importance needs at least {LEAST} trials with a score at one budget")
    mains = list(found.main.items())[:BARS]
    pairs = [item for item in found.pairs.items() if item[1] >= LEAST_PAIR][:PAIRS]
    short = short_names([name for name, _ in mains], 30)
    names = [short[name] for name, _ in mains]
    names += [" × ".join(short.get(p, p) for p in pair) for pair, _ in pairs]
    shares = [share for _, share in mains] + [share for _, share in pairs]
    with figures.drawing():
        figure = figures.new(7.2, 1.3 + 0.3 * max(len(names), 2))
        axes = figure.add_subplot()
        colours = [LOOKS[3].colour] * len(mains) + [OTHER.colour] * len(pairs)
        axes.barh(range(len(names)), shares, height=0.62, color=colours, zorder=2, gid="share")
        for row, (name, _) in enumerate(mains):
            low, high = found.ranges.get(name, (0.0, 0.0))
            axes.plot([low, high], [row, row], color=INK, linewidth=1.2, zorder=3, gid="range")
            for end in (low, high):
                axes.plot([end, end], [row - 0.13, row + 0.13], color=INK, linewidth=1.2, zorder=3)
        most = max([*shares, *(found.ranges.get(n, (0.0, 0.0))[1] for n, _ in mains), 0.1])
        for row, share in enumerate(shares):
            end = share if row >= len(mains) else max(share, found.ranges[mains[row][0]][1])
            axes.annotate(
                f"{100 * share:.0f} %" if share >= 0.005 else "0 %",
                (end, row),
                (6, 0),
                textcoords="offset points",
                va="center",
                fontsize=8.5,
                color=MUTED,
            )
        axes.set_xlim(0, 1.12 * most)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), [plain(name) for name in names], color=INK)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
        axes.grid(axis="y", visible=False)
        title(axes, "Importance", "share of the variance of the score over the space")
        if not bare:
            figures.footnote(figure, importance_note(found))
    return figures.finish(figure, path)


def importance_note(found: Importance) -> str:
    """What shares and lines are, and whether to believe them."""
    from shoal.study.words import NOTHING_EXPLAINED, signed

    text = (
        "Bars: main effects, each weighted by how often the dimension exists; grey: two dimensions "
        "together. All shares add up to at most 100 %. Lines: lowest to highest of ten forests on "
        f"resampled trials. R² of the forest on trials it has not seen: {signed(found.explained)}"
    )
    text += "; so these shares mean nothing." if found.explained < NOTHING_EXPLAINED else "."
    if found.given > found.trials:
        text += f" From {found.trials:,} trials drawn from {found.given:,}."
    return text
