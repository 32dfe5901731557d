"""Tables that are made up: what the settings of "tuned" were chosen on, beside the embedded sets.

Each has one difficulty that real tables have, so that a setting must do well with all of them:
inputs that say nothing, numbers with heavy tails, many levels, jumps, waves, counts. As rows cost
nothing here, every split takes new ones.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.table import Table, Task, categorised

if TYPE_CHECKING:
    import pandas as pd

TRAIN_ROWS: Final = 1500
TEST_ROWS: Final = 1000
SPLITS: Final = 10
ROWS: Final = SPLITS * (TRAIN_ROWS + TEST_ROWS)
Array = NDArray[Any]


def generated() -> list[Table]:
    """All of them."""
    return [
        table("clusters", "classification", *_clusters()),
        table("circles", "classification", *_circles()),
        table("counts", "classification", *_counts()),
        table("levels", "classification", *_levels(labels=True)),
        table("levels, numbers", "regression", *_levels(labels=False)),
        table("heavy tails", "regression", *_heavy_tails()),
        table("patches", "regression", *_patches()),
        *(table(f"Friedman {i}", "regression", *_friedman(i)) for i in (1, 2, 3)),
    ]


def table(name: str, task: Task, x: pd.DataFrame, y: Array) -> Table:
    """A table of which each split has 1,500 training rows and 1,000 test rows of its own."""
    return Table(name, task, categorised(x), y, TRAIN_ROWS, TEST_ROWS, fresh=True)


def _frame(x: Array) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(x, columns=[f"x{i}" for i in range(x.shape[1])])


def _clusters() -> tuple[pd.DataFrame, Array]:
    """Four classes in clusters, 6 of 20 inputs say something, 1 label in 20 is wrong."""
    from sklearn.datasets import make_classification

    x, y = make_classification(
        ROWS,
        n_features=20,
        n_informative=6,
        n_redundant=4,
        n_classes=4,
        n_clusters_per_class=3,
        flip_y=0.05,
        class_sep=1.2,
        random_state=1,
    )
    return _frame(x), y


def _circles() -> tuple[pd.DataFrame, Array]:
    """Two rings, one in the other, and 8 inputs of noise."""
    from sklearn.datasets import make_circles

    x, y = make_circles(ROWS, noise=0.15, factor=0.5, random_state=2)
    noise = np.random.default_rng(2).standard_normal((ROWS, 8))
    return _frame(np.hstack([x, noise])), y


def _counts() -> tuple[pd.DataFrame, Array]:
    """100 columns of rare counts, 15 of which say something."""
    random = np.random.default_rng(3)
    x = random.poisson(random.gamma(0.5, 1.0, 100), (ROWS, 100))
    z = np.log1p(x[:, :15]) @ random.normal(0, 1.2, 15) + 1.5 * (x[:, 0] > 0) * (x[:, 1] > 0)
    return _frame(x.astype(np.float64)), _labels(z, random)


def _levels(labels: bool) -> tuple[pd.DataFrame, Array]:
    """Columns of 3, 8, 30 and 60 levels, three numbers, gaps, and effects that depend on levels."""
    random = np.random.default_rng(4)
    sizes = (3, 8, 30, 60)
    codes = np.column_stack([(random.random(ROWS) ** 2 * size).astype(np.int64) for size in sizes])
    numbers = np.column_stack(
        [random.normal(size=ROWS), random.lognormal(0, 1, ROWS), random.uniform(-1, 1, ROWS)]
    )
    effects = [random.normal(0, 0.8, size) for size in sizes]
    z = sum(effect[codes[:, i]] for i, effect in enumerate(effects))
    z = z + random.normal(0, 1.5, 8)[codes[:, 1]] * numbers[:, 0]
    z = z + np.log(numbers[:, 1]) * (codes[:, 0] == 0) + np.sin(4 * numbers[:, 2])
    numbers[random.random(numbers.shape) < 0.05] = np.nan
    frame = _frame(numbers)
    for i in range(len(sizes)):
        frame[f"kind{i}"] = [f"level {code}" for code in codes[:, i]]
    return frame, _labels(z, random) if labels else z + random.normal(0, 0.5, ROWS)


def _heavy_tails() -> tuple[pd.DataFrame, Array]:
    """Inputs over many orders of magnitude with outliers; the target follows their logarithms."""
    random = np.random.default_rng(5)
    z = random.normal(size=(ROWS, 8))
    x = np.exp(z * np.array([1.0, 1, 1.5, 1.5, 0.5, 0.5, 2, 1]))
    wild = random.random(x.shape) < 0.005
    x[wild] *= 100
    y = z[:, 0] * z[:, 1] + np.abs(z[:, 2]) + np.tanh(2 * z[:, 4]) + 0.5 * z[:, 6]
    return _frame(x), y + 0.3 * random.standard_t(3, ROWS)


def _patches() -> tuple[pd.DataFrame, Array]:
    """A map: levels that jump from patch to patch, waves along the way, two plain inputs."""
    random = np.random.default_rng(6)
    x = random.uniform(0, 1, (ROWS, 5))
    height = random.normal(size=(6, 6))
    patch = height[(x[:, 0] * 6).astype(int), (x[:, 1] * 6).astype(int)]
    y = patch + 0.7 * np.sin(12 * x[:, 0]) + x[:, 2] + (x[:, 3] > 0.5) * x[:, 1]
    return _frame(x), y + random.normal(0, 0.2, ROWS)


def _friedman(which: int) -> tuple[pd.DataFrame, Array]:
    """The functions of Friedman (1991), with noise."""
    from sklearn import datasets

    make: dict[int, Callable[..., tuple[Array, Array]]] = {
        1: lambda: datasets.make_friedman1(ROWS, n_features=15, noise=1.0, random_state=7),
        2: lambda: datasets.make_friedman2(ROWS, noise=100.0, random_state=8),
        3: lambda: datasets.make_friedman3(ROWS, noise=0.1, random_state=9),
    }
    x, y = make[which]()
    return _frame(x), y


def _labels(z: Array, random: np.random.Generator) -> Array:
    """Two classes, about as many of each, less certain near the border."""
    z = z - np.median(z)
    return np.where(random.random(len(z)) < 1 / (1 + np.exp(-2 * z)), "yes", "no")
