"""Both curves of a fit: the loss of the training and of the validation part over the epochs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.plot.axes import LOG_FROM, log_ticks, note, title
from shoal.plot.style import LOOKS, MUTED, PAGE, Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from shoal.estimators.history import FitHistory


def plot_fit_history(history: FitHistory, path: str | Path | None = None) -> Figure:
    """Training and validation loss over the epochs, one thin line a member, and the epochs kept.

    Args:
        history: `history_` of an estimator.
        path: where to save it, .png, .svg or .pdf.

    Raises:
        ShoalError: another ending, or a file that cannot be written.
    """
    from shoal.plot import figure as figures

    figures.check_path(path)
    with figures.drawing():
        figure = figures.new(6.0, 3.6)
        axes = figure.add_subplot()
        _draw(axes, history)
        figures.footnote(figure, _words(history))
    return figures.finish(figure, path)


def _draw(axes: Axes, history: FitHistory) -> None:
    from matplotlib.ticker import MaxNLocator

    curves = [("training", history.epochs, history.train_loss, LOOKS[0])]
    if "loss" in history.valid:
        curves.append(("validation", history.evaluated, history.valid["loss"], LOOKS[1]))
    seen = np.concatenate([values[np.isfinite(values)] for _, _, values, _ in curves])
    if not len(seen):
        note(axes, "nothing was measured")
        return
    for name, epochs, values, look in curves:
        _lines(axes, name, epochs, values, look)
    if "loss" in history.valid:
        _kept(axes, history)
    low, high = float(seen.min()), float(seen.max())
    if low > 0 and high > LOG_FROM * low:
        axes.set_yscale("log")
        log_ticks(axes, "y", low, high)
    scale = "; log scale" if axes.get_yscale() == "log" else ""
    members = len(history.train_loss)
    who = "one network" if members == 1 else f"{members} members, and their mean"
    title(axes, "Loss", who + scale)
    axes.set_xlim(0, 1.02 * len(history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.set_xlabel("epoch")
    axes.legend(loc="best")


def _lines(
    axes: Axes, name: str, epochs: NDArray[np.int64], values: NDArray[np.float64], look: Look
) -> None:
    """Each member thin where there are several, and their mean as long as all of them train."""
    if len(values) > 1:
        axes.plot(epochs, values.T, color=look.colour, alpha=0.3, linewidth=0.8)
    mean = values.mean(axis=0)  # NaN from where one has stopped: the mean of others would jump
    axes.plot(epochs, mean, color=look.colour, linewidth=look.line, label=name, gid=name)


def _kept(axes: Axes, history: FitHistory) -> None:
    """A mark where the weights of each member were taken from."""
    loss = history.valid["loss"]
    for member, epoch in enumerate(history.best_epoch.tolist()):
        at = np.flatnonzero(history.evaluated == epoch)
        if len(at):
            axes.plot(
                epoch,
                loss[member, at[0]],
                LOOKS[1].marker,
                color=LOOKS[1].colour,
                markersize=5,
                markeredgecolor=PAGE,
                gid="kept",
            )
    axes.annotate(
        "■ weights that were kept",
        (1, 1),
        (0, 7),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="right",
        color=MUTED,
        fontsize=8.5,
    )


def _words(history: FitHistory) -> str:
    words = "Training loss: mean of each epoch's batches, as they were trained on"
    if not history.valid:
        return f"{words}. There was no validation part; the last weights were kept."
    ends = (
        " The means end where the first member stopped."
        if len(set(history.stopped_epoch)) > 1
        else ""
    )
    return f"{words}; validation loss: of the whole part, after the epoch.{ends}"
