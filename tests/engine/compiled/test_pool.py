"""Pooling, image by image, is that of the layers: any window, any number of channels, ties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import SGD, Affine, AvgPool2D, Flatten, MaxPool2D, Network, Recipe
from shoal.engine.compiled import tables
from shoal.engine.compiled.library import library
from shoal.engine.compiled.plan import plan_of
from shoal.engine.member import program_of

SPACE, UNTOUCHED = 64, 7.0


def room(size: int) -> np.ndarray:
    return np.full(size + SPACE, UNTOUCHED, np.float32)


@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
@settings(deadline=None)
@given(data=st.data())
def test_pooling_and_its_gradient_are_those_of_the_layer(kind, data):
    size, stride = (data.draw(st.tuples(*[st.integers(1, 3)] * 2)) for _ in range(2))
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in size)
    shape = (*data.draw(st.tuples(*[st.integers(3, 7)] * 2)), data.draw(st.integers(1, 50)))
    layer = kind(size, stride=stride, padding=padding)
    random = np.random.default_rng(list(shape))
    x = random.integers(-2, 3, shape).astype(np.float32)  # so few that many are the largest

    network = Network((layer, Flatten(), Affine()))
    program = program_of(Recipe(network, SGD(), batch_size=1), shape, 2, "classification")
    op, kernels = np.ascontiguousarray(plan_of(program).ops[0]), library().kernels
    expected, cache = layer.forward({}, x[None])
    y, dx = room(expected.size), room(x.size)
    kernels[tables.POOL].ctypes(op.ctypes.data, x.ctypes.data, y.ctypes.data)
    np.testing.assert_allclose(y[: expected.size].reshape(expected.shape), expected, 1e-6, 1e-6)

    d = random.integers(1, 9, expected.shape).astype(np.float32)
    kernels[tables.UNPOOL].ctypes(
        op.ctypes.data, x.ctypes.data, y.ctypes.data, d.ctypes.data, dx.ctypes.data
    )
    down, _ = layer.backward({}, cache, d)
    np.testing.assert_allclose(dx[: x.size].reshape(x.shape), down[0], 1e-6, 1e-6)
    assert (y[expected.size :] == UNTOUCHED).all()
    assert (dx[x.size :] == UNTOUCHED).all()
