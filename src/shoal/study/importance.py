"""Which hyperparameters matter: how much of the variance of the score each explains.

Functional analysis of variance (Hutter, Hoos and Leyton-Brown 2014): a random forest learns the
score from where a trial lies in the space, and the variance of what it says over the whole space is
divided among the dimensions. All is done on the unit cube, where the dimensions are independent and
uniform; f(u) is what the forest says of the trial at u.

A dimension d that exists where E holds (its optimizer was chosen, say), with probability p, gets

    p · Var_u ( mean of f over all other dimensions, given E and u_d = u ) / Var f

and two dimensions together what they add to that where both exist. Each share is the variance of a
part of f, and these parts are orthogonal: so all shares, of dimensions and of pairs, add up to at
most 1. What is missing are interactions of three and more, and pairs that were not looked at.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.distributions import Choice, IntRange
from shoal.errors import ShoalError
from shoal.rng import generator
from shoal.study.space import Dimension, Space
from shoal.study.trial import Trial

TREES = 100
REPEATS = 10
"""Forests on resampled trials, for intervals."""
TREES_OF_REPEATS = 20
BACKGROUND = 256
"""Points of the space over which the forest is averaged."""
GRID = 16
"""Values of a range at which its effect is taken."""
LEAST = 12
"""With fewer trials nothing is said."""
MOST = 1000
"""Of more trials so many are drawn; ten thousand would take a minute to say the same."""
PAIRS_OF = 5
"""Pairs are looked at among so many dimensions that matter most."""
FAR = 4.0
NO_VARIANCE = 1e-18
ABSENT = -1.0
"""Where a dimension that does not exist lies, outside of [0, 1]."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Importance:
    """Shares of the variance of the score over the space; together at most 1.

    Attributes:
        main: by path; largest first.
        pairs: what two dimensions explain together beyond that, by two paths; largest first.
        explained: R² of the forest on trials that its trees have not seen; where it is near 0 the
            shares mean nothing.
        trials: that it was learned from.
        ranges: lowest and highest share by path over forests that learned from resampled trials.
        given: trials that there were; more than `trials` if they were thinned.
    """

    main: dict[str, float]
    pairs: dict[tuple[str, str], float]
    explained: float
    trials: int
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    given: int = 0


def importance(
    space: Space, trials: Sequence[Trial], scores: Sequence[float], seed: int = 0
) -> Importance:
    """How much of the variance of the scores each dimension explains.

    Args:
        space: what was searched.
        trials: with values in it.
        scores: of each; a diverged one's (-inf) counts as the worst finite one. What lies far below
            all others is brought nearer: one trial must not be all of the variance.
        seed: of the forests.

    Raises:
        ShoalError: too few trials to say anything.
    """
    from sklearn.ensemble import RandomForestRegressor

    y = np.asarray(scores, np.float64)
    finite = np.isfinite(y)
    if finite.sum() < LEAST:
        raise ShoalError(
            f"importance needs at least {LEAST} trials with a score, not {int(finite.sum())}"
        )
    kept: NDArray[Any] = np.arange(len(y))
    if len(y) > MOST:
        kept = np.sort(generator(seed, "sample", 2).choice(len(y), MOST, replace=False))
    y = _without_outliers(y)[kept]
    x = np.array([places(space, trials[i].values) for i in kept])
    paths = [dimension.path for dimension in space.dimensions]
    if y.min() == y.max():
        nothing = dict.fromkeys(paths, 0.0)
        ranges = dict.fromkeys(paths, (0.0, 0.0))
        return Importance(nothing, {}, 0.0, len(y), ranges, len(scores))
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=2, oob_score=True, bootstrap=True, random_state=seed
    ).fit(x, y)
    effects = Effects(space, forest.predict, seed)
    main = effects.mains()
    repeats = []
    for repeat in range(REPEATS):
        drawn = generator(seed, "sample", 3, repeat).integers(0, len(y), len(y))
        other = RandomForestRegressor(
            TREES_OF_REPEATS, min_samples_leaf=2, random_state=seed + 1 + repeat
        ).fit(x[drawn], y[drawn])
        repeats.append(Effects(space, other.predict, seed).mains())
    largest = sorted(main, key=lambda path: -main[path])[:PAIRS_OF]
    pairs = effects.pairs([path for path in paths if path in largest])
    return Importance(
        dict(sorted(main.items(), key=lambda item: -item[1])),
        dict(sorted(pairs.items(), key=lambda item: -item[1])),
        float(forest.oob_score_),
        len(y),
        {
            path: (
                min(main[path], *(r[path] for r in repeats)),
                max(main[path], *(r[path] for r in repeats)),
            )
            for path in paths
        },
        len(scores),
    )


def _without_outliers(y: Values) -> Values:
    """Scores without infinities, and none that would outweigh all others.

    A tenth of them at most is brought nearer: to `FAR` times as far from the best as the median.
    """
    finite = y[np.isfinite(y)]
    best, middle = float(finite.max()), float(np.median(finite))
    floor = float(finite.min())
    if best > middle:
        far = best - FAR * (best - middle)
        floor = max(floor, min(far, float(np.quantile(finite, 0.1))))
    return np.maximum(np.where(np.isfinite(y), y, floor), floor)


def places(space: Space, values: dict[str, Any]) -> list[float]:
    """Where values lie in the unit cube; `ABSENT` for dimensions that do not exist."""
    return [
        dimension.distribution.place(values[dimension.path]) if dimension.path in values else ABSENT
        for dimension in space.dimensions
    ]


class Effects:
    """Shares of the variance of a function over a space.

    Args:
        space: the dimensions.
        f: from places (points, dimensions), as `places` gives them, to a number for each point.
        seed: of the points over which it is averaged.
        background: how many points.
    """

    def __init__(
        self, space: Space, f: Callable[[Values], Values], seed: int = 0, background: int = 0
    ) -> None:
        self.space = space
        self.f = f
        self._at = {d.path: i for i, d in enumerate(space.dimensions)}
        self._u = _spread_points(background or BACKGROUND, len(space.dimensions), seed)
        self._exists = encode(space, self._u) != ABSENT
        self.variance = self._variance()

    def _variance(self) -> float:
        """Of f over the space, from four times the points."""
        points = _spread_points(4 * len(self._u), self._u.shape[1], 1)
        return float(self.f(encode(self.space, points)).var())

    def mains(self) -> dict[str, float]:
        """The share of each dimension."""
        parts = {path: self._part([path]) for path in self._at}
        # both are means over finitely many points; a share of more than all would make no sense
        self.variance = max(self.variance, sum(parts.values()))
        return {path: self._share(part) for path, part in parts.items()}

    def pairs(self, paths: Sequence[str]) -> dict[tuple[str, str], float]:
        """What pairs of these dimensions explain beyond their own shares."""
        found = {}
        for a, b in combinations(paths, 2):
            if not self._nested(a, b) and (self._exists_at(a) & self._exists_at(b)).any():
                found[a, b] = self._share(self._part([a, b]))
        return found

    def _share(self, part: float) -> float:
        return part / self.variance if self.variance > NO_VARIANCE else 0.0

    def _exists_at(self, path: str) -> NDArray[np.bool_]:
        exists: NDArray[np.bool_] = self._exists[:, self._at[path]]
        return exists

    def _nested(self, a: str, b: str) -> bool:
        """Whether one exists only for one option of the other, so that nothing is left to pair."""
        needs = [dict(self.space[path].needs) for path in (a, b)]
        return a in needs[1] or b in needs[0]

    def _part(self, paths: list[str]) -> float:
        """p · variance of the pure effect of one or two dimensions."""
        among = np.all([self._exists_at(path) for path in paths], axis=0)
        if not among.any():
            return 0.0
        grids = [grid(self.space[path]) for path in paths]
        mesh = np.stack(np.meshgrid(*grids, indexing="ij"), axis=-1).reshape(-1, len(paths))
        base = self._u[among]
        if len(paths) > 1:
            base = base[:: max(1, len(base) // 64)]
        moved = np.repeat(base[None], len(mesh), axis=0)
        for k, path in enumerate(paths):
            moved[:, :, self._at[path]] = mesh[:, k, None]
        said = self.f(encode(self.space, moved.reshape(-1, base.shape[1])))
        means = said.reshape(*(len(g) for g in grids), len(base)).mean(axis=-1)
        for axis in range(len(paths)):  # what the one or the other does alone is not theirs
            means = means - means.mean(axis=axis, keepdims=True)
        return float(among.mean() * (means**2).mean())


def grid(dimension: Dimension) -> Values:
    """The u of values that stand for all of a dimension, each for the same share of it."""
    if isinstance(dimension.distribution, Choice):
        count = len(dimension.distribution.options)
    else:
        count = GRID
    points: Values = (np.arange(count) + 0.5) / count
    return points


def encode(space: Space, u: Values) -> Values:
    """Points of the unit cube as a forest sees them, (points, dimensions), see `places`."""
    x = np.empty_like(u)
    labels: dict[str, NDArray[np.int64]] = {}
    for i, dimension in enumerate(space.dimensions):
        distribution, column = dimension.distribution, u[:, i]
        if isinstance(distribution, Choice):
            count = len(distribution.options)
            chosen = np.minimum((column * count).astype(np.int64), count - 1)
            labels[dimension.path] = chosen
            x[:, i] = (chosen + 0.5) / count
        elif isinstance(distribution, IntRange):
            known: dict[float, float] = {}
            for at in column.tolist():
                if at not in known:
                    known[at] = distribution.place(distribution.value(at))
            x[:, i] = [known[at] for at in column.tolist()]
        else:
            x[:, i] = column
        for path, label in dimension.needs:
            options = space[path].distribution.ends
            x[labels[path] != options.index(label), i] = ABSENT
            absent = x[:, [d.path for d in space.dimensions].index(path)] == ABSENT
            x[absent, i] = ABSENT
    return x


def _spread_points(count: int, dimensions: int, seed: int) -> Values:
    """Points of the unit cube that cover each dimension evenly (a Latin hypercube)."""
    random = generator(seed, "sample", 1)
    order = np.stack([random.permutation(count) for _ in range(dimensions)], axis=1)
    points: Values = (order + random.random((count, dimensions))) / count
    return points


def comparable_scores(trials: Sequence[Trial]) -> tuple[list[Trial], list[float]]:
    """Trials and scores at one budget: the largest that at least half of all trials came to.

    Scores after different budgets cannot be held against each other. A trial that diverged on the
    way counts as -inf.
    """
    reached = sorted((trial.budget for trial in trials if trial.state != "diverged"), reverse=True)
    if not reached:
        return [], []
    budget = reached[(len(reached) - 1) // 2]
    chosen, scores = [], []
    for trial in trials:
        at = [score for b, score, _ in trial.curve if b <= budget]
        if trial.state == "diverged" and trial.budget <= budget:
            chosen.append(trial)
            scores.append(-math.inf)
        elif at and trial.budget >= budget:
            chosen.append(trial)
            scores.append(at[-1])
    return chosen, scores
