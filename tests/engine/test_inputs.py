"""However inputs are kept, as bytes or in a file, training and evaluation give the same bits."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from shoal import SGD, Adam, Dataset, Recipe, Trainer, convnet, mlp
from shoal.data.part import Part
from shoal.engine.compiled.inputs import READY, as_it_lies, at_once, inputs_of

RNG = np.random.default_rng(11)
IMAGES = RNG.integers(0, 256, (90, 6, 6), dtype=np.uint8)
Y = np.arange(90) % 3
PARTS = ("train", "valid", "test")
RECIPES = {
    "plain": Recipe(mlp([9]), SGD(lr=0.1), batch_size=16),
    "mixed": Recipe(mlp([9, 5], batch_norm=True, dropout=0.2), Adam(), batch_size=7),
}


def as_float32(data: Dataset) -> Dataset:
    """The same data set, made ready at once."""
    parts = {
        name: Part(np.array(data.part(name).x), data.part(name).y, data.part(name).weights)
        for name in PARTS
    }
    return replace(data, **parts)


def states(trainer):
    """All that a run left behind."""
    found = []
    for cohort in trainer._cohorts:
        rows, record = cohort.rows, cohort.record
        found += [rows.theta, rows.running, *rows.slots.values()]
        found += [record.loss, record.gradient_norm, record.readings, *record.metrics.values()]
    return found


def same(one, other):
    for a, b in zip(states(one), states(other), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.fixture(params=["bytes", "bytes in a file", "scaled", "float64", "backwards"])
def kept(request, tmp_path):
    """A data set whose inputs are kept in some way."""
    if request.param == "bytes":
        return Dataset.from_arrays(IMAGES, Y)
    x = IMAGES if "bytes" in request.param else IMAGES.reshape(90, -1) / 7.0
    if request.param in ("scaled", "backwards"):
        x = x.astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    if request.param == "backwards":
        return Dataset.from_arrays(x[::-1], Y, scale="none")
    return Dataset.from_arrays(x, Y, scale="none" if request.param == "float64" else "auto")


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_training_gives_the_bits_of_inputs_that_were_ready(kept, engine):
    assert kept.train.stored.dtype != np.float32 or kept.train.scaling is not None or (
        kept.train.at is not None
    )  # fmt: skip
    settings = {"epochs": 2, "seeds": 3, "engine": engine, "instruments": True}
    one, other = (Trainer(RECIPES, data, **settings).run() for data in (kept, as_float32(kept)))
    same(one, other)
    assert np.isfinite(states(one)[0]).all()
    said, wanted = (t.shoal.ensemble(arms="mixed").predictions("test") for t in (one, other))
    np.testing.assert_array_equal(said.outputs, wanted.outputs)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_weights_of_rows_samples_and_replacement(kept, engine):
    w = RNG.random(len(kept.train)).astype(np.float32) + 0.1
    weighted = replace(kept, train=replace(kept.train, weights=w))
    settings = {
        "steps": 9, "seeds": [4, 1], "engine": engine, "sampling": "replacement",
        "evaluate_rows": 10,
    }  # fmt: skip
    one, other = (
        Trainer(RECIPES, data, **settings).run() for data in (weighted, as_float32(weighted))
    )
    same(one, other)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_images_of_bytes_through_a_convolution(engine):
    data = Dataset.from_arrays(IMAGES, Y)
    settings = {"epochs": 1, "seeds": 2, "engine": engine}
    recipe = Recipe(convnet(filters=(3,), hidden=(5,)), Adam(), batch_size=16)
    same(*(Trainer(recipe, each, **settings).run() for each in (data, as_float32(data))))


def test_several_threads_on_one_network_read_bytes():
    data = Dataset.from_arrays(IMAGES, Y)
    recipe = Recipe(mlp([1100, 1100]), SGD(lr=0.01), batch_size=32)
    settings = {"steps": 3, "engine": "compiled"}
    same(
        Trainer(recipe, data, threads=2, **settings).run(),
        Trainer(recipe, as_float32(data), threads=1, **settings).run(),
    )


def test_processes_map_what_is_kept(kept):
    pool = ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn"))
    with pool:
        settings = {"epochs": 1, "seeds": 2}
        there = Trainer(RECIPES, kept, executor=pool, **settings).run()
    same(there, Trainer(RECIPES, kept, **settings).run())


def test_few_rows_are_made_ready_ahead(kept):
    batches = np.array([[3, 1, 3], [0, 2, 1]])
    found = inputs_of(kept.train, batches)
    x = found.x.reshape(len(found.x), -1)[found.placed]
    if found.top is not None:
        x = np.divide(x, np.float32(found.top[0]), dtype=np.float32)
    if found.mean is not None:
        x = ((x - found.mean) / found.deviation).astype(np.float32)
    wanted = kept.train.inputs(batches.reshape(-1)).reshape(x.shape)
    np.testing.assert_array_equal(x, wanted)
    if not as_it_lies(kept.train):
        assert len(found.x) == batches.size
        assert at_once(kept.train, 10**9) == READY // 36


def test_what_compiled_code_reads_where_it_lies(tmp_path):
    np.save(tmp_path / "x.npy", IMAGES.reshape(90, -1).astype(np.float32))
    columns = np.load(tmp_path / "x.npy", mmap_mode="r")
    for x, lies in (
        (IMAGES, True), (IMAGES / 7.0, True), (columns, True), (columns[::-1], False),
        (columns.astype(np.float64), True), (np.asarray(columns)[:, ::2], False),
    ):  # fmt: skip
        assert as_it_lies(Dataset.from_arrays(x, Y, valid=0, test=0).train) == lies
