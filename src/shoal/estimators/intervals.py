"""Intervals that hold the target with a promised probability, from the validation rows.

Split-conformal prediction (Vovk, Gammerman and Shafer 2005; Lei et al. 2018): if new rows come from
where the validation rows came from, in no order, then prediction ± q holds the target with a
probability of at least the coverage, whatever the network is worth, with q the ⌈(n + 1) coverage⌉
smallest of the n errors |y - prediction|. That is over all rows together, not for every kind of
row. Rows that also chose when to stop are a little easier than new ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_number


def scores_of(y: Any, predicted: Any) -> NDArray[np.float64]:
    """The errors |y - prediction| of each target, sorted, (rows, targets)."""
    error = np.abs(np.asarray(y, np.float64) - np.asarray(predicted, np.float64))
    return np.sort(error.reshape(len(error), -1), axis=0)


def half_width(scores: NDArray[np.float64] | None, coverage: float) -> NDArray[np.float64]:
    """How far intervals of some coverage reach to either side, for each target.

    Args:
        scores: of the validation rows, sorted, (rows, targets); None without a validation part.
        coverage: share of new rows that the intervals must hold, in (0, 1).

    Raises:
        ShoalError: no validation rows, or too few for this coverage.

    >>> half_width(np.arange(1.0, 20.0)[:, None], 0.9)  # the 18th of 19
    array([18.])
    """
    check_number("coverage", coverage, above=0, below=1)
    if scores is None or not len(scores):
        raise ShoalError(
            "intervals are made from validation rows, and there were none; fit with valid=0.2, or "
            "give X_val and y_val"
        )
    rank = math.ceil(round((len(scores) + 1) * coverage, 9))  # 0.9 · 20 is 18, and a little
    if rank > len(scores):
        least = math.ceil(round(coverage / (1 - coverage), 9))
        raise ShoalError(
            f"coverage={coverage:g} needs at least {least} validation rows, but there were "
            f"{len(scores)}; fit with a larger valid=, or ask for a smaller coverage"
        )
    width: NDArray[np.float64] = scores[rank - 1]
    return width
