"""How sure a difference is when the splits that it was measured on share rows.

Scores of several splits of one table are not independent: any two splits share most of their
training rows. A plain t-test takes them to be and is too sure. Nadeau and Bengio (2003, "Inference
for the generalization error") put 1/n + ρ/(1 - ρ) for the 1/n of its variance, with ρ the
correlation of two splits; for random splits they take ρ = test rows / all rows, which makes it
1/n + test rows / training rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t

from shoal.comparison.statistics import Difference, holm


@dataclass(frozen=True)
class Interval:
    """A mean over splits, and its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: ArrayLike, shared: float) -> Interval:
    """The mean over splits; `shared` is ρ / (1 - ρ).

    >>> interval([1.0, 2.0, 3.0], shared=0.0)  # a plain t-interval
    Interval(mean=2.0, low=-0.484..., high=4.484...)
    """
    x = np.asarray(values, np.float64)
    half = float(t.ppf(0.975, len(x) - 1)) * _error(x, shared)
    return Interval(float(x.mean()), float(x.mean()) - half, float(x.mean()) + half)


def differences(
    pairs: Sequence[tuple[ArrayLike, ArrayLike]], shared: float, step: float = 0.0
) -> list[Difference]:
    """Paired differences a - b, split by split, with Holm's adjustment for all pairs together.

    Each interval excludes 0 exactly if its p < 0.05. An accuracy comes in steps of one row, and no
    spread smaller than that of rounding is believed, as in `shoal.paired_differences`.

    >>> [d] = differences([([0.91, 0.92, 0.93], [0.81, 0.83, 0.84])], shared=0.0)
    >>> round(d.mean, 3), d.p < 0.05
    (0.093, True)
    """
    found = [np.subtract(a, b) for a, b in pairs]
    errors = [_error(d, shared, step / math.sqrt(6)) for d in found]
    p, levels = holm(np.array([_p_value(d, e) for d, e in zip(found, errors, strict=True)]))
    told = []
    for d, error, adjusted, level in zip(found, errors, p, levels, strict=True):
        half = float(t.ppf(1 - level / 2, len(d) - 1)) * error if len(d) > 1 else math.nan
        mean = float(d.mean())
        told.append(Difference(mean, mean - half, mean + half, float(adjusted), len(d)))
    return told


def _error(x: NDArray[np.float64], shared: float, least: float = 0.0) -> float:
    """The standard error of the mean; equal runs (all differences 0) have none."""
    if len(x) < 2:
        return math.nan
    spread = max(float(x.std(ddof=1)), least if x.any() else 0.0)
    return spread * math.sqrt(1 / len(x) + shared)


def _p_value(x: NDArray[np.float64], error: float) -> float:
    """Two-sided t-test of mean 0."""
    mean = abs(float(x.mean()))
    if len(x) < 2:
        return math.nan
    if mean == 0:
        return 1.0
    return 2 * float(t.sf(mean / error, len(x) - 1)) if error else 0.0
