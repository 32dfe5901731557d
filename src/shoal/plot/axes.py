"""Axes: titles, scales and numbers, the same in every picture."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from shoal.plot.style import INK, MUTED, plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from shoal.comparison import Metric
    from shoal.comparison.curves import Band
    from shoal.engine.history import Curve

LOG_FROM = 30.0
"""A quantity that changes by more than this factor is drawn on a log scale."""


def capital(text: str) -> str:
    """The text with a capital first letter, and the rest as it is.

    >>> capital("test RMSE")
    'Test RMSE'
    """
    return text[:1].upper() + text[1:]


def title(axes: Axes, what: str, how: str = "") -> None:
    """What is drawn, bold, and how, small, above the left edge."""
    axes.set_title(
        plain(what), loc="left", fontsize=10.5, fontweight="bold", color=INK, pad=19 if how else 8
    )
    if how:
        axes.annotate(
            plain(how),
            (0, 1),
            (0, 7),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=8.5,
            color=MUTED,
        )


def note(axes: Axes, text: str) -> None:
    """A text in the middle of axes that have nothing to show."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color=MUTED, transform=axes.transAxes)
    axes.grid(False)
    axes.set(xticks=[], yticks=[])


def number(value: float) -> str:
    """A number at an axis: short, without mathematics.

    >>> number(1e-05), number(0.001), number(12000.0), number(3e6)
    ('1e-5', '0.001', '12000', '3e6')
    """
    text = f"{value:.10g}"
    if value and not 1e-4 <= abs(value) < 1e5:
        mantissa, _, exponent = f"{value:.3e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(exponent)}"
    return text.replace("-", "−", 1) if value < 0 else text


def y_scale(axes: Axes, metric: Metric, low: float, high: float, log: bool) -> None:
    """The vertical axis of a metric, from low to high, with a little room."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

    if log:
        axes.set_yscale("log", nonpositive="clip")
        ratio = (high / low) ** 0.04
        axes.set_ylim(low / ratio, high * ratio)
        log_ticks(axes, "y", low, high)
        return
    room = 0.04 * (high - low) or 0.05 * abs(high) or 0.05
    axes.set_ylim(low - room, high + room)
    axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 2.5, 5, 10]))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if metric.measure == "accuracy":
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))


def log_ticks(axes: Axes, which: str, low: float, high: float) -> None:
    """Ticks at powers of ten, and at 2 and 5 times them where the range is short."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    decades = high / low
    subs = (1.0, 2.0, 5.0) if decades < 30 else (1.0, 3.0) if decades < 300 else (1.0,)
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(10, subs=subs, numticks=9))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    axis.set_minor_formatter(NullFormatter())


def view(bands: Sequence[Band], metric: Metric) -> tuple[float, float, bool]:
    """Lowest and highest value to show, and whether on a log scale.

    Curves end where verdicts are made, so the ends are always in view. Of the way there as much
    is shown as leaves the ends apart; a spike or a slow start may leave the picture.
    """
    low = min(float(band.low.min()) for band in bands)
    high = max(float(band.high.max()) for band in bands)
    worst, best = _ends(bands, metric.higher_is_better)
    near = 1.5 * abs(best - worst) if len(bands) > 1 else abs(high - low)
    if metric.higher_is_better:
        return max(low, worst - max(near, 0.03)), high, False
    starts = max(float(band.mean[0]) for band in bands)
    if metric.name == "loss":
        high = min(high, max(1.2 * starts, worst))
    if low > 0 and max(starts, worst) / low > LOG_FROM:
        return low, min(high, 3 * max(starts, worst)), True
    if metric.name != "loss":
        high = min(high, worst + max(near, 0.08 * abs(worst)))
    return low, high, False


def view_of_lost(curves: Sequence[Curve]) -> tuple[float, float, bool]:
    """The same where every run diverged: up to ten times where they started."""
    first = max(abs(float(curve.values[0])) for curve in curves)
    values = [float(v) for curve in curves for v in curve.values if v <= 10 * first]
    return min(values), max(values), False


def _ends(bands: Iterable[Band], higher_is_better: bool) -> tuple[float, float]:
    """The worst and the best last value of any seed."""
    lows, highs = zip(*((float(b.low[-1]), float(b.high[-1])) for b in bands), strict=True)
    return (min(lows), max(highs)) if higher_is_better else (max(highs), min(lows))
