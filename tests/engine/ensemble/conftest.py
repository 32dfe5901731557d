"""Predictions made up by hand or drawn, and trained members of two kinds."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from shoal import SGD, Adam, Recipe, Trainer, mlp
from shoal.engine.ensemble.predictions import ClassPredictions, TargetPredictions

ARMS = {
    "small": Recipe(mlp([8]), Adam(lr=0.02), batch_size=16),
    "deep": Recipe(mlp([6, 5], batch_norm=True), SGD(lr=0.1), batch_size=15),
    "wild": Recipe(mlp([8, 8, 8]), SGD(lr=1e6), batch_size=16),
}
SEEDS = [3, 0, 5]


def _classes(members: int, rows: int, classes: int, seed: int = 0) -> ClassPredictions:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, rows)
    z = 2 * rng.normal(size=(members, rows, classes)).astype(np.float32)
    z[:, np.arange(rows), y] += 1
    return ClassPredictions(z, y)


def _targets(members: int, rows: int, targets: int, seed: int = 0) -> TargetPredictions:
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(rows, targets)).astype(np.float32)
    said = (y + rng.normal(size=(members, rows, targets))).astype(np.float32)
    return TargetPredictions(said, y, 10.0 ** np.arange(targets))


@pytest.fixture(scope="session")
def classes_of() -> Callable[..., ClassPredictions]:
    return _classes


@pytest.fixture(scope="session")
def targets_of() -> Callable[..., TargetPredictions]:
    return _targets


@pytest.fixture(scope="session")
def trained(data_of) -> Trainer:
    """Three arms, three seeds each; all of the last one diverge."""
    return Trainer(ARMS, data_of("classes"), epochs=6, seeds=SEEDS).run()


@pytest.fixture(scope="session")
def regressors(data_of) -> Trainer:
    """Two arms, three seeds each, three targets of different scale."""
    arms = {name: ARMS[name] for name in ("small", "deep")}
    return Trainer(arms, data_of("regression"), epochs=6, seeds=SEEDS).run()
