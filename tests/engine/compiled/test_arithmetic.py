"""The exponentials are as exact as float32 allows, also at the ends of its range."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from shoal.engine.compiled.arithmetic import exp, sigmoid, tanh

HALF_A_DIGIT = 2.0**-24


@njit
def _all(x, y):
    for i in range(len(x)):
        y[0, i], y[1, i], y[2, i] = exp(x[i]), tanh(x[i]), sigmoid(x[i])


@pytest.fixture(scope="module")
def made():
    def made(x):
        x = np.asarray(x, np.float32)
        y = np.empty((3, len(x)), np.float32)
        _all(x, y)
        return dict(zip(("exp", "tanh", "sigmoid"), y, strict=True))

    return made


EXACT = {"exp": np.exp, "tanh": np.tanh, "sigmoid": lambda x: 1 / (1 + np.exp(-x))}


@pytest.mark.parametrize("name", EXACT)
@pytest.mark.parametrize("scale", [1e-5, 0.1, 1.0, 10.0, 80.0])
def test_the_relative_error_is_a_few_halves_of_the_last_digit(made, name, scale):
    x = np.linspace(-scale, scale, 20_001).astype(np.float32)
    exact = EXACT[name](x.astype(np.float64))
    error = np.abs(made(x)[name] - exact) / np.maximum(np.abs(exact), 1e-37)
    assert error.max() < 4 * HALF_A_DIGIT


def test_the_ends_of_the_range(made):
    found = made([np.nan, np.inf, -np.inf, 0.0, 88.7, 89.0, -200.0])
    assert np.isnan([values[0] for values in found.values()]).all()
    np.testing.assert_array_equal(found["exp"][[1, 2, 3, 5, 6]], [np.inf, 0, 1, np.inf, 0])
    np.testing.assert_allclose(found["exp"][4], np.exp(88.7), rtol=1e-5)
    np.testing.assert_array_equal(found["tanh"][[1, 2, 3, 5, 6]], [1, -1, 0, 1, -1])
    np.testing.assert_array_equal(found["sigmoid"][[1, 2, 3, 5, 6]], [1, 0, 0.5, 1, 0])
