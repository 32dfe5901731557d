"""Rows that count more or less, in training and in evaluation."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest

from shoal import SGD, Adam, Dataset, Momentum, Recipe, Trainer, convnet, mlp
from shoal.data.batching import batch_rows
from shoal.data.part import PARTS, Part

RECIPE = Recipe(mlp([9], dropout=0.2), Adam(lr=0.02), batch_size=8)
KINDS = ("classes", "regression", "one target")


def weighing(data: Dataset, seed: int = 0, **weights) -> Dataset:
    """The data with random weights of rows, or with those given for each part."""
    rng = np.random.default_rng(seed)
    parts = {}
    for name in PARTS:
        part = data.part(name)
        w = weights.get(name, rng.gamma(1.0, 1.0, len(part)))
        parts[name] = Part(part.x, part.y, np.asarray(w, np.float32))
    return replace(data, **parts)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_1_change_no_bit(data_of, all_bits, kind):
    data = data_of(kind)
    ones = weighing(data, **{name: np.ones(len(data.part(name))) for name in PARTS})
    weighted, plain = (Trainer(RECIPE, d, epochs=4, seeds=2).run() for d in (ones, data))
    for ours, theirs in zip(all_bits(weighted), all_bits(plain), strict=True):
        for name in ("theta", "loss", "gradient_norm"):
            assert ours[name] == theirs[name], name


@pytest.mark.parametrize("scale", [0.25, 8.0])
def test_only_the_ratio_of_weights_matters(data, all_bits, scale):
    w = {name: np.random.default_rng(1).integers(1, 9, len(data.part(name))) for name in PARTS}
    one = Trainer(RECIPE, weighing(data, **w), epochs=3).run()
    other = weighing(data, **{name: scale * values for name, values in w.items()})
    assert all_bits(Trainer(RECIPE, other, epochs=3).run()) == all_bits(one)


def test_the_loss_and_its_gradient_are_weighted_means_of_rows(data):
    data = weighing(data)
    recipe = Recipe(mlp([]), SGD(lr=0.5), batch_size=15)
    trainer = Trainer(recipe, data, steps=4, seeds=[2])
    for step in range(4):
        layer = trainer.shoal.weights(0)[-1]
        W, b = (layer[name].astype(float) for name in ("W", "b"))
        rows = batch_rows(2, len(data.train), 15, step)
        x, y, w = (a[rows].astype(float) for a in (data.train.x, data.train.y, data.train.weights))
        z = x @ W + b
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        y = y.astype(int)
        loss = -(w * np.log(p[np.arange(len(y)), y])).sum() / len(y)
        dz = w[:, None] * (p - np.eye(data.outputs)[y]) / len(y)
        trainer.step()
        after = trainer.shoal.weights(0)[-1]
        assert trainer.history.curve(0, "loss").values[step] == pytest.approx(loss, rel=1e-5)
        np.testing.assert_allclose(after["W"], W - 0.5 * x.T @ dz, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(after["b"], b - 0.5 * dz.sum(axis=0), rtol=1e-4, atol=1e-6)


def test_a_row_of_weight_2_is_as_good_as_two_rows(data):
    """With all rows in one batch; the order of sums differs, so not bit for bit."""
    times = np.arange(len(data.train)) % 3
    nothing = Part(data.train.x[:0], data.train.y[:0])
    few = replace(data, valid=nothing, test=nothing)
    weighted = replace(few, train=Part(few.train.x, few.train.y, times.astype(np.float32)))
    at = np.repeat(np.arange(len(times)), times)
    repeated = replace(few, train=few.train.rows(at))
    one, other = (
        Trainer(Recipe(mlp([7]), Momentum(lr=0.1), batch_size=len(d.train)), d, steps=20).run()
        for d in (weighted, repeated)
    )
    for ours, theirs in zip(one.shoal.weights(0), other.shoal.weights(0), strict=True):
        for name in theirs:
            np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-3, atol=1e-5)
    for name in ("train_loss", "train_accuracy"):
        assert one.history.final(name)[0] == pytest.approx(other.history.final(name)[0], rel=1e-4)


def test_a_row_of_weight_0_has_no_say(data, all_bits):
    w = np.ones(len(data.train))
    w[[3, 20]] = 0
    x = data.train.x.copy()
    x[[3, 20]] = 7.0
    here = weighing(data, train=w)
    there = replace(here, train=Part(x, data.train.y, here.train.weights))
    one, other = (Trainer(RECIPE, d, epochs=3).run() for d in (here, there))
    np.testing.assert_array_equal(one._cohorts[0].rows.theta, other._cohorts[0].rows.theta)
    assert one.history.final("train_loss") == other.history.final("train_loss")


@pytest.mark.parametrize("kind", KINDS)
def test_metrics_are_weighted_means_over_rows(data_of, kind):
    data = weighing(data_of(kind))
    trainer = Trainer(RECIPE, data, epochs=2, seeds=2).run()
    for name in PARTS:
        part = data.part(name)
        outputs, w = trainer.shoal.outputs(part.x).astype(float), part.weights.astype(float)
        w /= w.sum()
        found = {
            metric.removeprefix(f"{name}_"): trainer.history.final(metric)
            for metric in trainer.history.metrics
            if metric.startswith(name)
        }
        if kind == "classes":
            p = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
            expected = {
                "loss": -np.log(p[:, np.arange(len(part)), part.y]) @ w,
                "accuracy": (outputs.argmax(axis=-1) == part.y) @ w,
            }
        else:
            square = np.einsum("mro,r->mo", (outputs - part.y) ** 2, w)
            mean = w @ part.y
            spread = w @ (part.y - mean) ** 2
            expected = {
                "loss": square.mean(axis=-1),
                "rmse": (np.sqrt(square) * data.target_scale).mean(axis=-1),
                "r2": (1 - square / spread).mean(axis=-1),
            }
        assert set(found) == set(expected)
        for metric, values in expected.items():
            np.testing.assert_allclose(found[metric], values, rtol=1e-5, err_msg=metric)


def test_a_sample_of_rows_takes_their_weights_along(data):
    rng = np.random.default_rng(0)
    many = Part(rng.standard_normal((90, *data.in_shape)).astype(np.float32), np.arange(90) % 3)
    w = np.zeros(90, np.float32)
    sampled = Trainer(RECIPE, replace(data, valid=many), epochs=1, evaluate_rows=30)
    rows = sampled._parts["valid"]
    w[rows] = rng.uniform(1, 3, 30)
    whole = replace(data, valid=Part(many.x, many.y, w))
    some, every = (Trainer(RECIPE, whole, epochs=1, evaluate_rows=n).run() for n in (30, None))
    for name in ("valid_loss", "valid_accuracy"):  # all others weigh nothing
        np.testing.assert_allclose(some.history.final(name), every.history.final(name), rtol=1e-6)


@pytest.mark.parametrize("kind", ["classes", "regression", "images"])
def test_a_member_is_the_same_alone_as_in_company(data_of, bits, kind):
    data = weighing(data_of(kind))
    network = convnet([3], 3) if kind == "images" else mlp([9], dropout=0.2)
    recipe = Recipe(network, Adam(lr=0.02), batch_size=8)
    alone = [Trainer(recipe, data, epochs=3, seeds=[s]).run() for s in range(4)]
    for how in ({}, {"chunk": 1}, {"chunk": 3, "threads": 1}):
        together = Trainer(recipe, data, epochs=3, seeds=4, **how).run()
        assert [bits(together, s) for s in range(4)] == [bits(t, 0) for t in alone]


def test_weights_travel_to_processes(data, all_bits):
    data = weighing(data)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        there = Trainer(RECIPE, data, epochs=2, seeds=2, executor=pool).run()
    assert all_bits(there) == all_bits(Trainer(RECIPE, data, epochs=2, seeds=2).run())


def test_weights_travel_over_dask(data, all_bits):
    from shoal.engine.chunk import train
    from shoal.engine.dask_workers import Parcel

    data = weighing(data)
    trainer = Trainer(RECIPE, data, epochs=2)
    cohort = trainer._cohorts[0]
    parts = dict.fromkeys(PARTS)
    there = train(cohort.task(np.arange(1), 0, 10, Parcel.of(data), parts, False))
    trainer.run()
    np.testing.assert_array_equal(there.rows.theta, cohort.rows.theta)


def test_other_weights_are_other_data_to_a_checkpoint(data, tmp_path):
    Trainer(RECIPE, weighing(data), epochs=2, folder=tmp_path).run(until=1)
    with pytest.raises(ValueError, match="holds a run with other data"):
        Trainer(RECIPE, weighing(data, seed=1), epochs=2, folder=tmp_path, resume=True)
