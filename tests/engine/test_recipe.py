"""Recipes: pasted back from their repr, written as TOML, changed by path, and refused."""

from __future__ import annotations

import dataclasses
import re
import tomllib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import (
    SGD,
    Adam,
    Affine,
    AvgPool2D,
    BatchNorm,
    Constant,
    Conv2D,
    Cosine,
    Dropout,
    Equal,
    Exponential,
    Flatten,
    InverseTime,
    LeakyReLU,
    MaxPool2D,
    Network,
    OneCycle,
    Recipe,
    ReLU,
    ShoalError,
    StepDecay,
    WarmUp,
    convnet,
    mlp,
)
from shoal.engine.recipe import LAYERS
from shoal.nn import (
    ACTIVATIONS,
    LOSSES,
    BinaryCrossEntropy,
    CustomLoss,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    PeriodicEmbedding,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
)
from shoal.optim import OPTIMIZERS, SCHEDULES

positive = st.floats(1e-12, 1e3) | st.integers(1, 5)
shares = st.floats(0, 1, exclude_max=True)
whole = st.integers(1, 10**6)
factors = st.floats(0, 1)


def rule_of(kind: type) -> st.SearchStrategy:
    """A rule with any numbers that it may have."""
    numbers = {
        f.name: positive if f.name in ("lr", "eps") else shares for f in dataclasses.fields(kind)
    }
    return st.builds(kind, **numbers)


simple_schedules = st.one_of(
    st.builds(Constant),
    st.builds(StepDecay, every=whole, gamma=st.floats(1e-3, 1)),
    st.builds(Exponential, gamma=st.floats(1e-3, 1), every=whole),
    st.builds(InverseTime, rate=positive, every=whole),
    st.builds(Cosine, end=factors),
    st.builds(OneCycle, peak=st.floats(0.01, 0.99), start=factors, end=factors),
)
schedules = st.recursive(
    simple_schedules, lambda then: st.builds(WarmUp, st.integers(0, 99), then), max_leaves=3
)
side = st.integers(1, 9)
pair = side | st.tuples(side, side)
stacks = st.lists(
    st.one_of(
        st.builds(Conv2D, whole, pair, pair, pair),
        st.builds(Conv2D, whole, pair, padding=st.just("same")),
        st.builds(MaxPool2D, pair, st.none() | pair),
        st.builds(AvgPool2D, pair, st.none() | pair),
        st.builds(Affine, whole | st.none()),
        st.builds(BatchNorm, momentum=st.floats(0.01, 1), eps=positive),
        st.builds(Dropout, shares),
        st.builds(LeakyReLU, shares),
        st.builds(Flatten, st.none() | st.tuples(whole, whole)),
        st.builds(PeriodicEmbedding, st.none() | whole, whole, whole, positive),
        st.sampled_from([kind() for kind in ACTIVATIONS.values()]),
    ),
    min_size=1,
    max_size=6,
)
networks = st.one_of(
    st.builds(
        mlp,
        st.lists(whole, max_size=4),
        st.sampled_from(sorted(ACTIVATIONS)),
        batch_norm=st.booleans(),
        dropout=shares,
    ),
    st.builds(
        convnet,
        st.lists(whole, min_size=1, max_size=3),
        pair,
        pair,
        st.lists(whole, max_size=2),
        st.sampled_from(sorted(ACTIVATIONS)),
        padding=pair | st.just("same"),
        batch_norm=st.booleans(),
        dropout=shares,
    ),
    stacks.map(lambda layers: Network(tuple(layers))),
)
losses = st.one_of(
    st.sampled_from(["auto", *LOSSES]),
    st.builds(SoftmaxCrossEntropy, smoothing=shares),
    st.builds(BinaryCrossEntropy, smoothing=shares),
    st.builds(MeanSquaredError),
    st.builds(MeanAbsoluteError),
    st.builds(Huber, delta=positive),
    st.builds(Poisson),
    st.builds(Quantile, q=st.floats(0.01, 0.99)),
)
recipes = st.builds(
    Recipe,
    networks,
    st.one_of([rule_of(kind) for kind in OPTIMIZERS.values()]),
    schedule=st.none() | schedules,
    init=st.sampled_from(["auto", "he", "xavier", "lecun", "zeros"])
    | positive
    | st.builds(Equal, st.floats(-10, 10) | st.integers(-2, 2)),
    weight_decay=st.just(0.0) | positive,
    loss=losses,
    batch_size=whole,
    clip_norm=st.none() | positive,
)


def test_the_strategies_make_every_schedule_and_layer():
    made = {Constant, StepDecay, Exponential, InverseTime, Cosine, OneCycle, WarmUp}
    assert made == set(SCHEDULES.values())
    layers = {Affine, AvgPool2D, BatchNorm, Conv2D, Dropout, Flatten, MaxPool2D, PeriodicEmbedding}
    layers |= set(ACTIVATIONS.values())
    assert layers == set(LAYERS.values())


@settings(max_examples=60, deadline=None)
@given(recipes)
def test_the_repr_can_be_pasted_back(recipe):
    assert eval(repr(recipe), {name: getattr(shoal, name) for name in shoal.__all__}) == recipe


@settings(max_examples=60, deadline=None)
@given(recipes)
def test_toml_is_read_back(recipe):
    assert Recipe.from_toml(recipe.to_toml()) == recipe


@settings(max_examples=30, deadline=None)
@given(recipes)
def test_a_dict_of_plain_values_is_read_back(recipe):
    plain = recipe.to_dict()
    assert plain == tomllib.loads(recipe.to_toml())  # no tuple, no None, nothing of NumPy
    assert Recipe.from_dict(plain) == recipe
    assert recipe.replace({}) == recipe


def test_the_repr_shows_what_differs_from_the_defaults():
    recipe = Recipe(mlp([100] * 4), Adam(), schedule=WarmUp(100, Cosine()), init=0.01)
    assert repr(recipe) == (
        "Recipe(mlp([100, 100, 100, 100], activation='relu'), "
        "Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08), "
        "schedule=WarmUp(steps=100, then=Cosine(end=0.0)), init=0.01)"
    )


def test_toml_looks_like_this():
    recipe = Recipe(
        Network((Flatten(), Affine(5), BatchNorm(), LeakyReLU(0.1), Dropout(), Affine())),
        SGD(lr=1e-8),
        schedule=WarmUp(3, then=StepDecay(every=10)),
        init=1,
        clip_norm=1e16,
    )
    assert recipe.to_toml() == (
        'network = { layers = [{ kind = "Flatten" }, { kind = "Affine", units = 5 }, '
        '{ kind = "BatchNorm" }, { kind = "LeakyReLU", slope = 0.1 }, { kind = "Dropout" }, '
        '{ kind = "Affine" }] }\n'
        'optimizer = { kind = "SGD", lr = 1e-08 }\n'
        'schedule = { kind = "WarmUp", steps = 3, '
        'then = { kind = "StepDecay", every = 10, gamma = 0.1 } }\n'
        "init = 1\n"
        "clip_norm = 1e+16"
    )


def test_equal_weights_have_a_short_form():
    recipe = Recipe(mlp([8]), SGD(), init=Equal(np.float64(0.5)))
    assert repr(recipe).endswith(", init=Equal(value=0.5))")
    assert recipe.to_toml().endswith("\ninit = { equal = 0.5 }")


def test_toml_of_a_convnet_looks_like_this():
    recipe = Recipe(convnet([8, 16], size=(3, 5), hidden=[], padding="same"), SGD())
    assert recipe.to_toml() == (
        "network = { filters = [8, 16], size = [3, 5], pool = 2, hidden = [], "
        'activation = "relu", padding = "same" }\n'
        'optimizer = { kind = "SGD", lr = 0.01 }'
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_toml_of_single_convolutions_looks_like_this():
    layers = (Conv2D(8, 3, stride=2), ReLU(), MaxPool2D((2, 1)), Flatten(), Affine())
    recipe = Recipe(Network(layers), SGD())
    assert recipe.to_toml().splitlines()[0] == (
        'network = { layers = [{ kind = "Conv2D", filters = 8, size = 3, stride = 2 }, '
        '{ kind = "ReLU" }, { kind = "MaxPool2D", size = [2, 1] }, { kind = "Flatten" }, '
        '{ kind = "Affine" }] }'
    )
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_toml_by_hand_may_be_short():
    text = """
    optimizer = "Adam"
    schedule = "Cosine"
    weight_decay = 1
    [network]
    hidden = [8]
    """
    assert Recipe.from_toml(text) == Recipe(mlp([8]), Adam(), schedule=Cosine(), weight_decay=1)


def test_whole_numbers_and_floats_are_the_same_setting():
    a, b = Recipe(mlp([3]), SGD(lr=1), init=1), Recipe(mlp([3]), SGD(lr=1.0), init=1.0)
    assert a == b
    assert hash(a) == hash(b)
    assert Recipe.from_toml(a.to_toml()) == b


def test_numpy_numbers_become_plain_ones():
    lr, rate = np.logspace(-3, -1, 3)[1], np.linspace(0, 1, 5)[1]
    recipe = Recipe(
        Network((Affine(np.int64(3)), Dropout(rate), Affine())),
        SGD(lr=lr),
        schedule=WarmUp(np.int32(2), then=Cosine(np.float32(0.5))),
        weight_decay=np.float64(0.25),
        batch_size=np.int64(16),
    )
    assert "np." not in repr(recipe)
    assert eval(repr(recipe), {name: getattr(shoal, name) for name in shoal.__all__}) == recipe
    assert Recipe.from_toml(recipe.to_toml()) == recipe


# Changes by path


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"optimizer.lr": 0.5}, Recipe(mlp([8]), SGD(lr=0.5))),
        ({"batch_size": 32}, Recipe(mlp([8]), SGD(), batch_size=32)),
        ({"network.dropout": 0.2}, Recipe(mlp([8], dropout=0.2), SGD())),
        ({"network.hidden": [4, 4]}, Recipe(mlp([4, 4]), SGD())),
        ({"network.hidden": (4, 4)}, Recipe(mlp([4, 4]), SGD())),
        ({"network": mlp([3])}, Recipe(mlp([3]), SGD())),
        ({"network.filters": [3]}, Recipe(convnet([3], hidden=[8]), SGD())),
        ({"network": convnet(), "network.size": 3}, Recipe(convnet(size=3), SGD())),
        ({"network": Network((Affine(),))}, Recipe(Network((Affine(),)), SGD())),
        ({"optimizer": Adam()}, Recipe(mlp([8]), Adam())),
        ({"optimizer": "Adam"}, Recipe(mlp([8]), Adam())),
        ({"optimizer": Adam(), "optimizer.lr": 0.1}, Recipe(mlp([8]), Adam(lr=0.1))),
        ({"optimizer.kind": "Adam", "optimizer.lr": 0.1}, Recipe(mlp([8]), Adam(lr=0.1))),
        ({"schedule": Cosine()}, Recipe(mlp([8]), SGD(), schedule=Cosine())),
        ({"schedule.kind": "Cosine"}, Recipe(mlp([8]), SGD(), schedule=Cosine())),
        ({"schedule": None}, Recipe(mlp([8]), SGD())),
        ({"clip_norm": None, "init": 0.1}, Recipe(mlp([8]), SGD(), init=0.1)),
        ({"init": Equal(0.5)}, Recipe(mlp([8]), SGD(), init=Equal(0.5))),
        ({"init.equal": 0}, Recipe(mlp([8]), SGD(), init=Equal(0.0))),
    ],
    ids=str,
)
def test_replace_changes_settings_by_path(changes, expected):
    recipe = Recipe(mlp([8]), SGD())
    assert recipe.replace(changes) == expected
    assert recipe == Recipe(mlp([8]), SGD())


def test_replace_reaches_into_nested_schedules():
    recipe = Recipe(mlp([8]), SGD(), schedule=WarmUp(5, then=Cosine()))
    changed = recipe.replace({"schedule.steps": 9, "schedule.then.end": 0.1})
    assert changed.schedule == WarmUp(9, then=Cosine(0.1))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"optimizer.lrr": 0.5},
            "unknown key in recipe.optimizer: 'lrr': did you mean 'lr'? (known: lr)",
        ),
        ({"optimiser.lr": 0.5}, "unknown key in recipe: 'optimiser': did you mean 'optimizer'?"),
        ({"batch_size.x": 1}, "recipe: batch_size={'x': 1} must be a whole number >= 1"),
        ({"init.x": 1}, "unknown key in recipe.init: 'x': (known: equal)"),
        ({"optimizer.lr.x": 1}, "'optimizer.lr.x' is no setting: lr has no parts"),
        ({"optimizer.lr": -1}, "recipe.optimizer: lr=-1 must be a number > 0"),
        (
            {"optimizer.kind": "Adm"},
            "unknown kind in recipe.optimizer: 'Adm': did you mean 'Adam'?",
        ),
        ({"network.hiden": [3]}, "unknown key in recipe.network: 'hiden': did you mean 'hidden'?"),
        ({"network.dropout": 1.0}, "recipe.network: dropout=1.0 must be a number >= 0 and < 1"),
        ({"schedule.end": 0.1}, "recipe.schedule={'end': 0.1} must be a table with kind = "),
        ({"optimizer": 3}, 'recipe.optimizer=3 must be a table with kind = "SGD" or another'),
        ({"network": 3}, "recipe.network=3 must be a table, such as { hidden = [100, 100] }"),
    ],
    ids=str,
)
def test_replace_says_what_is_wrong_with_a_path(changes, message):
    with pytest.raises(ShoalError) as error:
        Recipe(mlp([8]), SGD()).replace(changes)
    assert str(error.value).startswith(message)


def test_settings_of_mlp_do_not_apply_to_a_list_of_layers():
    recipe = Recipe(Network((Affine(3), ReLU(), Affine())), SGD())
    with pytest.raises(ShoalError, match="dropout does not go with layers"):
        recipe.replace({"network.dropout": 0.5})
    with pytest.raises(ShoalError, match="layers has no parts"):
        recipe.replace({"network.layers.0": 1})


# Errors, each with its place

MISTAKES = r"""
network =
    recipe is not TOML:
batchsize = 3
    unknown key in recipe: 'batchsize': did you mean 'batch_size'?
batch_size = 32.0
    recipe: batch_size=32.0 must be a whole number >= 1
batch_size = 0
    recipe: batch_size=0 must be a whole number >= 1
weight_decay = -0.1
    recipe: weight_decay=-0.1 must be a number >= 0
weight_decay = inf
    recipe: weight_decay=inf must be a number >= 0
weight_decay = true
    recipe: weight_decay=True must be a number >= 0
clip_norm = nan
    recipe: clip_norm=nan must be a number > 0
clip_norm = 0
    recipe: clip_norm=0 must be a number > 0
init = "hee"
    recipe: unknown init 'hee': did you mean 'he'?
init = { equal = "half" }
    recipe.init: value='half' must be a number
init = { equal = inf }
    recipe.init: value=inf must be a number
init = { equl = 0.5 }
    unknown key in recipe.init: 'equl': did you mean 'equal'?
init = {}
    recipe.init={} must be a name, a number, or { equal = 0.5 }
init = [1]
    recipe: init=(1,) must be a number >= 0
loss = "mse"
    recipe: unknown loss 'mse':
loss = {}
    recipe: unknown loss {}:
schedule = "Cosin"
    unknown kind in recipe.schedule: 'Cosin': did you mean 'Cosine'?
schedule = "StepDecay"
    recipe.schedule: every is missing
schedule = { kind = "Cosine", end = 2 }
    recipe.schedule: end=2 must be a number >= 0 and <= 1
schedule = { kind = "Cosine", then = "Cosine" }
    unknown key in recipe.schedule: 'then':
schedule = { kind = "WarmUp", steps = 1, then = "Cosin" }
    unknown kind in recipe.schedule.then: 'Cosin'
schedule = 3
    recipe.schedule=3 must be a table with kind =
optimizer = { kind = "SGD", lr = "fast" }
    recipe.optimizer: lr='fast' must be a number > 0
optimizer = { kind = "Adam", beta1 = 1 }
    recipe.optimizer: beta1=1 must be a number >= 0 and < 1
optimizer = { kind = "Adma" }
    unknown kind in recipe.optimizer: 'Adma': did you mean 'Adam'?
optimizer = { kind = ["SGD"] }
    unknown kind in recipe.optimizer: ['SGD']:
optimizer = { lr = 1 }
    recipe.optimizer={'lr': 1} must be a table with kind = "SGD" or another
network = [8]
    recipe.network=[8] must be a table, such as { hidden = [100, 100] }
network = { activation = "tanh" }
    recipe.network: hidden is missing; such as hidden = [100, 100]
network = { hidden = 8 }
    recipe.network: hidden=8 must be a list of whole numbers
network = { hidden = [0] }
    recipe.network: units=0 must be a whole number >= 1
network = { hidden = [8], activation = "rulu" }
    recipe.network: unknown activation 'rulu': did you mean 'relu'?
network = { filters = 8 }
    recipe.network: filters=8 must be a list of whole numbers, such as [16, 32]
network = { filters = [8], sizes = 3 }
    unknown key in recipe.network: 'sizes': did you mean 'size'?
network = { filters = [8], size = [3] }
    recipe.network: size=[3] must be a whole number, or two: (vertical, horizontal)
network = { hidden = [8], size = 3 }
    unknown key in recipe.network: 'size': (known: hidden, activation,
network = { layers = ["Affine"], filters = [8] }
    recipe.network: filters does not go with layers
network = { layers = [{ kind = "Conv2D", filters = 3 }] }
    recipe.network.layers[0]: size is missing
network = { layers = [{ kind = "MaxPool2D", size = 2, padding = 2 }] }
    recipe.network.layers[0]: padding=2 must be at most half of size=2
network = { layers = "Affine" }
    recipe.network.layers='Affine' must be a list of tables
network = { layers = [] }
    recipe.network: a network needs at least one layer
network = { layers = ["Affin"] }
    unknown kind in recipe.network.layers[0]: 'Affin': did you mean 'Affine'?
network = { layers = ["Affine", { kind = "Dropout", rate = 1 }] }
    recipe.network.layers[1]: rate=1 must be a number >= 0 and < 1
network = { layers = ["Affine"], hidden = [8] }
    recipe.network: hidden does not go with layers
"""
"""A line of a file, and the message that it gives."""


@pytest.mark.parametrize(
    ("line", "message"),
    [pair.split("\n    ") for pair in re.findall(r"^\S.*\n    .*", MISTAKES, re.MULTILINE)],
)
def test_every_mistake_in_a_file_is_named_with_its_place(line, message):
    good = {"network": "network = { hidden = [8] }", "optimizer": 'optimizer = "SGD"'}
    good.pop(line.split()[0], None)
    with pytest.raises(ShoalError) as error:
        Recipe.from_toml("\n".join([line, *good.values()]))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("key", ["network", "optimizer"])
def test_what_a_recipe_needs_is_named(key):
    plain = {"network": {"hidden": [8]}, "optimizer": "SGD"}
    del plain[key]
    with pytest.raises(ShoalError, match=f"^recipe: {key} is missing; known keys: network, opti"):
        Recipe.from_dict(plain)


def test_the_place_can_be_named_by_the_caller():
    with pytest.raises(ShoalError, match=r"^arms\.fast\.optimizer: lr=-1 must be"):
        Recipe.from_dict(
            {"network": {"hidden": [8]}, "optimizer": {"kind": "SGD", "lr": -1}}, "arms.fast"
        )
    with pytest.raises(ShoalError, match=r"^arms\.fast=3 must be a table"):
        Recipe.from_dict(3, "arms.fast")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Recipe([100], SGD()), "network=[100] must be a Network, such as shoal.mlp([100])"),
        (
            lambda: Recipe(mlp([3]), "SGD"),
            "optimizer='SGD' must be an Optimizer, such as shoal.SGD(",
        ),
        (lambda: Recipe(mlp([3]), SGD), "optimizer=<class 'shoal.optim.sgd.SGD'> must be an "),
        (
            lambda: Recipe(mlp([3]), SGD(), schedule="Cosine"),
            "schedule='Cosine' must be a Schedule",
        ),
        (lambda: Recipe(mlp([3]), SGD(), init=-1), "init=-1 must be a number >= 0"),
        (lambda: Recipe(mlp([3]), SGD(), init=None), "init=None must be a number >= 0"),
        (
            lambda: Recipe(mlp([3]), SGD(), batch_size=True),
            "batch_size=True must be a whole number",
        ),
        (lambda: Recipe(mlp([3]), SGD(), clip_norm="1"), "clip_norm='1' must be a number > 0"),
        (
            lambda: Recipe(mlp([3]), SGD(), loss="softmax_entropy"),
            "unknown loss 'softmax_entropy': did you mean 'softmax_cross_entropy'?",
        ),
    ],
)
def test_every_mistake_in_code_is_named(make, message):
    with pytest.raises(ShoalError) as error:
        make()
    assert str(error.value).startswith(message)


def test_the_loss_follows_the_task():
    auto = Recipe(mlp([3]), SGD())
    assert auto.loss_for("classification") == SoftmaxCrossEntropy()
    assert auto.loss_for("multilabel") == BinaryCrossEntropy()
    assert auto.loss_for("regression") == MeanSquaredError()
    stated = auto.replace({"loss": "mean_squared_error"})
    assert stated.loss_for("regression") == MeanSquaredError()
    with pytest.raises(ShoalError, match="does not fit classification; take loss='auto'"):
        stated.loss_for("classification")


def test_a_loss_is_given_by_name_or_as_such():
    for loss in ("quantile", Quantile(q=0.5)):
        assert Recipe(mlp([3]), SGD(), loss=loss).loss_for("regression") == Quantile(0.5)
    smooth = Recipe(mlp([3]), SGD(), loss=SoftmaxCrossEntropy(smoothing=0.1))
    assert smooth.loss_for("classification").smoothing == 0.1
    hot = Recipe(mlp([3]), SGD(), loss=SoftmaxCrossEntropy("probabilities"))
    for recipe, task, fitting in (
        (smooth, "regression", "mean_squared_error, mean_absolute_error, huber, poisson, quantile"),
        (smooth, "multilabel", "binary_cross_entropy"),
        (hot, "classification", "softmax_cross_entropy"),
    ):
        with pytest.raises(ShoalError) as error:
            recipe.loss_for(task)
        assert str(error.value) == (
            f"loss={recipe.loss!r} does not fit {task}; take loss='auto', or one of {fitting}"
        )


def test_a_loss_in_toml_is_a_name_or_a_table():
    lines = 'network = { hidden = [8] }\noptimizer = "SGD"\n'
    assert Recipe.from_toml(lines + 'loss = "huber"').loss == "huber"
    recipe = Recipe.from_toml(lines + 'loss = { kind = "Huber", delta = 0.5 }')
    assert recipe.loss == Huber(delta=0.5)
    assert recipe.replace({"loss.delta": 2.0}).loss == Huber(delta=2.0)
    assert 'loss = { kind = "Huber", delta = 0.5 }' in recipe.to_toml()
    with pytest.raises(ShoalError, match=r"recipe\.loss: delta=0 must be a number > 0"):
        Recipe.from_toml(lines + 'loss = { kind = "Huber", delta = 0 }')
    with pytest.raises(ShoalError, match=r"unknown key in recipe\.loss: 'dlta': did you mean 'de"):
        Recipe.from_toml(lines + 'loss = { kind = "Huber", dlta = 1 }')
    with pytest.raises(ShoalError, match=r"unknown kind in recipe\.loss: 'Hubert': did you mean"):
        Recipe.from_toml(lines + 'loss = { kind = "Hubert" }')


def test_a_loss_may_be_searched_for():
    space = Recipe(
        mlp([3]),
        SGD(),
        loss=shoal.choice(["mean_squared_error", Huber(delta=shoal.log_uniform(0.1, 10.0))]),
    )
    assert space.is_space
    assert space.to_dict()["loss"] == {
        "choice": ["mean_squared_error", {"kind": "Huber", "delta": {"log_uniform": [0.1, 10.0]}}]
    }
    assert Recipe.from_toml(space.to_toml()) == space


def test_a_loss_of_functions_stays_through_changes_but_cannot_be_written():
    loss = CustomLoss(lambda y, t: ((y - t) ** 2).sum(axis=-1), lambda y, t: 2 * (y - t))
    recipe = Recipe(mlp([3]), SGD(), loss=loss)
    assert recipe.loss_for("regression") == loss
    changed = recipe.replace({"optimizer.lr": 0.5})
    assert changed.loss == loss
    assert changed.optimizer == SGD(lr=0.5)
    for written in (recipe.to_dict, recipe.to_toml):
        with pytest.raises(ShoalError, match="cannot be written to a file: it consists of funct"):
            written()
    either = Recipe(mlp([3]), SGD(), loss=shoal.choice(["huber", loss]))
    with pytest.raises(ShoalError, match="cannot be written to a file"):
        either.to_toml()


def test_a_recipe_is_a_frozen_value():
    recipe = Recipe(mlp([3]), SGD())
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe.batch_size = 3
    assert len({recipe, Recipe(mlp([3]), SGD()), Recipe(mlp([3]), SGD(lr=0.1))}) == 2


# Distributions (recipes of every kind with them in any place: tests/study/test_space.py)


def test_toml_of_a_search_space_looks_like_this():
    space = Recipe(
        mlp(
            shoal.repeat(shoal.int_range(16, 64, log=True), shoal.int_range(1, 3)),
            shoal.choice(["relu", "tanh"]),
            batch_norm=shoal.choice([True, False]),
        ),
        shoal.choice([SGD(lr=shoal.log_uniform(1e-4, 1.0)), Adam()]),
        schedule=WarmUp(9, shoal.choice([Cosine(), Constant()])),
        init=shoal.choice(["he", Equal(shoal.uniform(0.1, 0.2))]),
        batch_size=shoal.choice([32, 64]),
    )
    adam = '{ kind = "Adam", lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-08 }'
    assert space.to_toml().splitlines() == [
        "network = { hidden = { repeat = [{ int_range = [16, 64, true] }, { int_range = [1, 3] }] "
        '}, activation = { choice = ["relu", "tanh"] }, batch_norm = { choice = [true, false] } }',
        'optimizer = { choice = [{ kind = "SGD", lr = { log_uniform = [0.0001, 1.0] } }, '
        f"{adam}] }}",
        'schedule = { kind = "WarmUp", steps = 9, then = { choice = [{ kind = "Cosine", end = 0.0 '
        '}, { kind = "Constant" }] } }',
        'init = { choice = ["he", { equal = { uniform = [0.1, 0.2] } }] }',
        "batch_size = { choice = [32, 64] }",
    ]
    assert Recipe.from_toml(space.to_toml()) == space
    assert space.is_space
    assert not Recipe(mlp([3]), SGD()).is_space


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "batch_size = { choise = [1, 2] }",
            "unknown distribution in recipe.batch_size: 'choise': did you mean 'choice'? (known: ",
        ),
        (
            'optimizer = { kind = "SGD", lr = { log_unifrom = [1e-4, 1.0] } }',
            "unknown distribution in recipe.optimizer.lr: 'log_unifrom': did you mean 'log_unif",
        ),
        (
            'optimizer = { kind = "SGD", lr = { normal = [1e-4, 1.0] } }',
            "unknown distribution in recipe.optimizer.lr: 'normal': ",
        ),
        (
            'optimizer = { kind = "SGD", lr = { log_uniform = [1e-4, 1.0], log = true } }',
            "recipe.optimizer.lr: leave out log; log_uniform stands alone in its table",
        ),
        (
            "weight_decay = { low = 0.1, high = 0.2 }",
            "recipe.weight_decay={'low': 0.1, 'high': 0.2} must be a value, or a distribution ",
        ),
        (
            'optimizer = { choise = ["SGD"] }',
            "unknown distribution in recipe.optimizer: 'choise': d",
        ),
        (
            "network = { choise = [{ hidden = [8] }] }",
            "unknown distribution in recipe.network: 'ch",
        ),
        (
            'network = { hidden = [8], activation = { Choice = ["relu"] } }',
            "unknown distribution in recipe.network.activation: 'Choice': did you mean 'choice'?",
        ),
        (
            'schedule = { choise = ["Cosine"] }',
            "unknown distribution in recipe.schedule: 'choise': ",
        ),
        (
            'loss = { choise = ["huber"] }',
            "unknown distribution in recipe.loss: 'choise': did you ",
        ),
        (
            "init = { unifrm = [0.1, 0.2] }",
            "unknown distribution in recipe.init: 'unifrm': did you",
        ),
        ("batch_size = { choice = 3 }", "recipe.batch_size: choice=3 must be a list, such as"),
        ("batch_size = { choice = [] }", "recipe.batch_size: choice([]) must list its options"),
        ("batch_size = { uniform = [16, 32] }", "recipe: batch_size=16.0 must be a whole number"),
        (
            "batch_size = { int_range = [0, 32] }",
            "recipe: batch_size=0 must be a whole number >= 1",
        ),
        (
            "weight_decay = { uniform = 0.1 }",
            "recipe.weight_decay: uniform=0.1 must be a list, such",
        ),
        (
            "weight_decay = { uniform = [0.1] }",
            "recipe.weight_decay: uniform=[0.1] must be a list of low, high",
        ),
        (
            "batch_size = { int_range = [1, 2, true, 4] }",
            "recipe.batch_size: int_range=[1, 2, True, 4] must be a list of low, high, log",
        ),
        (
            "weight_decay = { uniform = [1, 0] }",
            "recipe.weight_decay: uniform(1, 0): the range is e",
        ),
        (
            "weight_decay = { log_uniform = [0, 1] }",
            "recipe.weight_decay: log_uniform(0, 1): a log",
        ),
        ("weight_decay = { uniform = [-1, 1] }", "recipe: weight_decay=-1.0 must be a number >= 0"),
        ('init = { choice = ["he", "hee"] }', "recipe: unknown init 'hee': did you mean 'he'?"),
        (
            "optimizer = { uniform = [0, 1] }",
            "recipe.optimizer={'uniform': [0, 1]}: only a choice c",
        ),
        (
            'optimizer = { choice = ["SGD", "Adma"] }',
            "unknown kind in recipe.optimizer[1]: 'Adma': d",
        ),
        (
            'optimizer = { kind = "SGD", lr = { log_uniform = [-1, 1] } }',
            "recipe.optimizer.lr: log_uniform(-1, 1): a log range cannot reach 0",
        ),
        (
            "network = { hidden = { repeat = [8, 0] } }",
            "recipe.network.hidden: repeat: times=0 must be whole numbers >= 1",
        ),
        (
            "network = { hidden = [8], dropout = { uniform = [0, 1] } }",
            "recipe.network: dropout=1.0 must be a number >= 0 and < 1",
        ),
        (
            'schedule = { kind = "WarmUp", steps = 3, then = { choice = ["Cosine", "Cosin"] } }',
            "unknown kind in recipe.schedule.then[1]: 'Cosin': did you mean 'Cosine'?",
        ),
    ],
)
def test_every_mistake_in_a_space_is_named_with_its_place(line, message):
    good = {"network": "network = { hidden = [8] }", "optimizer": 'optimizer = "SGD"'}
    good.pop(line.split()[0], None)
    with pytest.raises(ShoalError) as error:
        Recipe.from_toml("\n".join([line, *good.values()]))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Recipe(mlp([3]), shoal.choice([SGD(), "Adam"])),
            "optimizer='Adam' must be an Opt",
        ),
        (lambda: Recipe(shoal.uniform(0, 1), SGD()), "network=uniform(0, 1) must be a Network"),
        (
            lambda: Recipe(mlp([3]), SGD(), schedule=shoal.choice([Cosine(), None])),
            "schedule=None must be a Schedule, such as shoal.Cosine(), or shoal.Constant()",
        ),
        (
            lambda: Recipe(mlp([3]), SGD(), loss=shoal.choice(["auto", "mse"])),
            "unknown loss 'mse'",
        ),
        (lambda: WarmUp(3, shoal.choice([Cosine(), 3])), "then=3 must be a schedule"),
        (lambda: SGD(lr=shoal.repeat(shoal.int_range(1, 2), 3)), "lr=(1, 1, 1) must be a number"),
        (lambda: Adam(beta1=shoal.uniform(0, 1)), "beta1=1.0 must be a number >= 0 and < 1"),
    ],
)
def test_every_mistake_in_a_space_made_in_code_is_named(make, message):
    with pytest.raises(ShoalError) as error:
        make()
    assert str(error.value).startswith(message)
