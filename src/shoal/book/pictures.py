"""Drawing for the book: sheets of axes, curves with bands over seeds, labels in both languages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.book.text import Language, Text, say
from shoal.plot.style import LOOKS, MUTED, PAGE, Look, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STEP = Text("step", "步数")
EPOCH = Text("epoch", "轮次")
LOSS = Text("training loss", "训练损失")
ACCURACY = Text("accuracy", "准确率")
SEED_BAND = Text(
    "Line: mean over {n} seeds; band: lowest to highest.",
    "线：{n} 个随机种子的平均值；色带：最低到最高。",
)


@contextmanager
def sheet(
    width: float, height: float, rows: int = 1, columns: int = 1, **how: Any
) -> Iterator[tuple[Figure, NDArray[Any]]]:
    """A figure of so many inches with a grid of axes, in the look of all of Shoal's pictures.

    Args:
        width, height: in inches.
        rows, columns: of the grid.
        how: for `Figure.subplots`, such as `sharey=True`.

    Yields:
        The figure, and its axes (rows, columns), always two-dimensional.
    """
    from shoal.plot import figure as figures

    with figures.drawing():
        figure = figures.new(width, height)
        yield figure, figure.subplots(rows, columns, squeeze=False, **how)
        figures.finish(figure, None)  # fonts that have the characters


def title(axes: Axes, what: Text | str, language: Language, how: Text | str = "") -> None:
    """What is drawn, bold, and how, small, above the left edge."""
    from shoal.plot import axes as plain_axes

    plain_axes.title(axes, say(what, language), say(how, language))


def label(
    axes: Axes, language: Language, x: Text | str | None = None, y: Text | str | None = None
) -> None:
    """What the axes measure."""
    if x is not None:
        axes.set_xlabel(plain(say(x, language)))
    if y is not None:
        axes.set_ylabel(plain(say(y, language)))


def band(
    axes: Axes,
    x: ArrayLike,
    values: ArrayLike,
    look: Look,
    name: str = "",
    offset: float = 0.0,
) -> None:
    """A curve for several seeds: the mean as a line with markers, lowest to highest as a band.

    Args:
        axes: to draw into.
        x: (points,).
        values: (seeds, points), or (points,) for one; NaN where there is nothing.
        look: one of `LOOKS`.
        name: for the legend.
        offset: where the first marker stands, as a share in [0, 1) of the space between two, so
            that the markers of curves that lie on one another do not.
    """
    curves = np.atleast_2d(np.asarray(values, np.float64))
    seen = np.isfinite(curves).any(axis=0)
    at, curves = np.asarray(x, np.float64)[seen], curves[:, seen]
    between = max(1, len(at) // 6)
    axes.fill_between(
        at,
        np.nanmin(curves, axis=0),
        np.nanmax(curves, axis=0),
        color=look.colour,
        alpha=0.15,
        linewidth=0,
        zorder=2,
    )
    axes.plot(
        at,
        np.nanmean(curves, axis=0),
        color=look.colour,
        linewidth=look.line,
        marker=look.marker or None,
        markersize=look.size,
        markeredgecolor=PAGE,
        markeredgewidth=0.6,
        markevery=(int(offset * between), between),
        label=plain(name),
        zorder=3,
    )


def legend(axes: Axes, **how: Any) -> None:
    """The legend of labelled curves, without a frame."""
    axes.legend(handlelength=2.2, **how)


def legend_above(figure: Figure, axes: Axes, columns: int = 4) -> None:
    """One legend for all axes of a figure, above them, where it covers nothing.

    It has so many columns at most, fewer where the figure is too narrow for them.
    """
    from shoal.plot.legend import INCH_PER_CHARACTER, INCH_PER_SAMPLE

    handles, names = axes.get_legend_handles_labels()
    # a Chinese character is about twice as wide as a Latin one
    widths = [sum(1 + (ord(c) > 0x2E7F) for c in str(name)) for name in names]
    widest = max(widths, default=1) * INCH_PER_CHARACTER + INCH_PER_SAMPLE
    columns = max(1, min(columns, int(figure.get_figwidth() / widest)))
    figure.legend(
        handles, names, loc="outside upper left", ncols=columns, handlelength=2.2, borderaxespad=0.4
    )


def footnote(figure: Figure, text: Text, language: Language) -> None:
    """A text beneath everything else, wrapped to the width of the figure."""
    import textwrap

    words = text[language]
    # a Chinese character is about twice as wide as a Latin one, and may be broken anywhere
    wide = 9.5 if language == "zh" else 17
    folded = textwrap.fill(words, int(wide * figure.get_figwidth()))
    figure.supxlabel(plain_lines(folded), x=0.008, ha="left", fontsize=8, color=MUTED)


def plain_lines(text: str) -> str:
    """The text with `$` as itself, line breaks kept."""
    return "\n".join(plain(line) for line in text.splitlines())


def percent_axis(axes: Axes, which: str = "y") -> None:
    """Shares from 0 to 1 as per cent."""
    from matplotlib.ticker import FuncFormatter

    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def looks_of(names: Sequence[str]) -> dict[str, Look]:
    """A look for each of at most eight curves, that can be told apart by all readers."""
    return dict(zip(names, LOOKS, strict=False))
