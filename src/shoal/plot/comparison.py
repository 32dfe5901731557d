"""The picture of a comparison: training loss on the left, the metric it is judged by right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from shoal.plot.caption import curves_note
from shoal.plot.curves import draw_curves

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from shoal.comparison import Comparison

WIDTH, HEIGHT = 9.0, 3.9


def plot_comparison(comparison: Comparison, path: str | Path | None = None) -> Figure:
    """Learning curves of all arms with bands over seeds; what `comparison.plot()` draws.

    Args:
        comparison: what to draw.
        path: where to save it, .png, .svg or .pdf.

    Raises:
        ShoalError: another ending, or a file that cannot be written.

    >>> import shoal
    >>> recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=0.1))
    >>> comparison = shoal.compare({"SGD": recipe}, shoal.load("digits"), epochs=2, seeds=2)
    >>> [axes.get_title(loc="left") for axes in plot_comparison(comparison).axes]
    ['Training loss', 'Test accuracy']
    """
    from shoal.plot import figure as figures
    from shoal.plot.legend import add_legend

    figures.check_path(path)
    with figures.drawing():
        figure = figures.new(WIDTH, HEIGHT)
        left, right = figure.subplots(1, 2)
        draw_curves(left, comparison, "loss")
        draw_curves(right, comparison, evaluated(comparison))
        add_legend(figure, comparison)
        figures.footnote(figure, curves_note(comparison))
    return figures.finish(figure, path)


def evaluated(comparison: Comparison) -> str:
    """What to draw beside the training loss: the metric of the verdicts, or the nearest to it."""
    if comparison.metric.name != "loss":
        return comparison.metric.name
    names = comparison.history.metrics
    preferred = [f"{p}_{m}" for p in ("test", "valid", "train") for m in ("accuracy", "rmse")]
    return next(name for name in preferred if name in names)
