"""What "auto" becomes."""

from __future__ import annotations

import inspect

import pytest

from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.presets import PRESETS, book, settle, share_of_valid

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
