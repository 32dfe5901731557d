"""What docs/design.md promises holds for compiled code, also where threads share a network.

Alone as in company, chunks, order and resume are in tests/engine, which go through both engines.
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from shoal import (
    SGD,
    Adam,
    Affine,
    Flatten,
    Momentum,
    Network,
    PeriodicEmbedding,
    Recipe,
    ShoalError,
    Trainer,
    convnet,
    mlp,
)
from shoal.engine.compiled import plan, stepper
from shoal.engine.member import program_of

WIDE = Recipe(mlp([260, 200], batch_norm=True, dropout=0.2), Momentum(lr=0.02), batch_size=128)


@pytest.mark.parametrize("threads", [2, 3, 8])
@pytest.mark.parametrize(
    "recipe",
    [
        WIDE,
        Recipe(mlp([300, 150], "gelu"), Adam(), batch_size=128, clip_norm=0.5, weight_decay=1e-3),
        Recipe(convnet([4, 5], 3, 2, [20], padding="same", dropout=0.1), Adam(), batch_size=20),
        Recipe(
            Network((Flatten(), Affine(30), PeriodicEmbedding(frequencies=9), Affine())),
            Adam(),
            batch_size=20,
        ),
    ],
    ids=["batch norm and dropout", "clipping", "convolutions", "waves"],
)
def test_threads_that_share_one_network_change_no_bit(data_of, bits, recipe, threads, monkeypatch):
    monkeypatch.setattr(plan, "WORTH", 1)  # else nobody would share networks that are so small
    plan.plan_of.cache_clear()
    data = data_of("images", 300)
    assert plan.plan_of(program_of(recipe, data.in_shape, data.outputs, data.task)).threads == 16
    alone, shared = (
        Trainer(recipe, data, steps=6, engine="compiled", threads=n).run() for n in (1, threads)
    )
    assert bits(shared) == bits(alone)
    plan.plan_of.cache_clear()


@pytest.mark.parametrize("most", [1, 70, 500])
@pytest.mark.parametrize("sampling", ["epochs", "replacement"])
def test_how_many_rows_are_listed_at_once_changes_no_bit(
    data, all_bits, most, sampling, monkeypatch
):
    recipes = {
        "good": Recipe(mlp([8], dropout=0.2), Adam(lr=0.02), batch_size=8),
        "bad": Recipe(mlp([8], dropout=0.2), Adam(lr=1e30), batch_size=8),
    }
    chosen = {"seeds": 3, "sampling": sampling, "engine": "compiled", "threads": 1}
    at_once = Trainer(recipes, data, epochs=6, **chosen).run()
    monkeypatch.setattr(stepper, "BATCHED", most)
    assert all_bits(Trainer(recipes, data, epochs=6, **chosen).run()) == all_bits(at_once)


@pytest.mark.parametrize("given", [0, 1, 2])
def test_where_the_system_has_no_more_threads_one_trains_it(data_of, bits, monkeypatch, given):
    left = [given]
    start = threading.Thread.start

    def begin(thread):
        if thread.name.startswith("shoal-helper"):
            if not left[0]:
                raise RuntimeError("can't start new thread")
            left[0] -= 1
        start(thread)

    monkeypatch.setattr(plan, "WORTH", 1)
    plan.plan_of.cache_clear()
    data, settings = data_of("images", 300), {"steps": 4, "evaluate_parts": (), "threads": 4}
    alone = Trainer(WIDE, data, engine="compiled", **settings | {"threads": 1}).run()
    monkeypatch.setattr(threading.Thread, "start", begin)
    few = Trainer(WIDE, data, engine="compiled", **settings).run()
    assert left == [0]
    assert bits(few) == bits(alone)
    plan.plan_of.cache_clear()


def test_a_network_that_diverges_disturbs_nobody_and_stops_where_the_reference_does(data, bits):
    recipes = {"good": Recipe(mlp([8]), SGD(lr=0.1)), "bad": Recipe(mlp([8]), SGD(lr=1e9))}
    recipes = {name: recipe.replace({"batch_size": 8}) for name, recipe in recipes.items()}
    ways = {
        engine: Trainer(recipes, data, steps=30, seeds=2, engine=engine, threads=1, chunk=4).run()
        for engine in ("compiled", "reference")
    }
    diverged = ways["compiled"].history.diverged
    assert (diverged[:2] == -1).all()
    assert (diverged[2:] > 0).all()
    np.testing.assert_array_equal(diverged, ways["reference"].history.diverged)
    alone = Trainer(recipes["good"], data, steps=30, seeds=2, engine="compiled").run()
    assert bits(alone, 1) == bits(ways["compiled"], 1)
    for member in (2, 3):
        loss = ways["compiled"].history.curve(member, "loss").values
        assert not np.isfinite(loss[diverged[member]])
        assert np.isnan(loss[diverged[member] + 1 :]).all()


def test_a_gradient_too_large_to_be_squared_has_a_norm(data):
    recipe = Recipe(mlp([8]), SGD(lr=1e-30), init=3e9, batch_size=8, clip_norm=1.0)
    compiled, reference = (
        Trainer(recipe, data, steps=2, engine=engine).run().history.curve(0, "gradient_norm").values
        for engine in ("compiled", "reference")
    )
    assert (reference > 1e9).all()
    np.testing.assert_allclose(compiled, reference, 1e-4)


def test_a_run_goes_on_by_the_engine_that_began_it(data, tmp_path):
    recipe = Recipe(mlp([8]), SGD(lr=0.1), batch_size=8)
    Trainer(recipe, data, steps=9, engine="compiled", folder=tmp_path).run(until=4)
    with pytest.raises(ShoalError, match="other settings"):
        Trainer(recipe, data, steps=9, engine="reference", folder=tmp_path, resume=True)
    resumed = Trainer.resume(tmp_path, data).run()
    whole = Trainer(recipe, data, steps=9, engine="compiled").run()
    for name in ("loss", "gradient_norm", "valid_loss"):
        found, expected = (t.history.curve(0, name).values for t in (resumed, whole))
        np.testing.assert_array_equal(found, expected)


def test_readings_come_from_the_same_steps(data):
    recipe = Recipe(mlp([8]), Momentum(lr=0.1), batch_size=8)
    with_, without = (
        Trainer(recipe, data, steps=9, engine="compiled", instruments=[3, 7] if read else False)
        for read in (True, False)
    )
    reference = Trainer(recipe, data, steps=9, engine="reference", instruments=[3, 7]).run()
    found, expected = (trainer.run()._cohorts[0].record.readings for trainer in (with_, reference))
    np.testing.assert_allclose(found, expected, 1e-3, 1e-5)
    losses = [t.run().history.curve(0, "loss").values for t in (with_, without)]
    np.testing.assert_allclose(*losses, 1e-5)
