"""Best so far: the best score against what had been spent by then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError
from shoal.plot.axes import number, title
from shoal.plot.study_axes import Drawn, Values, score_axis, view
from shoal.plot.style import INK, LOOKS, OTHER, PAGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.study import Study

MOST = 400
"""Judgings that are drawn as dots."""
SHAPES = 7
"""Lengths of training that dots are told apart by."""


def plot_best_so_far(study: Study, path: str | Path | None = None, *, bare: bool = False) -> Figure:
    """The best score so far as a line of steps, and every judging as a dot.

    Args:
        study: what to draw.
        path: where to save it, .png, .svg or .pdf.
        bare: without footnote.

    Raises:
        ShoalError: nothing was judged yet, or a file that cannot be written.
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    rungs = [rung for rung in study.rungs if rung.trial is not None]
    if not rungs:
        raise ShoalError("nothing was judged yet, so there is no best so far")
    sign = 1.0 if study.plan.metric.higher_is_better else -1.0
    spent = np.array([rung.spent for rung in rungs], float)
    scores = np.array([rung.score for rung in rungs])
    # between two rungs trials were evaluated, too
    looks = np.array([look for rung in rungs for look in rung.way or [(rung.spent, rung.score)]])
    best = np.maximum.accumulate(looks[:, 1])
    budgets = sorted({rung.budget for rung in rungs})
    with figures.drawing():
        figure = figures.new(6.4, 3.7)
        axes = figure.add_subplot()
        x = np.append(looks[:, 0], study.spent)
        axes.step(
            x,
            sign * np.append(best, best[-1]),
            where="post",
            color=LOOKS[0].colour,
            linewidth=2,
            zorder=4,
            gid="best",
        )
        shown = _view(study, best, scores)
        at = sign * np.maximum(scores, sign * shown.low)
        _dots(axes, spent, at, np.array([r.budget for r in rungs]), budgets)
        score_axis(axes, study, shown)
        axes.set_xlim(0, study.spent * 1.03)
        axes.set_xlabel(f"member-{study.plan.unit} spent")
        share = f"{100 * study.spent / study.full:.0f} % of what all to the end would take"
        title(axes, f"Best {study.plan.metric.label} so far", share)
        axes.annotate(
            _value(study, sign * float(best[-1])),
            (study.spent, sign * float(best[-1])),
            (-4, 7),
            textcoords="offset points",
            ha="right",
            fontsize=9,
            color=INK,
        )
        if 1 < len(budgets) <= SHAPES:
            axes.legend(
                loc=_corner(x, best, study.spent), title=f"judged after {study.plan.unit}",
                fontsize=8, title_fontsize=8, ncols=min(4, len(budgets)), handletextpad=0.1,
                columnspacing=0.9, frameon=True, facecolor=PAGE, edgecolor="none", framealpha=0.85,
            )  # fmt: skip
        if not bare:
            worse = bool((scores < sign * shown.low).any())
            figures.footnote(figure, best_so_far_note(study, worse))
    return figures.finish(figure, path)


def _corner(spent: Values, best: Values, end: float) -> Literal["upper left", "lower right"]:
    """Where the line, which only rises, leaves room for the legend."""
    early = best[spent[:-1] <= 0.4 * end]
    high, low = float(best[-1]), float(best[0])
    free = not len(early) or float(early[-1]) < low + 0.7 * (high - low)
    return "upper left" if free else "lower right"


def _dots(
    axes: Axes, spent: Values, values: Values, budgets: NDArray[Any], known: list[int]
) -> None:
    """The best of every judging, in a look of its own for each length of training.

    Of more lengths than there are looks, as in a population, all are alike but the last.
    """
    several = [OTHER, *LOOKS[3:4], *LOOKS[2:3], *LOOKS[5:6], *LOOKS[4:5], *LOOKS[1:2]]
    looks = several if len(known) <= SHAPES else [OTHER]
    for k, budget in enumerate(known):
        at = np.flatnonzero(budgets == budget)
        if len(at) > MOST:
            at = at[np.linspace(0, len(at) - 1, MOST).astype(int)]
        look = LOOKS[0] if k == len(known) - 1 else looks[k % len(looks)]
        size = 36 if len(spent) < 40 else 16 if len(spent) < 200 else 7
        axes.scatter(
            spent[at], values[at], s=size, c=look.colour,
            marker=look.marker or "o", linewidths=0.4, edgecolors=PAGE, zorder=5,
            label=str(budget), gid="rung",
        )  # fmt: skip


def _view(study: Study, best: Values, scores: Values) -> Drawn:
    """The axis of scores: from the first best, or lower, to the last."""
    low, high = view(np.concatenate([best, scores]))
    low = min(low, float(best[0]))
    sign = 1.0 if study.plan.metric.higher_is_better else -1.0
    return Drawn([], np.array([]), 0, sign * low, sign * high, study.winner)


def _value(study: Study, value: float) -> str:
    if study.plan.metric.measure == "accuracy":
        return f"{100 * value:.2f} %"
    return number(float(f"{value:.4g}"))


def best_so_far_note(study: Study, worse: bool = True) -> str:
    """What line and dots are, and what is not in them.

    Args:
        study: that is drawn.
        worse: whether there may be dots that are worse than the axis reaches.
    """
    unit = study.plan.unit
    after = f"by the {unit} they had been trained"
    if len({rung.budget for rung in study.rungs if rung.trial is not None}) > SHAPES:
        after = "blue at the end of their training"
    foot = "; at the foot of the axis that or worse" if worse else ""
    return (
        "Line: the best score so far, of any trial after any training. Dots: the best of the "
        f"trials that were judged together, {after}{foot}. With one seed and "
        "the same rows every time the best is also the luckiest."
        + (" The finalists' training is not in it." if study.final is not None else "")
    )
