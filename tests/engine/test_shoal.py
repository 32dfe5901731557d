"""The members of a run with their weights."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import SGD, Recipe, ShoalError, Trainer, mlp

ARMS = {
    "small": Recipe(mlp([4]), SGD(lr=0.1), batch_size=16),
    "deep": Recipe(mlp([6, 5], batch_norm=True), SGD(lr=0.1), batch_size=15),
    "slow": Recipe(mlp([4]), SGD(lr=0.01), batch_size=16),
}


@pytest.fixture(scope="module")
def trainer(data):
    """Three arms in two cohorts, two seeds each."""
    return Trainer(ARMS, data, epochs=2, seeds=[4, 1]).run()


def test_a_shoal_says_who_is_in_it(trainer):
    assert len(trainer.shoal) == 6
    assert repr(trainer.shoal) == "<Shoal of 6 members: small, deep, slow>"
    assert [(m.arm, m.seed) for m in trainer.shoal.members] == [
        (arm, seed) for arm in ARMS for seed in (4, 1)
    ]


def test_outputs_are_in_the_order_of_the_members(trainer, data):
    outputs = trainer.shoal.outputs(data.test.x)
    assert outputs.shape == (6, len(data.test), 3)
    assert outputs.dtype == np.float32
    for i, member in enumerate(trainer.members):
        alone = Trainer([member], data, epochs=2).run().shoal
        np.testing.assert_array_equal(alone.outputs(data.test.x)[0], outputs[i])
        network = member.recipe.network.bind(data.in_shape, data.outputs)
        by_hand, _ = network.forward(trainer.shoal.weights(i), data.test.x)
        np.testing.assert_allclose(outputs[i], by_hand, rtol=1e-4, atol=1e-6)


def test_probabilities_are_the_softmax_of_the_outputs(trainer, data):
    p = trainer.shoal.probabilities(data.test.x)
    z = trainer.shoal.outputs(data.test.x)
    np.testing.assert_allclose(p.sum(axis=-1), 1, rtol=1e-6)
    np.testing.assert_allclose(
        p, np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True), rtol=1e-5, atol=1e-7
    )


def test_large_logits_do_not_overflow(data):
    recipe = Recipe(mlp([]), SGD(lr=1e5), batch_size=16)
    shoal = Trainer(recipe, data, epochs=1).run().shoal
    p = shoal.probabilities(data.test.x * 1e4)
    assert np.isfinite(p).all()


def test_a_member_that_diverged_is_nan_and_disturbs_nobody(data):
    arms = {"small": ARMS["small"], "wild": Recipe(mlp([8, 8, 8]), SGD(lr=1e6), batch_size=16)}
    trainer = Trainer(arms, data, epochs=6).run()
    assert trainer.history.diverged[1] >= 0
    p = trainer.shoal.probabilities(data.test.x)
    assert np.isfinite(p[0]).all()
    assert np.isnan(p[1]).any()


def test_weights_are_copies(trainer, data):
    before = trainer.shoal.outputs(data.test.x)
    for layer in trainer.shoal.weights(0):
        for array in layer.values():
            array += 1
    np.testing.assert_array_equal(trainer.shoal.outputs(data.test.x), before)


def test_weights_follow_training(data):
    trainer = Trainer(ARMS["small"], data, epochs=2)
    first = trainer.shoal.weights(0)[1]["W"]
    assert not np.array_equal(trainer.step().shoal.weights(0)[1]["W"], first)


def test_no_rows_give_no_outputs(trainer):
    assert trainer.shoal.outputs(np.zeros((0, 6))).shape == (6, 0, 3)


@pytest.mark.parametrize("x", [np.zeros((3, 5)), np.zeros(6), np.zeros((3, 6, 1)), 0.0])
def test_rows_of_another_shape_are_refused(trainer, x):
    with pytest.raises(ShoalError, match=r"^x\.shape=\(.*\) must be \(rows, 6\)$"):
        trainer.shoal.outputs(x)


@pytest.mark.parametrize("member", [-1, 6, "small"])
def test_a_member_that_is_not_there_is_refused(trainer, member):
    with pytest.raises(ShoalError, match=r"^member=.* must be a number from 0 to 5$"):
        trainer.shoal.weights(member)


def test_probabilities_are_for_classes(data_of):
    shoal = Trainer(ARMS["small"], data_of("regression"), steps=1).shoal
    with pytest.raises(ShoalError, match="probabilities are for classes; for regression take"):
        shoal.probabilities(np.zeros((2, 6)))
