"""Draws of dropout and orders of epochs are those of NumPy's generator, number for number."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from shoal.data.batching import rows_of_steps
from shoal.engine.compiled import listing
from shoal.engine.compiled.draws import philox_key, uniform
from shoal.engine.compiled.library import library
from shoal.engine.compiled.listing import rows_of_seeds
from shoal.rng import generator


@njit
def _draws(seed, layer, step, first, out):
    pool = np.zeros(4, np.uint64)
    philox_key(seed, (np.uint64(3), np.uint64(layer), np.uint64(step)), pool)
    uniform(pool[0], pool[1], first, out)


@settings(deadline=None)
@given(
    seed=st.integers(0, 2**62),
    layer=st.integers(0, 20),
    step=st.integers(0, 10**7),
    first=st.integers(0, 30),
    count=st.integers(1, 200),
)
def test_any_stretch_of_the_draws_is_that_of_the_generator(seed, layer, step, first, count):
    out = np.empty(count, np.float32)
    _draws(seed, layer, step, 8 * first, out)
    expected = generator(seed, "dropout", layer, step).random(8 * first + count, np.float32)
    np.testing.assert_array_equal(out, expected[8 * first :])


@settings(deadline=None)
@given(
    seeds=st.lists(st.integers(0, 2**62), min_size=1, max_size=3),
    sizes=st.integers(1, 300).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n))),
    first=st.integers(0, 5000),
    epochs=st.integers(1, 3),
    replacement=st.booleans(),
)
def test_rows_of_many_seeds_are_those_of_each(seeds, sizes, first, epochs, replacement):
    steps = *sizes, first, first + epochs * -(-sizes[0] // sizes[1]), replacement
    expected = [rows_of_steps(seed, *steps) for seed in seeds]
    found = rows_of_seeds(library(), np.array(seeds), len(expected[0]), *steps)
    np.testing.assert_array_equal(found, expected)


def test_the_order_of_many_rows_is_made_by_compiled_code(monkeypatch):
    expected = rows_of_steps(7, 70_000, 100, 0, 700)
    assert listing._agrees(library())
    monkeypatch.setattr(listing, "rows_of_steps", None)
    found = rows_of_seeds(library(), np.array([7]), 70_000, 70_000, 100, 0, 700)
    np.testing.assert_array_equal(found[0], expected)


def test_another_numpy_gives_its_own_order(monkeypatch):
    def other(*steps):
        return rows_of_steps(*steps)[::-1]

    monkeypatch.setattr(listing, "rows_of_steps", other)
    listing._agrees.cache_clear()
    try:
        found = rows_of_seeds(library(), np.array([7]), 50, 50, 10, 0, 5)
        np.testing.assert_array_equal(found[0], other(7, 50, 10, 0, 5))
    finally:
        listing._agrees.cache_clear()
