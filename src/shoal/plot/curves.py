"""Learning curves: one quantity of every arm against training, with a band over seeds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.comparison.curves import Band, seed_band, thin, trace, window
from shoal.comparison.metrics import Metric
from shoal.engine.history import Curve
from shoal.errors import unknown
from shoal.plot.axes import capital, note, title, view, view_of_lost, y_scale
from shoal.plot.caption import curves_note
from shoal.plot.style import PAGE, Look, looks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.comparison import Comparison


@dataclass(frozen=True)
class ArmCurves:
    """What is drawn of one arm.

    Attributes:
        band: over the seeds that did not diverge, or None.
        lost: the curves of those that did.
        lost_at: where each of them diverged, on the axis of training.
    """

    band: Band | None
    lost: tuple[Curve, ...]
    lost_at: tuple[float, ...]


def plot_curves(
    comparison: Comparison,
    quantity: str = "loss",
    path: str | Path | None = None,
    *,
    size: tuple[float, float] = (4.8, 3.3),
    bare: bool = False,
) -> Figure:
    """One quantity of every arm against training; mean over seeds, and a band around it.

    Args:
        comparison: what to draw.
        quantity: "loss" (of the training batches, smoothed) or what was evaluated, such as
            "test_accuracy".
        path: where to save it, .png, .svg or .pdf.
        size: width and height in inches.
        bare: without legend and footnote.

    Raises:
        ShoalError: no such quantity, or a file that cannot be written.
    """
    from shoal.plot import figure as figures
    from shoal.plot.legend import add_legend

    figures.check_path(path)
    with figures.drawing():
        figure = figures.new(*size)
        draw_curves(figure.add_subplot(), comparison, quantity)
        if not bare:
            add_legend(figure, comparison)
            figures.footnote(figure, curves_note(comparison))
    return figures.finish(figure, path)


def draw_curves(axes: Axes, comparison: Comparison, quantity: str) -> None:
    """Draw one quantity of every arm into axes."""
    from matplotlib.ticker import MaxNLocator

    known = ("loss", *comparison.history.metrics)
    if quantity not in known:
        raise unknown("quantity", quantity, known)
    metric = Metric(quantity)
    unit, scales = training_axis(comparison)
    arms = {name: arm_curves(comparison, name, quantity) for name in comparison.names}
    bands = [arm.band for arm in arms.values() if arm.band is not None]
    lost = [curve for arm in arms.values() for curve in arm.lost if len(curve.values)]
    if bands or lost:
        y_scale(axes, metric, *(view(bands, metric) if bands else view_of_lost(lost)))
        # the best arm is drawn last, on top
        given = looks(comparison)
        worst_first = reversed(comparison.ranking)
        order = sorted(worst_first, key=lambda name: given[name].marker != "")
        for layer, name in enumerate(order, start=3):
            offset = comparison.names.index(name) / len(arms)
            _draw_arm(axes, arms[name], given[name], scales[name], offset, layer)
            _draw_lost(axes, arms[name], given[name], scales[name], metric)
    else:
        note(axes, "nothing was measured yet")
    scale = "; log scale" if axes.get_yscale() == "log" else ""
    title(axes, capital(metric.label), how_drawn(comparison, quantity) + scale)
    ends = [scales[name] * (arm.band.steps[-1] + 1) for name, arm in arms.items() if arm.band]
    end = max([*ends, *(at for arm in arms.values() for at in arm.lost_at)], default=1.0)
    axes.set_xlim(-0.01 * end, 1.015 * end)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel(unit)


def how_drawn(comparison: Comparison, quantity: str) -> str:
    """What a quantity was measured on, in a few words; smoothing is that of `window`."""
    if quantity != "loss":
        part = quantity.split("_")[0]
        facts = comparison.facts
        rows = facts.get("data", {}).get("rows", {}).get(part)
        most = facts.get("evaluate_rows")
        count = f"{min(rows, most or rows):,} " if rows else ""
        return f"on {count}training rows" if part == "train" else f"on {count}rows not trained on"
    widths = sorted({window(steps) for steps in _steps_done(comparison)} or {1})
    if widths[-1] == 1:
        return "of each batch"
    span = f"{widths[0]} to {widths[-1]}" if len(widths) > 1 else f"{widths[0]}"
    return f"of the batches, mean of the last {span}"


def _steps_done(comparison: Comparison) -> list[int]:
    """Steps of each member that did not diverge."""
    history = comparison.history
    return [
        len(history.curve(i, "loss").steps)
        for i in range(len(history.members))
        if history.diverged[i] < 0
    ]


def training_axis(comparison: Comparison) -> tuple[str, dict[str, float]]:
    """The unit of the axis, and what to multiply the steps of each arm by.

    Epochs where the comparison was asked for in epochs (arms with other batch sizes then take
    other numbers of steps), else steps.
    """
    ones = dict.fromkeys(comparison.names, 1.0)
    if not comparison.facts.get("epochs"):
        return "step", ones
    steps = comparison.history.steps_per_epoch
    return "epoch", {name: 1 / steps[comparison.members(name)[0]] for name in comparison.names}


def arm_curves(comparison: Comparison, name: str, quantity: str) -> ArmCurves:
    """The curves of one arm."""
    _, scales = training_axis(comparison)
    history = comparison.history
    members = [int(i) for i in comparison.members(name)]
    diverged = history.diverged
    alive = [trace(history, i, quantity) for i in members if diverged[i] < 0]
    gone = [i for i in members if diverged[i] >= 0]
    return ArmCurves(
        seed_band(alive) if alive and len(alive[0].steps) else None,
        tuple(trace(history, i, quantity) for i in gone),
        tuple(scales[name] * float(diverged[i]) for i in gone),
    )


def _draw_arm(
    axes: Axes, arm: ArmCurves, look: Look, scale: float, offset: float, layer: int
) -> None:
    """Mean and band; markers stand at other places for each arm, so that they do not pile up."""
    if arm.band is None:
        return
    at = thin(len(arm.band.steps))
    x = scale * arm.band.steps[at]
    mean, low, high = arm.band.mean[at], arm.band.low[at], arm.band.high[at]
    if len(x) == 1:
        axes.vlines(x, low, high, color=look.colour, alpha=0.3, linewidth=4, zorder=2)
    else:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(
        x,
        mean,
        color=look.colour,
        linewidth=look.line,
        marker=look.marker or None,
        markersize=look.size,
        markeredgecolor=PAGE,
        markeredgewidth=0.6,
        markevery=_places(len(x), offset),
        solid_capstyle="round",
        zorder=layer,
    )


def _places(count: int, offset: float) -> list[int]:
    """Which points get a marker: all of few, else about six, shifted by the offset in [0, 1)."""
    if count <= 12:
        return list(range(count))
    return [int((k + offset) * count / 6) for k in range(6)]


def _draw_lost(axes: Axes, arm: ArmCurves, look: Look, scale: float, metric: Metric) -> None:
    """Curves of members that diverged, thin, each with a cross where it did."""
    low, high = axes.get_ylim()
    worst = low if metric.higher_is_better else high
    for curve, at in zip(arm.lost, arm.lost_at, strict=True):
        x, y = scale * curve.steps, np.clip(curve.values, low, high)
        axes.plot(x, y, color=look.colour, linewidth=0.8, alpha=0.8, zorder=2)
        inside: NDArray[np.bool_] = (curve.values > low) & (curve.values < high)
        end = float(y[-1]) if len(y) and inside[-1] else worst
        axes.plot(
            [at],
            [end],
            color=look.colour,
            marker="x",
            markersize=6,
            markeredgewidth=1.6,
            linestyle="none",
            clip_on=False,
            zorder=40,
            gid="diverged",
        )
