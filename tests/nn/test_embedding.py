"""The embedding of numbers: its formula, its start, and what it is for."""

import numpy as np
import pytest

from shoal import ShoalError
from shoal.nn import Affine, Flatten, Network, PeriodicEmbedding
from shoal.nn.init import Equal


def test_one_wave_is_a_cosine_beside_the_number_itself():
    layer = PeriodicEmbedding(1, frequencies=1, size=1)
    params = {
        "w": np.array([[2.0]]),
        "phase": np.array([[0.5]]),
        "V": np.array([[[3.0]]]),
        "b": np.array([[-1.0]]),
    }
    x = np.array([[0.1, 7.0], [-0.4, 8.0]])
    y, _ = layer.forward(params, x)
    assert np.allclose(y, np.column_stack([x, 3 * np.cos(2 * x[:, 0] + 0.5) - 1]), atol=1e-15)


def test_columns_beyond_the_embedded_pass_unchanged_and_sizes_add_up():
    layer = PeriodicEmbedding(2, frequencies=5, size=3)
    params = layer.init((0, 0), (4,))
    x = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    y, _ = layer.forward(params, x)
    assert y.shape == (6, *layer.out_shape((4,))) == (6, 10)
    assert np.array_equal(y[:, :4], x)
    assert y.dtype == np.float32
    shapes = {name: p.shape for name, p in layer.parameters((4,)).items()}
    assert shapes == {name: value.shape for name, value in params.items()}
    assert shapes == {"w": (2, 5), "phase": (2, 5), "V": (2, 5, 3), "b": (2, 3)}


@pytest.mark.parametrize("rule", ["lecun", "zeros", Equal(0.5)])
def test_waves_start_at_random_whatever_the_rule(rule):
    layer = PeriodicEmbedding(400, frequencies=50, size=2, spread=0.3)
    params = layer.init((3, 0), (400,), rule)
    n = params["w"].size
    w, phase = params["w"].astype(float), params["phase"].astype(float)
    assert abs(w.mean()) < 4 * w.std() / np.sqrt(n)
    assert w.std() == pytest.approx(2 * np.pi * 0.3, rel=4 / np.sqrt(2 * n))
    assert -np.pi <= phase.min() < -3.1
    assert 3.1 < phase.max() < np.pi + 1e-6
    assert abs(phase.mean()) < 4 * np.pi / np.sqrt(3 * n)
    spread = {"lecun": np.sqrt(1 / 50), "zeros": 0.0}.get(rule, 0.0) if isinstance(rule, str) else 0
    assert params["V"].std() == pytest.approx(spread, rel=0.02)
    again = layer.init((3, 0), (400,), rule)
    other = layer.init((4, 0), (400,), rule)
    assert all(np.array_equal(params[name], again[name]) for name in params)
    assert not np.array_equal(params["w"], other["w"])


def test_only_the_sums_of_waves_decay():
    kinds = {name: p.is_weight for name, p in PeriodicEmbedding().parameters((3,)).items()}
    assert kinds == {"w": False, "phase": False, "V": True, "b": False}


def test_a_network_with_waves_learns_what_plain_numbers_hide():
    import shoal

    x = np.random.default_rng(0).uniform(-1, 1, (600, 1)).astype(np.float32)
    data = shoal.Dataset.from_arrays(x, np.sin(15 * x[:, 0]), valid=0, test=200, seed=0)
    plain = (Flatten(), Affine(32), shoal.Tanh(), Affine())
    waves = (Flatten(), PeriodicEmbedding(spread=0.5), *plain[1:])
    arms = {
        name: shoal.Recipe(Network(layers), shoal.Adam(lr=0.005), batch_size=50)
        for name, layers in (("plain", plain), ("waves", waves))
    }
    trainer = shoal.Trainer(arms, data, epochs=60, evaluate_every=60, seeds=1).run()
    r2 = trainer.history.final("test_r2")
    assert r2[0] < 0.6
    assert r2[1] > 0.98


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"columns": -1}, "columns=-1"),
        ({"frequencies": 0}, "frequencies=0"),
        ({"size": 1.5}, "size=1.5"),
        ({"spread": 0}, "spread=0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, told):
    with pytest.raises(ShoalError, match=told):
        PeriodicEmbedding(**settings)


def test_shapes_that_do_not_fit_are_refused():
    with pytest.raises(ShoalError, match="put a Flatten"):
        PeriodicEmbedding().out_shape((3, 3))
    with pytest.raises(ShoalError, match="columns=4 must be at most the number of inputs, 3"):
        PeriodicEmbedding(4).out_shape((3,))


def test_without_columns_of_numbers_it_is_the_identity():
    layer = PeriodicEmbedding(0)
    params = layer.init((0, 0), (2,))
    x = np.ones((3, 2), np.float32)
    y, cache = layer.forward(params, x)
    dx, _ = layer.backward(params, cache, y)
    assert np.array_equal(y, x)
    assert np.array_equal(dx, x)
