"""Parallel coordinates: every trial a line through the dimensions that matter most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.errors import ShoalError, counted
from shoal.plot.axes import capital, number, title
from shoal.plot.study_axes import dimensions_note, drawn, left_out_note, places, shades, ticks
from shoal.plot.style import INK, MUTED, PAGE, RULE, plain, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.study import Study

AXES = 7
LINES = 400
"""More lines would hide each other."""


def plot_parallel(
    study: Study,
    path: str | Path | None = None,
    *,
    dimensions: Sequence[str] | None = None,
    bare: bool = False,
) -> Figure:
    """Trials as lines from one dimension to the next and to their score; the winner's thick.

    Args:
        study: what to draw.
        path: where to save it, .png, .svg or .pdf.
        dimensions: paths of those to draw; None for the seven that matter most.
        bare: without footnote.

    Raises:
        ShoalError: no such dimension, no trial that came through, or a file that cannot be written.
    """
    from shoal.plot import figure as figures
    from shoal.plot.study import chosen_dimensions

    figures.check_path(path)
    listed = chosen_dimensions(study, dimensions, AXES)
    found = drawn(study, LINES)
    alive = np.isfinite(found.scores)
    if not alive.any():
        raise ShoalError("no trial came through, so there is nothing to draw")
    columns = [places(dimension, found.trials) for dimension in listed]
    span = found.high - found.low
    heights = (found.shown - found.low) / span
    table = np.stack([*columns, heights], axis=1)
    # what does not exist has a place of its own, beneath the axes
    table = np.where(np.isnan(table), -0.14, table)
    absent = any(np.isnan(column[alive]).any() for column in columns)
    with figures.drawing():
        figure = figures.new(max(5.5, 1.5 * table.shape[1] + 0.8), 3.8)
        axes = figure.add_subplot()
        title(
            axes,
            capital(study.plan.metric.label),
            "of each trial at the right, and by which settings it came there",
        )
        _lines(axes, study, table, alive, heights, found.trials, found.winner.number)
        for k, dimension in enumerate(listed):
            _axis(axes, k, ticks(dimension.distribution, 4))
        percent = study.plan.metric.measure == "accuracy"
        ends = [found.low, found.low + span / 2, found.high]
        texts = [f"{100 * v:.3g} %" if percent else number(float(f"{v:.3g}")) for v in ends]
        _axis(axes, len(listed), list(zip((0.0, 0.5, 1.0), texts, strict=True)), right=True)
        names = [*(d.path for d in listed), study.plan.metric.label]
        short = short_names(names, 20)
        axes.set_xticks(range(len(names)), [plain(short[n]) for n in names], color=INK, fontsize=8)
        axes.tick_params(axis="x", length=0, pad=8)
        axes.set_yticks([])
        axes.set_xlim(-0.5, len(names) - 0.4)
        axes.set_ylim(-0.2 if absent else -0.05, 1.05)
        axes.grid(False)
        for spine in axes.spines.values():
            spine.set_visible(False)
        if not bare:
            text = "Thick: the winner. Light lines are good, dark ones poor. "
            text += "A line that dips below: the dimension does not exist there. " if absent else ""
            gone = len(alive) - int(alive.sum())
            text += f"Diverged and left out: {counted(gone, 'trial')}." if gone else ""
            text += left_out_note(found)
            text += dimensions_note(study, AXES) if dimensions is None else ""
            figures.footnote(figure, " ".join(text.split()))
    return figures.finish(figure, path)


def _lines(
    axes: Axes,
    study: Study,
    table: np.ndarray,
    alive: np.ndarray,
    heights: np.ndarray,
    trials: Sequence[object],
    winner: int,
) -> None:
    from matplotlib.collections import LineCollection

    order = [i for i in np.argsort(heights).tolist() if alive[i]]
    x = np.arange(table.shape[1])
    colours = shades()(np.clip(heights[order], 0, 1))
    many = len(order) > 80
    colours[:, 3] = 0.35 + 0.45 * np.clip(heights[order], 0, 1) if many else 0.85
    axes.add_collection(
        LineCollection(
            [np.stack([x, table[i]], axis=1) for i in order],
            colors=colours,
            linewidths=0.7 if many else 1.1,
            zorder=3,
            gid="trials",
        )
    )
    for i, trial in enumerate(trials):
        if getattr(trial, "number", None) == winner:
            axes.plot(x, table[i], color=PAGE, linewidth=5, zorder=5)
            axes.plot(
                x, table[i], color=INK, linewidth=2.4, marker="o", markersize=5, zorder=6,
                gid="chosen",
            )  # fmt: skip


def _axis(axes: Axes, at: int, marks: list[tuple[float, str]], right: bool = False) -> None:
    """A vertical axis at a place, with its values beside it."""
    axes.plot([at, at], [0, 1], color=MUTED if right else RULE, linewidth=1.2, zorder=4)
    for height, text in marks:
        if not math.isfinite(height):
            continue
        axes.annotate(
            text,
            (at, height),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7.5,
            color=INK,
            zorder=8,
            bbox={"facecolor": PAGE, "edgecolor": "none", "alpha": 0.75, "pad": 0.8},
        )
