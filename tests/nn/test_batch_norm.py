import numpy as np
import pytest

from shoal.errors import ShoalError
from shoal.nn import BatchNorm


def parameters(features, lead=()):
    return {
        "gamma": np.ones((*lead, features)),
        "beta": np.zeros((*lead, features)),
        "mean": np.zeros((*lead, features)),
        "var": np.ones((*lead, features)),
    }


def batch(shape, seed=0):
    return 3 + 2 * np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("shape", [(50, 4), (10, 3, 5, 4)], ids=["rows", "images"])
def test_training_gives_each_feature_mean_0_and_variance_1(shape):
    y, _ = BatchNorm(eps=1e-12).forward(parameters(4), batch(shape), training=True)
    axes = tuple(range(len(shape) - 1))
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axes), 1, rtol=1e-9)


def test_gamma_and_beta_give_each_feature_its_own_scale_and_place():
    params = parameters(2) | {"gamma": np.array([2.0, 5.0]), "beta": np.array([-1.0, 7.0])}
    y, _ = BatchNorm(eps=1e-12).forward(params, batch((50, 2)), training=True)
    np.testing.assert_allclose(y.mean(0), [-1, 7])
    np.testing.assert_allclose(y.std(0), [2, 5])


def test_evaluation_uses_the_running_averages_and_not_the_batch():
    params = parameters(2) | {"mean": np.array([1.0, 2.0]), "var": np.array([4.0, 9.0])}
    y, _ = BatchNorm(eps=1e-12).forward(params, np.array([[3.0, 5.0]]))
    np.testing.assert_allclose(y, [[1.0, 1.0]])


def test_images_are_normalised_per_channel_not_per_pixel():
    x = batch((6, 3, 3, 2))
    y, _ = BatchNorm().forward(parameters(2), x, training=True)
    channels, _ = BatchNorm().forward(parameters(2), x.reshape(-1, 2), training=True)
    np.testing.assert_allclose(y.reshape(-1, 2), channels)
    assert BatchNorm().parameters((3, 3, 2))["gamma"].shape == (2,)


def test_running_averages_move_by_momentum_towards_the_batch():
    x = batch((5, 3))
    layer = BatchNorm(momentum=0.25)
    params = parameters(3)
    _, cache = layer.forward(params, x, training=True)
    running = layer.running(params, cache)
    np.testing.assert_allclose(running["mean"], 0.25 * x.mean(0))
    np.testing.assert_allclose(running["var"], 0.75 + 0.25 * x.var(0, ddof=1))  # unbiased


def test_with_momentum_1_evaluation_repeats_training_but_for_the_bias_of_the_variance():
    x, n = batch((8, 3)), 8
    layer = BatchNorm(momentum=1, eps=1e-12)
    params = parameters(3)
    y, cache = layer.forward(params, x, training=True)
    evaluated, _ = layer.forward(params | layer.running(params, cache), x)
    np.testing.assert_allclose(evaluated * np.sqrt(n / (n - 1)), y)


def test_one_row_is_finite_and_knows_nothing_of_its_input():
    params = parameters(3) | {"beta": np.array([1.0, 2.0, 3.0])}
    layer = BatchNorm()
    y, cache = layer.forward(params, batch((1, 3)), training=True)
    np.testing.assert_array_equal(y, [[1, 2, 3]])
    dx, _ = layer.backward(params, cache, np.ones((1, 3)))
    np.testing.assert_array_equal(dx, 0)
    assert all(np.isfinite(value).all() for value in layer.running(params, cache).values())


def test_a_constant_feature_is_finite():
    x = batch((6, 2)) * [1, 0] + [0, 5]
    y, cache = BatchNorm().forward(parameters(2), x, training=True)
    dx, _ = BatchNorm().backward(parameters(2), cache, batch((6, 2), seed=1))
    np.testing.assert_array_equal(y[:, 1], 0)
    assert np.isfinite(dx).all()


def test_moving_or_scaling_the_batch_changes_nothing():
    x = batch((20, 3))
    layer = BatchNorm(eps=1e-15)
    y, cache = layer.forward(parameters(3), x, training=True)
    moved, _ = layer.forward(parameters(3), 10 * x - 4, training=True)
    np.testing.assert_allclose(moved, y, rtol=1e-9, atol=1e-12)
    dx, _ = layer.backward(parameters(3), cache, batch((20, 3), seed=1))
    np.testing.assert_allclose(dx.sum(0), 0, atol=1e-12)  # so no gradient points there
    np.testing.assert_allclose((dx * x).sum(0), 0, atol=1e-12)


def test_members_have_their_own_statistics():
    x = batch((3, 10, 4))
    layer = BatchNorm()
    params = parameters(4, lead=(3,))
    _, cache = layer.forward(params, x, training=True)
    np.testing.assert_allclose(layer.running(params, cache)["mean"], 0.1 * x.mean(1))


def test_a_large_mean_does_not_drown_the_variance():
    x = (1000 + np.random.default_rng(0).standard_normal((200, 3))).astype(np.float32)
    y, _ = BatchNorm().forward(parameters(3), x, training=True)
    np.testing.assert_allclose(y.std(0), 1, rtol=1e-3)


@pytest.mark.torch
@pytest.mark.parametrize("dims", [1, 2])
@pytest.mark.parametrize("momentum", [0.1, 0.6])
def test_running_averages_equal_pytorch_after_several_steps(torch, dims, momentum):
    kind = torch.nn.BatchNorm1d if dims == 1 else torch.nn.BatchNorm2d
    shape = (7, 4) if dims == 1 else (7, 3, 5, 4)
    twin = kind(4, momentum=momentum, eps=1e-3).double()
    layer, params = BatchNorm(momentum, 1e-3), parameters(4)
    for step in range(6):
        x = batch(shape, seed=step)
        y, cache = layer.forward(params, x, training=True)
        params |= layer.running(params, cache)
        twin_y = twin(torch.tensor(x).movedim(-1, 1)).movedim(1, -1)
        np.testing.assert_allclose(y, twin_y.detach(), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(params["mean"], twin.running_mean, rtol=1e-12)
    np.testing.assert_allclose(params["var"], twin.running_var, rtol=1e-12)
    twin.eval()
    x = batch(shape, seed=99)
    evaluated = twin(torch.tensor(x).movedim(-1, 1)).movedim(1, -1)
    np.testing.assert_allclose(layer.forward(params, x)[0], evaluated.detach(), rtol=1e-9)


def test_start():
    spec = BatchNorm().parameters((4,))
    assert {n: (p.start, p.trained) for n, p in spec.items()} == {
        "gamma": (1, True),
        "beta": (0, True),
        "mean": (0, False),
        "var": (1, False),
    }
    assert not BatchNorm().has_weights((4,))


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"momentum": 0}, "momentum=0 must be a number > 0 and <= 1"),
        ({"momentum": 1.1}, "momentum=1.1 must be a number > 0 and <= 1"),
        ({"eps": 0}, "eps=0 must be a number > 0"),
        ({"eps": "small"}, "eps='small' must be a number > 0"),
    ],
)
def test_settings_out_of_range_are_refused(settings, text):
    with pytest.raises(ShoalError, match=text):
        BatchNorm(**settings)
