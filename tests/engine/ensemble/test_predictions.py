"""Averages of members against slow, obvious ways of computing the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import expit
from sklearn.metrics import (
    accuracy_score,
    hamming_loss,
    log_loss,
    mean_squared_error,
    r2_score,
)

from shoal.engine.ensemble import predictions as module
from shoal.engine.ensemble.predictions import (
    ClassPredictions,
    LabelPredictions,
    TargetPredictions,
    winners,
)


def softmax(z):
    e = np.exp(z.astype(np.float64) - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def subsets_of(members: int, rng: np.random.Generator, count: int = 7) -> np.ndarray:
    some = rng.random((count, members)) < 0.5
    some[np.arange(count), rng.integers(0, members, count)] = True
    return some / some.sum(axis=-1, keepdims=True)


# --- classes ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("members", "rows", "classes"), [(1, 9, 2), (5, 40, 3), (12, 700, 10)])
def test_averages_of_classes_are_those_of_sklearn(classes_of, members, rows, classes):
    said = classes_of(members, rows, classes)
    weights = subsets_of(members, np.random.default_rng(1))
    found = said.of_averages(weights)
    for k, w in enumerate(weights):
        p = np.mean([softmax(said.outputs[m]) for m in np.flatnonzero(w)], axis=0)
        expected = log_loss(said.y, p, labels=range(classes))
        np.testing.assert_allclose(found["loss"][k], expected, rtol=1e-12)
        assert found["accuracy"][k] == accuracy_score(said.y, p.argmax(axis=-1))


def test_members_of_classes_are_those_of_sklearn(classes_of):
    said = classes_of(4, 50, 3)
    found = said.of_members()
    for m, z in enumerate(said.outputs):
        np.testing.assert_allclose(found["loss"][m], log_loss(said.y, softmax(z)), rtol=1e-12)
        assert found["accuracy"][m] == accuracy_score(said.y, z.argmax(axis=-1))


def test_how_the_work_is_cut_changes_nothing(classes_of, monkeypatch):
    weights = subsets_of(6, np.random.default_rng(2), count=11)
    whole = classes_of(6, 300, 4).of_averages(weights)
    monkeypatch.setattr(module, "VALUES_AT_ONCE", 97)
    cut = classes_of(6, 300, 4).of_averages(weights)
    np.testing.assert_array_equal(cut["accuracy"], whole["accuracy"])
    np.testing.assert_allclose(cut["loss"], whole["loss"], rtol=1e-14)


def test_nothing_is_clamped_where_probabilities_underflow():
    # logits apart by 2000: the first member's probability of the truth is e^-2000
    z = np.array([[[0, 2000]], [[0, 3000]], [[1000, 0]]], np.float32)
    said = ClassPredictions(z, np.array([0]))
    np.testing.assert_allclose(said.of_members()["loss"], [2000, 3000, 0])
    weights = np.array([[1, 0, 0], [0.5, 0.5, 0], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3]])
    expected = [2000, 2000 + np.log(2), 3000, np.log(3)]
    np.testing.assert_allclose(said.of_averages(weights)["loss"], expected, rtol=1e-14)
    np.testing.assert_allclose(said.ambiguity(), 5000 / 3 - np.log(3))


def test_equal_probabilities_are_the_first_class_however_sums_were_rounded():
    members, rows = 7, 33
    z = np.zeros((members, rows, 10), np.float32)
    said = ClassPredictions(z, np.zeros(rows, np.int64))
    weights = subsets_of(members, np.random.default_rng(0), count=20)
    np.testing.assert_array_equal(said.of_averages(weights)["accuracy"], 1)
    p = np.full((4, 3), 1 / 3) * (1 + 1e-15 * np.arange(3))
    np.testing.assert_array_equal(winners(p), 0)


@given(arrays(np.float64, (5, 4), elements=st.floats(1 / 64, 1, width=16)))
def test_winners_are_argmax(p):
    np.testing.assert_array_equal(winners(p), p.argmax(axis=-1))


LOGITS = st.integers(1, 6).flatmap(
    lambda members: arrays(
        np.float32, (members, 5, 3), elements=st.floats(-50, 50, width=32, allow_nan=False)
    )
)


@given(LOGITS)
def test_the_gap_of_jensen_is_what_averaging_takes_off_and_never_negative(z):
    said = ClassPredictions(z, np.array([0, 1, 2, 0, 1]))
    gap = said.ambiguity()
    assert gap >= 0
    whole = said.of_averages(np.full((1, len(z)), 1 / len(z)))["loss"][0]
    mean = said.of_members()["loss"].mean()
    np.testing.assert_allclose(mean - gap, whole, rtol=1e-12, atol=1e-12)
    assert whole <= mean * (1 + 1e-12) + 1e-12


def test_equal_members_have_no_gap(classes_of):
    z = np.repeat(classes_of(1, 30, 3).outputs, 4, axis=0)
    assert ClassPredictions(z, np.zeros(30, np.int64)).ambiguity() < 1e-15


# --- several labels a row ---------------------------------------------------------------------


def labels_of(members: int, rows: int, labels: int) -> LabelPredictions:
    rng = np.random.default_rng((members, rows, labels))
    z = 3 * rng.standard_normal((members, rows, labels)).astype(np.float32)
    return LabelPredictions(z, (rng.random((rows, labels)) < 0.4).astype(np.float32))


def by_label(y, p):
    return np.mean([log_loss(y[:, k], p[:, k], labels=[0, 1]) for k in range(y.shape[1])])


@pytest.mark.parametrize(("members", "rows", "labels"), [(1, 9, 2), (5, 40, 3), (12, 300, 10)])
def test_averages_of_labels_are_those_of_sklearn(members, rows, labels):
    said = labels_of(members, rows, labels)
    weights = subsets_of(members, np.random.default_rng(1))
    found = said.of_averages(weights)
    for k, w in enumerate(weights):
        p = np.mean([expit(said.outputs[m].astype(float)) for m in np.flatnonzero(w)], axis=0)
        np.testing.assert_allclose(found["loss"][k], by_label(said.y, p), rtol=1e-10)
        assert found["accuracy"][k] == accuracy_score(said.y, p > 0.5)
        np.testing.assert_allclose(found["hamming"][k], 1 - hamming_loss(said.y, p > 0.5))


def test_members_of_labels_are_those_of_sklearn():
    said = labels_of(4, 50, 3)
    found = said.of_members()
    for m, z in enumerate(said.outputs):
        p = expit(z.astype(float))
        np.testing.assert_allclose(found["loss"][m], by_label(said.y, p), rtol=1e-10)
        np.testing.assert_allclose(found["accuracy"][m], accuracy_score(said.y, z > 0))
        np.testing.assert_allclose(found["hamming"][m], 1 - hamming_loss(said.y, z > 0))
    for name, value in found.items():
        rows = said.of_rows(name).mean(axis=-1)
        np.testing.assert_allclose(rows if name == "loss" else 1 - rows, value)


def test_the_gap_of_labels_is_what_averaging_takes_off():
    said = labels_of(5, 60, 4)
    loss = said.of_averages(np.full((1, 5), 0.2))["loss"][0]
    assert said.ambiguity() > 0
    np.testing.assert_allclose(said.of_members()["loss"].mean() - said.ambiguity(), loss)


def test_nothing_is_clamped_where_a_label_is_nearly_sure():
    z = np.array([[[2000.0]], [[-3000.0]]], np.float32)
    said = LabelPredictions(z, np.array([[0.0]], np.float32))
    np.testing.assert_allclose(said.of_members()["loss"], [2000, 0])
    np.testing.assert_allclose(said.of_averages(np.array([[0.5, 0.5]]))["loss"], np.log(2))


# --- numbers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("members", "rows", "targets"), [(1, 9, 1), (5, 40, 3), (12, 700, 2)])
def test_averages_of_numbers_are_those_of_sklearn(targets_of, members, rows, targets):
    said = targets_of(members, rows, targets)
    weights = subsets_of(members, np.random.default_rng(1))
    found = said.of_averages(weights)
    for k, w in enumerate(weights):
        mean = said.outputs[w > 0].astype(np.float64).mean(axis=0)
        np.testing.assert_allclose(found["loss"][k], mean_squared_error(said.y, mean), rtol=1e-10)
        np.testing.assert_allclose(found["r2"][k], r2_score(said.y, mean), rtol=1e-6)
        errors = (mean - said.y) * said.scale
        rmse = np.sqrt((errors**2).mean(axis=0)).mean()
        np.testing.assert_allclose(found["rmse"][k], rmse, rtol=1e-10)


def test_members_of_numbers_are_averages_of_one(targets_of):
    said = targets_of(4, 50, 3)
    members, ones = said.of_members(), said.of_averages(np.eye(4))
    for name in ("loss", "rmse", "r2"):
        np.testing.assert_allclose(members[name], ones[name], rtol=1e-12)


OUTPUTS = st.integers(1, 6).flatmap(
    lambda members: arrays(np.float32, (members, 5, 2), elements=st.floats(-9, 9, width=32))
)


@given(OUTPUTS)
@settings(max_examples=50)
def test_the_identity_of_krogh_and_vedelsby(outputs):
    y = np.array([[1, -2], [0.5, 3], [0, 1], [2, 2], [-1, 0]], np.float32)
    said = TargetPredictions(outputs, y, np.ones(2))
    average = outputs.astype(np.float64).mean(axis=0)
    ensemble = ((average - y) ** 2).mean()
    ambiguity = ((outputs - average) ** 2).mean()
    np.testing.assert_allclose(said.ambiguity(), ambiguity, rtol=1e-6, atol=1e-12)
    mean = said.of_members()["loss"].mean()
    np.testing.assert_allclose(mean - said.ambiguity(), ensemble, rtol=1e-9, atol=1e-9)
