"""Instruments: what was read in the layers over training, layers beside each other.

One column for each layer with weights, together with the activation after it; one row for what is
read. Lines are medians over seeds, and all axes of a row are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError
from shoal.plot.axes import log_ticks
from shoal.plot.style import INK, MUTED, PAGE, ZONE, Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.comparison import Comparison

WIDTH, HEIGHT = 9.0, 1.45
MOST_COLUMNS = 6
USUAL_UPDATES = (1e-4, 1e-2)


@dataclass(frozen=True)
class Row:
    """One row of the picture.

    Attributes:
        label: what is read.
        names: of the instruments; the first that a layer has is drawn.
        share: whether it is a share, drawn from 0 to 1; else on a log scale.
    """

    label: str
    names: tuple[str, ...]
    share: bool = False


ROWS = (
    Row("spread over\nthe batch", ("batch_std",)),
    Row("dead or\nsaturated", ("dead_units", "saturated"), share=True),
    Row("norm of the\ngradient", ("gradient_norm",)),
    Row("update\nto weight", ("update_ratio",)),
)


@dataclass(frozen=True)
class Line:
    """The readings of one arm in one layer: median, lowest and highest over seeds."""

    steps: NDArray[np.int64]
    median: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def plot_instruments(
    comparison: Comparison, path: str | Path | None = None, *, bare: bool = False
) -> Figure:
    """Spread of outputs, dead or saturated units, gradients and updates in every layer.

    Args:
        comparison: of a run with instruments.
        path: where to save it, .png, .svg or .pdf.
        bare: without legend and footnote.

    Raises:
        ShoalError: a run without instruments, or a file that cannot be written.

    >>> import shoal
    >>> recipe = shoal.Recipe(shoal.mlp([8, 8]), shoal.SGD(lr=0.1))
    >>> comparison = shoal.compare({"SGD": recipe}, shoal.load("digits"), epochs=9, seeds=2)
    >>> figure = plot_instruments(comparison)
    >>> [axes.get_title(loc="left") for axes in figure.axes[:3]]
    ['hidden layer 1', 'hidden layer 2', 'output layer']
    """
    from shoal.plot import figure as figures
    from shoal.plot.legend import add_legend

    figures.check_path(path)
    if not comparison.history.instruments:
        raise ShoalError("this comparison has no instruments; compare with instruments=True")
    columns = columns_of(comparison)
    lines = [[_lines(comparison, row, column) for column in columns.values()] for row in ROWS]
    shown = [k for k, row in enumerate(lines) if any(row)]
    with figures.drawing():
        figure = figures.new(WIDTH, 0.5 + HEIGHT * len(shown) + (0 if bare else 0.6))
        grid = figure.subplots(len(shown), len(columns), squeeze=False, sharex=True, sharey="row")
        for at, k in enumerate(shown):
            _draw_row(grid[at], ROWS[k], lines[k], looks(comparison))
        for axes, name in zip(grid[0], columns, strict=True):
            axes.set_title(name, loc="left", fontsize=9.5, fontweight="bold", color=INK)
        for axes in grid[-1]:
            axes.set_xlabel("step")
        if not bare:
            add_legend(figure, comparison)
            figures.footnote(figure, caption(comparison))
    return figures.finish(figure, path)


def caption(comparison: Comparison) -> str:
    """What lines, bands and the shaded zone are."""
    seeds = len(comparison.seeds)
    low, high = USUAL_UPDATES
    text = "Read in training, on the batch of the step. "
    if seeds > 1:
        text += f"Lines: medians over {seeds} seeds; bands: from the lowest to the highest. "
    return (
        f"{text}Spread: standard deviation of a unit over the rows of the batch, after the "
        "activation. Update to weight: length of a step by that of the layer's weights; shaded: "
        f"{low:g} to {high:g}, the usual range."
    )


def columns_of(comparison: Comparison) -> dict[str, tuple[int, bool]]:
    """Titles of the columns, each with the number of the hidden layer and whether it is the last.

    Of deep networks some hidden layers are left out, never the first and the last.
    """
    hidden = max(len(blocks(comparison, name)) - 1 for name in comparison.names)
    most = min(hidden, MOST_COLUMNS - 1)
    numbers = sorted({round(k) for k in np.linspace(1, hidden, most).tolist()})
    found = {f"hidden layer {k}": (k - 1, False) for k in numbers}
    return found | {"output layer": (-1, True)}


def blocks(comparison: Comparison, arm: str) -> list[list[str]]:
    """The layers of an arm, each with weights together with what follows it."""
    member = int(comparison.members(arm)[0])
    history = comparison.history
    found: list[list[str]] = []
    for layer in history.layers(member):
        if "weight_norm" in history.readable(member, layer):
            found.append([])
        if found:  # what stands before all weights belongs to none of them
            found[-1].append(layer)
    return found


def _lines(comparison: Comparison, row: Row, column: tuple[int, bool]) -> dict[str, Line]:
    """What is drawn in one place, by arm."""
    number, last = column
    history = comparison.history
    found = {}
    for arm in comparison.names:
        layers = blocks(comparison, arm)
        at = len(layers) - 1 if last else number
        if not last and at >= len(layers) - 1:
            continue
        members = [int(i) for i in comparison.members(arm)]
        pairs = [
            (layer, name)
            for layer in layers[at]
            for name in row.names
            if name in history.readable(members[0], layer)
        ]
        if pairs:  # the last is what the next layer sees
            layer, name = pairs[-1]
            curves = [history.reading(member, layer, name) for member in members]
            line = _line(curves[0].steps, np.array([c.values for c in curves], np.float64))
            if len(line.steps):
                found[arm] = line
    return found


def _line(steps: NDArray[np.int64], values: NDArray[np.float64]) -> Line:
    finite = np.where(np.isfinite(values), values, np.nan)
    known = ~np.isnan(finite).all(axis=0)
    finite = finite[:, known]
    if not finite.size:
        return Line(steps[known], *(np.empty(0),) * 3)
    return Line(
        steps[known],
        np.nanmedian(finite, axis=0),
        np.nanmin(finite, axis=0),
        np.nanmax(finite, axis=0),
    )


def _draw_row(
    row: NDArray[Any], what: Row, lines: list[dict[str, Line]], given: Mapping[str, Look]
) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter, SymmetricalLogLocator

    row[0].set_ylabel(what.label, rotation=0, ha="right", va="center", color=MUTED)
    medians = [line.median for place in lines for line in place.values()]
    low, high = _limits(np.concatenate(medians), what)
    for axes, place in zip(row, lines, strict=True):
        if what.names == ("update_ratio",):
            axes.axhspan(*USUAL_UPDATES, color=ZONE, linewidth=0, zorder=0)
        for layer, (arm, line) in enumerate(
            sorted(place.items(), key=lambda p: given[p[0]].marker)
        ):
            _draw_line(axes, line, given[arm], low, high, 3 + layer)
        if not place:
            axes.set_axis_off()
        axes.set_xscale("symlog", linthresh=1, linscale=0.4)
        axes.xaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=1))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    axes = row[0]
    if what.share:
        axes.set_ylim(-0.04, 1.04)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    else:
        axes.set_yscale("log", nonpositive="clip")
        axes.set_ylim(low, high)
        log_ticks(axes, "y", low, high)


def _limits(values: NDArray[np.float64], what: Row) -> tuple[float, float]:
    """The range to draw: of all medians, but no more than twelve powers of ten below the top."""
    positive = values[values > 0]
    if what.share or not len(positive):
        return (-0.04, 1.04) if what.share else (1e-3, 1.0)
    high = min(float(positive.max()), 1e6)
    low = max(min(float(positive.min()), high), high * 1e-12)
    if what.names == ("update_ratio",):
        low, high = min(low, USUAL_UPDATES[0]), max(high, USUAL_UPDATES[1])
    return low / 1.5, high * 1.5


def _draw_line(axes: Axes, line: Line, look: Look, low: float, high: float, layer: int) -> None:
    """Median and band; what leaves the range is drawn at its edge."""
    x = line.steps
    median, bottom, top = (np.clip(v, low, high) for v in (line.median, line.low, line.high))
    axes.fill_between(x, bottom, top, color=look.colour, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(
        x,
        median,
        color=look.colour,
        linewidth=0.85 * look.line,
        marker=look.marker or None,
        markersize=0.75 * look.size,
        markevery=max(1, len(x) // 5),
        markeredgecolor=PAGE,
        markeredgewidth=0.5,
        zorder=layer,
    )
