"""Isolation: the score of every trial against each dimension, one panel each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.plot.axes import capital, title
from shoal.plot.study_axes import (
    Drawn,
    dimension_axis,
    dimensions_note,
    drawn,
    left_out_note,
    mark_best,
    places,
    score_axis,
)
from shoal.plot.style import LOOKS, MUTED, OTHER, PAGE, RULE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.study import Study
    from shoal.study.space import Dimension

PANELS = 12
"""At most; of more dimensions those that matter most."""
COLUMNS = 3
STRIP = 0.16


def plot_isolation(
    study: Study,
    path: str | Path | None = None,
    *,
    dimensions: Sequence[str] | None = None,
    bare: bool = False,
) -> Figure:
    """Every trial's score against each dimension.

    Args:
        study: what to draw.
        path: where to save it, .png, .svg or .pdf.
        dimensions: paths of those to draw; None for all, at most twelve.
        bare: without footnote.

    Raises:
        ShoalError: no such dimension, no trial to draw, or a file that cannot be written.
    """
    from shoal.plot import figure as figures
    from shoal.plot.study import chosen_dimensions

    figures.check_path(path)
    all_ = dimensions is None
    listed = chosen_dimensions(study, dimensions, PANELS)
    found = drawn(study)
    columns = min(COLUMNS, len(listed))
    rows = math.ceil(len(listed) / columns)
    with figures.drawing():
        figure = figures.new(max(4.6, 3.3 * columns), 0.7 + 2.45 * rows)
        grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
        for axes, dimension in zip(grid.flat, listed, strict=False):
            draw_isolation(axes, study, dimension, found)
        for axes in grid.flat[len(listed) :]:
            axes.set_visible(False)
        title(
            grid[0, 0],
            capital(study.plan.metric.label),
            "of every trial, at its last evaluation; up is better",
        )
        if not bare:
            note = isolation_note(study, found)
            figures.footnote(figure, note + (dimensions_note(study, PANELS) if all_ else ""))
    return figures.finish(figure, path)


def draw_isolation(axes: Axes, study: Study, dimension: Dimension, found: Drawn) -> None:
    """Draw one dimension into axes."""
    x = places(dimension, found.trials)
    if hasattr(dimension.distribution, "options"):  # trials of one option side by side
        count = len(dimension.distribution.options)
        x = x + 0.5 / count * (_shuffled(len(x)) - 0.5)
    y = found.shown
    gone = found.state("diverged")
    score_axis(axes, study, found, STRIP * bool(gone.any()))
    dimension_axis(axes, "x", dimension, 5)
    done = found.state("done", "running")
    many, few = len(x) > 300, len(x) < 60
    for which, look, alpha, size, gid in (
        (
            found.state("dropped"),
            OTHER,
            0.35 if many else 0.9 if few else 0.6,
            7 if many else 26 if few else 14,
            "dropped",
        ),
        (done, LOOKS[0], 0.45 if many else 0.9, 10 if many else 34 if few else 20, "done"),
    ):
        for part, marker in ((which & ~found.beyond, "o"), (which & found.beyond, "v")):
            axes.scatter(
                x[part],
                y[part],
                s=size,
                c=look.colour,
                marker=marker,
                alpha=alpha,
                linewidths=0 if many else 0.5,
                edgecolors=PAGE,
                zorder=4 if gid == "done" else 3,
                clip_on=False,
                gid=gid if marker == "o" else f"{gid}-beyond",
            )
    _draw_diverged(axes, x[gone], found)
    at = [i for i, trial in enumerate(found.trials) if trial.number == found.winner.number]
    if at and math.isfinite(x[at[0]]):
        mark_best(axes, float(x[at[0]]), float(y[at[0]]))


def _draw_diverged(axes: Axes, x: np.ndarray, found: Drawn) -> None:
    """Crosses in a strip below, at different heights so that many can be seen."""
    if not found.state("diverged").any():
        return
    span = found.high - found.low
    axes.axhline(found.low - 0.05 * span, color=RULE, linewidth=0.8, zorder=2)
    heights = found.low - span * (0.05 + STRIP * (0.2 + 0.6 * _shuffled(len(x))))
    axes.scatter(
        x,
        heights,
        s=12 if len(x) < 200 else 5,
        c=LOOKS[1].colour,
        marker="x",
        linewidths=1.1 if len(x) < 200 else 0.6,
        zorder=5,
        gid="diverged",
    )
    axes.annotate(
        "diverged",
        (1, found.low - span * (0.05 + STRIP / 2)),
        (3, 0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        va="center",
        fontsize=7,
        color=MUTED,
        rotation=90,
    )


def _shuffled(count: int) -> np.ndarray:
    """Numbers from 0 to 1, evenly spread and in no order (golden ratio)."""
    return np.asarray((np.arange(count) * 0.6180339887) % 1.0)


def isolation_note(study: Study, found: Drawn) -> str:
    """What dots and crosses are, and what not to conclude."""
    parts = ["Ring: the winner."]
    if found.state("done").any():
        parts.append("Blue: trained to the end.")
    if found.state("dropped").any():
        parts.append("Grey: dropped early, so after fewer " + study.plan.unit + ".")
    if found.beyond.any():
        parts.append("▾: worse than the axis reaches.")
    if found.state("diverged").any():
        parts.append("×: diverged.")
    parts.append(
        "All other dimensions vary too: a dimension without a shape may still matter together "
        "with another."
    )
    return " ".join(parts) + left_out_note(found)
