"""RealMLP-TD, from its authors' package pytabkit (Holzmüller, Grinsztajn and Steinwart 2024)."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.contestants import Contestant
from benchmarks.tables.table import Table

if TYPE_CHECKING:
    import pandas as pd


def contestant() -> Contestant:
    """The contestant.

    Raises:
        ImportError: pytabkit is missing.
    """
    import pytabkit  # noqa: F401  # only to see whether it is there

    return Contestant(
        "RealMLP-TD",
        f"RealMLP of pytabkit {version('pytabkit')}, its defaults (TD: 256 epochs, one network, a "
        "fifth of the rows to choose the epoch by), on the processor; medians and flags for gaps",
        Net,
    )


class Net:
    """RealMLP takes no gaps in columns of numbers: medians stand for them, and a flag says so."""

    def __init__(self, table: Table, seed: int) -> None:
        from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

        kinds = {"classification": RealMLP_TD_Classifier, "regression": RealMLP_TD_Regressor}
        self.net = kinds[table.task](device="cpu", random_state=seed)

    def fit(self, x: pd.DataFrame, y: NDArray[Any]) -> Net:
        """Train."""
        self.medians = x.median(numeric_only=True)
        self.gappy = [name for name in self.medians.index if x[name].isna().any()]
        self.net.fit(self._filled(x), y)
        return self

    def predict(self, x: pd.DataFrame) -> NDArray[Any]:
        """Labels or numbers."""
        return np.asarray(self.net.predict(self._filled(x)))

    def _filled(self, x: pd.DataFrame) -> pd.DataFrame:
        # words as objects: it cannot yet read the categories of pandas 3
        words = x.select_dtypes(["category", "string"])
        x = x.assign(**{name: words[name].astype(object) for name in words})
        flags = {f"{name} is missing": x[name].isna().astype(float) for name in self.gappy}
        return x.fillna(self.medians.to_dict()).assign(**flags)
