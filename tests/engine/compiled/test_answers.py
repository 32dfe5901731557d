"""Trained networks say by compiled code what the formulas say, and of each row the same bits."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import (
    SGD,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Network,
    PeriodicEmbedding,
    Recipe,
    ReLU,
    ShoalError,
    Sigmoid,
    Tanh,
    Trainer,
    convnet,
    mlp,
)
from shoal.engine import networks
from shoal.engine.compiled.answers import FEW, Answers
from shoal.engine.layout import layout_of
from shoal.engine.member import Program
from shoal.engine.networks import Group, Networks
from shoal.nn import ACTIVATIONS, CustomLoss, MeanSquaredError

NETWORKS = {
    "one layer": (Network((Affine(),)), (7,)),
    "products that are cut": (mlp([700, 33, 5], "gelu", batch_norm=True, dropout=0.3), (1600,)),
    "waves": (Network((PeriodicEmbedding(4), Affine(40), Tanh(), Affine())), (7,)),
    "waves of nothing": (Network((PeriodicEmbedding(0), Affine())), (7,)),
    "waves, then an activation": (
        Network((Affine(6), PeriodicEmbedding(frequencies=5, size=2), ReLU(), Affine())),
        (7,),
    ),
    "images": (convnet([5, 3], 3, 2, [20], padding="same", batch_norm=True), (13, 11)),
    "no product first": (
        Network((Flatten(), Tanh(), BatchNorm(), Affine(5), Dropout(0.2), Sigmoid(), Affine())),
        (3, 3),
    ),
}


def trained(network, in_shape, members=2, seed=0):
    """A program, and arrays of each layer as training might leave them."""
    random = np.random.default_rng(seed)
    network = network.bind(in_shape, 3)
    each = [network.init(member, in_shape) for member in range(members)]
    params = [{name: np.stack([e[i][name] for e in each]) for name in each[0][i]}
              for i in range(len(network.layers))]  # fmt: skip
    for layer in params:
        for name, value in layer.items():
            shift = random.uniform(0.2, 1, value.shape).astype(np.float32)
            layer[name] = value + (shift if name != "W" else 0)
    program = Program(network, SGD, MeanSquaredError(), 1, False, False, in_shape)
    return program, params


def by_formulas(program, params, x):
    exact = [{k: v.astype(np.float64) for k, v in layer.items()} for layer in params]
    return program.network.forward(exact, x[None].astype(np.float64))[0]


def rows_of(in_shape, count, seed=0):
    return np.random.default_rng(seed).normal(0, 2, (count, *in_shape)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_compiled_code_says_what_the_formulas_say(name):
    program, params = trained(*NETWORKS[name])
    x = rows_of(program.in_shape, 150)
    expected = by_formulas(program, params, x)
    found = Answers.of(program, params)(x)
    np.testing.assert_allclose(found, expected, 0, 1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", NETWORKS)
def test_a_row_has_the_same_bits_whatever_is_asked_beside_it(name):
    program, params = trained(*NETWORKS[name])
    answers, x = Answers.of(program, params), rows_of(program.in_shape, 150)
    whole = answers(x)
    for first, last in ((0, 1), (149, 150), (1, 3), (4, 12), (3, 43), (0, 149)):
        np.testing.assert_array_equal(answers(x[first:last]), whole[:, first:last])
    np.testing.assert_array_equal(answers(x[::-1])[:, ::-1], whole)
    np.testing.assert_array_equal(answers(x.astype(np.float64), 1, 2), whole[1:])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from([1, 2, 15, 17, 64, 129, 257, 300]), max_size=3),
    st.sampled_from(sorted(ACTIVATIONS)),
    st.booleans(),
    st.sampled_from([1, 3, 16, 33, 1100]),
    st.integers(1, 60),
    st.integers(0, 59),
)
def test_random_networks_alone_as_in_company(hidden, activation, batch_norm, inputs, rows, at):
    program, params = trained(mlp(hidden, activation, batch_norm=batch_norm), (inputs,))
    answers, x = Answers.of(program, params), rows_of((inputs,), rows)
    whole, at = answers(x), at % rows
    np.testing.assert_array_equal(answers(x[at : at + 1]), whole[:, at : at + 1])
    np.testing.assert_array_equal(answers(x, 1, 2), whole[1:])
    expected = by_formulas(program, params, x)
    np.testing.assert_allclose(whole, expected, 0, 1e-4 * np.abs(expected).max())


def test_rows_of_a_shoal_answer_where_they_lie_and_follow_them():
    program, params = trained(mlp([9]), (5,))
    copied, x = Answers.of(program, params), rows_of((5,), 4)
    layout = layout_of(program.network, program.in_shape)
    theta = np.zeros((2, layout.size), np.float32)
    layout.join(params, theta)
    answers = Answers(program, theta, np.zeros((2, 0), np.float32))
    np.testing.assert_array_equal(answers(x), copied(x))
    theta *= 2
    assert not np.array_equal(answers(x), copied(x))


def test_many_may_ask_at_once():
    program, params = trained(mlp([64, 64]), (20,))
    answers, x = Answers.of(program, params), rows_of((20,), 500)
    whole = answers(x)
    sizes = [1, 2, 7, FEW // 20 + 5] * 25
    with ThreadPoolExecutor(8) as pool:
        for size, said in zip(sizes, pool.map(lambda n: answers(x[:n]), sizes), strict=True):
            np.testing.assert_array_equal(said, whole[:, :size])


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("at_once", [1, 100])
def test_pieces_and_threads_change_no_bit(monkeypatch, threads, at_once):
    program, params = trained(mlp([64]), (20,), members=3)
    answers, x = Answers.of(program, params), rows_of((20,), 1200)
    monkeypatch.setattr(networks, "ALONE", 0)
    monkeypatch.setattr(networks, "available_threads", lambda: threads)
    monkeypatch.setattr(networks, "_at_once", lambda program: at_once)
    said = Networks([Group(program, params, np.array([2, 0, 1]), answers)]).outputs(x)
    np.testing.assert_array_equal(said[[2, 0, 1]], answers(x))


def test_any_loss_will_do_because_it_has_no_say():
    program, params = trained(mlp([4]), (5,))
    x, loss = rows_of((5,), 3), CustomLoss(lambda y, t: y - t, lambda y, t: y)
    other = Program(program.network, SGD, loss, 64, True, True, (5,))
    np.testing.assert_array_equal(Answers.of(other, params)(x), Answers.of(program, params)(x))


def test_no_rows_and_rows_of_another_shape():
    answers = Answers.of(*trained(mlp([4]), (5,)))
    assert answers(rows_of((5,), 0)).shape == (2, 0, 3)
    for wrong in (rows_of((6,), 2), rows_of((5, 1), 2), rows_of((), 5)):
        with pytest.raises(ShoalError, match=r"must be \(rows, 5\)"):
            answers(wrong)
    assert np.isfinite(answers(rows_of((5,), 2))).all()


def test_an_overflow_is_said_and_disturbs_no_other_network():
    program, params = trained(mlp([4]), (5,))
    x = rows_of((5,), 6)
    before = Answers.of(program, params)(x)
    params[1]["W"][0] = 3e38
    said = Answers.of(program, params)(x)
    assert not np.isfinite(said[0]).all()
    np.testing.assert_array_equal(said[1], before[1])


def test_a_shoal_answers_by_the_engine_that_trained_it(data):
    recipe = Recipe(mlp([8]), SGD(lr=0.1), batch_size=16)
    shoals = [
        Trainer(recipe, data, steps=5, seeds=2, engine=e).run().shoal
        for e in ("compiled", "reference")
    ]
    x = rows_of(data.in_shape, 10)
    assert [s._all().groups[0].answers is not None for s in shoals] == [True, False]
    for shoal in shoals:
        weights = [shoal.weights(i) for i in range(2)]
        network = recipe.network.bind(data.in_shape, data.outputs)
        expected = np.stack([network.forward(each, x)[0] for each in weights])
        np.testing.assert_allclose(shoal.outputs(x), expected, 1e-4, 1e-5)
