"""Loss against learning rate: what the learning-rate finder found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.errors import ShoalError
from shoal.plot.axes import log_ticks, number, title
from shoal.plot.style import INK, LOOKS, MUTED, PAGE, ZONE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.study.lr_range import LrRange

TOP = 1.4
"""The picture ends at so many times the loss before training: what lies above has broken."""


def plot_lr_range(found: LrRange, path: str | Path | None = None) -> Figure:
    """Mean loss with a band over seeds, the edge of divergence, and the suggestion.

    Args:
        found: what to draw.
        path: where to save it, .png, .svg or .pdf.

    Raises:
        ShoalError: another ending, or a file that cannot be written.
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    look = LOOKS[0]
    with figures.drawing():
        figure = figures.new(6.0, 3.6)
        axes = figure.add_subplot()
        top = TOP * found.start
        alive = np.isfinite(found.mean)
        x, loss = found.lr[alive], np.minimum(found.loss[alive], 2 * top)
        axes.fill_between(
            x, loss.min(axis=1), loss.max(axis=1), color=look.colour, alpha=0.15, linewidth=0
        )
        axes.plot(
            x,
            loss.mean(axis=1),
            color=look.colour,
            linewidth=look.line,
            marker=look.marker,
            markersize=3.5,
            markeredgecolor=PAGE,
            markeredgewidth=0.4,
        )
        axes.axhline(found.start, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.annotate(
            "loss before training",
            (found.lr[0], found.start),
            (0, 5),
            textcoords="offset points",
            color=MUTED,
            fontsize=8,
        )
        gone = (found.diverged >= 0).any(axis=1)
        axes.plot(
            found.lr[gone],
            np.full(gone.sum(), 0.97 * top),
            "x",
            color=LOOKS[1].colour,
            markersize=5,
            markeredgewidth=1.4,
            gid="diverged",
        )
        axes.set_xscale("log")
        low, high = float(found.lr[0]), float(found.lr[-1])
        axes.set_xlim(low / 1.3, high * 1.3)
        axes.set_ylim(0, top)
        if np.isfinite(found.edge):
            axes.axvspan(found.edge, high * 1.3, color=ZONE, zorder=0)
        _suggest(axes, found)
        log_ticks(axes, "x", low, high)
        title(
            axes,
            "Training loss",
            f"mean of the last {found.last} of {found.steps} steps{_edge(found)}",
        )
        axes.set_xlabel("learning rate")
        band = "Band: lowest to highest seed. " if found.loss.shape[1] > 1 else ""
        cross = "×: a seed diverged." if gone.any() else ""
        words = f"Every rate trains networks of its own. {band}{cross}"
        figures.footnote(figure, words.strip())
    return figures.finish(figure, path)


def _suggest(axes: Axes, found: LrRange) -> None:
    """A line at the rate to take, with its value in the free strip above the curve."""
    try:
        best = found.suggestion
    except ShoalError:
        return  # nothing learned; the picture shows it
    axes.axvline(best, color=INK, linewidth=0.9, linestyle=(0, (1, 2)), gid="suggestion")
    left = best < float(np.sqrt(found.lr[0] * found.lr[-1]))
    axes.annotate(
        f"suggested: {number(float(f'{best:.2g}'))}",
        (best, 1.2 * found.start),
        (4 if left else -4, 0),
        textcoords="offset points",
        ha="left" if left else "right",
        color=INK,
        fontsize=9,
    )


def _edge(found: LrRange) -> str:
    if np.isinf(found.edge):
        return ""
    return f"; breaks from {number(float(f'{found.edge:.2g}'))} on (shaded)"
