"""The statistics of a comparison: intervals, paired differences, Holm's adjustment, verdicts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.errors import ShoalError

Verdict = Literal["better", "worse", "tied", "undecided"]

LEVEL = 0.05
"""Chance of a wrong verdict that is accepted, over all pairs together."""


@dataclass(frozen=True)
class Interval:
    """A mean over seeds with its 95 % interval; NaN where it cannot be known."""

    mean: float
    low: float
    high: float
    n: int


def mean_interval(values: ArrayLike, level: float = LEVEL) -> Interval:
    """Mean ± t(1 - level/2, n - 1) · s / √n, over the finite values (Student 1908).

    >>> i = mean_interval([1.0, 2.0, 3.0])
    >>> round(i.mean, 2), round(i.low, 2), round(i.high, 2), i.n
    (2.0, -0.48, 4.48, 3)
    """
    x = np.asarray(values, np.float64)
    x = x[np.isfinite(x)]
    return _intervals([x], [_spread(x)], [level])[0]


@dataclass(frozen=True)
class Difference:
    """The paired difference of two arms, a - b, over the seeds where both are finite.

    Attributes:
        mean: of the differences.
        low, high: interval, adjusted so that it excludes 0 exactly if `p` < 0.05.
        p: two-sided, adjusted by Holm's method for all pairs looked at.
        n: pairs of runs.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int


def paired_differences(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]], step: float | Sequence[float] = 0.0
) -> list[Difference]:
    """Differences of several pairs of arms, with p-values and intervals adjusted for all of them.

    Every pair gets a t-test on its seeds' differences. Holm (1979) sorts the m p-values and holds
    the k-th against 0.05 / (m - k + 1), until one fails. Each interval is made at the level at
    which its pair was judged, so that interval and p-value say the same.

    An accuracy comes in steps h of one row. Rounding to steps alone gives a difference of two a
    standard deviation of h / √6 (each h / √12), and no smaller one is believed: else a few seeds
    that all differ by the same row, as those of equal arms often do, would be certain proof.

    Args:
        pairs: the values of two arms, seed by seed.
        step: h, the smallest difference that the measure can show; one for all pairs, or of each.

    >>> a, b = [0.91, 0.92, 0.93], [0.81, 0.83, 0.84]
    >>> [d] = paired_differences([(a, b)])
    >>> round(d.mean, 3), d.p < 0.05
    (0.093, True)
    """
    differences = [_finite_differences(a, b) for a, b in pairs]
    steps = np.broadcast_to(np.asarray(step, np.float64), len(pairs)).tolist()
    spreads = [_spread(d, h) for d, h in zip(differences, steps, strict=True)]
    adjusted, levels = holm(_p_values(differences, spreads))
    intervals = _intervals(differences, spreads, levels)
    return [
        Difference(i.mean, i.low, i.high, float(p), i.n)
        for i, p in zip(intervals, adjusted, strict=True)
    ]


def paired_difference(a: ArrayLike, b: ArrayLike, *, step: float = 0.0) -> Difference:
    """The paired difference a - b of one quantity, measured for two ways with the same seeds.

    A t-test on the differences, seed by seed, where both are finite. Whoever looks at several pairs
    must take `paired_differences`, which adjusts for their number.

    Args:
        a, b: (seeds,), in the same order of seeds; or one number for all of them.
        step: the smallest difference that the measure can show: 1/rows for an accuracy.

    Raises:
        ShoalError: values of unequal numbers of seeds.

    >>> d = paired_difference([0.91, 0.92, 0.93], [0.81, 0.83, 0.84])
    >>> round(d.mean, 3), d.p < 0.05, d.n
    (0.093, True, 3)
    """
    shapes = np.shape(a), np.shape(b)
    if any(len(shape) > 1 for shape in shapes) or (shapes[0] != shapes[1] and all(shapes)):
        raise ShoalError(
            f"a and b must be (seeds,) with the same seeds, but their shapes are {shapes[0]} and "
            f"{shapes[1]}"
        )
    first, second = np.broadcast_arrays(np.atleast_1d(a), b)
    return paired_differences([(first, second)], step)[0]


def holm(p: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Adjusted p-values, and the level at which each was judged; NaN p-values stay out.

    >>> holm(np.array([0.01, 0.04, 0.03]))[0]
    array([0.03, 0.06, 0.06])
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    levels = np.full(len(p), LEVEL / max(len(known), 1))
    largest, level = 0.0, LEVEL
    failed = False
    for k, i in enumerate(known[np.argsort(p[known], kind="stable")]):
        left = len(known) - k
        largest = max(largest, min(1.0, float(p[i]) * left))
        adjusted[i] = largest
        if not failed:
            level = LEVEL / left
            failed = float(p[i]) >= level
        levels[i] = level
    return adjusted, levels


def judge(difference: Difference, margin: float, higher_is_better: bool) -> Verdict:
    """The verdict on a, compared with b.

    tied: the whole interval lies within ± margin: too small a difference to matter, proved.
    better, worse: the interval excludes 0.
    undecided: neither; more seeds would decide.

    >>> judge(Difference(0.02, 0.01, 0.03, 0.001, 5), margin=0.005, higher_is_better=True)
    'better'
    """
    if difference.n < 2 or not np.isfinite(difference.low):
        return "undecided"
    if -margin <= difference.low and difference.high <= margin:
        return "tied"
    if difference.low > 0 or difference.high < 0:
        return "better" if (difference.mean > 0) == higher_is_better else "worse"
    return "undecided"


def _finite_differences(a: Any, b: Any) -> NDArray[np.float64]:
    differences = np.asarray(a, np.float64) - np.asarray(b, np.float64)
    return differences[np.isfinite(differences)]


def _spread(x: NDArray[np.float64], step: float = 0.0) -> float:
    """Standard deviation, at least that of rounding; equal runs (all differences 0) have none."""
    if len(x) < 2 or not x.any():
        return 0.0
    return max(float(x.std(ddof=1)), step / math.sqrt(6))


def _intervals(
    samples: Sequence[NDArray[np.float64]], spreads: Sequence[float], levels: ArrayLike
) -> list[Interval]:
    """The interval of the mean of finite values with these standard deviations."""
    from scipy.stats import t

    counts = np.array([len(x) for x in samples], np.int64)
    with np.errstate(invalid="ignore", divide="ignore"):  # of fewer than two there is none
        quantiles = t.ppf(1 - np.asarray(levels) / 2, counts - 1)
        halves = quantiles * np.asarray(spreads) / np.sqrt(counts)
    intervals = []
    for x, half in zip(samples, halves.tolist(), strict=True):
        mean = float(x.mean()) if len(x) else np.nan
        half = half if len(x) > 1 else np.nan
        intervals.append(Interval(mean, mean - half, mean + half, len(x)))
    return intervals


def _p_values(
    differences: Sequence[NDArray[np.float64]], spreads: Sequence[float]
) -> NDArray[np.float64]:
    """Two-sided t-tests of mean 0; NaN for fewer than two differences."""
    from scipy.stats import t

    counts = np.array([len(d) for d in differences], np.int64)
    spread = np.asarray(spreads)
    means = np.array([d.mean() if len(d) else np.nan for d in differences])
    with np.errstate(invalid="ignore", divide="ignore"):  # equal runs: 0 / 0, which counts as 0
        statistics = np.abs(means) / (spread / np.sqrt(counts))
        p = 2 * t.sf(np.where(means == 0, 0.0, statistics), counts - 1)
    return np.where(counts < 2, np.nan, p)
