"""Tuning: before arms are compared, each gets the same budget to find its own best setting."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from shoal.comparison.curves import final_values
from shoal.comparison.metrics import Metric
from shoal.engine import History, Member, Recipe
from shoal.errors import ShoalError, check_number

Grid = Mapping[str, Sequence[Any]]
Point = dict[str, Any]

_EXAMPLE = "{'optimizer.lr': shoal.log_grid(1e-4, 1, 13)}"


def log_grid(low: float, high: float, count: int) -> tuple[float, ...]:
    """Numbers from low to high with a constant ratio.

    >>> log_grid(0.001, 1, 4)
    (0.001, 0.01, 0.1, 1.0)
    """
    check_number("low", low, above=0)
    check_number("high", high, above=low)
    check_number("count", count, least=2, most=10_000, whole=True)
    return tuple(float(f"{x:.6g}") for x in np.geomspace(low, high, count))


def grids_of(tune: Mapping[str, Any], arms: Sequence[str]) -> dict[str, Grid]:
    """The grid of each arm: the same for all, or one by the name of each arm.

    Raises:
        ShoalError: empty or unequal grids, or arms that do not fit.
    """
    if not isinstance(tune, Mapping):
        raise ShoalError(f"tune={tune!r} must be values by setting, such as {_EXAMPLE}")
    if tune and all(isinstance(value, Mapping) for value in tune.values()):
        missing = [arm for arm in arms if arm not in tune]
        strange = [name for name in tune if name not in arms]
        if missing or strange:
            raise ShoalError(
                f"tune has grids for {', '.join(tune)}; the arms are {', '.join(arms)}"
            )
        grids: dict[str, Grid] = {arm: _listed(tune[arm]) for arm in arms}
    else:
        grids = {arm: _listed(tune) for arm in arms}
    budgets = {arm: len(points_of(grid)) for arm, grid in grids.items()}
    if len(set(budgets.values())) > 1:
        raise ShoalError(f"every arm must get the same tuning budget, not {budgets} settings")
    return grids


def _listed(grid: Mapping[str, Any]) -> Grid:
    """The grid with arrays as lists; every setting must have values."""
    listed = {p: v.tolist() if isinstance(v, np.ndarray) else v for p, v in grid.items()}
    for path, values in listed.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not len(values):
            raise ShoalError(f"tune[{path!r}]={values!r} must be a list, such as in {_EXAMPLE}")
    return listed


def points_of(grid: Grid) -> list[Point]:
    """All combinations of a grid."""
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


@dataclass(frozen=True)
class Sensitivity:
    """How an arm did at each setting that was tried.

    Attributes:
        arm: its name.
        points: the settings.
        values: validation metric (points, seeds) at the end; NaN where diverged.
        best: number of the chosen point; None if every one diverged.
        edges: settings whose best value lies at the edge of its range.
    """

    arm: str
    points: tuple[Point, ...]
    values: tuple[tuple[float, ...], ...]
    best: int | None
    edges: tuple[str, ...]


@dataclass(frozen=True)
class Tuning:
    """The outcome of tuning all arms with the same budget.

    Attributes:
        metric: what it was judged by, always on the validation part.
        budget: trainings per arm.
        seeds: seeds used, none of which the comparison uses.
        arms: sensitivity of each arm.
    """

    metric: Metric
    budget: int
    seeds: tuple[int, ...]
    arms: tuple[Sensitivity, ...]

    @property
    def chosen(self) -> str:
        """What each arm was given, in words."""
        return "; ".join(
            f"{s.arm} {', '.join(f'{k} = {v}' for k, v in s.points[s.best].items())}"
            if s.best is not None
            else f"{s.arm} diverged everywhere"
            for s in self.arms
        )

    @property
    def warnings(self) -> list[str]:
        """What the reader should know: optima at an edge, arms that always diverged."""
        lines = []
        for s in self.arms:
            if s.best is None:
                lines.append(f"{s.arm}: every setting diverged; lower the range")
            lines += [
                f"{s.arm}: the best {path} = {s.points[s.best][path]:g} "
                "lies at the edge of its range; widen it"
                for path in s.edges
                if s.best is not None
            ]
        return lines


def tuning_members(
    recipes: Mapping[str, Recipe], grids: Mapping[str, Grid], seeds: Sequence[int]
) -> list[Member]:
    """A member for every arm, point of its grid and seed, in this order."""
    members = []
    for arm, recipe in recipes.items():
        for point in points_of(grids[arm]):
            try:
                tuned = recipe.replace(point)
            except ShoalError as error:
                hints = [_meant(path, recipe) for path in point if "." not in path]
                raise ShoalError(
                    f"tune: arm {arm!r} cannot take {point}: {''.join(hints) or error}"
                ) from None
            members += [Member(tuned, seed, arm) for seed in seeds]
    return members


def _meant(path: str, recipe: Recipe) -> str:
    """Where a setting is that was named without its place, such as "lr"; "" if it has none."""
    settings = {
        "optimizer": [f.name for f in fields(recipe.optimizer)],
        "network": ["hidden", "activation", "batch_norm", "dropout"],
        "schedule": [f.name for f in fields(recipe.schedule)] if recipe.schedule else [],
    }
    places = [f"{place}.{path}" for place, names in settings.items() if path in names]
    return f"{path!r} is no setting of a recipe: did you mean {places[0]!r}?" if places else ""


def judge_tuning(
    history: History, grids: Mapping[str, Grid], seeds: Sequence[int], metric: Metric
) -> Tuning:
    """Choose each arm's best point: best mean over seeds, among those where none diverged."""
    sign = 1 if metric.higher_is_better else -1
    values = final_values(history, metric).reshape(-1, len(seeds))
    # equal accuracies are frequent on few rows; the loss then decides
    tiebreak = final_values(history, Metric("valid_loss")).reshape(-1, len(seeds))
    arms, at = [], 0
    for arm, grid in grids.items():
        points = points_of(grid)
        block = slice(at, at + len(points))
        at += len(points)
        # one seed that diverged makes a mean NaN, and the setting out of the question
        score, loss = sign * values[block].mean(axis=1), tiebreak[block].mean(axis=1)
        order = np.lexsort((np.nan_to_num(loss, nan=np.inf), np.nan_to_num(-score, nan=np.inf)))
        best = int(order[0]) if np.isfinite(score).any() else None
        arms.append(
            Sensitivity(
                arm,
                tuple(points),
                tuple(tuple(float(v) for v in row) for row in values[block]),
                best,
                _edges(grid, points[best]) if best is not None else (),
            )
        )
    budget = len(points_of(next(iter(grids.values())))) * len(seeds)
    return Tuning(metric, budget, tuple(seeds), tuple(arms))


def _edges(grid: Grid, best: Point) -> tuple[str, ...]:
    """Numeric settings with more than two values whose best one is the smallest or largest."""
    return tuple(
        path
        for path, values in grid.items()
        if len(values) > 2
        and all(isinstance(v, int | float) and not isinstance(v, bool) for v in values)
        # nothing lies below 0, such as no decay or no dropout
        and best[path] in {min(values), max(values)} - {0}
    )


def best_with_each(
    points: Sequence[Mapping[str, Any]],
    values: Sequence[Sequence[float]],
    path: str,
    higher_is_better: bool,
) -> list[tuple[Any, int | None]]:
    """Each value of one setting, and the number of the best point that has it.

    Args:
        points: the settings that were tried.
        values: of the metric, (points, seeds); NaN where diverged.
        path: the setting.
        higher_is_better: of the metric.

    Returns:
        Values in the order tried; None for one with which every point had a seed that diverged.

    >>> points = [{"lr": 1, "decay": 0}, {"lr": 1, "decay": 1}, {"lr": 2, "decay": 0}]
    >>> best_with_each(points, [[0.5, 0.5], [0.9, 0.7], [0.9, np.nan]], "lr", True)
    [(1, 1), (2, None)]
    """
    sign = 1 if higher_is_better else -1
    means = sign * np.mean(np.asarray(values, np.float64), axis=1)
    tried: list[Any] = []
    for point in points:
        if point[path] not in tried:
            tried.append(point[path])
    best: list[tuple[Any, int | None]] = []
    for value in tried:
        at = [i for i, p in enumerate(points) if p[path] == value and np.isfinite(means[i])]
        best.append((value, max(at, key=lambda i: float(means[i])) if at else None))
    return best
