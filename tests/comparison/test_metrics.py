"""What an arm is judged by: smoothing, the end, the best, and the way to a target."""

from __future__ import annotations

import math

import pytest

from shoal import ShoalError
from shoal.comparison.metrics import Metric, choose_metric

NAN = math.nan
PARTS = ("train", "valid", "test")


# --- which metric -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "measure", "higher_is_better", "label", "margin"),
    [
        ("loss", "loss", False, "training loss", 0.02),
        ("train_loss", "loss", False, "training loss", 0.02),
        ("test_accuracy", "accuracy", True, "test accuracy", 0.005),
        ("valid_loss", "loss", False, "validation loss", 0.02),
        ("test_rmse", "rmse", False, "test RMSE", 0.002),
        ("train_r2", "r2", True, "training R²", 0.005),
    ],
)
def test_what_a_metric_is(name, measure, higher_is_better, label, margin):
    metric = Metric(name)
    assert (metric.measure, metric.higher_is_better, metric.label) == (
        measure, higher_is_better, label,
    )  # fmt: skip
    assert math.isclose(metric.margin(0.2, 0.9), margin)
    assert math.isclose(metric.margin(0.9, 0.2), margin)


@pytest.mark.parametrize(
    ("task", "parts", "name"),
    [
        ("classification", PARTS, "test_accuracy"),
        ("classification", ("train", "valid"), "valid_accuracy"),
        ("classification", ("train",), "train_accuracy"),
        ("regression", PARTS, "test_rmse"),
        ("regression", ("train", "test"), "test_rmse"),
    ],
)
def test_verdicts_go_by_the_test_part_or_the_nearest_to_it(task, parts, name):
    assert choose_metric(None, task, parts) == Metric(name)


@pytest.mark.parametrize(
    ("name", "task", "parts"),
    [
        ("loss", "classification", ("train",)),
        ("valid_loss", "classification", PARTS),
        ("train_r2", "regression", PARTS),
    ],
)
def test_another_metric_can_be_asked_for(name, task, parts):
    assert choose_metric(name, task, parts).name == name


@pytest.mark.parametrize(
    ("name", "task", "parts", "text"),
    [
        ("accuracy", "classification", PARTS, "did you mean 'test_accuracy'"),
        ("test_acuracy", "classification", PARTS, "did you mean 'test_accuracy'"),
        ("test_accuracy", "regression", PARTS, "known: loss, train_loss, train_rmse, train_r2"),
        ("valid_loss", "classification", ("train", "test"), "known: loss, train_loss"),
    ],
)
def test_a_metric_that_is_not_there_is_refused(name, task, parts, text):
    with pytest.raises(ShoalError, match=f"unknown metric '{name}'.*{text}"):
        choose_metric(name, task, parts)
