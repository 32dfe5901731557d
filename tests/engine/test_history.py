"""What each member did, as curves and as a tidy table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from shoal import SGD, Recipe, ShoalError, Trainer, mlp

PLAIN = Recipe(mlp([5]), SGD(lr=0.1), batch_size=16)
WILD = PLAIN.replace({"optimizer.lr": 1e30})
ARMS = {"plain": PLAIN, "smaller batches": PLAIN.replace({"batch_size": 8}), "wild": WILD}
METRICS = tuple(f"{p}_{m}" for p in ("train", "valid", "test") for m in ("loss", "accuracy"))


@pytest.fixture(scope="module")
def trainer(data):
    """Three arms, two seeds each, four epochs of 3 or 5 steps."""
    return Trainer(ARMS, data, epochs=4, seeds=2).run()


def test_every_step_has_a_loss_and_a_gradient_norm(trainer):
    for member, steps in ((0, 12), (1, 12), (2, 20), (3, 20)):
        for name in ("loss", "gradient_norm"):
            curve = trainer.history.curve(member, name)
            np.testing.assert_array_equal(curve.steps, np.arange(steps))
            assert curve.values.shape == (steps,)
            assert np.isfinite(curve.values).all()
            assert (curve.values > 0).all()


def test_every_epoch_has_metrics_of_every_part(trainer):
    assert trainer.history.metrics == METRICS
    for name in METRICS:
        for member, steps in ((0, [3, 6, 9, 12]), (2, [5, 10, 15, 20])):
            curve = trainer.history.curve(member, name)
            assert curve.steps.tolist() == steps
            assert np.isfinite(curve.values).all()


def test_a_curve_reaches_as_far_as_training(data):
    trainer = Trainer(PLAIN, data, epochs=4)
    lengths = []
    for _ in range(4):
        curves = (trainer.history.curve(0, name).values for name in ("loss", "valid_loss"))
        lengths.append(tuple(map(len, curves)))
        trainer.step(2)
    assert lengths == [(0, 0), (2, 0), (4, 1), (6, 2)]


def test_an_epoch_with_a_partial_batch_is_recorded_like_any_other(data_of):
    """1001 rows and batches of 100: a float 10.01 steps an epoch would skip nearly all."""
    data = data_of("classes", 1001)
    recipe = Recipe(mlp([3]), SGD(), batch_size=100)
    history = Trainer(recipe, data, epochs=50).run().history
    assert history.curve(0, "train_loss").steps.tolist() == [11 * e for e in range(1, 51)]
    frame = history.to_frame(["valid_accuracy"])
    assert frame["epoch"].tolist() == list(range(1, 51))
    assert np.isfinite(frame["value"]).all()


def test_there_is_always_an_evaluation_at_the_end(data):
    history = Trainer(PLAIN, data, steps=8).run().history
    assert history.curve(0, "train_loss").steps.tolist() == [3, 6, 8]
    rarely = Trainer(PLAIN, data, steps=8, evaluate_every=2).run().history
    assert rarely.curve(0, "train_loss").steps.tolist() == [6, 8]
    never = Trainer(PLAIN, data, epochs=3, evaluate_every=100).run().history
    assert never.curve(0, "train_loss").steps.tolist() == [9]


def test_evaluating_more_rarely_changes_nothing_else(data):
    often = Trainer(PLAIN, data, steps=8).run().history
    rarely = Trainer(PLAIN, data, steps=8, evaluate_every=2, evaluate_parts=()).run().history
    for name in ("loss", "gradient_norm"):
        a, b = (history.curve(0, name).values for history in (often, rarely))
        np.testing.assert_array_equal(a, b)
    assert rarely.metrics == ()


def test_final_values_are_the_last_ones_and_nan_for_diverged_members(trainer):
    final = trainer.history.final("valid_accuracy")
    for i in range(4):
        assert final[i] == trainer.history.curve(i, "valid_accuracy").values[-1]
    assert np.isnan(final[4:]).all()
    assert np.isfinite(trainer.history.final("loss")[:4]).all()


def test_before_the_first_evaluation_final_values_are_nan(data):
    history = Trainer(PLAIN, data, epochs=4).step().history
    assert np.isnan(history.final("valid_accuracy")).all()


def test_divergence_has_its_step(trainer):
    diverged = trainer.history.diverged
    assert diverged[:4].tolist() == [-1] * 4
    assert (diverged[4:] > 0).all()


def test_seconds_are_processor_time_of_each_member(trainer):
    assert trainer.history.seconds.shape == (6,)
    assert (trainer.history.seconds > 0).all()
    assert (trainer.history.seconds < 10).all()


def test_the_table_is_tidy(trainer):
    frame = trainer.history.to_frame()
    assert list(frame.columns) == ["arm", "seed", "member", "step", "epoch", "name", "value"]
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    assert len(frame) == 2 * (2 * 12 + 6 * 4) + 2 * (2 * 20 + 6 * 4) + 2 * (2 * 12 + 6 * 4)
    assert not frame.duplicated(["member", "step", "name"]).any()
    for (member, name), rows in frame.groupby(["member", "name"]):
        curve = trainer.history.curve(member, name)
        np.testing.assert_array_equal(rows["step"], curve.steps)
        np.testing.assert_array_equal(rows["value"], curve.values.astype(float))
        assert set(rows["arm"]) == {trainer.members[member].arm}
        assert set(rows["seed"]) == {trainer.members[member].seed}
    assert [frame[c].dtype.kind for c in ("seed", "member", "step", "epoch", "value")] == list(
        "iiiff"
    )


def test_epochs_in_the_table_are_whole_at_evaluations(trainer):
    frame = trainer.history.to_frame(["train_loss"])
    assert set(frame["epoch"]) == {1.0, 2.0, 3.0, 4.0}
    steps = trainer.history.to_frame(["loss"]).query("arm == 'smaller batches' and seed == 0")
    np.testing.assert_allclose(steps["epoch"], np.arange(20) / 5)


def test_before_the_first_step_the_table_is_empty(data):
    frame = Trainer(PLAIN, data, epochs=1).history.to_frame()
    assert list(frame.columns) == ["arm", "seed", "member", "step", "epoch", "name", "value"]
    assert len(frame) == 0


def test_what_is_not_recorded_is_refused_with_the_nearest_name(trainer):
    with pytest.raises(ShoalError, match="unknown quantity 'valid_acuracy': did you mean 'valid_"):
        trainer.history.curve(0, "valid_acuracy")
    with pytest.raises(ShoalError, match="unknown quantity 'rmse'"):
        trainer.history.to_frame(["rmse"])
    with pytest.raises(ShoalError, match=r"^member=6 must be a number from 0 to 5$"):
        trainer.history.curve(6, "loss")


def test_steps_per_epoch_are_each_members_own(data):
    arms = {f"{b}": Recipe(mlp([3]), SGD(), batch_size=b) for b in (16, 5)}
    history = Trainer(arms, data, epochs=1, seeds=2).history
    rows = len(data.train)
    expected = [-(-rows // b) for b in (16, 16, 5, 5)]
    assert history.steps_per_epoch.tolist() == expected
    assert [len(history.curve(i, "loss").steps) for i in range(4)] == [0] * 4
