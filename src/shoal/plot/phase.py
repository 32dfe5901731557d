"""Phase map: score as colour over learning rate and one other dimension, divergence marked."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.errors import ShoalError
from shoal.plot.axes import capital, number, title
from shoal.plot.study_axes import (
    Drawn,
    dimension_axis,
    drawn,
    left_out_note,
    mark_best,
    places,
    shades,
)
from shoal.plot.style import INK, LOOKS, MUTED, PAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.study import Study

MAPS = 4
"""At most."""
LEAST = 5
"""Trials in which both dimensions exist; with fewer there is no map."""


def plot_phase(
    study: Study,
    path: str | Path | None = None,
    *,
    x: str | None = None,
    y: str | None = None,
    bare: bool = False,
) -> Figure:
    """Maps of the learning rate and each other dimension, those that matter most first.

    Args:
        study: what to draw.
        path: where to save it, .png, .svg or .pdf.
        x: path of the horizontal dimension; None for a learning rate.
        y: of the vertical one; None for those that matter most, a map each.
        bare: without footnote.

    Raises:
        ShoalError: no such dimension, fewer than two that exist together, or a file that cannot be
            written.
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    pairs = phase_pairs(study, x, y)
    if not pairs:
        raise ShoalError("a phase map needs two dimensions that exist together in five trials")
    found = drawn(study)
    columns = min(2, len(pairs))
    rows = math.ceil(len(pairs) / columns)
    with figures.drawing():
        figure = figures.new(0.8 + 4.2 * columns, 0.7 + 3.1 * rows)
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, (across, up) in zip(grid.flat, pairs, strict=False):
            draw_phase(axes, study, found, across, up)
        for axes in grid.flat[len(pairs) :]:
            axes.set_visible(False)
        title(grid[0, 0], capital(study.plan.metric.label), "as colour")
        _add_scale(figure, list(grid.flat), study, found)
        if not bare:
            figures.footnote(figure, phase_note(study, found))
    return figures.finish(figure, path)


def phase_pairs(study: Study, x: str | None = None, y: str | None = None) -> list[tuple[str, str]]:
    """Which maps to draw: a learning rate with what matters most, where both exist."""
    from shoal.plot.study import chosen_dimensions

    paths = [d.path for d in chosen_dimensions(study, None, len(study.space.dimensions))]
    for given in (x, y):
        if given is not None:
            chosen_dimensions(study, [given], 1)
    rates = [path for path in paths if path.rsplit(".", 1)[-1] == "lr"]
    some = rates or [path for path in paths if path != y][:1]
    across = some if x is None else [x]
    pairs = [(a, b) for b in ([y] if y else paths) for a in across if a != b]
    enough = [pair for pair in pairs if _together(study, pair) >= LEAST]
    unique: list[tuple[str, str]] = []
    for a, b in enough:
        if (b, a) not in unique and (a, b) not in unique:
            unique.append((a, b))
    return unique[:MAPS]


def _together(study: Study, pair: Sequence[str]) -> int:
    """In how many trials both exist, and the one not only for one option of the other."""
    needed = {path for each in pair for path, _ in study.space[each].needs}
    if needed & set(pair):
        return 0
    return sum(all(path in trial.values for path in pair) for trial in study.trials)


def draw_phase(axes: Axes, study: Study, found: Drawn, across: str, up: str) -> None:
    """Draw one map into axes."""
    x, y = (places(study.space[path], found.trials) for path in (across, up))
    known = np.isfinite(x) & np.isfinite(y)
    gone = found.state("diverged") & known
    dimension_axis(axes, "x", study.space[across])
    dimension_axis(axes, "y", study.space[up])
    many, few = known.sum() > 300, known.sum() < 40
    early = found.state("dropped")
    low, high = sorted((found.low, found.high))
    colours = shades() if found.low < found.high else shades().reversed()
    order = np.argsort(found.shown if found.low < found.high else -found.shown)  # the best on top
    for which, size, gid in (
        (early & known, 9 if many else 40 if few else 22, "dropped"),
        (~early & ~gone & known, 20 if many else 70 if few else 46, "done"),
    ):
        at = order[which[order]]
        axes.scatter(
            x[at],
            y[at],
            s=size,
            c=found.shown[at],
            cmap=colours,
            vmin=low,
            vmax=high,
            linewidths=0.25 if many else 0.5,
            edgecolors=MUTED,
            zorder=3 if gid == "dropped" else 5,
            clip_on=False,
            gid=gid,
        )
    axes.scatter(
        x[gone],
        y[gone],
        s=10 if many else 24,
        c=LOOKS[1].colour,
        marker="x",
        linewidths=0.8 if many else 1.2,
        zorder=4,
        clip_on=False,
        gid="diverged",
    )
    for i, trial in enumerate(found.trials):
        if trial.number == found.winner.number and known[i]:
            axes.plot(
                [x[i]], [y[i]], "o", color=PAGE, markersize=12, markerfacecolor="none",
                markeredgewidth=3.2, zorder=39, clip_on=False,
            )  # fmt: skip
            mark_best(axes, float(x[i]), float(y[i]), 12)


def _add_scale(figure: Figure, panels: list[Axes], study: Study, found: Drawn) -> None:
    """The colours and their scores, at the right."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import FuncFormatter

    low, high = sorted((found.low, found.high))
    colours = shades() if found.low < found.high else shades().reversed()
    scale = figure.colorbar(
        ScalarMappable(Normalize(low, high), colours), ax=panels, aspect=30, shrink=0.9, pad=0.02
    )
    percent = study.plan.metric.measure == "accuracy"
    scale.ax.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{100 * v:g} %" if percent else number(float(f"{v:.4g}")))
    )
    scale.outline.set_visible(False)
    if found.low > found.high:
        scale.ax.invert_yaxis()
    if found.beyond.any():
        scale.ax.set_xlabel("or worse", fontsize=7.5, color=MUTED, loc="left")
    scale.ax.tick_params(color=INK)


def phase_note(study: Study, found: Drawn) -> str:
    """What dots, crosses and the ring are."""
    parts = ["Ring: the winner."]
    if found.state("dropped").any():
        parts.append(f"Small: dropped early, scored after fewer {study.plan.unit}.")
    if found.state("diverged").any():
        parts.append("×: diverged.")
    parts.append("Neighbours differ in all other dimensions, too.")
    return " ".join(parts) + left_out_note(found)
