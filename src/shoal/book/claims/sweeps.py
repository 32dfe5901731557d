"""Comparisons that several claims make: the same arms on small samples, one sample for each seed.

With few images, which ones they are matters as much as the first weights do. So every seed draws
its own sample, and an interval over seeds covers that chance too; arms stay paired, since with the
same seed they all get the same sample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import shoal
from shoal.book import pictures
from shoal.book.text import Language, Text
from shoal.book.watch import watched
from shoal.plot.style import LOOKS, MUTED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = NDArray[np.float64]
TRAIN = Text("training accuracy", "训练准确率")
TEST = Text("test accuracy", "测试准确率")


def on_samples(
    recipes: Mapping[str, shoal.Recipe], data: shoal.Dataset, rows: int, seeds: int, **how: Any
) -> list[shoal.Comparison]:
    """One comparison for each seed, on a sample of so many rows that the seed draws."""
    how = {"instruments": False, "progress": False, "evaluate_every": 10**6} | how
    return [
        shoal.compare(recipes, data.take(rows, seed=seed), seeds=[seed], **how)
        for seed in watched(range(seeds), "seeds")
    ]


def gathered(comparisons: Sequence[shoal.Comparison], metric: str) -> dict[str, Values]:
    """A metric at the end, (seeds,) by arm; a network that diverged is as good as a guess.

    Accuracy of a guess: that of the largest class is about one in the number of classes.
    """
    values = [comparison.values(metric) for comparison in comparisons]
    arms = {name: np.array([v[name][0] for v in values]) for name in comparisons[0].names}
    if not metric.endswith("accuracy"):
        return arms
    guess = 1 / comparisons[0].facts["data"]["outputs"]
    return {name: np.where(np.isfinite(found), found, guess) for name, found in arms.items()}


def percent(values: Values | float, digits: int = 1) -> str:
    """The mean of accuracies over seeds, in per cent.

    >>> percent(np.array([0.5, 0.6]))
    '55.0 %'
    """
    return f"{100 * float(np.mean(values)):.{digits}f} %"


def where(published: float, ours: Values) -> Text:
    """Where a published figure stands beside the lowest and highest of our seeds.

    >>> where(0.5, np.array([0.4, 0.6]))["en"], where(0.7, np.array([0.4, 0.6]))["en"]
    ('among', 'above')
    """
    if published > ours.max():
        return Text("above", "高于我们的所有种子")
    return (
        Text("below", "低于我们的所有种子")
        if published < ours.min()
        else Text("among", "在我们的种子之间")
    )


def draw_sweep(
    at: Sequence[float],
    curves: Mapping[Text, Values],
    x: Text,
    title: Text,
    language: Language,
    *,
    y: Text = pictures.ACCURACY,
    scale: str = "linear",
    mark: float | None = None,
    names: Sequence[str] | None = None,
    points: bool = False,
) -> Figure:
    """A quantity against a setting: mean over seeds, lowest and highest as a band.

    Args:
        at: values of the setting.
        curves: (seeds, settings) by name.
        x, title, y: words.
        scale: of the horizontal axis.
        mark: the book's value of the setting.
        names: of the values, if they are to stand evenly spaced under these names.
        points: whether to show percentage points, and not per cent.
    """
    from shoal.plot.axes import log_ticks

    places = np.arange(len(at), dtype=np.float64) if names is not None else np.asarray(at)
    with pictures.sheet(6.4, 3.5) as (figure, axes):
        ax = axes[0, 0]
        seeds = 0
        for (name, values), look in zip(curves.items(), LOOKS, strict=False):
            pictures.band(ax, places, values, look, name[language])
            seeds = len(values)
        if mark is not None:
            where = list(at).index(mark) if names is not None else mark
            ax.axvline(where, color=MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
            ax.annotate(
                Text("the book", "书中取值")[language],
                (where, 1),
                (3, -2),
                xycoords=ax.get_xaxis_transform(),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
                color=MUTED,
            )
        if scale == "log":
            ax.set_xscale("log")
            log_ticks(ax, "x", min(at), max(at))
        if names is not None:
            ax.set_xticks(places, names)
        if points:
            ax.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g}")
        else:
            pictures.percent_axis(ax)
        pictures.title(ax, title, language, pictures.SEED_BAND.format(n=seeds))
        pictures.label(ax, language, x=x, y=y)
        if len(curves) > 1:
            pictures.legend_above(figure, ax, columns=3 if len(curves) < 4 else 2)
    return figure


def draw_losses(runs: Mapping[Text, shoal.Comparison], language: Language) -> Figure:
    """Smoothed training loss of every arm, one picture for each run, all on one log scale."""
    from shoal.plot.axes import log_ticks

    with pictures.sheet(7.6, 3.4, columns=len(runs), sharey=True) as (figure, axes):
        lows, highs = [], []
        for ax, (way, run) in zip(axes[0], runs.items(), strict=True):
            for name, look in pictures.looks_of(run.names).items():
                losses = run.losses(name)
                steps = np.arange(losses.shape[1])
                shown = np.unique(np.linspace(0, len(steps) - 1, 200).round().astype(int))
                pictures.band(ax, steps[shown], losses[:, shown], look, name)
                lows.append(float(np.nanmin(losses)))
                highs.append(float(np.nanmedian(losses[:, 0])))
            ax.set_yscale("log")
            pictures.title(ax, way, language, pictures.SEED_BAND.format(n=len(run.seeds)))
            pictures.label(ax, language, x=pictures.STEP)
        pictures.label(axes[0, 0], language, y=pictures.LOSS)
        for ax in axes[0]:
            ax.set_ylim(0.8 * min(lows), 1.3 * max(highs))
            log_ticks(ax, "y", min(lows), max(highs))
        pictures.legend_above(figure, axes[0, 0])
    return figure
