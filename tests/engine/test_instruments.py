"""Instruments read what they say, cost no bit of any other number, and are the same in company."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import (
    SGD,
    Adam,
    AdamW,
    Affine,
    BatchNorm,
    Callback,
    Cosine,
    Dataset,
    Dropout,
    Flatten,
    Member,
    Network,
    Recipe,
    ReLU,
    ShoalError,
    Sigmoid,
    Trainer,
    mlp,
)
from shoal.engine.instruments import INSTRUMENTS, ONE_IN, View, reading_steps
from shoal.nn import ACTIVATIONS

ALL = range(1000)
ARMS = {
    "plain": Recipe(mlp([5, 4]), SGD(lr=0.1), batch_size=16),
    "all of it": Recipe(
        mlp([6, 4], batch_norm=True, dropout=0.2),
        Adam(lr=0.01),
        schedule=Cosine(),
        weight_decay=0.01,
        clip_norm=0.1,
        batch_size=10,
    ),
    "another rate": Recipe(mlp([5, 4]), SGD(lr=0.01), batch_size=16, init=0.01),
    "wild": Recipe(mlp([5, 4]), SGD(lr=1e30), batch_size=16),
    "tanh": Recipe(mlp([5, 1], activation="tanh"), AdamW(lr=0.01), batch_size=11),
    "one row": Recipe(mlp([3], activation="sigmoid"), SGD(lr=0.1), batch_size=1),
    "input": Recipe(Network((Flatten(), ReLU(), Affine(4), Affine())), SGD(), batch_size=33),
}


def members(seeds: int = 2) -> list[Member]:
    return [Member(recipe, seed, arm) for arm, recipe in ARMS.items() for seed in range(seeds)]


def readings(trainer: Trainer, member: int = 0) -> bytes:
    """All readings of a member, bit by bit."""
    cohort, row = trainer.history._place[member]
    return cohort.record.readings[row].tobytes()


def all_readings(trainer: Trainer) -> list[bytes]:
    return [readings(trainer, i) for i in range(len(trainer.members))]


# The schedule


def test_readings_are_dense_at_first_and_few():
    steps = reading_steps(2000, True)
    assert steps[:3].tolist() == [0, 1, 2]
    assert steps[-1] == 1999
    gaps = np.diff(steps)
    assert (np.diff(gaps) >= -1).all()  # ever wider, but for rounding
    assert 25 <= len(steps) <= 40


@given(st.integers(1, 100_000))
def test_never_more_than_one_step_in_so_many_is_read(total):
    steps = reading_steps(total, True)
    assert len(steps) <= max(1, total // ONE_IN)
    assert steps[0] == 0
    assert (np.diff(steps) > 0).all()
    assert steps[-1] < total


def test_steps_can_be_chosen(data):
    trainer = Trainer(ARMS["plain"], data, steps=6, instruments=[4, 1, 1, 99])
    assert trainer.run().history.reading(0, "1 Affine", "weight_norm").steps.tolist() == [1, 4]


@pytest.mark.parametrize("wanted", ["yes", 3, None, [0.5], [-1], [True], ["0"]])
def test_instruments_that_are_no_steps_are_refused(data, wanted):
    with pytest.raises(ShoalError, match=r"^instruments=.* must be "):
        Trainer(ARMS["plain"], data, steps=6, instruments=wanted)


# What is read


def view(outputs: Any, layer: Any = None, **arrays: Any) -> View:
    outputs = np.asarray(outputs, np.float32)
    empty = np.empty((len(outputs), 0), np.float32)
    given = {"weights": empty, "gradient": empty, "update": empty} | {
        name: np.asarray(array, np.float32) for name, array in arrays.items()
    }
    return View(layer or ReLU(), outputs, **given)


def read(name: str, seen: View) -> list[float]:
    return INSTRUMENTS[name].measure(seen).tolist()


@pytest.mark.parametrize("shape", [(3, 8, 5), (2, 4, 3, 3, 6), (1, 9, 2)])
def test_moments_are_those_of_all_outputs(shape):
    y = np.random.default_rng(0).normal(1, 2, shape).astype(np.float32)
    seen = view(y)
    flat = y.astype(float).reshape(len(y), -1, shape[-1])
    np.testing.assert_allclose(read("output_mean", seen), flat.mean(axis=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(read("output_std", seen), flat.std(axis=(1, 2)), rtol=1e-5)
    over_rows = np.sqrt(flat.var(axis=1).mean(axis=1))
    np.testing.assert_allclose(read("batch_std", seen), over_rows, rtol=1e-5)
    over_units = np.sqrt(flat.var(axis=2).mean(axis=1))
    np.testing.assert_allclose(read("unit_std", seen), over_units, rtol=1e-5)


def test_zeros_and_dead_units_are_counted_exactly():
    y = [[[0, 1, 0], [0, 0, 2], [0, 0, 3]], [[1, 1, 1], [1, 1, 1], [0, 1, 1]]]
    assert read("zeros", view(y)) == pytest.approx([6 / 9, 1 / 9])
    assert read("dead_units", view(y)) == pytest.approx([1 / 3, 0])


def test_a_feature_map_is_dead_only_if_it_is_0_everywhere():
    y = np.zeros((1, 2, 3, 3, 2))
    y[0, 1, 2, 0, 1] = 1
    assert read("dead_units", view(y)) == [0.5]
    assert read("zeros", view(y)) == pytest.approx([35 / 36])


def test_saturation_is_nearness_to_the_limits():
    sigmoid = [[[0.04, 0.06], [0.94, 0.96]]]
    assert read("saturated", view(sigmoid, Sigmoid())) == [0.5]
    tanh = [[[-0.96, -0.94], [0.04, 0.96]]]
    assert read("saturated", view(tanh, ACTIVATIONS["tanh"]())) == [0.5]


def test_norms_are_those_of_the_arrays():
    seen = view(np.ones((2, 1, 1)), weights=[[3, 4], [0, 0]], gradient=[[6, 8], [1, 0]])
    assert read("weight_norm", seen) == [5, 0]
    assert read("gradient_norm", seen) == [10, 1]
    seen = view(np.ones((2, 1, 1)), weights=[[3, 4], [0, 0]], update=[[0.3, 0.4], [1, 1]])
    ratio = read("update_ratio", seen)
    assert ratio[0] == pytest.approx(0.1)
    assert np.isnan(ratio[1])


def test_one_row_has_no_spread_over_the_batch_and_one_unit_none_over_units():
    assert np.isnan(read("batch_std", view([[[1.0, 2.0]]]))).all()
    assert np.isnan(read("unit_std", view([[[1.0], [2.0]]]))).all()


def test_every_reading_of_a_step_equals_a_slow_one(data):
    """Against a plain forward and backward pass, and the difference of two checkpoints."""
    for arm in ("plain", "all of it", "tanh"):
        recipe = ARMS[arm].replace({"network": mlp([5, 4], ACTS[arm])})
        before = Trainer(recipe, data, steps=5, instruments=ALL).step(3)
        after = Trainer(recipe, data, steps=5, instruments=ALL).step(4)
        old, new = (trainer.shoal.weights(0) for trainer in (before, after))
        h = after.history
        rows = _rows(data, recipe, 3)
        network = recipe.network.bind(data.in_shape, data.outputs)
        x = data.train.x[rows]
        seen = []
        outputs, caches = network.forward(old, x, training=True, outputs=seen)
        _, cache = recipe.loss_for("classification").forward(outputs, data.train.y[rows])
        _, grads = network.backward(old, caches, recipe.loss_for("classification").backward(cache))
        at = [i for i, layer in enumerate(network.layers) if not isinstance(layer, Flatten)]
        for name, i in zip(h.layers(0), at, strict=True):

            def value(instrument: str, name: str = name, h: Any = h) -> float:
                return float(h.reading(0, name, instrument).values[3])

            assert value("output_mean") == pytest.approx(seen[i].mean(), rel=1e-4, abs=1e-6)
            assert value("output_std") == pytest.approx(seen[i].std(), rel=1e-4)
            if "W" in old[i]:
                norm = np.linalg.norm(old[i]["W"])
                step = np.linalg.norm(new[i]["W"] - old[i]["W"])
                assert value("weight_norm") == pytest.approx(norm, rel=1e-5)
                assert value("update_ratio") == pytest.approx(step / norm, rel=1e-4)
                assert value("gradient_norm") == pytest.approx(
                    np.linalg.norm(grads[i]["W"]), rel=1e-4
                )


ACTS = {"plain": "relu", "all of it": "gelu", "tanh": "tanh"}


def _rows(data: Dataset, recipe: Recipe, step: int) -> Any:
    from shoal.data.batching import batch_rows

    return batch_rows(0, len(data.train), recipe.batch_size, step)


# Promises


def test_no_other_number_changes_by_a_bit(data, all_bits):
    without = Trainer(members(), data, epochs=3).run()
    for wanted in (True, [0, 3], ALL):
        assert all_bits(Trainer(members(), data, epochs=3, instruments=wanted).run()) == all_bits(
            without
        )
    assert without.history.instruments == ()


class EveryStep(Callback):
    """Wants to be called on every step, so that all rounds are of one step."""

    def on_step(self, trainer: Trainer) -> None:
        pass


@pytest.mark.parametrize("kind", ["classes", "images", "one feature"])
def test_readings_are_the_same_bits_alone_as_in_company(data_of, kind):
    data = data_of(kind)
    run: dict[str, Any] = {"epochs": 2, "instruments": ALL}
    company = all_readings(Trainer(members(), data, threads=1, **run).run())
    for chunk, threads in ((1, 1), (2, 3), (100, 2)):
        again = Trainer(members(), data, chunk=chunk, threads=threads, **run).run()
        assert all_readings(again) == company
    by_step = Trainer(members(), data, callbacks=[EveryStep()], **run).run()
    assert all_readings(by_step) == company
    turned = all_readings(Trainer(members()[::-1], data, **run).run())
    assert turned[::-1] == company
    for i, member in enumerate(members()):
        assert readings(Trainer([member], data, **run).run()) == company[i], member


@pytest.mark.parametrize("width", [1, 2, 7, 100, 300])
def test_no_width_makes_a_difference_in_company(data, width):
    recipe = Recipe(mlp([width, width]), SGD(lr=0.1), batch_size=33)
    company = Trainer(recipe, data, steps=3, seeds=9, instruments=ALL, chunk=9).run()
    for seed in range(9):
        alone = Trainer(recipe, data, steps=3, seeds=[seed], instruments=ALL).run()
        assert readings(alone) == readings(company, seed)


def test_processes_read_the_same(data):
    run: dict[str, Any] = {"epochs": 2, "instruments": ALL}
    here = all_readings(Trainer(members(), data, **run).run())
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        there = all_readings(Trainer(members(), data, executor=pool, **run).run())
    assert there == here


@settings(max_examples=10, deadline=None)
@given(cuts=st.lists(st.integers(1, 5), min_size=1, max_size=3), every=st.booleans())
def test_readings_survive_a_resumed_run(data, tmp_path_factory, cuts, every):
    folder = tmp_path_factory.mktemp("run")
    wanted: Any = ALL if every else [0, 2, 3, 7]
    trainer = Trainer(members(), data, epochs=3, instruments=wanted, folder=folder)
    for count in cuts:
        trainer.step(count).save(folder)
        trainer = Trainer.resume(folder, data)
    whole = Trainer(members(), data, epochs=3, instruments=wanted).run()
    assert all_readings(trainer.run()) == all_readings(whole)


def test_a_run_with_other_instruments_is_not_resumed(data, tmp_path):
    Trainer(ARMS["plain"], data, epochs=3, instruments=True, folder=tmp_path).step(2).save(tmp_path)
    with pytest.raises(ShoalError, match=r"holds a run with other settings"):
        Trainer(ARMS["plain"], data, epochs=3, folder=tmp_path, resume=True)


def test_a_diverged_member_has_no_readings_from_then_on(data_of):
    recipe = Recipe(mlp([]), SGD(lr=6.0), batch_size=16)
    arms = {"wild": recipe, "calm": recipe.replace({"optimizer.lr": 0.01})}
    trainer = Trainer(arms, data_of("regression"), steps=200, instruments=ALL).run()
    end, calm = trainer.history.diverged
    assert calm == -1
    assert 0 < end < 200
    wild = trainer.history.reading(0, "1 Affine", "weight_norm").values
    assert np.isfinite(wild[: end - 1]).all()
    assert np.isnan(wild[end:]).all()
    assert np.isfinite(trainer.history.reading(1, "1 Affine", "weight_norm").values).all()


# How one gets at them


def test_layers_are_numbered_without_those_that_only_reshape_or_drop(data_of):
    layers = (BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Affine(4), Sigmoid(), Affine())
    trainer = Trainer(
        Recipe(Network(layers), SGD(), batch_size=8), data_of("colour images"), steps=2
    )
    expected = ("1 BatchNorm", "2 ReLU", "3 Affine", "4 Sigmoid", "5 Affine")
    assert trainer.history.layers(0) == expected
    with_readings = Trainer(
        Recipe(Network(layers), SGD(), batch_size=8),
        data_of("colour images"),
        steps=2,
        instruments=True,
    ).run()
    assert with_readings.history.layers(0) == expected
    assert np.isfinite(with_readings.history.reading(0, "1 BatchNorm", "output_std").values).all()
    assert with_readings.history.instruments == tuple(INSTRUMENTS)


def test_mistakes_are_told(data):
    history = Trainer(ARMS["plain"], data, steps=3, instruments=ALL).run().history
    with pytest.raises(ShoalError, match=r"^unknown layer 'ReLU': did you mean '4 ReLU'\?"):
        history.reading(0, "ReLU", "zeros")
    with pytest.raises(ShoalError, match=r"^unknown instrument of layer '1 Affine' 'zeros'"):
        history.reading(0, "1 Affine", "zeros")
    with pytest.raises(ShoalError, match=r"^member=3 must be"):
        history.reading(3, "1 Affine", "zeros")
    without = Trainer(ARMS["plain"], data, steps=3).run().history
    with pytest.raises(ShoalError, match=r"^this run has no instruments; train with inst"):
        without.reading(0, "2 ReLU", "zeros")
    assert without.instruments_frame().empty


def test_the_table_holds_every_reading_once(data):
    history = Trainer(members(), data, epochs=2, instruments=[0, 2]).run().history
    frame = history.instruments_frame()
    columns = ["arm", "seed", "member", "step", "layer", "kind", "name", "value"]
    assert list(frame.columns) == columns
    assert not frame.duplicated(["member", "step", "layer", "name"]).any()
    one = frame.query("member == 2 and layer == '3 ReLU' and name == 'zeros'")
    assert one["value"].tolist() == pytest.approx(
        history.reading(2, "3 ReLU", "zeros").values.tolist(), nan_ok=True
    )
    assert set(one["arm"]) == {history.members[2].arm}


def test_a_run_that_is_under_way_shows_what_was_read(data):
    trainer = Trainer(ARMS["plain"], data, steps=9, instruments=[0, 2, 5])
    assert trainer.history.reading(0, "2 ReLU", "zeros").steps.tolist() == []
    trainer.step(3)
    assert trainer.history.reading(0, "2 ReLU", "zeros").steps.tolist() == [0, 2]
