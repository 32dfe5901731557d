"""Constructor values become recipes."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import shoal
from shoal import ShoalClassifier, ShoalError, ShoalRegressor
from shoal.estimators.parameters import check_network, network_of, optimizer_of, schedule_of


def names(network):
    return [type(layer).__name__ for layer in network.layers]


def test_one_value_for_all_layers_is_a_plain_mlp():
    for hidden in ((20, 10), [20, 10], np.array([20, 10])):
        made = network_of(hidden, "tanh", 0.25, True)
        assert made == shoal.mlp([20, 10], "tanh", batch_norm=True, dropout=0.25)
    assert network_of(7, "relu", 0, False) == shoal.mlp([7])
    assert network_of(np.int64(7), "relu", 0, False) == shoal.mlp([7])
    assert network_of((), "relu", 0.0, False) == shoal.mlp([])


def test_layers_may_differ_in_activation_and_dropout():
    made = network_of((20, 10), ["relu", "tanh"], [0.5, 0.0], False)
    assert names(made) == ["Flatten", "Affine", "ReLU", "Dropout", "Affine", "Tanh", "Affine"]
    assert [layer.units for layer in made.layers if hasattr(layer, "units")] == [20, 10, None]


@pytest.mark.parametrize(
    ("hidden", "activation", "dropout", "words"),
    [
        ("many", "relu", 0, r"hidden='many' must be whole numbers"),
        ((10, 0), "relu", 0, r"hidden=0 must be a whole number >= 1"),
        ((10, 2.5), "relu", 0, r"hidden=2.5 must be a whole number"),
        ((10,), ("relu", "tanh"), 0, r"one value for each of the 1 hidden layers"),
        ((10, 10), "relu", (0.1,), r"one value for each of the 2 hidden layers"),
        ((10,), "rely", 0, r"did you mean 'relu'"),
        ((10,), "relu", 1.0, r"dropout=1.0 must be a number >= 0 and < 1"),
    ],
)
def test_networks_that_are_none(hidden, activation, dropout, words):
    with pytest.raises(ShoalError, match=words):
        network_of(hidden, activation, dropout, False)


def test_optimizers_by_name_and_as_they_are():
    assert optimizer_of("AdamW", "auto") == shoal.AdamW()
    assert optimizer_of("rmsprop", 0.5) == shoal.RMSprop(lr=0.5)
    assert optimizer_of(shoal.Momentum(lr=0.2, momentum=0.5), None).lr == 0.2
    assert optimizer_of(shoal.Momentum(momentum=0.5), 0.4) == shoal.Momentum(lr=0.4, momentum=0.5)
    with pytest.raises(ShoalError, match="did you mean 'adam'"):
        optimizer_of("adaam", None)
    with pytest.raises(ShoalError, match="optimizer=3 must be a name"):
        optimizer_of(3, None)
    with pytest.raises(ShoalError, match="lr=0 must be a number > 0"):
        optimizer_of("adam", 0)


def test_schedules_by_name_and_as_they_are():
    assert schedule_of("One_Cycle") == shoal.OneCycle()
    assert schedule_of(shoal.StepDecay(every=5)) == shoal.StepDecay(every=5)
    assert schedule_of(None) is None
    with pytest.raises(ShoalError, match=r"schedule='step_decay' needs numbers; give shoal.StepDe"):
        schedule_of("step_decay")
    with pytest.raises(ShoalError, match="did you mean 'cosine'"):
        schedule_of("cosin")


def test_a_network_leaves_nothing_to_say_about_layers():
    open_ = {"hidden": "auto", "activation": "auto", "dropout": "auto", "batch_norm": "auto"}
    check_network(open_ | {"network": shoal.convnet()})
    check_network(open_ | {"network": None, "hidden": 3})
    with pytest.raises(ShoalError, match=r"hidden=3 and network= say both"):
        check_network(open_ | {"network": shoal.convnet(), "hidden": 3})
    with pytest.raises(ShoalError, match="must be a Network"):
        check_network(open_ | {"network": "convnet"})


def test_every_setting_reaches_the_recipe():
    X, y = np.random.default_rng(0).normal(size=(40, 3)), np.arange(40.0)
    model = ShoalRegressor(
        hidden=(5, 4),
        activation=("tanh", "gelu"),
        dropout=0.1,
        batch_norm=True,
        optimizer="adamw",
        lr=0.02,
        schedule="cosine",
        init="lecun",
        weight_decay=0.3,
        loss="huber",
        batch_size=20,
        clip_norm=2.0,
        epochs=2,
    ).fit(X, y)
    assert model.recipe_ == shoal.Recipe(
        network_of((5, 4), ("tanh", "gelu"), 0.1, True),
        shoal.AdamW(lr=0.02),
        schedule=shoal.Cosine(),
        init="lecun",
        weight_decay=0.3,
        loss="huber",
        batch_size=20,
        clip_norm=2.0,
    )
    assert model.n_iter_ == 2


def test_an_estimator_from_a_recipe_trains_by_it():
    X, y = np.random.default_rng(0).normal(size=(60, 3)), np.arange(60) % 2
    recipe = shoal.Recipe(
        shoal.mlp([6], dropout=0.2), shoal.SGD(lr=0.3), weight_decay=0.01, batch_size=15, init=0.1
    )
    model = ShoalClassifier.from_recipe(recipe, epochs=3, members=2).fit(X, y)
    assert model.recipe_ == recipe
    assert model.model_.members == 2
    with pytest.raises(ShoalError, match=r"batch_size= is said by the recipe"):
        ShoalClassifier.from_recipe(recipe, batch_size=3)
    with pytest.raises(ShoalError, match="without distributions"):
        ShoalClassifier.from_recipe(recipe.replace({"optimizer.lr": shoal.uniform(0.1, 1)}))


def test_batches_have_no_single_last_row_unless_asked_for():
    X, y = np.random.default_rng(0).normal(size=(129, 3)), np.arange(129.0)
    model = ShoalRegressor(batch_norm=True, epochs=1, valid=0)
    assert 129 % model.fit(X, y).recipe_.batch_size != 1
    with pytest.raises(ShoalError, match=r"batch_size=128 leaves a last batch of 1"):
        model.set_params(batch_size=128).fit(X, y)
    assert model.set_params(batch_size=5000).fit(X, y).recipe_.batch_size == 129


def test_both_estimators_say_the_same_of_what_they_share():
    def said(kind):
        text = inspect.getdoc(kind).split("Args:")[1].split("Attributes:")[0]
        items = "\n".join(text.splitlines()).split("\n    ")
        whole, current = {}, None
        for line in items:
            if line[:1].strip():
                current = line.split(":")[0]
                whole[current] = line
            elif current:
                whole[current] += line
        return whole

    one, other = said(ShoalClassifier), said(ShoalRegressor)
    both = set(inspect.signature(ShoalClassifier).parameters)
    assert set(one) == both
    assert set(other) == set(inspect.signature(ShoalRegressor).parameters)
    differ = {"loss", "split", "monitor"}
    assert {name for name in set(one) & set(other) if one[name] != other[name]} <= differ
