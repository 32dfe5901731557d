"""The curves of a fit, and the weights that were kept."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators import FitHistory
from shoal.estimators.fitting import evaluate_every


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 8))
    return X, X[:, 0] + rng.normal(size=300)


def test_the_best_weights_are_kept(rows):
    X, y = rows
    model = ShoalRegressor(hidden=100, lr=0.01, epochs=60, patience=None, members=2, random_state=0)
    model.fit(X, y, X_val=X[200:] + 0, y_val=y[200:])
    model.fit(X[:200], y[:200], X_val=X[200:], y_val=y[200:])
    history = model.history_
    loss = history.valid["loss"]
    best = history.best_epoch
    at = [list(history.evaluated).index(epoch) for epoch in best]
    assert at == loss.argmin(axis=1).tolist()
    assert (best < 60).all()  # it overfits
    scale = model.model_.target_scale[0]
    for member in range(2):
        said = model.model_.each(X[200:])[member, :, 0]
        error = ((said - y[200:]) ** 2).mean() / scale**2
        assert error == pytest.approx(loss[member].min(), rel=1e-4)


def test_monitors_choose(rows):
    X, y = rows
    labels = y > 0
    options = {"hidden": 64, "lr": 0.01, "epochs": 40, "patience": None, "random_state": 0}
    model = ShoalClassifier(monitor="accuracy", **options).fit(X, labels)
    at = list(model.history_.evaluated).index(model.history_.best_epoch[0])
    assert at == model.history_.valid["accuracy"][0].argmax()


def test_patience_ends_a_fit(rows):
    X, y = rows
    model = ShoalRegressor(hidden=100, lr=0.02, epochs=500, patience=8, batch_size=10, valid=0.3)
    history = model.set_params(members=2, random_state=0).fit(X, y).history_
    np.testing.assert_array_equal(history.stopped_epoch, history.best_epoch + 8)
    assert len(history) == model.n_iter_ == history.stopped_epoch.max() < 500
    for member, stopped in enumerate(history.stopped_epoch):
        assert np.isfinite(history.train_loss[member, :stopped]).all()
        assert np.isnan(history.train_loss[member, stopped:]).all()


def test_the_training_curve_is_that_of_the_batches():
    """With full batches and no dropout the loss before each update is known."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 2)), rng.normal(size=50)
    options = {"hidden": (), "optimizer": "sgd", "valid": 0, "batch_size": 50, "random_state": 0}
    model = ShoalRegressor(epochs=3, init="zeros", **options).fit(X, y)
    assert model.history_.train_loss[0, 0] == pytest.approx(1.0, rel=1e-5)  # of standardised y
    two = ShoalRegressor(epochs=2, init="zeros", **options).fit(X, y)
    after = ((two.predict(X) - y) ** 2).mean() / y.var()
    assert model.history_.train_loss[0, 2] == pytest.approx(after, rel=1e-4)


def test_a_last_batch_that_is_small_counts_less():
    X, y = np.zeros((5, 1)), np.array([0.0, 0, 0, 0, 10.0])
    options = {"hidden": (), "init": "zeros", "optimizer": "sgd", "lr": 1e-12, "valid": 0}
    model = ShoalRegressor(epochs=2, batch_size=4, **options).fit(X, y)
    np.testing.assert_allclose(model.history_.train_loss, 1.0, rtol=1e-5)


def test_few_steps_are_not_looked_at_each_time():
    assert evaluate_every(1, 100) == 10
    assert evaluate_every(1, 10) == 2
    assert evaluate_every(1, None) == 10
    assert evaluate_every(30, 10) == 1


def test_a_history_in_a_line(rows):
    model = ShoalRegressor(epochs=6, members=2, hidden=4, batch_size=20, random_state=0)
    history = model.fit(*rows).history_
    kept = ", ".join(map(str, history.best_epoch))
    line = f"<FitHistory: 2 members, 6 epochs in {history.seconds:.1f} s, weights of epochs {kept} "
    assert repr(history) == f"{line}kept>"
    one = ShoalRegressor(epochs=1, hidden=4, valid=0).fit(*rows).history_
    assert "1 member, 1 epoch in" in repr(one)
    assert "weights of epoch 1 kept" in repr(one)


def test_tables_and_plain_forms(rows):
    X, y = rows
    history = ShoalRegressor(epochs=6, members=2, hidden=4, batch_size=20).fit(X, y).history_
    frame = history.to_frame()
    assert set(frame.columns) == {"member", "epoch", "part", "name", "value"}
    assert len(frame) == 2 * 6 * (1 + len(history.valid))
    again = FitHistory.from_dict(history.to_dict())
    for name, value in history.to_dict().items():
        np.testing.assert_array_equal(again.to_dict()[name], value)
    both = history.joined(again)
    assert len(both) == 12
    assert both.evaluated.tolist() == list(range(1, 13))
    np.testing.assert_array_equal(both.best_epoch, history.best_epoch + 6)


@pytest.mark.parametrize("members", [1, 3])
def test_pictures(rows, members, tmp_path):
    X, y = rows
    model = ShoalRegressor(hidden=16, epochs=30, members=members, random_state=0).fit(X, y)
    figure = model.plot_history(tmp_path / "history.svg")
    assert (tmp_path / "history.svg").read_text("utf-8").startswith("<?xml")
    (axes,) = figure.axes
    lines = {line.get_gid(): line for line in axes.lines}
    np.testing.assert_array_equal(
        lines["training"].get_ydata(), model.history_.train_loss.mean(axis=0)
    )
    np.testing.assert_array_equal(lines["validation"].get_xdata(), model.history_.evaluated)
    kept = [line for line in axes.lines if line.get_gid() == "kept"]
    assert [line.get_xdata()[0] for line in kept] == model.history_.best_epoch.tolist()
    with pytest.raises(ShoalError, match="its ending must be one of"):
        model.plot_history(tmp_path / "history.txt")


def test_a_picture_without_a_validation_part(rows):
    figure = ShoalRegressor(hidden=4, epochs=3, valid=0).fit(*rows).plot_history()
    assert [line.get_gid() for line in figure.axes[0].lines] == ["training"]
