"""Who takes part: Shoal's estimators, and peers at settings that are fair to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from benchmarks.tables.table import Table

ENOUGH_TO_VALIDATE: Final = 200  # training rows; with fewer, nobody stops early


@dataclass(frozen=True)
class Contestant:
    """One way of predicting.

    Attributes:
        name: what the table calls it.
        settings: in one line.
        make: an estimator for the training rows of a split of a table, by the number of the split.
    """

    name: str
    settings: str
    make: Callable[[Table, int], Any]


def shoal_contestants() -> list[Contestant]:
    """Both presets, alone and as an ensemble of five."""
    return [
        Contestant(
            f'Shoal "{preset}"{f" × {members}" if members > 1 else ""}',
            f'preset="{preset}", members={members}',
            _shoal(preset, members),
        )
        for preset in ("tuned", "book")
        for members in (5, 1)
    ]


def peers() -> list[Contestant]:
    """scikit-learn's."""
    return [
        Contestant(
            "boosted trees",
            "HistGradientBoosting, categories from the table, defaults (100 trees)",
            lambda table, seed: _boosting(table, random_state=seed),
        ),
        Contestant(
            "boosted trees, stopped",
            "the same, learning_rate=0.05, at most 1000 trees, early stopping by a tenth of the "
            f"rows (from {ENOUGH_TO_VALIDATE} rows on, else 200 trees)",
            _stopped_boosting,
        ),
        Contestant(
            "scikit-learn's MLP",
            "MLPClassifier and MLPRegressor, defaults (one hidden layer of 100, Adam 0.001, at "
            f"most 500 epochs), early stopping by a tenth of the rows (from {ENOUGH_TO_VALIDATE} "
            "rows on); standardised one-hot inputs and standardised targets",
            _mlp,
        ),
        Contestant(
            "linear",
            "LogisticRegression (C=1) and RidgeCV (13 strengths); inputs as for the MLP",
            _linear,
        ),
    ]


def optional() -> tuple[list[Contestant], list[str]]:
    """Those that need other packages, and which are not there."""
    from benchmarks.tables import with_pytabkit, with_skorch

    found: list[Contestant] = []
    absent: list[str] = []
    for module, package in ((with_skorch, "skorch"), (with_pytabkit, "pytabkit")):
        try:
            found.append(module.contestant())
        except ImportError as error:
            absent.append(f"{package} did not take part: {error}.")
    return found, absent


def preparation() -> Any:
    """Standardised numbers with flags for gaps, and a column for each level."""
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    levels = OneHotEncoder(
        max_categories=64, handle_unknown="infrequent_if_exist", sparse_output=False
    )
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    return make_column_transformer(
        (levels, make_column_selector(dtype_include=["category", "bool"])),
        (numbers, make_column_selector(dtype_include="number")),
    )


def prepared(estimator: Any) -> Any:
    """An estimator that is given prepared inputs."""
    from sklearn.pipeline import make_pipeline

    return make_pipeline(preparation(), estimator)


def standardised(table: Table, estimator: Any) -> Any:
    """A regressor that is fitted to standardised targets; a classifier as it is."""
    if table.task == "classification":
        return estimator
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.preprocessing import StandardScaler

    return TransformedTargetRegressor(estimator, transformer=StandardScaler())


def _shoal(preset: str, members: int) -> Callable[[Table, int], Any]:
    def make(table: Table, seed: int) -> Any:
        import shoal

        kinds = {"classification": shoal.ShoalClassifier, "regression": shoal.ShoalRegressor}
        return kinds[table.task](preset=preset, members=members, random_state=seed)

    return make


def _boosting(table: Table, **settings: Any) -> Any:
    from sklearn import ensemble

    kinds = {
        "classification": ensemble.HistGradientBoostingClassifier,
        "regression": ensemble.HistGradientBoostingRegressor,
    }
    return kinds[table.task](
        categorical_features="from_dtype", **({"early_stopping": False} | settings)
    )


def _stopped_boosting(table: Table, seed: int) -> Any:
    enough = table.train_rows >= ENOUGH_TO_VALIDATE
    return _boosting(
        table,
        learning_rate=0.05,
        max_iter=1000 if enough else 200,
        early_stopping=enough,
        random_state=seed,
    )


def _mlp(table: Table, seed: int) -> Any:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    kinds = {"classification": MLPClassifier, "regression": MLPRegressor}
    enough = table.train_rows >= ENOUGH_TO_VALIDATE
    mlp = kinds[table.task](max_iter=500, early_stopping=enough, random_state=seed)
    return prepared(standardised(table, mlp))


def _linear(table: Table, seed: int) -> Any:
    import numpy as np
    from sklearn.linear_model import LogisticRegression, RidgeCV

    if table.task == "classification":
        return prepared(LogisticRegression(max_iter=2000))
    return prepared(standardised(table, RidgeCV(np.logspace(-3, 3, 13))))
