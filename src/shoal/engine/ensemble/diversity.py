"""Diversity: how far members differ in what they say, what that gives, and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.ensemble.predictions import Predictions, TargetPredictions
from shoal.engine.executor import one_blas_thread
from shoal.engine.member import Member

Values = NDArray[np.float64]


@dataclass(frozen=True)
class PairKind:
    """Pairs of members that have the same things in common.

    Attributes:
        name: what the two share: "same arm", "same seed", "both" or "neither".
        pairs: how many.
        disagreement, error_correlation: mean over these pairs, as in `Diversity`.
    """

    name: str
    pairs: int
    disagreement: float
    error_correlation: float


@dataclass(frozen=True)
class Diversity:
    """How far the members of an ensemble differ on one part, and what that gives.

    ensemble loss = mean loss of the members - ambiguity

    For squared error this is the identity of Krogh and Vedelsby (1995): the ambiguity is the mean
    square of the members' deviations from their mean. For cross-entropy it is the gap of Jensen's
    inequality, mean of log(p̄ₜ / pₘₜ) over members. Either way it is never negative: an ensemble's
    loss is never above the mean loss of its members (its accuracy can be below their mean).

    Attributes:
        part: of the data.
        members: how many.
        disagreement: share of rows on which two members name different classes (of labels, where
            a row has several), mean over pairs; NaN for numbers and for one member.
        error_correlation: of two members' errors over the rows, mean over pairs. Errors are 0 or 1
            for classes and labels, prediction - target for numbers (mean over targets or labels).
            NaN where no pair has one, as where nobody errs.
        mean_loss: mean loss of the members.
        ambiguity: what averaging takes off.
        loss: of the ensemble.
        kinds: the same over pairs of one arm, of one seed (which share weights' draws, batches and
            masks), of neither; those that there are.
    """

    part: str
    members: int
    disagreement: float
    error_correlation: float
    mean_loss: float
    ambiguity: float
    loss: float
    kinds: tuple[PairKind, ...]

    def __str__(self) -> str:
        first = (
            f"{self.part} loss {self.loss:.4g} = {self.mean_loss:.4g}, the mean of "
            f"{self.members} members, − {self.ambiguity:.4g}, their ambiguity"
        )
        everyone = PairKind(
            "all", math.comb(self.members, 2), self.disagreement, self.error_correlation
        )
        lines = [f"{'pairs':<10}  {'number':>6}  {'disagreement':>12}  {'error correlation':>17}"]
        for kind in (everyone, *self.kinds) if everyone.pairs else ():
            share = f"{100 * kind.disagreement:.2f} %" if math.isfinite(kind.disagreement) else "–"
            errors = (
                f"{kind.error_correlation:.3f}" if math.isfinite(kind.error_correlation) else "–"
            )
            lines.append(f"{kind.name:<10}  {kind.pairs:>6}  {share:>12}  {errors:>17}")
        return "\n".join([first, *(["", *lines] if everyone.pairs else [])])


def diversity_of(predictions: Predictions, members: Sequence[Member], part: str) -> Diversity:
    """Diversity of members whose predictions these are, in the same order."""
    count = len(members)
    first, second = np.triu_indices(count, 1)
    if isinstance(predictions, TargetPredictions):
        disagreements = np.full(len(first), np.nan)
    else:
        labels = predictions.labels.reshape(count, -1)
        disagreements = disagreement(labels)[first, second]
    correlations = correlation(predictions.errors)[first, second]
    arms, seeds = (np.array(v) for v in zip(*((m.arm, m.seed) for m in members), strict=True))
    same_arm, same_seed = arms[first] == arms[second], seeds[first] == seeds[second]
    kinds = [
        PairKind(name, int(at.sum()), mean_known(disagreements[at]), mean_known(correlations[at]))
        for name, at in (
            ("same arm", same_arm & ~same_seed),
            ("same seed", same_seed & ~same_arm),
            ("both", same_arm & same_seed),
            ("neither", ~same_arm & ~same_seed),
        )
        if at.any()
    ]
    mean_loss = float(predictions.of_members()["loss"].mean())
    return Diversity(
        part,
        count,
        mean_known(disagreements),
        mean_known(correlations),
        mean_loss,
        predictions.ambiguity(),
        float(predictions.of_averages(np.full((1, count), 1 / count))["loss"][0]),
        tuple(kinds),
    )


def disagreement(labels: NDArray[Any]) -> Values:
    """Share of rows on which two members differ: (members, rows) -> (members, members).

    >>> disagreement(np.array([[0, 1, 2, 2], [0, 1, 1, 1]]))
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    return np.array([(labels != mine).mean(axis=-1) for mine in labels])


def correlation(errors: Values) -> Values:
    """Pearson's correlation over rows: (members, rows) -> (members, members), NaN of constants.

    With several targets (members, rows, targets) the mean over the targets that have one.

    >>> correlation(np.array([[0.0, 1.0, 0.0, 1.0], [1.0, 0.0, 1.0, 0.0]])).round(12)
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    targets = np.moveaxis(errors, -1, 0) if errors.ndim == 3 else errors[None]
    found = []
    for error in targets:
        away = error - error.mean(axis=-1, keepdims=True)
        away[(error == error[:, :1]).all(axis=-1)] = 0  # rounding of the mean is no variation
        with one_blas_thread():
            products = away @ away.T
        norms = np.sqrt(products.diagonal())
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(products / np.outer(norms, norms))
    return _mean_known(np.array(found))


def _mean_known(values: Values) -> Values:
    """Mean over the first axis of what is not NaN; NaN if all of it is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=0) / known.sum(axis=0))


def mean_known(values: Values) -> float:
    """Mean of what is not NaN; NaN if all of it is, or nothing is there."""
    return float(_mean_known(values))
