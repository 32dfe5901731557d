"""What several tests of comparisons need: histories written by hand, and data that trains fast."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import SimpleNamespace

import numpy as np
import pytest

import shoal
from shoal.comparison import Comparison, Metric
from shoal.engine.cohort import Record
from shoal.engine.member import program_of

RECIPE = shoal.Recipe(shoal.mlp([2]), shoal.SGD())


def _history(
    members: Sequence[tuple[str, int]],
    loss: object,
    metrics: Mapping[str, object] | None = None,
    diverged: Sequence[int] | None = None,
) -> shoal.History:
    """A history that says what it is told.

    Args:
        members: arm and seed of each.
        loss: (members, steps).
        metrics: (members, evaluations) by name; the evaluations are the last steps.
        diverged: step of each, or -1.
    """
    loss = np.array(loss, np.float32)
    count, steps = loss.shape
    values = {name: np.array(v, np.float64) for name, v in (metrics or {}).items()}
    evaluations = max((v.shape[1] for v in values.values()), default=0)
    record = Record(
        loss=loss,
        gradient_norm=np.ones_like(loss),
        evaluated_at=np.arange(steps - evaluations, steps) + 1,
        metrics=values,
        read_at=np.empty(0, np.int64),
        readings=np.empty((count, 0, 0), np.float32),
        diverged=np.array([-1] * count if diverged is None else diverged),
        stopped=np.full(count, -1),
        dropped=np.full(count, -1),
        seconds=np.full(count, 0.25),
    )
    cohort = SimpleNamespace(
        index=range(count),
        record=record,
        step=steps,
        steps_per_epoch=1,
        program=program_of(RECIPE, (2,), 2, "classification"),
        channels=(),
    )
    named = [shoal.Member(RECIPE, seed, arm) for arm, seed in members]
    return shoal.History(named, [cohort])


def _comparison(
    arms: Mapping[str, Sequence[float]],
    metric: str = "test_accuracy",
    *,
    loss: Mapping[str, Sequence[float]] | None = None,
    **settings: object,
) -> Comparison:
    """A comparison of arms whose members end with these values of the metric; NaN is diverged.

    Args:
        arms: one value for each seed.
        metric: what they are values of.
        loss: the training loss of each, the same on all ten steps; 1 unless given.
        settings: of the Comparison.
    """
    members = [(arm, seed) for arm, values in arms.items() for seed in range(len(values))]
    values = np.array([[v] for arm in arms for v in arms[arm]], np.float64)
    losses = np.array([[1.0 if loss is None else loss[arm][seed]] for arm, seed in members])
    diverged = np.where(np.isnan(values[:, 0]), 3, -1)
    told = _history(members, losses * np.ones(10), {metric: values}, diverged)
    seeds = range(max(map(len, arms.values())))
    recipes = dict.fromkeys(arms, RECIPE)
    return Comparison(recipes, seeds, Metric(metric), told, shoal=None, **settings)


@pytest.fixture(scope="session")
def history_of() -> Callable[..., shoal.History]:
    """Makes a history that says what it is told."""
    return _history


@pytest.fixture(scope="session")
def comparison_of() -> Callable[..., Comparison]:
    """Makes a comparison of arms that end as they are told."""
    return _comparison


@pytest.fixture(scope="session")
def blobs() -> shoal.Dataset:
    """Three clouds of points in the plane, 150 in all: 90 to train on, 30 and 30."""
    rng = np.random.default_rng(0)
    y = np.arange(150) % 3
    x = rng.normal(size=(150, 2)) + 1.5 * np.array([[0, 1], [1, -1], [-1, -1]])[y]
    return shoal.Dataset.from_arrays(x, y, name="blobs")


@pytest.fixture(scope="session")
def line() -> shoal.Dataset:
    """Numbers that depend on two others."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2))
    y = 3 * x[:, 0] - x[:, 1] + 0.1 * rng.normal(size=100)
    return shoal.Dataset.from_arrays(x, y, name="line")
