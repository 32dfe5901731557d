"""Inside of scikit-learn's own machines: pipelines, searches, routing of what `fit` takes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from shoal import ShoalClassifier, ShoalError, ShoalRegressor


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 3))
    return X, (X[:, 0] + 0.5 * rng.normal(size=120) > 0).astype(int)


@pytest.fixture
def routing():
    with sklearn.config_context(enable_metadata_routing=True):
        yield


def quick(**settings):
    return ShoalClassifier(hidden=6, epochs=8, lr=0.02, random_state=0, **settings)


def test_a_grid_over_all_kinds_of_settings(rows):
    grid = {"hidden": [(4,), (4, 4)], "dropout": [0.0, 0.2], "optimizer": ["adam", "sgd"]}
    search = GridSearchCV(quick(), grid, cv=2).fit(*rows)
    assert set(search.best_params_) == set(grid)
    assert search.best_score_ > 0.6


def test_cross_validation_in_processes(rows):
    alone = cross_val_score(quick(threads=1), *rows, cv=3)
    np.testing.assert_array_equal(alone, cross_val_score(quick(threads=1), *rows, cv=3, n_jobs=2))


def test_other_estimators_take_ours(rows):
    X, y = rows
    stack = StackingClassifier([("net", quick()), ("lr", LogisticRegression())], cv=2).fit(X, y)
    assert stack.score(X, y) > 0.7
    both = MultiOutputClassifier(quick()).fit(X, np.c_[y, 1 - y])
    assert both.predict(X).shape == (120, 2)
    log = TransformedTargetRegressor(
        ShoalRegressor(epochs=30, random_state=0), func=np.log, inverse_func=np.exp
    ).fit(X, np.exp(X[:, 0]))
    assert log.predict(X).min() > 0


def test_output_of_tables_changes_nothing(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abc"))
    with sklearn.config_context(transform_output="pandas"):
        model = make_pipeline(StandardScaler(), quick()).fit(frame, y)
        assert model[-1].feature_names_in_.tolist() == ["a", "b", "c"]
        assert isinstance(model.predict_proba(frame), np.ndarray)


def test_rows_to_validate_by_go_through_the_pipeline(rows, routing):
    X, y = rows
    X = X * [1.0, 100.0, 0.01] + 7
    scaler = StandardScaler().fit(X[:90])
    by_hand = quick(scale="none").fit(
        scaler.transform(X[:90]), y[:90], X_val=scaler.transform(X[90:]), y_val=y[90:]
    )
    pipeline = Pipeline(
        [
            ("scale", StandardScaler()),
            ("net", quick(scale="none").set_fit_request(X_val=True, y_val=True)),
        ],
        transform_input=["X_val"],
    ).fit(X[:90], y[:90], X_val=X[90:], y_val=y[90:])
    np.testing.assert_array_equal(
        pipeline["net"].history_.valid["loss"], by_hand.history_.valid["loss"]
    )
    np.testing.assert_array_equal(
        pipeline.predict_proba(X), by_hand.predict_proba(scaler.transform(X))
    )


def test_weights_and_groups_are_routed(rows, routing):
    X, y = rows
    groups = np.arange(120) // 6
    weights = np.where(np.arange(120) % 2, 1.0, 3.0)
    model = quick(valid=0.25).set_fit_request(groups=True, sample_weight=True)
    done = cross_validate(
        model.set_score_request(sample_weight=True),
        X,
        y,
        cv=GroupKFold(2),
        params={"groups": groups, "sample_weight": weights},
        return_estimator=True,
        return_indices=True,
    )
    for fitted, train in zip(done["estimator"], done["indices"]["train"], strict=True):
        alone = quick(valid=0.25).fit(
            X[train], y[train], sample_weight=weights[train], groups=groups[train]
        )
        np.testing.assert_array_equal(fitted.predict_proba(X), alone.predict_proba(X))


def test_what_is_not_asked_for_is_refused(rows, routing):
    X, y = rows
    with pytest.raises(sklearn.exceptions.UnsetMetadataPassedError, match="sample_weight"):
        make_pipeline(StandardScaler(), quick()).fit(X, y, sample_weight=np.ones(120))


def test_groups_that_are_missing(rows):
    with pytest.raises(ShoalError, match=r"give fit\(X, y, groups=...\)"):
        quick(split="groups", valid=0.2).fit(*rows)


def test_score_takes_weights(rows):
    X, y = rows
    model = quick().fit(X, y)
    right = model.predict(X) == y
    assert model.score(X, y, sample_weight=right + 1e-9) == pytest.approx(1)
