import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.errors import ShoalError
from shoal.nn import GELU, Affine, BatchNorm, Network, ReLU, Sigmoid, Tanh, mlp, standard_deviation
from shoal.nn.init import RULES, Equal, check_init

FORMULAS = {
    "he": lambda fan_in, fan_out: math.sqrt(2 / fan_in),
    "xavier": lambda fan_in, fan_out: math.sqrt(2 / (fan_in + fan_out)),
    "lecun": lambda fan_in, fan_out: math.sqrt(1 / fan_in),
    "zeros": lambda fan_in, fan_out: 0.0,
    0.01: lambda fan_in, fan_out: 0.01,
}


def sizes(network, in_shape=(30,), outputs=4):
    return network.bind(in_shape, outputs)


def weights(network, seed=0, rule="auto", in_shape=(30,)):
    params = sizes(network, in_shape).init(seed, in_shape, rule)
    return [p["W"] for p in params if "W" in p]


@pytest.mark.parametrize("rule", FORMULAS)
@given(fan_in=st.integers(1, 10_000), fan_out=st.integers(1, 10_000))
def test_standard_deviations_are_their_formulas(rule, fan_in, fan_out):
    assert standard_deviation(rule, fan_in, fan_out) == FORMULAS[rule](fan_in, fan_out)


@pytest.mark.parametrize("rule", FORMULAS)
def test_weights_are_normal_with_that_standard_deviation(rule):
    fan_in, fan_out = 300, 200
    W = Affine(fan_out).init((1, 0), (fan_in,), rule)["W"]
    std = FORMULAS[rule](fan_in, fan_out)
    assert W.std() == pytest.approx(std, rel=0.015)  # 60,000 draws: 4 standard errors are 1.2 %
    assert abs(W.mean()) <= 4 * std / math.sqrt(W.size)
    assert (np.abs(W) <= std).mean() == pytest.approx(0.6827 if std else 1, abs=0.01)


@pytest.mark.parametrize("rule", ["he", "xavier", "lecun", 0.3])
def test_rules_scale_the_same_draws(rule):
    draws = Affine(4).init((9, 2), (6,), 1.0)["W"]
    scaled = draws * np.float32(FORMULAS[rule](6, 4) if rule != 0.3 else 0.3)
    np.testing.assert_array_equal(Affine(4).init((9, 2), (6,), rule)["W"], scaled)


def test_biases_start_at_0_and_all_in_float32():
    for layer in mlp([5], batch_norm=True).bind((3,), 2).init(0, (3,)):
        for name, value in layer.items():
            assert value.dtype == np.float32
            if name != "W":
                np.testing.assert_array_equal(value, 1 if name in ("gamma", "var") else 0)


def test_equal_seed_and_layer_give_equal_draws():
    np.testing.assert_array_equal(*(weights(mlp([20]), seed=5)[1] for _ in range(2)))


def test_other_seeds_and_layers_give_other_draws():
    a, b = weights(mlp([30, 30]), seed=5)[:2]
    assert not np.array_equal(a, b)
    assert not np.array_equal(a, weights(mlp([30, 30]), seed=6)[0])


@pytest.mark.parametrize("settings", [{"batch_norm": True}, {"dropout": 0.5}])
def test_batch_norm_and_dropout_leave_the_start_alone(settings):
    plain, other = weights(mlp([20, 10])), weights(mlp([20, 10], **settings))
    for a, b in zip(plain, other, strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_more_layer_leaves_the_first_ones_alone():
    short, long = weights(mlp([20, 20])), weights(mlp([20, 20, 20]))
    np.testing.assert_array_equal(short[0], long[0])
    np.testing.assert_array_equal(short[1], long[1])


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_activation_changes_the_scale_and_not_the_draws(activation):
    W = weights(mlp([20], activation))[0]
    std = standard_deviation("he" if activation == "relu" else "xavier", 30, 20)
    np.testing.assert_allclose(W / np.float32(std), weights(mlp([20]), rule=1.0)[0], rtol=1e-6)


AUTO = {
    "relu": (mlp([3, 3]), ["he", "he", "xavier"]),
    "leaky relu": (mlp([3], "leaky_relu"), ["he", "xavier"]),
    "gelu": (mlp([3], "gelu"), ["he", "xavier"]),
    "sigmoid": (mlp([3, 3], "sigmoid"), ["xavier", "xavier", "xavier"]),
    "tanh": (mlp([3], "tanh"), ["xavier", "xavier"]),
    "no hidden layer": (mlp([]), ["xavier"]),
    "through batch norm": (mlp([3, 3], batch_norm=True, dropout=0.1), ["he", "he", "xavier"]),
    "mixed": (
        Network((Affine(3), Sigmoid(), Affine(3), ReLU(), Affine(3), Tanh(), Affine())),
        ["xavier", "he", "xavier", "xavier"],
    ),
    "no activation between": (
        Network((Affine(3), Affine(3), GELU(), Affine())),
        ["xavier", "he", "xavier"],
    ),
    "the first of two": (Network((Affine(3), Tanh(), ReLU(), Affine())), ["xavier", "xavier"]),
    "activation at the end": (Network((Affine(3), BatchNorm(), ReLU())), ["he"]),
}


@pytest.mark.parametrize(("network", "expected"), AUTO.values(), ids=AUTO)
def test_auto_suits_the_activation_that_follows(network, expected):
    rules = network.init_rules()
    assert len(rules) == len(network.layers)
    affine = [isinstance(layer, Affine) for layer in network.layers]
    assert [rule for rule, has in zip(rules, affine, strict=True) if has] == expected


def test_any_other_rule_goes_for_all_layers():
    assert set(mlp([3, 3]).init_rules("lecun")) == {"lecun"}
    assert set(mlp([3, 3]).init_rules(0.01)) == {0.01}


def test_a_number_is_the_standard_deviation_of_every_layer():
    for W in weights(mlp([200, 200]), rule=0.01, in_shape=(200,)):
        assert W.std() == pytest.approx(0.01, rel=0.1)


def test_zeros_are_zeros():
    for rule in ("zeros", 0, 0.0):
        assert all((W == 0).all() for W in weights(mlp([5, 5]), rule=rule))


@pytest.mark.parametrize("value", [0, -0.25, np.float32(0.5)])
def test_equal_weights_are_that_number_and_biases_0(value):
    for layer in sizes(mlp([5, 4], batch_norm=True)).init(3, (30,), Equal(value)):
        for name, array in layer.items():
            assert array.dtype == np.float32
            if name == "W":
                np.testing.assert_array_equal(array, value)
            elif name == "b":
                np.testing.assert_array_equal(array, 0)


@pytest.mark.parametrize("value", ["0.5", None, True, math.nan, math.inf])
def test_equal_weights_need_a_number(value):
    with pytest.raises(ShoalError, match=f"^value={value!r} must be a number$"):
        Equal(value)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("hee", r"unknown init 'hee': did you mean 'he'\? \(known: auto, he, xavier, lecun, zeros"),
        ("He", "did you mean 'he'"),
        ("", r"unknown init '': \(known: "),
        (-0.1, "init=-0.1 must be a number >= 0"),
        (float("inf"), "init=inf must be a number >= 0"),
        (None, "init=None must be a number >= 0"),
        (True, "init=True must be a number >= 0"),
    ],
)
def test_unknown_rules_are_refused(rule, text):
    with pytest.raises(ShoalError, match=text):
        check_init(rule)


def test_known_rules_are_accepted():
    for rule in (*RULES, 0, 0.5, np.float32(0.1), Equal(-1)):
        check_init(rule)


@pytest.mark.parametrize("rule", ["auto", "xaver"])
def test_one_layer_alone_knows_no_auto(rule):
    with pytest.raises(ShoalError, match=rf"unknown init '{rule}': .*known: he, xavier, lecun, z"):
        Affine(3).init((0, 0), (4,), rule)
