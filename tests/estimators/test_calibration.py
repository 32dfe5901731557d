"""Temperatures: found, used, and worth something."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss

from shoal import ShoalClassifier, ShoalError
from shoal.estimators.calibration import LIMITS, temperature_of


def drawn(rng, rows, classes, sharpness):
    """Logits, and labels drawn from them."""
    z = rng.normal(size=(rows, classes)) * sharpness
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return z, np.array([rng.choice(classes, p=row) for row in p])


@settings(max_examples=20, deadline=None)
@given(st.floats(0.3, 4.0), st.integers(2, 6), st.integers(0, 1000))
def test_what_was_sharpened_is_softened_again(factor, classes, seed):
    z, y = drawn(np.random.default_rng(seed), 3000, classes, 1.5)
    assert temperature_of(factor * z, y) == pytest.approx(factor, rel=0.2)


def test_the_minimum_is_where_the_gradient_is_0():
    z, y = drawn(np.random.default_rng(0), 200, 3, 2.0)
    z *= 3
    beta = 1 / temperature_of(z, y)
    p = np.exp(beta * z) / np.exp(beta * z).sum(axis=1, keepdims=True)
    spread = 1 / 201
    target = (1 - spread) * np.eye(3)[y] + spread / 3
    slope = ((p - target) * z).sum()  # d/dβ of the negative log-likelihood
    curvature = ((p * z**2).sum(axis=1) - (p * z).sum(axis=1) ** 2).sum()
    assert abs(slope / curvature) < 1e-4 * beta


def test_several_labels_are_choices_of_two():
    z, y = drawn(np.random.default_rng(0), 4000, 2, 1.5)
    logits = 2.5 * (z[:, 1] - z[:, 0]).reshape(-1, 4)
    found = temperature_of(logits, y.reshape(-1, 4).astype(np.float32))
    assert found == pytest.approx(2.5, rel=0.15)


def test_weights_are_repetitions():
    rng = np.random.default_rng(1)
    z, y = drawn(rng, 4000, 3, 1.0)
    weights = rng.integers(0, 4, 4000)
    weighted = temperature_of(2 * z, y, weights)
    # the row of an unknown label counts once more or less, which is all that differs
    assert weighted == pytest.approx(
        temperature_of(2 * z.repeat(weights, 0), y.repeat(weights)), rel=1e-2
    )


def test_a_few_rows_that_are_all_right_are_no_proof_of_certainty():
    y = np.array([0, 1] * 5)
    z = np.where(np.eye(2)[y] > 0, 1.0, -1.0)
    found = temperature_of(z, y)
    assert LIMITS[0] < found < 1
    p = 1 / (1 + np.exp(-2 / found))
    assert 0.9 < p < 0.99  # ten of ten right


def test_a_class_that_was_given_up_does_not_spoil_it():
    z, y = drawn(np.random.default_rng(0), 200, 3, 1.0)
    z[:, 2] = -np.inf
    y[y == 2] = 0
    assert np.isfinite(temperature_of(z, y))


def test_other_rows_give_another_temperature():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2))
    y = np.where(X[:, 0] > 0, "yes", "no")
    model = ShoalClassifier(hidden=8, lr=0.01, epochs=50, random_state=0, calibrate=False)
    model.fit(X, y)
    assert model.model_.temperature == 1.0
    flipped = np.where(rng.random(500) < 0.3, y[::-1], y)
    assert model.recalibrate(X, flipped).model_.temperature > 2
    # rows of weight 0 are not there
    half = (np.arange(500) % 2).astype(float)
    weighted = model.recalibrate(X, flipped, sample_weight=half).model_.temperature
    assert weighted == model.recalibrate(X[1::2], flipped[1::2]).model_.temperature
    with pytest.raises(ShoalError, match="y has the label 'maybe'"):
        model.recalibrate(X[:1], ["maybe"])
    with pytest.raises(NotFittedError):
        ShoalClassifier().recalibrate(X, y)


def test_probabilities_of_a_fit_get_better_and_labels_stay():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(900, 5))
    p = 1 / (1 + np.exp(-X[:, 0]))
    y = np.where(rng.random(900) < p, "yes", "no")
    train, test = slice(0, 400), slice(400, None)
    # trained to the end: far too certain
    options = {"hidden": 100, "epochs": 150, "lr": 0.01, "patience": None, "valid": 0.25}
    options |= {"random_state": 0, "monitor": "accuracy"}
    plain = ShoalClassifier(calibrate=False, **options).fit(X[train], y[train])
    fitted = ShoalClassifier(**options).fit(X[train], y[train])
    assert plain.model_.temperature == 1.0
    assert fitted.model_.temperature != 1.0
    np.testing.assert_array_equal(plain.predict(X), fitted.predict(X))
    losses = [log_loss(y[test], m.predict_proba(X[test])) for m in (plain, fitted)]
    assert losses[1] <= losses[0] + 1e-3
