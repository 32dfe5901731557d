"""Zeros are passed over where that pays; that it changes no bit, see `test_product`."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from shoal import SGD, Adam, Dataset, Recipe, Trainer, mlp
from shoal.engine.compiled import plan
from shoal.engine.compiled.zeros import TOGETHER, zeros_pay


def mostly_zero(random: np.random.Generator, shape: tuple[int, ...], share: float) -> np.ndarray:
    values = random.standard_normal(shape) * (random.random(shape) < share)
    return values.astype(np.float32)


@njit
def _pays(x, rows, k, n):
    return zeros_pay(x, rows, k, n)


def pays(x: np.ndarray, n: int = 100) -> bool:
    return _pays(np.int64(x.ctypes.data), *x.shape, n)


def test_zeros_are_looked_for_where_there_are_enough():
    random = np.random.default_rng(0)
    one_hot = np.eye(200, dtype=np.float32)[random.integers(0, 200, 64)]
    assert pays(one_hot)
    assert not pays(random.standard_normal((64, 200)).astype(np.float32))
    assert not pays(mostly_zero(random, (64, 200), 0.9))
    assert not pays(one_hot[: TOGETHER - 1])
    assert not pays(np.ascontiguousarray(one_hot[:, :10]), n=20)


def dark(rows: int = 64) -> Dataset:
    """Images of which only a part is ever lit: the first 30 of 200 pixels."""
    random = np.random.default_rng(1)
    x = np.zeros((rows + 32, 200), np.float32)
    x[:, :30] = mostly_zero(random, (rows + 32, 30), 0.5)
    return Dataset.from_arrays(x, random.integers(0, 3, rows + 32), valid=16, test=16)


def test_training_and_answers_leave_out_what_is_dark():
    """An infinite weight would spoil everything, were it multiplied by the 0 of its pixel."""
    data = dark()
    trainer = Trainer(Recipe(mlp([50]), SGD(), batch_size=32), data, steps=6, engine="compiled")
    trainer.step(2)
    (cohort,) = trainer._cohorts
    cohort.rows.theta[0, 40 * 50 : 200 * 50] = np.inf
    trainer.run()
    assert np.isfinite(trainer.history.curve(0, "loss").values).all()
    assert np.isfinite(trainer.shoal.outputs(data.train.x)).all()


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit_of_dark_images(bits, threads, monkeypatch):
    monkeypatch.setattr(plan, "WORTH", 1)
    plan.plan_of.cache_clear()
    recipe = Recipe(mlp([300, 20]), Adam(), batch_size=50)
    alone, shared = (
        Trainer(recipe, dark(), steps=5, engine="compiled", threads=n).run() for n in (1, threads)
    )
    assert bits(shared) == bits(alone)
    plan.plan_of.cache_clear()


def test_dark_images_train_as_by_the_reference_engine():
    recipe = Recipe(mlp([60, 20]), Adam(lr=0.01), batch_size=32)
    compiled, reference = (
        Trainer(recipe, dark(), steps=30, engine=engine).run().history.curve(0, "loss").values
        for engine in ("compiled", "reference")
    )
    np.testing.assert_allclose(compiled, reference, rtol=1e-4)
