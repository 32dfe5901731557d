"""Measuring: every split lets each contestant fit and predict once, in turns that rotate."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.contestants import Contestant
from benchmarks.tables.table import Table

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Measured:
    """What came out for one table; arrays are (contestants, splits).

    Attributes:
        table: on which.
        contestants: who.
        scores: accuracy or RMSE on the test rows.
        fit_seconds, predict_seconds: of all training rows and of all test rows.
    """

    table: Table
    contestants: tuple[Contestant, ...]
    scores: Numbers
    fit_seconds: Numbers
    predict_seconds: Numbers

    @property
    def gains(self) -> Numbers:
        """Scores of which more is better."""
        return self.scores if self.table.task == "classification" else -self.scores


def measure(
    table: Table,
    contestants: Sequence[Contestant],
    splits: int,
    say: Callable[[str], None] = lambda line: None,
) -> Measured:
    """Let the contestants take turns; who begins changes from split to split."""
    results = np.full((3, len(contestants), splits), np.nan)
    for split, (train, test) in enumerate(table.splits(splits)):
        x, y, new = table.x.iloc[train], table.y[train], table.x.iloc[test]
        for turn in range(len(contestants)):
            number = (split + turn) % len(contestants)
            contestant = contestants[number]
            say(f"{table.name}: split {split + 1} of {splits}, {contestant.name}")
            gc.collect()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a peer that stops at its limit has its say so
                started = time.perf_counter()
                estimator = contestant.make(table, split).fit(x, y)
                fitted = time.perf_counter()
                predicted = np.asarray(estimator.predict(new))
                ended = time.perf_counter()
            score = table.score(predicted, test)
            results[:, number, split] = score, fitted - started, ended - fitted
    return Measured(table, tuple(contestants), *results)
