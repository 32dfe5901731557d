"""Networks that are still to be chosen: how they are written, found to be wrong, and refused."""

from __future__ import annotations

import pytest

import shoal
from shoal import (
    Affine,
    Network,
    ReLU,
    ShoalError,
    Tanh,
    choice,
    convnet,
    int_range,
    mlp,
    repeat,
    uniform,
)
from shoal.nn import NetworkSpace

SPACES = [
    mlp([int_range(8, 64, log=True), 16]),
    mlp((int_range(8, 64), 16), dropout=uniform(0, 0.5)),
    mlp(choice([[8], [8, 8], []]), batch_norm=choice([True, False])),
    mlp(repeat(int_range(8, 64, log=True), int_range(1, 4)), choice(["relu", "tanh"])),
    mlp([8], activation=choice(["relu", "gelu"])),
    convnet([int_range(4, 8)], size=choice([3, 5])),
    convnet(hidden=[int_range(4, 8)]),
    convnet(size=(3, 5), dropout=uniform(0.1, 0.2)),
    convnet(padding=choice(["same", 0])),
]


@pytest.mark.parametrize("network", SPACES, ids=repr)
def test_the_repr_can_be_pasted_back(network):
    assert isinstance(network, NetworkSpace)
    again = eval(repr(network), vars(shoal))
    assert again == network
    assert hash(again) == hash(network)


@pytest.mark.parametrize("network", SPACES, ids=repr)
def test_nobody_can_train_it(network):
    with pytest.raises(ShoalError, match=r"is a search space; shoal\.search chooses from it$"):
        network.bind((8, 8), 3)


def test_without_distributions_it_is_a_network():
    assert type(mlp([8], dropout=0.5)) is Network
    assert type(convnet([8])) is Network


def test_lists_and_tuples_of_widths_are_the_same_space():
    assert mlp([int_range(2, 3)]) == mlp((int_range(2, 3),))


def test_layers_of_a_stack_may_be_chosen():
    stack = Network([Affine(int_range(2, 9)), choice([ReLU(), Tanh()]), Affine()])
    assert eval(repr(stack), vars(shoal)) == stack


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: mlp([int_range(0, 8)]), "units=0 must be a whole number >= 1"),
        (lambda: mlp([uniform(1, 8)]), "hidden=[1.0] must be a list of whole"),
        (
            lambda: mlp([8], choice(["relu", "tan"])),
            "unknown activation 'tan': did you mean 'tanh'",
        ),
        (lambda: mlp([8], dropout=uniform(0, 1.0)), "dropout=1.0 must be a number >= 0 and < 1"),
        (lambda: mlp([8], batch_norm=int_range(0, 1)), "batch_norm=0 must be True or False"),
        (lambda: mlp(choice([[8], [0]])), "units=0 must be a whole number >= 1"),
        (lambda: convnet([8], pool=int_range(0, 2)), "pool=0 must be a whole number >= 1"),
        (lambda: convnet(choice([[8], []])), "filters="),
        (
            lambda: Network([choice([ReLU(), "tanh"]), Affine()]),
            "a network is made of layers, not 'tanh'",
        ),
    ],
)
def test_a_bad_end_is_found_at_once(make, message):
    with pytest.raises(ShoalError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
