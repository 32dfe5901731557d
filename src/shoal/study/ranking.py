"""Which trials may be the best: what the size of the validation part lets one say.

A score is a mean over n rows that were drawn by chance, so it has a standard error:

    accuracy p     √( p (1 - p) / n ),  with p̃ = (k + 1) / (n + 2), so that it is never 0
    RMSE r         r / √(2n)            for normal errors
    R²             (1 - R²) √(2 / n)    for normal errors
    a loss l       l √(2 / n)           squared errors; of cross-entropy at least that

Two scores differ by chance with √(se² + se²): both were measured on the same rows, on which good
networks mostly err together, so this is too much rather than too little.

Of m trials those are *tied with the best* that lie within z(1 - 0.05 / (m - 1)) such errors of the
highest score (subset selection: Gupta 1965, by Bonferroni's inequality). The one that is truly the
best is among them with 95 % certainty, however many trials there are. What a seed adds is not
known from a single one; the finalists on fresh seeds tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.comparison.metrics import Metric
from shoal.study.trial import Trial

if TYPE_CHECKING:
    from shoal.study.result import Study

LEVEL = 0.05
EDGE = 0.1
"""Of a range, in u, that counts as its edge."""


def standard_error(metric: Metric, value: float, rows: int) -> float:
    """Of one score, from the chance of the rows it was measured on.

    >>> round(standard_error(Metric("valid_accuracy"), 0.9, 100), 4)
    0.031
    >>> round(standard_error(Metric("valid_rmse"), 2.0, 200), 4)
    0.1
    """
    match metric.measure:
        case "accuracy" | "hamming":
            p = (value * rows + 1) / (rows + 2)
            return math.sqrt(p * (1 - p) / rows)
        case "rmse":
            return value / math.sqrt(2 * rows)
        case "r2":
            return (1 - value) * math.sqrt(2 / rows)
    return value * math.sqrt(2 / rows)


def rows_judged(study: Study) -> int:
    """Rows of the validation part that scores were measured on."""
    settings = study.facts.get("settings", {})
    most = settings.get("evaluate_rows")
    rows = len(study.data.valid)
    return min(rows, most) if most else rows


def tied_with_best(study: Study) -> list[Trial]:
    """Trials trained as long as the best that the validation part cannot tell from it; best first.

    The truly best of them, for this seed, is among these with 95 % certainty.
    """
    ranked = study.ranked
    if not ranked:
        return []
    rivals = [trial for trial in ranked if trial.budget == ranked[0].budget]
    scores = np.array([trial.score for trial in rivals])
    within = within_reach(study.plan.metric, scores, rows_judged(study))
    return [trial for trial, near in zip(rivals, within, strict=True) if near]


def within_reach(metric: Metric, scores: NDArray[np.float64], rows: int) -> NDArray[np.bool_]:
    """Which scores the rows cannot tell from the highest.

    Args:
        metric: they are of.
        scores: higher is better, so of a metric that should be low with a minus.
        rows: they were measured on.

    >>> within_reach(Metric("valid_accuracy"), np.array([0.95, 0.94, 0.7]), 400)
    array([ True,  True, False])
    """
    from statistics import NormalDist

    sign = 1 if metric.higher_is_better else -1
    if len(scores) < 2:
        return np.ones(len(scores), bool)
    reach = NormalDist().inv_cdf(1 - LEVEL / (len(scores) - 1))
    errors = np.array([standard_error(metric, sign * s, rows) for s in scores.tolist()])
    best = int(np.argmax(scores))
    near: NDArray[np.bool_] = scores[best] - scores <= reach * np.hypot(errors, errors[best])
    return near


def at_edge(
    study: Study, trials: Sequence[Trial], share: float = EDGE
) -> list[tuple[str, str, float]]:
    """Dimensions whose best values crowd at an end of their range: (path, which end, the end).

    The best recipe may then lie beyond it. An end that is the end of what makes sense (no decay,
    no dropout, one layer) is not counted.

    Args:
        study: whose space.
        trials: the best ones.
        share: of the range, in u, that counts as its edge.
    """
    from shoal.distributions import Choice, IntRange

    found = []
    for dimension in study.space.dimensions:
        distribution = dimension.distribution
        if isinstance(distribution, Choice):
            continue
        places = [
            distribution.place(trial.values[dimension.path])
            for trial in trials
            if dimension.path in trial.values
        ]
        if not places:
            continue
        low, high = distribution.ends
        # the outermost whole number lies half a step inside
        inside = share
        if isinstance(distribution, IntRange):
            inside = max(share, 1.01 * distribution.place(low), 1.01 - distribution.place(high))
        middle = median(places)
        least = 1 if isinstance(distribution, IntRange) else 0
        if middle < min(inside, 0.5) and low != least:
            found.append((dimension.path, "lower", low))
        elif middle > 1 - min(inside, 0.5):
            found.append((dimension.path, "upper", high))
    return found
