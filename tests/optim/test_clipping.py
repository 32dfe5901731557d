"""The norm of a gradient, where float32 is too small for its square."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.optim.clipping import row_norms


@given(st.floats(-30, 18), st.integers(1, 50), st.integers(0, 2**20))
def test_where_nothing_overflows_the_bits_are_those_of_the_plain_formula(power, size, seed):
    g = (10**power * np.random.default_rng(seed).uniform(-1, 1, (3, size))).astype(np.float32)
    expected = np.sqrt(np.vecdot(g, g))
    assert row_norms(g).dtype == np.float32
    np.testing.assert_array_equal(row_norms(g), expected)
    huge = np.vstack([g, np.full((1, size), 1e30, np.float32)])  # a neighbour changes nothing
    np.testing.assert_array_equal(row_norms(huge)[:3].astype(np.float32), expected)


@pytest.mark.parametrize("size", [1e19, 1e25, 1e37, 3e38])
def test_the_closed_form_where_squares_overflow(size):
    g = np.array([[size, -size, size, 0, size]], np.float32)
    assert row_norms(g)[0] == pytest.approx(2 * size, rel=1e-7)


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_gradient_that_is_not_finite_has_no_finite_norm(bad):
    g = np.array([[1.0, bad], [3.0, 4.0]], np.float32)
    norms = row_norms(g)
    assert not np.isfinite(norms[0])
    assert norms[1] == 5
