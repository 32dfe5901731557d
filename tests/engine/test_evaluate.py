"""Losses and metrics on whole parts: every row counts once, whatever the number of rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoal import SGD, Dataset, Recipe, Trainer, mlp
from shoal.engine.evaluate import PIECE

ROWS = [1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 37]


def trained(data: Dataset, **chosen) -> Trainer:
    """Two members with batch norm and dropout, after a few steps."""
    recipe = Recipe(mlp([7], batch_norm=True, dropout=0.3), SGD(lr=0.1), batch_size=15)
    return Trainer(recipe, data, **({"steps": 5, "seeds": 2} | chosen)).run()


def with_valid(data: Dataset, rows: int) -> Dataset:
    """Another number of rows in the validation part."""
    rng = np.random.default_rng(rows)
    x = rng.standard_normal((rows, *data.in_shape)).astype(np.float32)
    y = np.resize(data.train.y, (rows, *data.train.y.shape[1:]))
    return replace(data, valid=type(data.valid)(x, y))


@pytest.mark.parametrize("rows", ROWS)
def test_loss_and_accuracy_are_means_over_all_rows(data, rows):
    data = with_valid(data, rows)
    trainer = trained(data)
    logits = trainer.shoal.outputs(data.valid.x).astype(np.float64)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    loss = -np.log(p[:, np.arange(rows), data.valid.y]).mean(axis=1)
    right = (logits.argmax(axis=-1) == data.valid.y).sum(axis=1)
    np.testing.assert_allclose(trainer.history.final("valid_loss"), loss, rtol=1e-6)
    np.testing.assert_array_equal(trainer.history.final("valid_accuracy"), right / rows)


@pytest.mark.parametrize("kind", ["regression", "one target"])
@pytest.mark.parametrize("rows", ROWS[1:])
def test_regression_reports_loss_rmse_and_r2(data_of, kind, rows):
    data = with_valid(data_of(kind), rows)
    trainer = trained(data)
    error = trainer.shoal.outputs(data.valid.x).astype(np.float64) - data.valid.y
    square = (error**2).mean(axis=1)
    history = trainer.history
    np.testing.assert_allclose(history.final("valid_loss"), square.mean(axis=-1), rtol=1e-6)
    rmse = (np.sqrt(square) * data.target_scale).mean(axis=-1)  # in the unit of the targets
    np.testing.assert_allclose(history.final("valid_rmse"), rmse, rtol=1e-6)
    r2 = (1 - square / data.valid.y.astype(np.float64).var(axis=0)).mean(axis=-1)
    np.testing.assert_allclose(history.final("valid_r2"), r2, rtol=1e-6)


def test_rmse_is_in_the_unit_of_the_targets(data_of):
    data = data_of("one target")
    trainer = trained(data)
    predicted = data.values(trainer.shoal.outputs(data.test.x)[0])
    wanted = data.values(data.test.y)
    by_hand = np.sqrt(((predicted - wanted) ** 2).mean())
    np.testing.assert_allclose(trainer.history.final("test_rmse")[0], by_hand, rtol=1e-6)


def test_evaluation_is_in_evaluation_mode(data):
    """No dropout, running averages: a row's output does not depend on the rows beside it."""
    shoal = trained(data).shoal
    together = shoal.outputs(data.test.x)
    for i in range(len(data.test)):
        np.testing.assert_allclose(
            shoal.outputs(data.test.x[i : i + 1])[:, 0], together[:, i], rtol=1e-4, atol=1e-6
        )


def test_pieces_change_no_output(data):
    shoal = trained(data).shoal
    x = with_valid(data, 2 * PIECE + 37).valid.x
    whole = shoal.outputs(x)
    assert whole.shape == (2, len(x), 3)
    for at in range(0, len(x), PIECE):
        some = shoal.outputs(x[at : at + PIECE])
        np.testing.assert_array_equal(some, whole[:, at : at + PIECE])


def test_a_sample_of_rows_can_stand_for_a_part(data):
    data = with_valid(data, 200)
    history = trained(data, evaluate_rows=20).history
    sampled = history.final("valid_accuracy") * 20
    np.testing.assert_array_equal(sampled, sampled.round())
    again = trained(data, evaluate_rows=20, seeds=[1]).history
    assert again.final("valid_loss")[0] == history.final("valid_loss")[1]
    assert (history.final("valid_loss") != trained(data).history.final("valid_loss")).all()
    # parts with no more rows than that are evaluated whole
    whole = trained(data, evaluate_rows=None).history.final("test_loss")
    np.testing.assert_array_equal(history.final("test_loss"), whole)


def test_evaluation_does_not_depend_on_which_parts_are_asked_for(data):
    data = with_valid(data, 200)
    every = trained(data, evaluate_rows=20).history
    some = trained(data, evaluate_rows=20, evaluate_parts=["valid"]).history
    assert some.metrics == ("valid_loss", "valid_accuracy")
    np.testing.assert_array_equal(some.final("valid_loss"), every.final("valid_loss"))


def test_an_empty_part_is_not_measured():
    x = np.random.default_rng(0).standard_normal((40, 3))
    data = Dataset.from_arrays(x, np.arange(40) % 2, valid=0, test=0)
    assert trained(data).history.metrics == ("train_loss", "train_accuracy")
