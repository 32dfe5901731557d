"""What networks say does not depend on how the work is cut."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import SGD, Recipe, Trainer, mlp
from shoal.engine import networks


@pytest.fixture(scope="module")
def shoal_of_9(data):
    arms = {
        "small": Recipe(mlp([4]), SGD(lr=0.1), batch_size=16),
        "deep": Recipe(mlp([6, 5], batch_norm=True), SGD(lr=0.1), batch_size=15),
        "dropout": Recipe(mlp([7], dropout=0.3), SGD(lr=0.1), batch_size=16),
    }
    return Trainer(arms, data, epochs=2, seeds=3).run().shoal


@pytest.mark.parametrize("at_once", [1, 2, 100])
@pytest.mark.parametrize("threads", [1, 3])
def test_outputs_are_bit_identical_however_they_are_cut(shoal_of_9, monkeypatch, at_once, threads):
    x = np.random.default_rng(0).normal(size=(1200, 6))
    before = shoal_of_9.outputs(x)
    monkeypatch.setattr(networks, "_at_once", lambda program: at_once)
    monkeypatch.setattr(networks, "available_threads", lambda: threads)
    np.testing.assert_array_equal(shoal_of_9.outputs(x), before)


def test_pieces_of_rows_meet_at_their_ends(shoal_of_9, data):
    x = np.random.default_rng(0).normal(size=(1025, 6)).astype(np.float32)
    outputs = shoal_of_9.outputs(x)
    for i, member in enumerate(shoal_of_9.members):
        network = member.recipe.network.bind(data.in_shape, data.outputs)
        by_hand, _ = network.forward(shoal_of_9.weights(i), x)
        np.testing.assert_allclose(outputs[i], by_hand, rtol=1e-4, atol=1e-5)
