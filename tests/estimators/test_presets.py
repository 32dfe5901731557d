"""What "auto" becomes."""

from __future__ import annotations

import inspect
import logging

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.presets import PRESETS, book, settle, share_of_valid, tuned

OPEN = {
    name
    for kind in (ShoalClassifier, ShoalRegressor)
    for name, p in inspect.signature(kind).parameters.items()
    if p.default == "auto"
}
ELSEWHERE = {"init", "loss", "valid", "split", "engine"}
"""What has an "auto" of its own, outside of presets."""


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("task", ["classification", "multilabel", "regression"])
@pytest.mark.parametrize("rows", [2, 150, 100_000])
def test_a_preset_says_all_that_can_be_left_open(preset, task, rows):
    said = PRESETS[preset](task, rows)
    assert set(said) | ELSEWHERE == OPEN | (ELSEWHERE & set(said))
    assert 1 <= said["batch_size"] <= rows


def test_what_was_given_counts_even_if_the_preset_has_another():
    asked = dict.fromkeys(OPEN, "auto") | {"preset": "book", "dropout": 0.0, "clip_norm": None}
    settled = settle(asked | {"weight_decay": 0.5}, "regression", 1000)
    assert settled["weight_decay"] == 0.5
    assert settled["dropout"] == 0.0
    assert settled["hidden"] == (100,)


def test_a_learning_rate_belongs_to_the_optimizer_of_the_preset():
    asked = dict.fromkeys(OPEN, "auto") | {"preset": "book"}
    assert settle(asked, "regression", 50)["lr"] == 0.001
    assert settle(asked | {"optimizer": "sgd"}, "regression", 50)["lr"] is None
    assert settle(asked | {"optimizer": "sgd", "lr": 3.0}, "regression", 50)["lr"] == 3.0


def test_decay_belongs_to_the_optimizer_and_smoothing_to_the_loss():
    asked = dict.fromkeys(OPEN, "auto") | {"preset": "tuned"}
    settled = settle(asked, "classification", 5000)
    assert (settled["weight_decay"], settled["label_smoothing"]) == (0.3, 0.1)
    other = settle(asked | {"optimizer": "sgd", "loss": shoal.CustomLoss}, "classification", 5000)
    assert (other["lr"], other["weight_decay"], other["label_smoothing"]) == (None, 0.0, 0.0)
    given = {"optimizer": "sgd", "loss": "auto", "weight_decay": 0.2}
    said = settle(asked | given, "classification", 5000)
    assert (said["weight_decay"], said["label_smoothing"]) == (0.2, 0.1)


def test_only_classes_are_smoothed():
    smoothing = {t: tuned(t, 100)["label_smoothing"] for t in ("regression", "multilabel")}
    assert smoothing == {"regression": 0.0, "multilabel": 0.0}


def test_more_rows_get_more_units_and_fewer_epochs():
    few, many = tuned("regression", 3999), tuned("regression", 4000)
    assert (few["hidden"], few["batch_size"], few["epochs"]) == ((128, 128), 128, 120)
    assert (many["hidden"], many["batch_size"], many["epochs"]) == ((256,) * 3, 256, 60)
    assert tuned("regression", 100)["epochs"] == 500


def test_tuned_follows_swings_better_than_the_book():
    rng = np.random.default_rng(0)
    x = pd.DataFrame({"place": rng.uniform(0, 1, 1200), "kind": rng.choice(["a", "b"], 1200)})
    swings = np.sin(12 * x["place"].to_numpy()) * np.where(x["kind"] == "a", 1, -1)
    y = swings + 0.1 * rng.normal(size=1200)
    train, test = slice(0, 900), slice(900, None)
    score = {
        preset: ShoalRegressor(preset=preset, random_state=0)
        .fit(x[train], y[train])
        .score(x[test], y[test])
        for preset in PRESETS
    }
    assert score["tuned"] > 0.95
    assert 1 - score["tuned"] < 0.7 * (1 - score["book"])


@pytest.mark.parametrize(
    ("x", "columns"),
    [
        (pd.DataFrame({"kind": ["a", "b"] * 30, "n": np.arange(60.0)}), 1),
        (pd.DataFrame({"n": [1.0, np.nan] * 30, "m": np.arange(60.0)}), 2),
        (np.where(np.arange(180).reshape(60, 3) % 7, np.arange(180).reshape(60, 3), np.nan), 3),
        (pd.DataFrame({"kind": ["a", "b"] * 30}), None),
        (np.arange(60 * 16, dtype=np.uint8).reshape(60, 4, 4), None),
    ],
)
def test_columns_of_numbers_are_embedded_and_nothing_else(x, columns):
    y = np.array(["no", "yes"] * 30)
    model = ShoalClassifier(preset="tuned", epochs=1, random_state=0).fit(x, y)
    found = [layer for layer in model.recipe_.network.layers if hasattr(layer, "frequencies")]
    assert [layer.columns for layer in found] == ([] if columns is None else [columns])
    assert model.predict_proba(x).shape == (60, 2)


def test_an_unknown_embedding():
    with pytest.raises(ShoalError, match="embedding"):
        ShoalRegressor(embedding="waves").fit(np.zeros((9, 1)), np.arange(9))


def test_few_rows_get_more_epochs_and_more_patience():
    few, many = book("regression", 20), book("regression", 100_000)
    assert (few["epochs"], few["patience"]) == (1000, 100)
    assert (many["epochs"], many["patience"]) == (100, 10)


@pytest.mark.parametrize(
    ("valid", "rows", "share"),
    [("auto", 199, 0), ("auto", 200, 0.1), (None, 900, 0), (0.25, 8, 0.25), (30, 100, 30)],
)
def test_the_share_to_validate_by(valid, rows, share):
    assert share_of_valid(valid, rows) == share


def test_an_unknown_preset():
    with pytest.raises(ShoalError, match=r"unknown preset 'boook': did you mean 'book'\?"):
        settle({"preset": "boook"}, "regression", 10)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("labels", [1, 2])
@pytest.mark.parametrize("kind", [ShoalClassifier, ShoalRegressor])
def test_presets_train_by_compiled_code(preset, kind, labels, caplog):
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 3))
    y = np.digitize(x[:, :labels], [0]) if kind is ShoalClassifier else x[:, :labels]
    with caplog.at_level(logging.INFO, "shoal"):
        model = kind(preset=preset, epochs=2, random_state=0).fit(x, y[:, 0] if labels == 1 else y)
    assert "the reference engine trains" not in caplog.text
    assert model.model_._answers is not None
