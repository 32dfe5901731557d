import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from shoal.errors import ShoalError
from shoal.nn import ACTIVATIONS, GELU, Activation, LeakyReLU, ReLU, Sigmoid, Tanh

ALL = [kind() for kind in ACTIVATIONS.values()]
x = np.linspace(-6, 6, 241)

FORMULAS = [
    (ReLU(), lambda x: np.where(x > 0, x, 0)),
    (LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (LeakyReLU(0.5), lambda x: np.where(x > 0, x, 0.5 * x)),
    (LeakyReLU(0), lambda x: np.where(x > 0, x, 0)),
    (Sigmoid(), expit),
    (Tanh(), np.tanh),
    (GELU(), lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
]


@pytest.mark.parametrize(("layer", "formula"), FORMULAS, ids=lambda a: repr(a)[:15])
def test_each_activation_is_its_formula(layer, formula):
    np.testing.assert_allclose(layer.f(x), formula(x), rtol=1e-12, atol=1e-15)


def test_gelu_is_close_to_x_times_the_normal_distribution_function():
    assert np.abs(GELU().f(x) - x * norm.cdf(x)).max() < 5e-4


@settings(deadline=None, max_examples=50, derandomize=True)
@given(x=st.floats(-1e4, 1e4), slope=st.floats(0, 0.999))
def test_each_activation_is_one_function_for_every_unit(x, slope):
    for layer in (*ALL, LeakyReLU(slope)):
        alone = layer.f(np.array([x]))
        among_others = layer.f(np.array([[0.0, x], [-x, 1.0]]))
        assert alone[0] == among_others[0, 1]


@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_the_derivative_at_the_kink_is_that_of_the_left(layer):
    y, cache = layer.forward({}, np.zeros((1, 1)))
    dx, _ = layer.backward({}, cache, np.ones((1, 1)))
    left = {"ReLU": 0, "LeakyReLU": 0.01, "Sigmoid": 0.25, "Tanh": 1, "GELU": 0.5}
    assert dx.item() == left[type(layer).__name__]
    assert y.item() == (0.5 if isinstance(layer, Sigmoid) else 0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("layer", ALL, ids=repr)
def test_huge_inputs_neither_overflow_nor_warn(layer, dtype):
    x = np.array([[-1e4, 1e4]], dtype)  # warnings are errors
    y, cache = layer.forward({}, x)
    dx, _ = layer.backward({}, cache, np.ones_like(x))
    limits = {
        "ReLU": ([0, 1e4], [0, 1]),
        "LeakyReLU": ([-1e2, 1e4], [0.01, 1]),
        "Sigmoid": ([0, 1], [0, 0]),
        "Tanh": ([-1, 1], [0, 0]),
        "GELU": ([0, 1e4], [0, 1]),
    }
    expected_y, expected_dx = limits[type(layer).__name__]
    np.testing.assert_allclose(y[0], expected_y, rtol=1e-6)
    np.testing.assert_allclose(dx[0], expected_dx, rtol=1e-6)


def test_the_sigmoid_keeps_its_digits_in_both_tails():
    x = np.array([-700.0, -40.0, -1.0, 1.0, 30.0])
    np.testing.assert_allclose(Sigmoid().f(x), expit(x), rtol=1e-15)
    np.testing.assert_allclose(Sigmoid().f(x) + Sigmoid().f(-x), 1, rtol=1e-15)


def test_nan_is_not_hidden():
    for layer in ALL:
        assert np.isnan(layer.f(np.array([np.nan]))).all(), layer


def test_the_table_of_names():
    assert set(ACTIVATIONS) == {"relu", "leaky_relu", "sigmoid", "tanh", "gelu"}
    gains = {name: kind.gain for name, kind in ACTIVATIONS.items()}
    assert {name for name, gain in gains.items() if gain == "xavier"} == {"sigmoid", "tanh"}
    assert set(gains.values()) == {"he", "xavier"}


def test_an_activation_without_a_formula_says_so():
    with pytest.raises(NotImplementedError):
        Activation().f(x)
    with pytest.raises(NotImplementedError):
        Activation().derivative(x)


@pytest.mark.parametrize("slope", [1, 1.5, -0.1, float("nan"), "0.1"])
def test_a_leaky_slope_lies_in_0_1(slope):
    with pytest.raises(ShoalError, match=r"slope=.* must be a number >= 0 and < 1"):
        LeakyReLU(slope)


def test_gelu_keeps_the_tanh_that_its_derivative_needs(monkeypatch):
    x = np.random.default_rng(0).standard_normal((2, 5, 7)).astype(np.float32) * 3
    layer = GELU()
    y, cache = layer.forward({}, x)
    np.testing.assert_array_equal(y, layer.f(x))
    slope = layer.derivative(x)
    monkeypatch.setattr(GELU, "_tanh", lambda *_: pytest.fail("computed again"))
    dx, grads = layer.backward({}, cache, 2 * y)
    np.testing.assert_array_equal(dx, 2 * y * slope)
    assert grads == {}
