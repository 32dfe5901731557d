"""What an estimator trains on."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import PoissonRegressor, QuantileRegressor

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.losses import loss_of, scaling_of


def square(outputs, targets):
    return ((outputs - targets) ** 2).mean(axis=-1)


def slope(outputs, targets):
    return 2 * (outputs - targets) / outputs.shape[-1]


def wrong_slope(outputs, targets):
    return outputs - targets


def of_whole_batch(outputs, targets):
    return ((outputs - targets) ** 2).mean()


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(400, 3))
    return X, X[:, 0] + rng.normal(size=400)


LINEAR = {"hidden": (), "epochs": 300, "lr": 0.02, "valid": 0, "batch_size": 400, "random_state": 0}


def test_two_functions_are_a_loss(rows):
    X, y = rows
    own = ShoalRegressor(loss=(square, slope), **LINEAR).fit(X, y)
    least_squares = np.linalg.lstsq(np.c_[X, np.ones(400)], y, rcond=None)[0]
    np.testing.assert_allclose(
        own.predict(np.eye(3)), least_squares[:3] + least_squares[3], atol=0.01
    )
    assert isinstance(own.model_.loss, shoal.CustomLoss)
    # it sees y in its own unit
    tenfold = ShoalRegressor(loss=(square, slope), **LINEAR).fit(X, y * 2)
    assert tenfold.history_.train_loss[0, 0] == pytest.approx(4 * (y**2).mean(), rel=0.5)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ((square, wrong_slope), r"the gradient is not that of the value, .* says .*, differences"),
        ((of_whole_batch, slope), r"value of CustomLoss must return an array of shape"),
        ((square, square), r"gradient of CustomLoss must return an array of shape"),
        ((square,), r"two functions \(value, gradient\)"),
    ],
)
def test_functions_that_do_not_belong_together(rows, loss, words):
    with pytest.raises(ShoalError, match=words):
        ShoalRegressor(loss=loss).fit(*rows)


def test_two_functions_for_labels():
    def value(z, t):
        t = np.broadcast_to(t, z.shape[:-1])
        margin = 1 - np.where(t == 1, 1, -1) * (z[..., 1] - z[..., 0])
        return np.maximum(margin, 0) ** 2

    def gradient(z, t):
        t = np.broadcast_to(t, z.shape[:-1])
        sign = np.where(t == 1, 1, -1)
        margin = np.maximum(1 - sign * (z[..., 1] - z[..., 0]), 0)
        return np.stack([2 * margin * sign, -2 * margin * sign], axis=-1)

    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = X[:, 0] > 0
    model = ShoalClassifier(loss=(value, gradient), hidden=8, lr=0.02, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.predict(X).dtype == bool


def test_medians_quantiles_and_rates_are_those_of_other_libraries(rows):
    X, y = rows
    y = y + np.random.default_rng(1).exponential(2, 400)
    for loss, q in (("mean_absolute_error", 0.5), (shoal.Quantile(0.9), 0.9)):
        ours = ShoalRegressor(loss=loss, schedule="cosine", **LINEAR).fit(X, y)
        theirs = QuantileRegressor(quantile=q, alpha=0).fit(X, y)
        assert abs((y <= ours.predict(X)).mean() - q) < 0.02
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=0.15)
    counts = np.random.default_rng(2).poisson(5 * np.exp(X[:, 0] / 2))
    ours = ShoalRegressor(loss="poisson", **LINEAR).fit(X, counts)
    theirs = PoissonRegressor(alpha=0).fit(X, counts)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=0.01)


def test_huber_is_between_squares_and_absolute_values(rows):
    X, y = rows
    y[:10] += 100  # a few wild ones
    biased, robust = (
        ShoalRegressor(loss=loss, **LINEAR).fit(X, y).predict(X).mean()
        for loss in ("mean_squared_error", shoal.Huber(delta=0.05))
    )
    assert biased > 2 > 1 > robust


def test_smoothing_is_said_by_the_loss():
    asked = {"loss": "auto", "label_smoothing": 0.2}
    assert loss_of(asked, "classification") == shoal.SoftmaxCrossEntropy(smoothing=0.2)
    assert loss_of(asked, "multilabel") == shoal.BinaryCrossEntropy(smoothing=0.2)
    named = asked | {"loss": "softmax_cross_entropy"}
    assert loss_of(named, "classification") == shoal.SoftmaxCrossEntropy(smoothing=0.2)
    assert loss_of(asked | {"label_smoothing": 0.0}, "classification") == "auto"
    with pytest.raises(ShoalError, match=r"label_smoothing=0.2 is for cross-entropy"):
        loss_of(asked | {"loss": (square, slope)}, "classification")
    with pytest.raises(ShoalError, match=r"label_smoothing=1 must be"):
        loss_of(asked | {"label_smoothing": 1}, "classification")


def test_smoothed_labels_make_milder_probabilities():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 2))
    y = (X[:, 0] > 0).astype(int)
    options = {"hidden": 16, "epochs": 60, "lr": 0.01, "calibrate": False, "random_state": 0}
    sure, mild = (
        ShoalClassifier(label_smoothing=s, **options).fit(X, y).predict_proba(X).max(axis=1).mean()
        for s in (0.0, 0.2)
    )
    assert sure > 0.96 > 0.93 > mild > 0.75


def test_scales_of_targets():
    y = np.array([[1.0, 4.0], [3.0, 4.0]])
    mean, scale = scaling_of(y, None, shoal.MeanSquaredError())
    assert (mean.tolist(), scale.tolist()) == ([2.0, 4.0], [1.0, 1.0])
    mean, scale = scaling_of(y, np.array([1.0, 3.0]), shoal.MeanSquaredError())
    assert (mean[0], scale[0]) == (2.5, pytest.approx(np.sqrt(0.75)))
    mean, scale = scaling_of(y, None, shoal.Poisson())
    assert (mean.tolist(), scale.tolist()) == ([0.0, 0.0], [2.0, 4.0])
    mean, scale = scaling_of(y, None, shoal.CustomLoss(square, slope))
    assert (mean.tolist(), scale.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    with pytest.raises(ShoalError, match=r"y has values up to 1e\+300, too large"):
        scaling_of(np.array([[1e300], [0.0]]), None, shoal.MeanSquaredError())
