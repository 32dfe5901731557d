"""The finalists: what fresh seeds and the rows of the validation part let one say of them.

Two things are chance in "A is better than B on the validation part": the seeds, which the paired
differences of a `Comparison` judge, and the rows. Of the rows each gives a difference of its own:
how often (over the seeds) A is right there minus how often B is; for numbers, the difference of
their squared errors. Over the rows these have a mean and a standard error, as McNemar's test has
for one network each. A is called better than B only if neither chance explains it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from shoal.comparison import Comparison
from shoal.comparison.metrics import Metric
from shoal.comparison.statistics import LEVEL, Interval, Verdict, holm, mean_interval
from shoal.engine.ensemble.predictions import ClassPredictions, LabelPredictions
from shoal.errors import counted

if TYPE_CHECKING:
    from shoal.data.part import PartName
    from shoal.engine import Ensemble

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Rival:
    """A finalist beside the winner.

    Attributes:
        name: of its arm, such as "trial 17".
        verdict: on the winner, compared with it: "better" only if neither seeds nor rows explain
            the difference.
        by_seeds: the verdict of the seeds alone.
        p_rows: two-sided, of no difference over all rows there might have been; adjusted for all
            rivals (Holm).
        words: one sentence.
    """

    name: str
    verdict: Verdict
    by_seeds: Verdict
    p_rows: float
    words: str


@dataclass(frozen=True)
class OnTest:
    """What the winner's networks score on the test part, which nothing was chosen by.

    Attributes:
        metric: such as test_accuracy.
        rows: of the test part.
        networks: one for each final seed that did not diverge.
        values: of each.
        interval: their mean, with a 95 % interval over seeds.
        ensemble: the metric of all of them together.
    """

    metric: Metric
    rows: int
    networks: int
    values: tuple[float, ...]
    interval: Interval
    ensemble: float


def rivals(final: Comparison) -> list[Rival]:
    """Every finalist but the first, and whether the first is better; in the order of means."""
    first, *others = final.ranking
    by_seeds = {pair.b: pair for pair in final.pairs() if pair.a == first}
    alive = [name for name in others if name in by_seeds and by_seeds[name].difference.n]
    raw = np.array([row_p(final, first, name) for name in alive])
    adjusted = dict(zip(alive, holm(raw)[0].tolist() if alive else [], strict=True))
    found = []
    for name in others:
        pair = by_seeds[name]
        p = adjusted.get(name, math.nan)
        verdict: Verdict = pair.verdict
        words = pair.words
        if verdict == "better" and p >= LEVEL:
            verdict = "undecided"
            words += f"; but other rows might decide otherwise (p = {p:.2f})"
        found.append(Rival(name, verdict, pair.verdict, p, words))
    return found


def row_p(final: Comparison, a: str, b: str) -> float:
    """P-value of no difference between two arms over the validation rows; not adjusted."""
    rows = row_losses(final.ensemble(arms=a), final.metric)
    rows = rows - row_losses(final.ensemble(arms=b), final.metric)
    return p_of_mean(rows)


def p_of_mean(values: Values) -> float:
    """Two-sided p-value of the t-test that the mean is 0.

    >>> round(p_of_mean(np.array([1.0, 0, 0, -1, 1, 1, 0, 1])), 3)
    0.197
    """
    from scipy.stats import t

    if len(values) < 2 or not values.any():
        return 1.0
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    return float(2 * t.sf(abs(float(values.mean())) / error, len(values) - 1)) if error else 0.0


def row_losses(ensemble: Ensemble, metric: Metric) -> Values:
    """How badly networks do on each validation row on average, in the measure of a metric (rows,).

    Accuracy: the share of them that is wrong; the loss of classes: -log p of the true one; of
    several labels a row their mean; else the squared error, mean over targets.
    """
    part = cast("PartName", metric.name.split("_")[0])
    said = ensemble.predictions(part)
    if isinstance(said, ClassPredictions):
        every = said.errors if metric.measure == "accuracy" else -said.log_p_true
        return np.asarray(every.mean(axis=0))
    if isinstance(said, LabelPredictions):
        return np.asarray(said.of_rows(metric.measure).mean(axis=0))
    squares = said.errors**2
    if metric.measure == "rmse":
        squares = squares * said.scale**2
    return np.asarray(squares.mean(axis=(0, 2)))


def winner_on_test(final: Comparison, winner: str) -> OnTest:
    """Evaluate the winner's networks on the test part."""
    return score_on_test(final.ensemble(arms=winner), final.metric.measure)


def score_on_test(networks: Ensemble, measure: str) -> OnTest:
    """Evaluate networks on the test part, alone and together."""
    scores = networks.evaluate("test")
    values = scores.members[measure]
    return OnTest(
        Metric(f"test_{measure}"),
        scores.rows,
        len(values),
        tuple(values.tolist()),
        mean_interval(values),
        scores.ensemble[measure],
    )


def headline(final: Comparison) -> str:
    """Who is best, and who cannot be told from it, in one sentence.

    Args:
        final: of two finalists or more.
    """
    first = final.ranking[0]
    found = rivals(final)
    count = len(found) + 1
    kinds = {kind: [r for r in found if r.verdict == kind] for kind in _KINDS}
    level = kinds["tied"] + kinds["undecided"] + kinds["worse"]
    if not level:
        return f"{first} is the best of {count} finalists, judged on fresh seeds."
    size = len(level) + 1
    which = f"The best {_words(size)}" if size < count else f"The {_words(size)} finalists"
    state = "are tied" if len(kinds["tied"]) == len(level) else "cannot be told apart"
    lead = f"{which} {state}; {first} has the best mean."
    better = kinds["better"]
    return lead + (f" It is better than {counted(len(better), 'other')}." if better else "")


_KINDS: tuple[Verdict, ...] = ("better", "tied", "undecided", "worse")
_NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def _words(count: int) -> str:
    return _NUMBERS[count - 2] if 2 <= count <= 10 else str(count)
