"""A run that begins with the state of another."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal import ShoalError, Trainer


@pytest.fixture(scope="module")
def data():
    return shoal.load("digits").take(300)


def recipe(**changes):
    network = shoal.mlp([12], batch_norm=True, dropout=0.2)
    return shoal.Recipe(network, shoal.Adam(), weight_decay=0.01, batch_size=64).replace(changes)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_two_halves_are_a_whole_to_the_bit(data, engine):
    options = {"seeds": [5, 2, 9], "engine": engine}  # a cohort sorts its members by seed
    whole = Trainer(recipe(), data, epochs=6, **options).run()
    half = Trainer(recipe(), data, epochs=4, **options).run()
    rest = Trainer(recipe(), data, epochs=6, **options).go_on_from(half.rows, epochs=4).run()
    for name in ("theta", "running"):
        np.testing.assert_array_equal(getattr(rest.rows, name), getattr(whole.rows, name))
    for name, slot in whole.rows.slots.items():
        np.testing.assert_array_equal(rest.rows.slots[name], slot)
    for member in range(3):
        ours, theirs = (t.history.curve(member, "loss").values for t in (rest, whole))
        assert np.isnan(ours[:20]).all()
        np.testing.assert_array_equal(ours[20:], theirs[20:])
        np.testing.assert_array_equal(rest.shoal.weights(member)[1]["W"].ravel().shape, (768,))


def test_rows_are_in_the_order_of_the_members(data):
    trainer = Trainer(recipe(), data, epochs=1, seeds=[7, 3])
    first = [trainer.shoal.weights(member)[1]["W"].ravel() for member in range(2)]
    for row, weights in zip(trainer.rows.theta, first, strict=True):
        np.testing.assert_array_equal(row[: len(weights)], weights)


def test_rows_are_copies(data):
    trainer = Trainer(recipe(), data, epochs=1)
    before = trainer.rows
    trainer.rows.theta[:] = 0
    np.testing.assert_array_equal(trainer.rows.theta, before.theta)
    trainer.run()
    assert not np.array_equal(trainer.rows.theta, before.theta)


def test_what_cannot_go_on(data):
    two = Trainer({"a": recipe(), "b": recipe(batch_size=50)}, data, epochs=1)
    with pytest.raises(ShoalError, match="members of 2 structures have no rows in common"):
        two.rows  # noqa: B018
    begun = Trainer(recipe(), data, epochs=2).epoch()
    with pytest.raises(ShoalError, match="this one has begun"):
        begun.go_on_from(begun.rows)
