"""Columns of numbers: gaps are filled, then every column is brought to about the same size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.errors import check_choice

Scaling = Literal["standard", "robust"]
SCALINGS: Final[tuple[Scaling, ...]] = ("standard", "robust")
CLIP: Final = 3.0
"""Robust scaling bends numbers into (-3, 3), as RealMLP does."""
_AT_ONCE: Final = 2**22
"""Numbers that are in memory as float64 at once."""


@dataclass(frozen=True, eq=False)
class Numbers:
    """z = (x - mean) / scale for every column; a missing x is `fill` first.

    With a clip c, z becomes z / √(1 + (z/c)²): z itself near 0, and never beyond ±c.

    Attributes:
        mean: what becomes 0, float64 (columns,).
        scale: what becomes 1, float64 (columns,).
        fill: what stands for a missing number (columns,); None where none may be missing.
        clip: the bound of what comes out; None for none.

    >>> Numbers(np.array([2.0]), np.array([4.0]), np.array([6.0])).transform(
    ...     np.array([[2.0], [10.0], [np.nan]])
    ... ).tolist()
    [[0.0], [2.0], [1.0]]
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    fill: NDArray[np.float64] | None = None
    clip: float | None = None

    def transform(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Rows of numbers (rows, columns) as a network wants them; what overflows is infinite.

        Arithmetic is in float64, because a mean may be large beside its scale (a year is).
        """
        if x.size > _AT_ONCE and len(x) > 1:
            half = len(x) // 2
            return np.concatenate([self.transform(x[:half]), self.transform(x[half:])])
        if self.fill is not None:
            x = filled(x.astype(np.float64, copy=False), self.fill)
        z = x - self.mean
        z /= self.scale
        if self.clip is not None:
            z /= np.sqrt(1 + np.square(z / self.clip))
        ready: NDArray[np.float32] = z.astype(np.float32, copy=False)
        return ready


def fit_numbers(
    x: NDArray[Any],
    weights: NDArray[Any] | None = None,
    *,
    scaling: Scaling = "standard",
    gaps: bool = False,
) -> Numbers:
    """What `Numbers` needs, from the training rows.

    Args:
        x: (rows, columns) of float32, float64 or whole numbers; NaN is missing.
        weights: of the rows, ≥ 0: one of weight 0 is not there, one of weight 2 is there twice.
        scaling: "standard" (mean 0, standard deviation 1) or "robust" (median 0, the middle half
            1 wide, then clipped at 3: Holzmüller, Grinsztajn and Steinwart 2024, RealMLP).
        gaps: whether numbers may be missing; the median stands for them, or 0 where there is none.

    >>> fitted = fit_numbers(np.array([[1.0], [3.0], [np.nan]]), gaps=True)
    >>> fitted.fill, fitted.mean
    (array([2.]), array([2.]))
    """
    check_choice("scaling", scaling, SCALINGS)
    x, weights = weighed(x, weights)
    fill = None
    if gaps:
        fill = _medians(x, weights)
        x = filled(x, fill)
    with np.errstate(all="ignore"):  # what overflows here does so in `transform`, too
        if scaling == "robust":
            return _robust(x, weights, fill)
        from sklearn.preprocessing import StandardScaler

        fitted = StandardScaler().fit(x, sample_weight=weights)
    mean, scale = (np.asarray(v, np.float64) for v in (fitted.mean_, fitted.scale_))
    return Numbers(mean, scale, fill)


def weighed(x: Any, weights: NDArray[Any] | None) -> tuple[Any, NDArray[np.float64] | None]:
    """Rows that count, and their weights; None where all weigh the same."""
    if weights is None:
        return x, None
    weights = np.asarray(weights, np.float64)
    there = weights > 0
    if not there.all():
        x, weights = x[there], weights[there]
    return x, (None if (weights == weights[0]).all() else weights)


def filled(x: NDArray[Any], fill: NDArray[np.float64]) -> NDArray[Any]:
    """`x` with the numbers that stand for missing ones."""
    gone = np.isnan(x)
    return np.where(gone, fill.astype(x.dtype), x) if gone.any() else x


def _robust(
    x: NDArray[Any], weights: NDArray[np.float64] | None, fill: NDArray[np.float64] | None
) -> Numbers:
    """The middle half is 1 wide; a column whose middle half is one number has range 2."""
    low, mean, high = (
        np.array([quantile(x[:, i], q, weights) for i in range(x.shape[1])])
        for q in (0.25, 0.5, 0.75)
    )
    scale = high - low
    span = x.max(axis=0).astype(np.float64) - x.min(axis=0)
    scale = np.where(scale > 0, scale, span / 2)
    return Numbers(mean, np.where(scale > 0, scale, 1.0), fill, CLIP)


def _medians(x: NDArray[Any], weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    """The median of each column's numbers; 0 of a column that has none."""
    medians = np.zeros(x.shape[1])
    for i, values in enumerate(x.T):
        there = ~np.isnan(values)
        if there.any():
            of_these = None if weights is None else weights[there]
            medians[i] = quantile(values[there], 0.5, of_these)
    return medians


def quantile(values: NDArray[Any], q: float, weights: NDArray[np.float64] | None = None) -> float:
    """The number below which a share q of the weight lies; the mean of two where both would do.

    Doubling a row and doubling its weight come to the same.

    >>> quantile(np.array([1.0, 2.0, 3.0, 10.0]), 0.5)
    2.5
    >>> quantile(np.array([1.0, 3.0]), 0.5, np.array([1.0, 2.0]))
    3.0
    """
    order = np.argsort(values, kind="stable")
    below = np.cumsum(np.ones(len(values)) if weights is None else weights[order])
    wanted = q * below[-1]
    first = int(np.searchsorted(below, wanted, "left"))
    after = min(int(np.searchsorted(below, wanted, "right")), len(values) - 1)
    a, b = float(values[order[first]]), float(values[order[after]])
    return a if a == b else (a + b) / 2
