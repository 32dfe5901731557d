"""Sensitivity: how well each arm did on the validation part at every value that tuning tried."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.comparison.metrics import Metric
from shoal.comparison.tuning import best_with_each
from shoal.errors import ShoalError, unknown
from shoal.plot.axes import LOG_FROM, capital, log_ticks, number, title, y_scale
from shoal.plot.caption import sensitivity_note
from shoal.plot.style import INK, MUTED, PAGE, RULE, Look, looks, plain, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.comparison import Comparison, Sensitivity

LOG_RATIO = 8.0
"""Values of a setting that span more than this factor stand on a log axis."""


@dataclass(frozen=True)
class Scale:
    """Where the values of a setting stand on the horizontal axis.

    Attributes:
        kind: "log", "linear", "even" (numbers one after another) or "names".
        values: all that were tried by any arm, in order.
    """

    kind: str
    values: tuple[Any, ...]

    def place(self, value: Any) -> float:
        """Where a value stands."""
        if self.kind in ("even", "names"):
            return float(self.values.index(value))
        return float(value)


@dataclass(frozen=True)
class Dot:
    """One value of a setting, at the best point that has it.

    Attributes:
        x: place of the value.
        mean, low, high: over seeds; NaN if every such point had a seed that diverged.
        chosen: whether tuning chose this value.
    """

    x: float
    mean: float
    low: float
    high: float
    chosen: bool


def plot_sensitivity(
    comparison: Comparison,
    setting: str | None = None,
    path: str | Path | None = None,
    *,
    size: tuple[float, float] = (4.8, 3.3),
    bare: bool = False,
) -> Figure:
    """The validation metric of every arm against each setting that was tuned.

    Where several settings were tuned together, each value is shown with the best values of the
    others.

    Args:
        comparison: one that was made with `tune=`.
        setting: which one, such as "optimizer.lr"; None for all, side by side.
        path: where to save it, .png, .svg or .pdf.
        size: width and height of one panel in inches.
        bare: without legend and footnote.

    Raises:
        ShoalError: nothing was tuned, no such setting, or a file that cannot be written.
    """
    from shoal.plot import figure as figures
    from shoal.plot.legend import add_legend

    figures.check_path(path)
    known = tuned_settings(comparison)
    if not known:
        raise ShoalError("nothing was tuned; give tune= to shoal.compare for sensitivity curves")
    if setting is not None and setting not in known:
        raise unknown("tuned setting", setting, known)
    settings = known if setting is None else [setting]
    with figures.drawing():
        figure = figures.new(size[0] * len(settings), size[1])
        panels = figure.subplots(1, len(settings), squeeze=False)[0]
        for axes, name in zip(panels, settings, strict=True):
            draw_sensitivity(axes, comparison, name)
        if not bare:
            add_legend(figure, comparison, runs=False)
            figures.footnote(figure, sensitivity_note(comparison))
    return figures.finish(figure, path)


def tuned_settings(comparison: Comparison) -> list[str]:
    """Paths of the settings of which some arm tried more than one value."""
    tried: dict[str, set[str]] = {}
    for arm in comparison.tuning.arms if comparison.tuning else ():
        for point in arm.points:
            for path, value in point.items():
                tried.setdefault(path, set()).add(repr(value))
    return [path for path, values in tried.items() if len(values) > 1]


def draw_sensitivity(axes: Axes, comparison: Comparison, setting: str) -> None:
    """Draw one setting of every arm that tuned it into axes."""
    tuning = comparison.tuning
    assert tuning is not None
    metric = tuning.metric
    arms = [arm for arm in tuning.arms if setting in arm.points[0]]
    scale = scale_of_setting([point[setting] for arm in arms for point in arm.points])
    # names leave room for arms side by side
    step = 0.5 / len(arms) if scale.kind == "names" else 0.0
    dots = {
        arm.arm: _dots(arm, setting, scale, metric, step * (k - (len(arms) - 1) / 2))
        for k, arm in enumerate(arms)
    }
    given = looks(comparison)
    lost = [name for name, row in dots.items() if any(math.isnan(dot.mean) for dot in row)]
    low, high, log = view_of_dots([dot for row in dots.values() for dot in row], metric)
    y_scale(axes, metric, low, high, log)
    for name, row in dots.items():
        _draw_arm(axes, row, given[name], scale)
    _draw_chosen(axes, dots, given)
    _draw_lost(axes, {name: dots[name] for name in lost}, given)
    _x_axis(axes, scale)
    several = any(len(arm.points[0]) > 1 for arm in arms)
    with_best = ", others at their best" if several else ""
    title(axes, capital(metric.label), f"in tuning, by {setting}{with_best}")
    axes.set_xlabel(plain(setting))


def scale_of_setting(values: Sequence[Any]) -> Scale:
    """The horizontal axis for values that were tried.

    >>> scale_of_setting([1e-3, 1e-2, 1e-1]).kind, scale_of_setting(["he", "xavier"]).kind
    ('log', 'names')
    >>> scale_of_setting([0, 1e-4, 1e-2])
    Scale(kind='even', values=(0, 0.0001, 0.01))
    """
    different: list[Any] = []
    for value in values:
        if value not in different:
            different.append(value)
    numeric = all(isinstance(v, int | float) and not isinstance(v, bool) for v in different)
    if not numeric or len(different) < 2:
        return Scale("names", tuple(different))
    different.sort()
    positive = [v for v in different if v > 0]
    if different[0] > 0:
        kind = "log" if different[-1] / different[0] > LOG_RATIO else "linear"
    else:  # zero has no place on a log axis
        kind = "even" if positive and positive[-1] / positive[0] > LOG_RATIO else "linear"
    return Scale(kind, tuple(different))


def view_of_dots(dots: Sequence[Dot], metric: Metric) -> tuple[float, float, bool]:
    """Lowest and highest value to show, and whether on a log scale."""
    known = [dot for dot in dots if math.isfinite(dot.mean)]
    if not known:
        return 0.0, 1.0, False
    low, high = min(dot.low for dot in known), max(dot.high for dot in known)
    means = sorted(dot.mean for dot in known)
    if metric.higher_is_better:
        # R² has no lower end: settings far below zero are cut off
        return max(low, -1.0) if metric.measure == "r2" else low, high, False
    log = low > 0 and high / low > LOG_FROM
    return low, min(high, 1e4 * low if log else 3 * means[len(means) // 2]), log


def _dots(arm: Sensitivity, setting: str, scale: Scale, metric: Metric, shift: float) -> list[Dot]:
    """The dots of one arm, from left to right, moved to the right by `shift`."""
    best = None if arm.best is None else arm.points[arm.best][setting]
    dots = []
    for value, at in best_with_each(arm.points, arm.values, setting, metric.higher_is_better):
        seeds = [math.nan] if at is None else arm.values[at]
        dots.append(
            Dot(
                scale.place(value) + shift,
                float(np.mean(seeds)),
                min(seeds),
                max(seeds),
                arm.best is not None and value == best,
            )
        )
    return sorted(dots, key=lambda dot: dot.x)


def _draw_arm(axes: Axes, dots: Sequence[Dot], look: Look, scale: Scale) -> None:
    """Means and bands; joined by a line, broken where a setting diverged, unless it has names."""
    x = [dot.x for dot in dots]
    low, high = [dot.low for dot in dots], [dot.high for dot in dots]
    joined = scale.kind != "names"
    if joined:
        axes.fill_between(x, low, high, color=look.colour, alpha=0.12, linewidth=0, zorder=2)
    else:
        axes.vlines(x, low, high, color=look.colour, alpha=0.3, linewidth=4, zorder=2)
    axes.plot(
        x,
        [dot.mean for dot in dots],
        color=look.colour,
        linewidth=look.line if joined else 0,
        marker=look.marker or ("" if joined else "."),
        markersize=look.size or 4,
        markeredgecolor=PAGE,
        markeredgewidth=0.6,
        zorder=3,
    )


def _draw_chosen(axes: Axes, dots: Mapping[str, Sequence[Dot]], given: Mapping[str, Look]) -> None:
    """A ring around the value that tuning chose for each arm; wider where one is already."""
    rings: dict[float, int] = {}
    for name, row in dots.items():
        for dot in row:
            if dot.chosen:
                axes.plot(
                    [dot.x],
                    [dot.mean],
                    color=given[name].colour,
                    marker="o",
                    markersize=10 + 3.5 * rings.get(dot.x, 0),
                    markerfacecolor="none",
                    markeredgewidth=1.4,
                    zorder=40,
                    clip_on=False,
                    gid="chosen",
                )
                rings[dot.x] = rings.get(dot.x, 0) + 1


def _draw_lost(axes: Axes, lost: Mapping[str, Sequence[Dot]], given: Mapping[str, Look]) -> None:
    """A cross for every setting that diverged, in a strip below, one row for each arm."""
    if not lost:
        return
    row = 0.045
    strip = row * (len(lost) + 0.6)
    low, high = axes.get_ylim()
    if axes.get_yscale() == "log":
        axes.set_ylim(low * (low / high) ** (strip / (1 - strip)), high)
    else:
        axes.set_ylim(low - (high - low) * strip / (1 - strip), high)
    axes.set_yticks([tick for tick in axes.get_yticks() if low <= tick <= high])
    axes.axhline(low, color=RULE, linewidth=0.8, zorder=2)
    axes.annotate(
        "diverged",
        (1, strip / 2),
        (4, 0),
        xycoords="axes fraction",
        textcoords="offset points",
        va="center",
        fontsize=8,
        color=MUTED,
    )
    for k, (name, dots) in enumerate(lost.items()):
        x = [dot.x for dot in dots if math.isnan(dot.mean)]
        axes.plot(
            x,
            [strip - row * (k + 0.8)] * len(x),
            color=given[name].colour,
            marker="x",
            markersize=5,
            markeredgewidth=1.5,
            linestyle="none",
            transform=axes.get_xaxis_transform(),
            zorder=41,
            clip_on=False,
            gid="diverged",
        )


def _x_axis(axes: Axes, scale: Scale) -> None:
    from matplotlib.ticker import FuncFormatter

    if scale.kind == "log":
        axes.set_xscale("log")
        low, high = scale.values[0], scale.values[-1]
        log_ticks(axes, "x", low, high)
        room = (high / low) ** 0.04
        axes.set_xlim(low / room, high * room)
    elif scale.kind == "linear":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    else:
        names = [number(v) if type(v) in (int, float) else str(v) for v in scale.values]
        short = short_names(names, 20)
        axes.set_xticks(range(len(names)), [plain(short[name]) for name in names], color=INK)
        axes.set_xlim(-0.5, len(names) - 0.5)
