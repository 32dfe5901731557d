"""Going on from a fit: `partial_fit` and `warm_start`."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor

KINDS = [ShoalClassifier, ShoalRegressor]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(100, 3))
    return X, (X.sum(axis=1) > 0).astype(int)


def said(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def part(model, X, y, **options):
    if isinstance(model, ShoalClassifier) and not hasattr(model, "model_"):
        options["classes"] = [0, 1]
    return model.partial_fit(X, y, **options)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "adagrad"])
def test_passes_over_the_same_rows_are_epochs_to_the_bit(rows, kind, optimizer):
    X, y = rows
    options = {"hidden": 6, "dropout": 0.25, "batch_norm": True, "batch_size": 32, "members": 2}
    options |= {"optimizer": optimizer, "weight_decay": 0.01, "random_state": 0}
    whole = kind(valid=0, epochs=5, **options).fit(X, y)
    passes = kind(**options)
    for _ in range(5):
        part(passes, X, y)
    np.testing.assert_array_equal(said(whole, X), said(passes, X))
    np.testing.assert_array_equal(whole.history_.train_loss, passes.history_.train_loss)
    assert passes.n_iter_ == 5


def test_every_call_is_a_whole_pass_whatever_its_size(rows):
    """A row that is left out of a pass would not be learnt by: its weight on one step is all."""
    X, y = np.eye(7), np.arange(7.0)
    model = ShoalRegressor(
        hidden=(), optimizer="sgd", lr=0.5, batch_size=3, init="zeros", scale="none", random_state=0
    )
    model.partial_fit(X[:5], y[:5])  # two steps
    before = model.model_.params[-1]["W"].copy()
    model.partial_fit(X, y)  # three steps, beginning at one that is not a multiple of three
    moved = model.model_.params[-1]["W"] != before
    assert moved.all()
    assert model._going.updates == 5


def test_a_stream_is_learnt(rows):
    rng = np.random.default_rng(1)
    model = ShoalClassifier(hidden=16, lr=0.01, random_state=0)
    for size in rng.integers(5, 60, 80):
        X = rng.normal(size=(size, 3))
        model.partial_fit(X, np.where(X.sum(axis=1) > 0, "b", "a"), classes=["a", "b"])
    X, y = rows
    assert (model.predict(X) == np.where(y, "b", "a")).mean() > 0.93
    assert model.classes_.tolist() == ["a", "b"]


def test_labels_may_come_in_arrays_of_any_kind(rows):
    X, y = rows
    names = np.where(y, "yes", "no")
    model = ShoalClassifier(hidden=4).partial_fit(X, names.astype(object), classes=["no", "yes"])
    for kind in (list, pd.Series, np.asarray, lambda v: pd.Series(v, dtype="category")):
        model.partial_fit(X, kind(names))
        assert model.classes_.tolist() == ["no", "yes"]


def test_a_class_may_come_later(rows):
    X, _ = rows
    model = ShoalClassifier(hidden=4).partial_fit(X[:10], np.zeros(10, int), classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (100, 3)
    assert model.partial_fit(X[:10], np.full(10, 2)).predict_proba(X).shape == (100, 3)


def test_errors_of_partial_fit(rows):
    X, y = rows
    with pytest.raises(ShoalError, match=r"the first call of partial_fit needs all labels"):
        ShoalClassifier().partial_fit(X, y)
    model = ShoalClassifier(hidden=4).partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ShoalError, match=r"classes=\[0, 3\] must be those of the first call"):
        model.partial_fit(X, y, classes=[0, 3])
    with pytest.raises(ShoalError, match=r"y has the label 4 in row 0"):
        model.partial_fit(X, np.full(100, 4))
    with pytest.raises(ShoalError, match=r"X has 2 features, but ShoalClassifier is expecting 3"):
        model.partial_fit(X[:, :2], y)
    with pytest.raises(ShoalError, match=r"members=2, but training goes on from 1; set it back"):
        model.set_params(members=2).partial_fit(X, y)
    number = ShoalRegressor(hidden=4).partial_fit(X, y)
    with pytest.raises(ShoalError, match=r"y is for regression with 3 outputs, but training goes"):
        number.partial_fit(X, X)


def test_rows_may_come_one_by_one(rows):
    X, y = rows
    model = ShoalRegressor(hidden=(), optimizer="sgd", lr=0.05, random_state=0, scale="none")
    with pytest.raises(ShoalError, match="n_samples=1"):
        model.partial_fit(X[:1], y[:1])
    model.partial_fit(X[:2], y[:2])
    W, b = (model.model_.params[-1][name][0].astype(float) for name in "Wb")
    mean, scale = model.model_.target_mean, model.model_.target_scale
    for x, t in zip(X[2:30], y[2:30], strict=True):
        model.partial_fit(x[None], [t])
        error = x @ W + b - (t - mean) / scale
        W, b = W - 0.1 * x[:, None] * error, b - 0.1 * error
    np.testing.assert_allclose(model.model_.params[-1]["W"][0], W, rtol=1e-4, atol=1e-5)


def test_weights_in_a_stream(rows):
    X, y = rows
    weights = (np.arange(100) % 3 > 0).astype(float)
    some = weights > 0
    options = {"hidden": 4, "random_state": 0}
    a = ShoalRegressor(**options).partial_fit(X, y, sample_weight=weights)
    b = ShoalRegressor(**options).partial_fit(X[some], y[some])
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def test_tables_in_a_stream(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=list("abc")).assign(d=np.where(y, "u", "v"))
    model = ShoalRegressor(hidden=16, lr=0.01, random_state=0)
    for _ in range(150):
        model.partial_fit(frame[:50], y[:50])
    assert model.score(frame[50:], y[50:]) > 0.8


@pytest.mark.parametrize("kind", KINDS)
def test_a_warm_start_goes_on_from_the_weights(rows, kind):
    X, y = rows
    options = {"hidden": 6, "optimizer": "sgd", "lr": 0.05, "batch_size": 100, "valid": 0}
    options |= {"random_state": 0, "members": 2}
    twice = kind(epochs=4, warm_start=True, **options).fit(X, y).fit(X, y)
    once = kind(epochs=8, **options).fit(X, y)
    # with plain gradient descent and full batches, halves make a whole
    np.testing.assert_allclose(said(twice, X), said(once, X), rtol=1e-5, atol=1e-6)
    assert twice.n_iter_ == 8
    assert twice.history_.best_epoch.tolist() == [8, 8]
    np.testing.assert_allclose(twice.history_.train_loss, once.history_.train_loss, rtol=1e-4)
    cold = twice.set_params(warm_start=False).fit(X, y)
    assert cold.n_iter_ == 4


def test_a_warm_start_keeps_the_scale_and_the_classes(rows):
    X, y = rows
    model = ShoalRegressor(hidden=6, epochs=2, warm_start=True, random_state=0).fit(X, y)
    mean, preparation = model.model_.target_mean, model.model_.preparation
    model.fit(X + 5, y * 100)
    assert model.model_.target_mean is mean
    assert model.model_.preparation is preparation
    of_labels = ShoalClassifier(hidden=6, epochs=1, warm_start=True).fit(X, y)
    assert of_labels.fit(X[y == 1], y[y == 1]).classes_.tolist() == [0, 1]
    with pytest.raises(ShoalError, match=r"y has the label 7 in row 0"):
        of_labels.fit(X, np.full(100, 7))


def test_a_warm_start_needs_the_same_network(rows):
    X, y = rows
    model = ShoalRegressor(hidden=6, epochs=1, warm_start=True).fit(X, y)
    for change in ({"hidden": 7}, {"members": 2}, {"batch_norm": True}):
        with pytest.raises(ShoalError, match=r"goes on from 1 members? of .* warm_start=False"):
            model.set_params(**change).fit(X, y)
        model.set_params(hidden=6, members=1, batch_norm="auto")
    model.set_params(dropout=0.0, lr=0.1, optimizer="sgd", weight_decay=0.1).fit(X, y)


def test_partial_fit_after_fit_goes_on(rows):
    X, y = rows
    model = ShoalRegressor(hidden=6, epochs=3, random_state=0, optimizer=shoal.SGD(lr=1e-9))
    before = model.fit(X, y).predict(X)
    np.testing.assert_allclose(model.partial_fit(X, y).predict(X), before, atol=1e-4)
    assert model.n_iter_ == 4
