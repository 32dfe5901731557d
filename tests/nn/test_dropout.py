import numpy as np
import pytest

from shoal.errors import ShoalError
from shoal.nn import Dropout, mlp
from shoal.rng import generator


def noise(*shape):
    return generator(0, "dropout", 0, 0).random(shape, np.float32)


def test_evaluation_is_the_identity():
    x = noise(3, 4)
    y, cache = Dropout(0.9).forward({}, x)
    assert y is x
    assert Dropout(0.9).backward({}, cache, x)[0] is x


@pytest.mark.parametrize("rate", [0.0, 0.2, 0.5, 0.9])
def test_inputs_are_dropped_at_the_rate_and_the_others_scaled_up(rate):
    y, _ = Dropout(rate).forward({}, np.ones((1000, 200)), training=True, noise=noise(1000, 200))
    assert (y == 0).mean() == pytest.approx(rate, abs=0.004)
    np.testing.assert_allclose(y[y != 0], 1 / (1 - rate), rtol=1e-6)
    assert y.mean() == pytest.approx(1, abs=0.02)  # the expected value is kept


def test_the_mask_is_where_noise_reaches_the_rate():
    u = np.array([[0.0, 0.49, 0.5, 0.99]])
    y, _ = Dropout(0.5).forward({}, np.ones((1, 4)), training=True, noise=u)
    np.testing.assert_array_equal(y, [[0, 0, 2, 2]])


def test_rate_0_is_the_identity_in_training_too():
    x = noise(5, 3)
    y, _ = Dropout(0).forward({}, x, training=True, noise=noise(5, 3))
    np.testing.assert_array_equal(y, x)


@pytest.mark.parametrize("column", [np.float32, np.float64])
def test_a_column_of_rates_equals_each_rate_alone(column):
    rates = np.array([0.0, 0.1, 0.3, 0.7, 0.95])
    x, u = noise(5, 6, 4), noise(6, 4)
    params = {"rate": rates.astype(column)[:, None, None]}
    y, cache = Dropout().forward(params, x, training=True, noise=u)
    dx, _ = Dropout().backward(params, cache, x)
    assert y.dtype == dx.dtype == np.float32
    for i, rate in enumerate(rates.tolist()):
        alone, cache = Dropout(rate).forward({}, x[i], training=True, noise=u)
        np.testing.assert_array_equal(y[i], alone)
        np.testing.assert_array_equal(dx[i], Dropout(rate).backward({}, cache, x[i])[0])


def test_a_higher_rate_drops_all_that_a_lower_one_does():
    u, x = noise(50, 20), np.ones((50, 20))
    low, high = (Dropout(r).forward({}, x, training=True, noise=u)[0] == 0 for r in (0.2, 0.5))
    assert (high | ~low).all()  # arms that differ in their rate stay paired


def test_training_without_noise_is_refused():
    with pytest.raises(ShoalError, match="needs noise=: uniform draws of the input's shape"):
        Dropout().forward({}, np.ones((2, 2)), training=True)


@pytest.mark.parametrize("rate", [1, 1.5, -0.1, float("nan"), None])
def test_a_rate_lies_in_0_1(rate):
    with pytest.raises(ShoalError, match=r"rate=.* must be a number >= 0 and < 1"):
        Dropout(rate)


def test_the_rate_may_differ_from_member_to_member():
    assert Dropout.numbers == ("rate",)
    assert Dropout.random
    assert not any(layer.random for layer in mlp([3], batch_norm=True).layers)
