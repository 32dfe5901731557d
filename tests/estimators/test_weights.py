"""How much each row counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.weights import class_weights, combined, row_weights


def test_weights_of_all_kinds():
    for weights in ([1, 0, 2], np.array([1, 0, 2]), pd.Series([1, 0, 2]), (1.0, 0.0, 2.0)):
        assert row_weights(weights, 3).tolist() == [1.0, 0.0, 2.0]
    assert row_weights(None, 3) is None


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        ([1, 2], r"sample_weight has shape \(2,\), but there are 3 rows"),
        ([[1], [2], [3]], r"sample_weight has shape \(3, 1\)"),
        ([1, -0.5, 2], r"sample_weight\[1\]=-0.5 must be >= 0"),
        ([0, 0, 0], r"sample_weight is zero in every row"),
        ([1, np.nan, 2], r"sample_weight contains NaN"),
        ([1, np.inf, 2], r"sample_weight contains infinity"),
        (["a", "b", "c"], r"sample_weight must hold numbers, but its type is <U1, such as .*a"),
        ([1, None, 2], r"sample_weight contains NaN"),
    ],
)
def test_weights_that_are_none(weights, words):
    with pytest.raises(ShoalError, match=words):
        row_weights(weights, 3)


@given(st.lists(st.integers(0, 3), min_size=4, max_size=40).filter(lambda y: len(set(y)) > 1))
def test_balanced_is_what_scikit_learn_says(labels):
    y = np.array(labels)
    known, indices = np.unique(y, return_inverse=True)
    ours = class_weights("balanced", known, indices, None)
    np.testing.assert_allclose(ours, compute_class_weight("balanced", classes=known, y=y))
    np.testing.assert_allclose(
        combined(None, ours, indices) if len(set(ours)) > 1 else ours[indices],
        compute_sample_weight("balanced", y),
    )


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=3, max_size=30).filter(
        lambda rows: len({label for label, _ in rows}) > 1
    )
)
def test_balanced_counts_a_row_of_weight_2_twice(rows):
    y, weights = (np.array(column) for column in zip(*rows, strict=True))
    known, indices = np.unique(y, return_inverse=True)
    np.testing.assert_allclose(
        class_weights("balanced", known, indices, weights.astype(float)),
        class_weights("balanced", known, indices.repeat(weights), None),
    )


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("balance", r"class_weight='balance' must be None, 'balanced', or factors by label"),
        ({"c": 1}, r"class_weight names 'c', which is none of the labels in y; .* 'a', 'b'"),
        ({"a": 0}, r"class_weight\['a'\]=0 must be a number > 0"),
        ([1, 2], r"class_weight=\[1, 2\] must be"),
    ],
)
def test_class_weights_that_are_none(asked, words):
    with pytest.raises(ShoalError, match=words):
        class_weights(asked, np.array(["a", "b"]), np.array([0, 1]), None)


# --- what they do to a fit ----------------------------------------------------------------------


@pytest.fixture
def rows():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(60, 4))
    X[rng.random(X.shape) < 0.1] = np.nan
    y = (np.nan_to_num(X).sum(axis=1) + rng.normal(size=60) > 0).astype(int)
    return X, y, rng.integers(0, 4, 60)


KINDS = [ShoalClassifier, ShoalRegressor]


def said(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("constant", [1.0, 7.0])
def test_equal_weights_are_none_to_the_bit(kind, rows, constant):
    X, y, _ = rows
    model = kind(hidden=8, epochs=5, valid=0.2, batch_size=16, random_state=0)
    plain = said(model.fit(X, y), X)
    weighted = said(model.fit(X, y, sample_weight=np.full(60, constant)), X)
    np.testing.assert_array_equal(plain, weighted)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_weight_0_are_not_there_to_the_bit(kind, rows):
    X, y, weights = rows
    model = kind(hidden=8, epochs=5, valid=0.2, batch_size=16, random_state=0)
    there = weights > 0
    left = said(model.fit(X[there], y[there], sample_weight=weights[there]), X)
    zeros = said(model.fit(X, y, sample_weight=weights), X)
    np.testing.assert_array_equal(left, zeros)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_of_weight_2_is_there_twice_in_a_full_batch(kind, rows):
    X, y, weights = rows
    model = kind(hidden=8, activation="tanh", epochs=60, valid=0, batch_size=1000, random_state=0)
    weighted = said(model.fit(X, y, sample_weight=weights), X)
    repeated = said(model.fit(X.repeat(weights, axis=0), y.repeat(weights)), X)
    np.testing.assert_allclose(weighted, repeated, rtol=1e-4, atol=1e-5)
    assert np.abs(weighted - said(model.fit(X, y), X)).max() > 0.01


def test_class_weights_are_weights_of_rows(rows):
    X, y, _ = rows
    X = np.nan_to_num(X)
    # with scaling, weights of rows count in the mean and scale of the columns, too
    options = {"epochs": 40, "lr": 0.01, "valid": 0.2, "scale": "none", "random_state": 0}
    model = ShoalClassifier(hidden=8, **options)
    by_row = model.fit(X, y, sample_weight=np.where(y == 1, 3.0, 1.0)).predict_proba(X)
    by_class = model.set_params(class_weight={1: 3.0}).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(by_class, by_row)
    alike = model.set_params(class_weight={0: 2.0, 1: 2.0}).fit(X, y).predict_proba(X)
    plain = model.set_params(class_weight=None).fit(X, y).predict_proba(X)
    np.testing.assert_array_equal(alike, plain)
    assert np.abs(plain - by_class).max() > 0.01


def test_balanced_classes_are_found_though_they_are_rare():
    rng = np.random.default_rng(0)
    y = (rng.random(600) < 0.05).astype(int)
    X = rng.normal(size=(600, 2)) + y[:, None]
    model = ShoalClassifier(hidden=8, epochs=40, random_state=0)
    plain = model.fit(X, y).predict(X)[y == 1].mean()
    balanced = model.set_params(class_weight="balanced").fit(X, y).predict(X)[y == 1].mean()
    assert plain < 0.3 < 0.6 < balanced


def test_class_weight_is_for_one_label_a_row():
    with pytest.raises(ShoalError, match=r"class_weight='balanced' is for one label a row"):
        ShoalClassifier(class_weight="balanced").fit(np.eye(4), np.eye(4, dtype=int))
