"""Fits: what comes out, how they repeat, and how they fail."""

from __future__ import annotations

import os
import pickle
import signal
import threading
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification, make_regression
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import accuracy_score, r2_score

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.inputs import in_one_line

KINDS = [ShoalClassifier, ShoalRegressor]


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(240, 4))
    return X, (X[:, 0] * X[:, 1] > 0).astype(int)


def said(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


# --- kinds of targets -----------------------------------------------------------------------------


def test_several_classes_of_text():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = ShoalClassifier(hidden=16, lr=0.01, epochs=60, random_state=0).fit(X, names)
    assert model.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert model.predict(X).dtype.kind == "U"
    assert model.score(X, names) == accuracy_score(names, model.predict(X)) > 0.95
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[p.argmax(axis=1)], model.predict(X))
    np.testing.assert_allclose(np.log(p), model.predict_log_proba(X))
    scores = model.decision_function(X)
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), p)


def test_two_classes_have_one_score(rows):
    X, y = rows
    model = ShoalClassifier(hidden=16, epochs=20, members=2, random_state=0).fit(X, y)
    scores = model.decision_function(X)
    assert scores.shape == (240,)
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), model.predict_proba(X)[:, 1])
    np.testing.assert_array_equal(scores > 0, model.predict(X) == 1)


def test_several_labels_a_row():
    X, Y = make_multilabel_classification(400, n_classes=4, random_state=0)
    model = ShoalClassifier(hidden=32, lr=0.01, members=2, random_state=0).fit(X[:300], Y[:300])
    assert isinstance(model.model_.loss, shoal.BinaryCrossEntropy)
    p = model.predict_proba(X[300:])
    assert p.shape == (100, 4)
    np.testing.assert_array_equal(p > 0.5, model.predict(X[300:]) == 1)
    np.testing.assert_allclose(1 / (1 + np.exp(-model.decision_function(X[300:]))), p)
    assert (
        model.predict(X[300:]) == Y[300:]
    ).mean() > 0.7  # the commonest answer to each is right in 0.55
    frame = pd.DataFrame(Y, columns=list("abcd"))
    assert ShoalClassifier(epochs=1).fit(X, frame).classes_.tolist() == [0, 1, 2, 3]


def test_several_numbers_a_row():
    X, Y = make_regression(300, 5, n_targets=3, noise=1.0, random_state=0)
    Y[:, 1] *= 1000  # each has a scale of its own
    model = ShoalRegressor(hidden=32, lr=0.01, random_state=0).fit(X[:200], Y[:200])
    assert model.n_outputs_ == 3
    assert model.predict(X).shape == (300, 3)
    assert (r2_score(Y[200:], model.predict(X[200:]), multioutput="raw_values") > 0.9).all()


def test_a_column_of_numbers_is_predicted_flat(rows):
    X, y = rows
    model = ShoalRegressor(hidden=4, epochs=2, random_state=0)
    flat = model.fit(X, y).predict(X)
    assert flat.shape == (240,)
    np.testing.assert_array_equal(model.fit(X, y[:, None]).predict(X), flat)


def test_targets_far_from_0_and_of_any_scale():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    y = 1e9 + 1e-3 * X[:, 0]
    model = ShoalRegressor(hidden=16, lr=0.01, epochs=100, random_state=0).fit(X, y)
    assert model.score(X, y) > 0.95
    assert ShoalRegressor(epochs=1).fit(X, np.full(200, 3.25)).predict(X[:1]) == pytest.approx(
        3.25, abs=2
    )


# --- repeating ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_repeats_a_fit_to_the_bit(rows, kind):
    X, y = rows
    options = {"hidden": 8, "epochs": 4, "dropout": 0.3, "members": 2, "batch_size": 32}
    first = said(kind(random_state=3, **options).fit(X, y), X)
    for threads in (1, 2):
        again = kind(random_state=3, threads=threads, **options).fit(X, y)
        np.testing.assert_array_equal(first, said(again, X))
    assert not np.array_equal(first, said(kind(random_state=4, **options).fit(X, y), X))
    state = np.random.RandomState(3)
    of_state = said(kind(random_state=state, **options).fit(X, y), X)
    np.testing.assert_array_equal(first, of_state)
    assert not np.array_equal(first, said(kind(random_state=state, **options).fit(X, y), X))
    assert not np.array_equal(*(said(kind(**options).fit(X, y), X) for _ in range(2)))


def test_a_member_is_the_same_alone_and_in_company(rows):
    X, y = rows
    options = {"hidden": 8, "epochs": 6, "random_state": 5, "dropout": 0.2, "patience": 2}
    one = ShoalRegressor(**options).fit(X, y)
    three = ShoalRegressor(members=3, **options).fit(X, y)
    np.testing.assert_array_equal(one.predict(X), three.model_.each(X)[0, :, 0])
    np.testing.assert_array_equal(three.predict(X), three.model_.each(X).sum(axis=0)[:, 0] / 3)


def test_the_mean_of_members_is_of_probabilities(rows):
    X, y = rows
    model = ShoalClassifier(hidden=8, epochs=6, members=3, calibrate=False, random_state=0)
    each = model.fit(X, y).model_.each(X)
    np.testing.assert_allclose(model.predict_proba(X), each.mean(axis=0), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_of_all_sorts(rows, kind, tmp_path):
    X, y = rows
    model = kind(hidden=(6, 5), epochs=2, optimizer=shoal.Momentum(), schedule="cosine")
    model.fit(X, y)
    before = said(model, X)
    np.testing.assert_array_equal(before, said(pickle.loads(pickle.dumps(model)), X))
    joblib.dump(model, tmp_path / "m")
    np.testing.assert_array_equal(before, said(joblib.load(tmp_path / "m"), X))
    bare = clone(model)
    assert not hasattr(bare, "model_")
    assert bare.get_params() == model.get_params()
    assert kind(**model.get_params()).get_params() == model.get_params()
    assert "Momentum" in repr(model)
    assert "hidden" in model._repr_html_()


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_said_before_fit(kind):
    for method in ("predict", "plot_history"):
        with pytest.raises(NotFittedError):
            getattr(kind(), method)(np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"hidden": "big"}, r"hidden='big' must be whole numbers"),
        ({"lr": -1}, r"lr=-1 must be a number > 0"),
        ({"optimizer": "adams"}, r"unknown optimizer 'adams': did you mean 'adam"),
        ({"epochs": 0}, r"epochs=0 must be a whole number >= 1"),
        ({"batch_size": 0}, r"batch_size=0 must be a whole number >= 1"),
        ({"members": 0}, r"members=0 must be a whole number >= 1"),
        ({"patience": 0}, r"patience=0 must be a whole number >= 1"),
        ({"monitor": "f1"}, r"unknown monitor 'f1'"),
        ({"engine": "fast"}, r"unknown engine 'fast'"),
        ({"valid": 1.5}, r"valid=1.5 must be a share of the rows"),
        ({"split": "random"}, r"unknown split 'random'"),
        ({"scale": "minmax"}, r"unknown scale 'minmax'"),
        ({"unseen": "ignore"}, r"unknown unseen 'ignore': .*known: rare, refuse"),
        ({"preset": "best"}, r"unknown preset 'best'"),
        ({"loss": "hinge"}, r"unknown loss 'hinge'"),
        ({"loss": 3}, r"loss=3 must be 'auto', one of"),
        ({"loss": (abs,)}, r"two functions \(value, gradient\)"),
        ({"weight_decay": -1}, r"weight_decay=-1 must be a number >= 0"),
        ({"random_state": "x"}, r"'x' cannot be used to seed"),
        ({"network": shoal.mlp([3]), "hidden": 3}, r"network= say both"),
        ({"threads": 0}, r"threads=0 must be a whole number >= 1"),
        ({"warm_start": "no"}, r"warm_start='no' must be True or False"),
        ({"lr": shoal.log_uniform(0.1, 1)}, r"is no recipe but a search space; .*\.tune\(X, y, sp"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_settings_that_are_none(rows, kind, settings, words):
    with pytest.raises(ShoalError, match=words) as caught:
        kind(**settings).fit(*rows)
    assert "\n" not in str(caught.value)


def test_calibrate_is_yes_or_no(rows):
    with pytest.raises(ShoalError, match=r"calibrate='no' must be True or False"):
        ShoalClassifier(calibrate="no").fit(*rows)


def test_losses_that_do_not_fit(rows):
    X, y = rows
    with pytest.raises(ShoalError, match=r"loss='huber' does not fit classification"):
        ShoalClassifier(loss="huber").fit(X, y)
    with pytest.raises(ShoalError, match=r"loss='softmax_cross_entropy' does not fit regression"):
        ShoalRegressor(loss="softmax_cross_entropy").fit(X, y)
    with pytest.raises(ShoalError, match=r"loss='poisson' needs targets >= 0, but y has -1"):
        ShoalRegressor(loss="poisson").fit(X, y - 1.0)


def test_rates_to_validate_by_are_not_negative_either(rows):
    X, y = rows
    y = np.abs(y.astype(float))
    words = r"loss='poisson' needs targets >= 0, but the validation part of y has -2; take another"
    with pytest.raises(ShoalError, match=words):
        ShoalRegressor(loss="poisson").fit(X, y, X_val=X[:2], y_val=[1.0, -2.0])


def test_losses_that_are_none_name_those_of_the_task(rows):
    X, y = rows
    words = (
        r"unknown loss 'cross_entropy': did you mean 'softmax_cross_entropy'\? "
        r"\(known: auto, softmax_cross_entropy\)"
    )
    with pytest.raises(ShoalError, match=words):
        ShoalClassifier(loss="cross_entropy").fit(X, y)
    with pytest.raises(ShoalError, match=r"'mse': .*known: auto, mean_squared_error, mean_abs"):
        ShoalRegressor(loss="mse").fit(X, y)


def test_complex_numbers(rows):
    X, y = rows
    words = r"^Complex data not supported: X must hold real numbers; give real and imaginary parts"
    with pytest.raises(ShoalError, match=words):
        ShoalClassifier().fit(X + 1j, y)


def test_a_line_of_scikit_learn_is_cut():
    with pytest.raises(ShoalError, match=r"^X holds 0\.\s") as caught, in_one_line():
        raise ValueError(f"X holds\n{np.zeros(500)}".replace("[", ""))
    assert len(str(caught.value)) == 300


def test_a_convolution_needs_images(rows):
    with pytest.raises(ShoalError, match=r"height"):
        ShoalClassifier(network=shoal.convnet()).fit(*rows)


def test_training_that_diverged_says_where_and_what_to_try(rows):
    X, y = rows
    words = r"diverged at step \d+ of \d+ with lr=1e\+30: .* try lr=1e\+29 or clip_norm=1"
    with pytest.raises(ShoalError, match=words):
        ShoalRegressor(optimizer="sgd", lr=1e30, random_state=0).fit(X, y)
    with pytest.raises(ShoalError, match=r"try lr=1e\+29$"):
        ShoalRegressor(optimizer="sgd", lr=1e30, clip_norm=1e30, random_state=0).fit(X, y)


def test_members_that_diverged_are_left_out_and_counted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    options = {"hidden": (20, 20), "optimizer": "sgd", "init": 1.0, "epochs": 40, "valid": 0}
    options |= {"members": 8, "random_state": 0, "batch_size": 60}
    for lr in np.geomspace(1e-3, 1, 25):
        model = ShoalRegressor(lr=float(lr), **options)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                model.fit(X, X[:, 0])
            except ShoalError:
                continue
        if caught:
            break
    assert issubclass(caught[0].category, ConvergenceWarning)
    lost = int(str(caught[0].message).split(" of 8 members diverged")[0])
    assert model.model_.members == 8 - lost == len(model.history_.train_loss)
    assert np.isfinite(model.predict(X)).all()


def test_ctrl_c_ends_a_fit(rows):
    X, y = rows
    model = ShoalRegressor(epochs=10**6, patience=None, random_state=0)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert not hasattr(model, "model_")


def test_a_fit_that_fails_leaves_the_last_one(rows):
    X, y = rows
    model = ShoalRegressor(hidden=4, epochs=2, random_state=0).fit(X, y)
    before = model.predict(X)
    with pytest.raises(ShoalError):
        model.set_params(lr=1e30, optimizer="sgd").fit(X, y)
    np.testing.assert_array_equal(model.predict(X), before)
