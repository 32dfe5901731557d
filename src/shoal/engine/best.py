"""Keeping the best: which evaluation of each member was its best, its weights then, and patience.

A member is judged by its own evaluations alone, so what is kept does not depend on its company.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.engine.evaluate import HIGHER_IS_BETTER
from shoal.engine.layout import Matrix

if TYPE_CHECKING:
    from shoal.engine.task import Rows

Values = NDArray[np.float64]


@dataclass
class Standing:
    """How members stand: their best evaluation so far, by one metric.

    Attributes:
        metric: by which they are judged, such as "valid_loss".
        patience: evaluations without a better one after which a member stops; None for never.
        value: of the best evaluation, NaN before the first, (members,).
        step: steps done then, or -1.
        waited: evaluations since then.
    """

    metric: str
    patience: int | None
    value: Values
    step: NDArray[np.int64]
    waited: NDArray[np.int64]

    @classmethod
    def first(cls, metric: str, patience: int | None, members: int) -> Standing:
        """Of members that were never evaluated."""
        return cls(
            metric,
            patience,
            np.full(members, np.nan),
            np.full(members, -1),
            np.zeros(members, np.int64),
        )

    def __getitem__(self, which: NDArray[np.int64]) -> Standing:
        value, step, waited = self.value[which], self.step[which], self.waited[which]
        return Standing(self.metric, self.patience, value, step, waited)

    def __setitem__(self, which: NDArray[np.int64], other: Standing) -> None:
        self.value[which] = other.value
        self.step[which], self.waited[which] = other.step, other.waited

    def evaluated(self, which: NDArray[np.int64], values: Values, step: int) -> NDArray[np.bool_]:
        """Note an evaluation of some members; true for those that were never so good before.

        Of equal values the earlier stays; NaN is no better than anything.

        >>> standing = Standing.first("valid_loss", 1, members=2)
        >>> both = np.arange(2)
        >>> standing.evaluated(both, np.array([2.0, 2.0]), 10)
        array([ True,  True])
        >>> standing.evaluated(both, np.array([1.0, 2.0]), 20)
        array([ True, False])
        >>> standing.value, standing.impatient(both)
        (array([1., 2.]), array([False,  True]))
        """
        best = self.value[which]
        higher = self.metric.rsplit("_", 1)[-1] in HIGHER_IS_BETTER
        better = (values > best if higher else values < best) | (np.isnan(best) & ~np.isnan(values))
        self.value[which[better]] = values[better]
        self.step[which[better]] = step
        self.waited[which] += 1
        self.waited[which[better]] = 0
        return np.asarray(better)

    def impatient(self, which: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which of some members have waited long enough."""
        if self.patience is None:
            return np.zeros(len(which), np.bool_)
        return np.asarray(self.waited[which] >= self.patience)


@dataclass
class BestRows:
    """Weights and running statistics of some members at their best evaluation.

    Attributes:
        which: whose they are.
        theta, running: one row each.
    """

    which: NDArray[np.int64]
    theta: Matrix
    running: Matrix

    @classmethod
    def none(cls, rows: Rows) -> BestRows:
        """Of nobody yet."""
        return cls(np.empty(0, np.int64), rows.theta[:0], rows.running[:0])

    def take(self, which: NDArray[np.int64], rows: Rows) -> BestRows:
        """With those of some more members, or newer ones, as they lie in `rows`."""
        stay = ~np.isin(self.which, which)
        return BestRows(
            np.concatenate([self.which[stay], which]),
            np.concatenate([self.theta[stay], rows.theta[which]]),
            np.concatenate([self.running[stay], rows.running[which]]),
        )
