"""Bias and straight activations: the very numbers that NumPy makes, and nothing else is written."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.engine.compiled import tables
from shoal.engine.compiled.library import library
from shoal.engine.compiled.straight import LEAKY_RELU, NONE, RELU

SPACE = 64
SLOPE = np.float32(0.1)


def lines(memory: np.ndarray, rows: int, n: int, step: int) -> np.ndarray:
    """Rows of n numbers, `step` apart, as a view."""
    return np.lib.stride_tricks.as_strided(memory, (rows, n), (4 * step, 4))


def forward(kind: int, x: np.ndarray) -> np.ndarray:
    if kind == RELU:
        return np.where(x < 0, np.float32(0), x)
    return np.where(x > 0, x, SLOPE * x) if kind == LEAKY_RELU else x


def slope(kind: int, y: np.ndarray) -> np.ndarray:
    below = {NONE: np.float32(1), RELU: np.float32(0), LEAKY_RELU: SLOPE}[kind]
    return np.where(y > 0, np.float32(1), below)


@settings(deadline=None)
@given(
    st.sampled_from([NONE, RELU, LEAKY_RELU]),
    st.integers(2, 40),
    st.integers(1, 150),
    st.sampled_from([0, 0, 1, 5, 48]),
    st.integers(0, 99),
)
def test_bias_activation_and_their_gradients(kind, rows, n, gap, seed):
    random, step = np.random.default_rng(seed), n + gap
    bias, y, d, of_bias = (
        random.standard_normal(size + SPACE).astype(np.float32)
        for size in (n, rows * step, rows * step, n)
    )
    expected = [array.copy() for array in (bias, y, d, of_bias)]
    said, down = (lines(array, rows, n, step) for array in expected[1:3])
    said[...] = forward(kind, said + bias[:n])
    down *= slope(kind, said)
    for row in down:  # in their order
        expected[3][:n] += row

    kernels, addresses = library().kernels, [a.ctypes.data for a in (bias, y, d, of_bias)]
    kernels[tables.ACTIVATE].ctypes(
        kind, SLOPE, addresses[0], addresses[1], addresses[1], n, rows, step
    )
    kernels[tables.DESCEND].ctypes(
        kind, SLOPE, addresses[1], addresses[1], addresses[2], addresses[3], n, rows, step
    )
    for name, got, right in zip(["bias", "y", "d", "of_bias"], (bias, y, d, of_bias), expected,
                                strict=True):  # fmt: skip
        np.testing.assert_array_equal(got, right, err_msg=name)


@pytest.mark.parametrize("rows", [1, 9])
def test_what_is_not_finite_stays_so(rows):
    numbers = np.array([np.nan, np.inf, -np.inf], np.float32)
    for kind, right in ((NONE, numbers), (RELU, [np.nan, np.inf, 0]), (LEAKY_RELU, numbers)):
        y, bias = np.zeros(3 * rows + SPACE, np.float32), np.zeros(SPACE, np.float32)
        y[: 3 * rows] = np.tile(numbers, rows)
        at = y.ctypes.data
        library().kernels[tables.ACTIVATE].ctypes(kind, SLOPE, bias.ctypes.data, at, at, 3, rows, 3)
        np.testing.assert_array_equal(y[: 3 * rows], np.tile(np.asarray(right), rows))
