"""Small data, small spaces, and recipes with distributions anywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
from shoal import Dataset, Recipe
from shoal.study.space import Space

sys.path.insert(0, str(Path(__file__).parent))  # for spaces.py
sys.path.insert(0, str(Path(__file__).parents[2]))  # for the simulator, which benchmarks have too


def _data(kind: str = "classes", seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((140, 5))
    hidden = np.tanh(x[:, :3] @ rng.standard_normal((3, 3)))
    y: Any = hidden.argmax(axis=1) if kind == "classes" else 5 * hidden[:, 0]
    return Dataset.from_arrays(x, y, valid=40, test=20)


@pytest.fixture(scope="session")
def data_of() -> Callable[..., Dataset]:
    """80 + 40 + 20 rows of 5 features: "classes" or "regression"."""
    return _data


@pytest.fixture(scope="session")
def data() -> Dataset:
    """3 classes."""
    return _data()


@pytest.fixture(scope="session")
def space() -> Recipe:
    """Three dimensions; two batch sizes, so two cohorts."""
    return Recipe(
        shoal.mlp([6]),
        shoal.SGD(lr=shoal.log_uniform(1e-3, 3.0)),
        weight_decay=shoal.log_uniform(1e-8, 1e-2),
        batch_size=shoal.choice([16, 20]),
    )


@pytest.fixture(scope="session")
def two_dimensions() -> Space:
    """lr and weight decay."""
    return Space(
        Recipe(
            shoal.mlp([4]),
            shoal.SGD(lr=shoal.log_uniform(1e-4, 1.0)),
            weight_decay=shoal.log_uniform(1e-8, 1e-2),
        )
    )


@pytest.fixture(scope="session")
def conditional() -> Space:
    """Momentum exists only under Momentum, a width for each network."""
    return Space(
        Recipe(
            shoal.choice(
                [
                    shoal.mlp([shoal.int_range(2, 4)]),
                    shoal.mlp(shoal.repeat(3, shoal.int_range(1, 2))),
                ]
            ),
            shoal.choice(
                [
                    shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)),
                    shoal.Momentum(
                        lr=shoal.log_uniform(1e-4, 0.1),
                        momentum=shoal.one_minus_log_uniform(0.5, 0.99),
                    ),
                ]
            ),
        )
    )
