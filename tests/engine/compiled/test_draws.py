"""The draws of dropout are those of NumPy's generator, number for number."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from shoal.engine.compiled.draws import dropout_key, uniform
from shoal.rng import generator


@njit
def _draws(seed, layer, step, first, out):
    pool = np.zeros(4, np.uint64)
    dropout_key(seed, layer, step, pool)
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
