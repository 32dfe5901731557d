"""Ensembles: a measure against the number of members, beside what single members do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from shoal.comparison.curves import thin
from shoal.comparison.metrics import Metric
from shoal.engine.ensemble import Sizes
from shoal.errors import ShoalError
from shoal.plot.axes import capital, title, y_scale
from shoal.plot.caption import ensemble_note
from shoal.plot.style import LOOKS, PAGE, Look, plain, short_names

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_MARKERS = 12
LONGEST_NAME = 34


def plot_ensemble(
    sizes: Sizes | Mapping[str, Sizes],
    path: str | Path | None = None,
    *,
    size: tuple[float, float] = (5.6, 3.6),
    bare: bool = False,
) -> Figure:
    """A measure against the number of members, of one ensemble or of several by name.

    Args:
        sizes: what `Ensemble.sizes` returned; or several by name, of one part and measure, such as
            {"seeds": …, "inits": …} to see which kind of diversity gives most.
        path: where to save it, .png, .svg or .pdf.
        size: width and height in inches.
        bare: without legend and footnote.

    Raises:
        ShoalError: nothing to draw, more than can be told apart, different measures, or a file
            that cannot be written.

    >>> import shoal
    >>> recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=0.1))
    >>> trained = shoal.Trainer(recipe, shoal.load("digits"), epochs=2, seeds=3).run().shoal
    >>> figure = plot_ensemble(trained.ensemble().sizes("test"))
    >>> figure.axes[0].get_title(loc="left")
    'Test accuracy'
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    if not isinstance(sizes, Sizes | Mapping):
        raise ShoalError(
            f"sizes={sizes!r:.60} must be what Ensemble.sizes returns, or several by name"
        )
    named = {"": sizes} if isinstance(sizes, Sizes) else dict(sizes)
    _check(named)
    with figures.drawing():
        figure = figures.new(*size)
        draw_ensemble(figure.add_subplot(), named)
        if not bare:
            _add_legend(figure, named)
            figures.footnote(figure, ensemble_note(list(named.values())))
    return figures.finish(figure, path)


def draw_ensemble(axes: Axes, named: Mapping[str, Sizes]) -> None:
    """Draw one or several ensembles into axes: dots for single members, line and band."""
    from matplotlib.ticker import MaxNLocator

    first = next(iter(named.values()))
    metric = Metric(first.name)
    tops = [s.mean + np.nan_to_num(s.sd) for s in named.values()]
    bottoms = [s.mean - np.nan_to_num(s.sd) for s in named.values()]
    members = [s.members for s in named.values()]
    low, high = (
        float(of([of(v) for v in (*members, *ends)]))
        for of, ends in ((np.min, bottoms), (np.max, tops))
    )
    y_scale(axes, metric, low, high, False)
    most = max(int(s.sizes[-1]) for s in named.values())
    step = 0.012 * most
    for k, (look, one) in enumerate(zip(LOOKS, named.values(), strict=False)):
        _draw(
            axes, one, look, 1 + step * (k - (len(named) - 1) / 2), 0.15 if len(named) == 1 else 0.1
        )
    where = "training rows" if first.part == "train" else "rows not trained on"
    title(axes, capital(metric.label), f"where members are averaged, on {first.rows:,} {where}")
    axes.set_xlim(1 - 0.03 * most, most * 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, steps=[1, 2, 5, 10], min_n_ticks=1))
    axes.set_xlabel("members")


def _draw(axes: Axes, sizes: Sizes, look: Look, at: float, alpha: float) -> None:
    """One ensemble; its members as dots near 1, its band as opaque as `alpha`."""
    known = np.isfinite(sizes.sd)
    axes.fill_between(
        sizes.sizes[known],
        (sizes.mean - sizes.sd)[known],
        (sizes.mean + sizes.sd)[known],
        color=look.colour,
        alpha=alpha,
        linewidth=0,
        zorder=2,
    )
    axes.plot(
        np.full(len(sizes.members), at),
        sizes.members,
        linestyle="",
        marker="o",
        markersize=3.5,
        markerfacecolor="none",
        markeredgecolor=look.colour,
        markeredgewidth=0.8,
        alpha=0.7,
        zorder=3,
        gid="members",
    )
    axes.plot(
        sizes.sizes,
        sizes.mean,
        color=look.colour,
        linewidth=look.line,
        marker=look.marker,
        markersize=look.size,
        markeredgecolor=PAGE,
        markeredgewidth=0.6,
        markevery=thin(len(sizes.sizes), MOST_MARKERS).tolist(),
        zorder=4,
        gid="mean",
    )


def _add_legend(figure: Figure, named: Mapping[str, Sizes]) -> None:
    if len(named) == 1 and "" in named:
        return
    lines = [line for line in figure.axes[0].lines if line.get_gid() == "mean"]
    legend = figure.legend(
        lines,
        [str(k) for k in range(len(lines))],
        loc="outside upper left",
        ncols=min(len(lines), 3),
        handlelength=2.2,
        columnspacing=1.6,
        borderaxespad=0.4,
    )
    short = short_names(list(named), LONGEST_NAME)
    for text, name in zip(legend.get_texts(), named, strict=True):
        text.set_text(plain(short[name]))


def _check(named: Mapping[str, Sizes]) -> None:
    if not named:
        raise ShoalError("sizes={} is empty; give what Ensemble.sizes returned")
    if len(named) > len(LOOKS):
        raise ShoalError(
            f"{len(named)} ensembles cannot be told apart in one picture; draw at most {len(LOOKS)}"
        )
    for name, one in named.items():
        if not isinstance(one, Sizes):
            raise ShoalError(f"sizes[{name!r}]={one!r:.60} must be what Ensemble.sizes returns")
    names = list(dict.fromkeys(one.name for one in named.values()))
    if len(names) > 1:
        raise ShoalError(f"one picture shows one measure, not {' and '.join(names)}; draw two")
