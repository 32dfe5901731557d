"""Where each array lies in its row."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import Affine, BatchNorm, Flatten, Network, ReLU, mlp
from shoal.engine.layout import Layout, layout_of

NETWORKS = {
    "plain": (mlp([5, 4]), (6,)),
    "batch norm": (mlp([5, 4], batch_norm=True), (6,)),
    "images": (Network((BatchNorm(), ReLU(), Flatten(), Affine(2), Affine())), (2, 2, 3)),
    "one number": (mlp([1, 1]), (1,)),
}


@pytest.fixture(params=NETWORKS, ids=str)
def network(request):
    network, in_shape = NETWORKS[request.param]
    return network.bind(in_shape, 3), in_shape


def rows_of(layout: Layout, members: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of different numbers."""
    rng = np.random.default_rng(0)
    return tuple(
        rng.standard_normal((members, size), np.float32)
        for size in (layout.size, layout.running_size)
    )


def test_every_parameter_has_its_place(network):
    bound, in_shape = network
    layout = layout_of(*network)
    layers = layout.split(*rows_of(layout))
    for layer, parameters in zip(layers, bound.parameters(in_shape), strict=True):
        assert {n: a.shape for n, a in layer.items()} == {
            n: (3, *p.shape) for n, p in parameters.items()
        }


def test_places_fill_the_row_and_do_not_overlap(network):
    layout = layout_of(*network)
    for spans, size in ((layout.trained, layout.size), (layout.running, layout.running_size)):
        covered = [column for span in spans for column in range(span.start, span.stop)]
        assert covered == list(range(size))


def test_weights_stand_first(network):
    bound, in_shape = network
    layout = layout_of(*network)
    theta, running = np.zeros((2, layout.size), np.float32), rows_of(layout, 2)[1]
    theta[:, : layout.weights] = 1
    for layer, parameters in zip(layout.split(theta, running), bound.parameters(in_shape),
                                 strict=True):  # fmt: skip
        for name, p in parameters.items():
            if p.trained:
                assert (layer[name] == (1 if p.is_weight else 0)).all(), name


def test_layers_see_the_rows_themselves(network):
    layout = layout_of(*network)
    theta, running = rows_of(layout)
    for layer in layout.split(theta, running):
        for array in layer.values():
            assert np.shares_memory(array, theta) or np.shares_memory(array, running)
    for some in (slice(1, 2), slice(1, 3)):  # of a chunk too
        for layer in layout.split(theta[some], running[some]):
            for array in layer.values():
                assert np.shares_memory(array, theta) or np.shares_memory(array, running)


def test_joining_is_the_inverse_of_splitting(network):
    layout = layout_of(*network)
    theta, running = rows_of(layout)
    layers = layout.split(theta, running)
    joined = np.empty_like(theta), np.empty_like(running)
    layout.join(layers, joined[0])
    layout.join_running(layers, joined[1])
    np.testing.assert_array_equal(joined[0], theta)
    np.testing.assert_array_equal(joined[1], running)


def test_one_network_can_be_written_into_one_row(network):
    bound, in_shape = network
    layout = layout_of(*network)
    values = bound.init(0, in_shape)  # without a member axis
    row = np.empty((1, layout.size), np.float32)
    layout.join(values, row)
    np.testing.assert_array_equal(
        row[0], np.concatenate([values[s.layer][s.name].ravel() for s in layout.trained])
    )


def test_equal_networks_share_a_layout(network):
    assert layout_of(*network) is layout_of(*network)
