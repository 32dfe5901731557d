"""A table that estimators are measured on, and how its rows are split again and again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]
Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Table:
    """Rows as they come from their file, and a target.

    Attributes:
        name: what reports call it.
        task: "classification" or "regression".
        x: columns of numbers and of levels, with their gaps.
        y: labels, or numbers.
        train_rows: the training rows of a split; of all others the test rows are drawn.
        test_rows: at most so many.
        test: rows that are always the test rows, where a table comes with them.
        fresh: whether each split takes rows that no other has, of which there must be enough.
    """

    name: str
    task: Task
    x: pd.DataFrame
    y: NDArray[Any]
    train_rows: int
    test_rows: int
    test: Rows | None = None
    fresh: bool = False

    def splits(self, count: int) -> Iterator[tuple[Rows, Rows]]:
        """Training and test rows, `count` times; classes keep their shares if rows are shared."""
        if self.fresh:
            size = self.train_rows + self.test_rows
            if count * size > len(self.y):
                raise SystemExit(f"{self.name} has rows for {len(self.y) // size} splits only")
            for first in range(0, count * size, size):
                rows = np.arange(first, first + size)
                yield rows[: self.train_rows], rows[self.train_rows :]
            return
        from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

        pool = np.arange(len(self.y))
        if self.test is not None:
            pool = np.setdiff1d(pool, self.test)
        classes = self.task == "classification"
        kind = StratifiedShuffleSplit if classes else ShuffleSplit
        size = min(self.test_rows, len(pool) - self.train_rows)
        cutter = kind(count, train_size=self.train_rows, test_size=max(size, 1), random_state=0)
        for train, test in cutter.split(pool, self.y[pool] if classes else None):
            yield pool[train], pool[test] if self.test is None else self.test

    @property
    def shared(self) -> float:
        """ρ / (1 - ρ) for two splits, 0 where they share no rows; see `evidence`.

        Where the test rows are always the same, ρ is the share of training rows that two splits
        have in common; the intervals are then for these test rows.
        """
        if self.fresh:
            return 0.0
        pool = len(self.y) if self.test is None else len(self.y) - len(self.test)
        if self.test is not None:
            return self.train_rows / max(pool - self.train_rows, 1)
        return min(self.test_rows, pool - self.train_rows) / self.train_rows

    @property
    def metric(self) -> str:
        """What is measured on the test rows."""
        return "accuracy" if self.task == "classification" else "RMSE"

    def score(self, predicted: NDArray[Any], test: Rows) -> float:
        """The metric of predictions for the test rows."""
        if self.task == "classification":
            return float(np.mean(predicted == self.y[test]))
        return float(np.sqrt(np.mean((np.asarray(predicted, np.float64) - self.y[test]) ** 2)))


def categorised(x: pd.DataFrame) -> pd.DataFrame:
    """The table with its columns of text as categories, which is what all contestants take."""
    texts = x.select_dtypes(exclude=["number", "bool", "category"]).columns
    return x.astype(dict.fromkeys(texts, "category"))
