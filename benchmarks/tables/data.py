"""The tables: those embedded in scikit-learn, and real ones from files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.table import Table, Task, categorised

if TYPE_CHECKING:
    import pandas as pd

EMBEDDED: Final = ("iris", "wine", "breast_cancer", "digits", "diabetes")
REAL: Final = ("titanic", "abalone", "wine quality", "california", "adult")
MOST_TRAIN_ROWS: Final = 8000
"""More would take hours with all contestants; every split draws them anew."""


def embedded(name: str) -> Table:
    """A data set that comes with scikit-learn; three quarters of its rows are trained on."""
    from sklearn import datasets

    bunch: Any = getattr(datasets, f"load_{name}")(as_frame=True)
    task: Task = "regression" if name == "diabetes" else "classification"
    y = bunch.target.to_numpy()
    if hasattr(bunch, "target_names"):
        y = np.asarray(bunch.target_names)[y]
    return _cut(name, task, bunch.data, y)


def real(name: str) -> Table | str:
    """A table of the folder `$SHOAL_DATA/tables`, or why it cannot be had."""
    folder = Path(os.environ.get("SHOAL_DATA", "."), "tables")
    try:
        return _REAL[name](folder)
    except OSError as error:
        return f"{name}: {error.strerror}; set SHOAL_DATA to the folder that has tables/"


def _read(path: Path, target: str) -> tuple[pd.DataFrame, NDArray[Any]]:
    import pandas as pd

    frame = pd.read_csv(path)
    return frame.drop(columns=target), frame[target].to_numpy()


def _titanic(folder: Path) -> Table:
    x, y = _read(folder / "titanic.csv", "survived")
    return _cut("titanic", "classification", x, y)


def _abalone(folder: Path) -> Table:
    x, y = _read(folder / "abalone.csv", "rings")
    return _cut("abalone", "regression", x, y.astype(np.float64))


def _wine_quality(folder: Path) -> Table:
    x, y = _read(folder / "wine_quality_white.csv", "quality")
    return _cut("wine quality", "regression", x, y.astype(np.float64))


def _california(folder: Path) -> Table:
    x, y = _read(folder / "california_housing.csv.gz", "median_house_value")
    return _cut("california", "regression", x, y / 1000)


def _adult(folder: Path) -> Table:
    import pandas as pd

    x, y = _read(folder / "adult_train.csv.gz", "income")
    more_x, more_y = _read(folder / "adult_test.csv.gz", "income")
    test = np.arange(len(y), len(y) + len(more_y))
    both = pd.concat([x, more_x], ignore_index=True)
    labels = np.concatenate([y, more_y])
    return Table(
        "adult", "classification", categorised(both), labels, MOST_TRAIN_ROWS, len(test), test
    )


_REAL: Final = {
    "titanic": _titanic,
    "abalone": _abalone,
    "wine quality": _wine_quality,
    "california": _california,
    "adult": _adult,
}


def _cut(name: str, task: Task, x: pd.DataFrame, y: NDArray[Any]) -> Table:
    """Three quarters of the rows for training, but not too many, and the rest for testing."""
    train = min(len(y) * 3 // 4, MOST_TRAIN_ROWS)
    return Table(name, task, categorised(x), y, train, min(len(y) - train, train // 3))
