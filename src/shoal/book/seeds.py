"""Several seeds in words and numbers: curves, spreads, and what one more run could have given."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

import shoal
from shoal.book.experiment import Setting
from shoal.book.text import Text
from shoal.comparison.metrics import ABSOLUTE_MARGIN
from shoal.comparison.statistics import Difference, judge

Values = NDArray[np.float64]

DIVERGED = Text("diverged", "发散")
CHANGED = {
    "better": Text(
        "{what} is {size} points higher{interval}", "{what}高 {size} 个百分点{interval}"
    ),
    "worse": Text("{what} is {size} points lower{interval}", "{what}低 {size} 个百分点{interval}"),
    "tied": Text(
        "{what} is the same within half a point{interval}", "{what}相差不到半个百分点{interval}"
    ),
    "undecided": Text("{what} is undecided{interval}", "{what}分不出高低{interval}"),
}
INTERVAL = Text(" (95 % interval {low} to {high})", "（95 % 置信区间 {low} 到 {high}）")


def curves(comparison: shoal.Comparison, arm: str, name: str) -> tuple[Values, Values]:
    """A quantity of all seeds of an arm over training.

    Args:
        comparison: the run.
        arm: name of the arm.
        name: of an evaluated quantity, such as "test_accuracy".

    Returns:
        Epochs done (points,), and values (seeds, points); NaN from where a network diverged.
    """
    found = [comparison.history.curve(int(i), name) for i in comparison.members(arm)]
    batches = -(-comparison.facts["data"]["rows"]["train"] // comparison.recipes[arm].batch_size)
    return found[0].steps / batches, np.array([curve.values for curve in found], np.float64)


def spread(values: ArrayLike, form: str = ".3f", absent: Text = DIVERGED) -> Text:
    """Mean over seeds, lowest and highest; and for how many there is no value.

    Args:
        values: (seeds,), NaN where there is none.
        form: of a number.
        absent: what NaN means, such as "diverged" or "never".

    >>> spread([0.89, 0.91, 0.93])["en"], spread([0.9])["en"], spread([0.9, np.nan])["zh"]
    ('0.910 (0.890–0.930)', '0.900', '0.900，发散 1/2')
    """
    x = np.atleast_1d(np.asarray(values, np.float64))
    alive = x[np.isfinite(x)]
    mean = f"{alive.mean():{form}}" if len(alive) else ""
    known = f"{mean} ({span(alive, form)})" if len(set(alive)) > 1 else mean
    if len(alive) == len(x):
        return Text(known, known)
    text = Text("{known}, {absent} {n}/{all}", "{known}，{absent} {n}/{all}").format(
        known=known, absent=absent, n=len(x) - len(alive), all=len(x)
    )
    return Text(text.en.removeprefix(", "), text.zh.removeprefix("，"))


def span(values: ArrayLike, form: str = ".0f") -> str:
    """From the lowest to the highest.

    >>> span([138, 108, 114]), span([114, 114])
    ('108–138', '114')
    """
    low, high = f"{np.min(values):{form}}", f"{np.max(values):{form}}"
    return low if low == high else f"{low}–{high}"


def one_run(values: ArrayLike) -> tuple[float, float]:
    """Where one more run would end with 95 % probability: mean ± t(0.975, n - 1) s √(1 + 1/n).

    A published figure of one unseeded run can be held against this, and not against the interval
    of the mean, which shrinks with the number of our seeds. NaN for fewer than two values.

    >>> low, high = one_run([0.89, 0.90, 0.91])
    >>> round(low, 3), round(high, 3)
    (0.85, 0.95)
    """
    from scipy.stats import t

    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    if len(x) < 2:
        return math.nan, math.nan
    half = float(t.ppf(0.975, len(x) - 1) * x.std(ddof=1) * math.sqrt(1 + 1 / len(x)))
    return float(x.mean()) - half, float(x.mean()) + half


def could_be(published: float, values: ArrayLike, setting: Setting) -> bool | None:
    """Whether a published figure of one run lies where one more run of ours would end.

    None where they cannot be compared: other data, a quick run, fewer than two seeds.

    >>> could_be(0.93, [0.89, 0.90, 0.91], Setting()), could_be(0.93, [0.9], Setting(seeds=1))
    (True, None)
    """
    low, high = one_run(values)
    return low <= published <= high if setting.comparable and math.isfinite(low) else None


def changed(what: Text, difference: Difference, margin: float = ABSOLUTE_MARGIN) -> Text:
    """What a paired difference of accuracies says, in words, with its interval.

    >>> d = shoal.paired_difference([0.91, 0.92, 0.93], [0.81, 0.83, 0.84])
    >>> changed(Text("test accuracy", "测试准确率"), d)["en"]
    'test accuracy is 9.3 points higher (95 % interval +7.9 to +10.8)'
    """
    interval = Text("", "")
    if math.isfinite(difference.low):
        interval = INTERVAL.format(low=points(difference.low), high=points(difference.high))
    verdict = judge(difference, margin, higher_is_better=True)
    size = f"{100 * abs(difference.mean):.1f}"
    return CHANGED[verdict].format(what=what, size=size, interval=interval)


def points(share: float) -> str:
    """A difference of shares in percentage points, with its sign.

    >>> points(0.0312), points(-0.0004)
    ('+3.1', '0.0')
    """
    text = f"{100 * share:+.1f}".replace("-", "−")
    return text[1:] if text.strip("+−0.") == "" else text


def percent(share: float, digits: int = 1) -> str:
    """A share in per cent.

    >>> percent(0.9312), percent(1.0)
    ('93.1 %', '100 %')
    """
    return "100 %" if share == 1 else f"{100 * share:.{digits}f} %"
