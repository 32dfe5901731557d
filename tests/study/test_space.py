"""Spaces: dimensions from the structure of a recipe, and recipes from values."""

from __future__ import annotations

import json
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from spaces import spaces

import shoal
from shoal import (
    SGD,
    Adam,
    Constant,
    Cosine,
    Equal,
    Momentum,
    Recipe,
    ShoalError,
    WarmUp,
    choice,
    convnet,
    int_range,
    log_uniform,
    mlp,
    repeat,
    uniform,
)
from shoal.distributions import Choice
from shoal.engine.member import Member
from shoal.study.space import Space

many = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


@many
@given(spaces)
def test_a_space_is_written_and_read_back(recipe):
    assert eval(repr(recipe), {name: getattr(shoal, name) for name in shoal.__all__}) == recipe
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    assert hash(recipe) == hash(recipe.replace({}))


@many
@given(spaces, st.integers(0, 2**32))
def test_whatever_is_drawn_makes_a_recipe(recipe, seed):
    space = Space(recipe)
    source = random.Random(seed)
    drawn = space.at({d.path: source.random() for d in space.dimensions})
    built = space.build(drawn)
    assert not built.is_space
    Member(built, 0)
    assert space.build(json.loads(json.dumps(drawn))) == built


@many
@given(spaces)
def test_a_dimension_exists_where_its_choices_say_so(recipe):
    space = Space(recipe)
    assert len({d.path for d in space.dimensions}) == len(space.dimensions)
    source = random.Random(0)
    for _ in range(5):
        drawn = space.at({d.path: source.random() for d in space.dimensions})
        for dimension in space.dimensions:
            assert all(path in {d.path for d in space.dimensions} for path, _ in dimension.needs)
            wanted = all(drawn.get(path) == label for path, label in dimension.needs)
            assert (dimension.path in drawn) == wanted
            if wanted and dimension.path in drawn:
                without = {k: v for k, v in drawn.items() if k != dimension.path}
                with pytest.raises(ShoalError, match=r" is missing;| is no option;"):
                    space.build(without)


@many
@given(spaces)
def test_corners_show_every_end_of_every_dimension(recipe):
    space = Space(recipe)
    shown = list(space.corners())
    for values in shown:
        space.build(values)
    for dimension in space.dimensions:
        for end in dimension.distribution.ends:
            assert any(v.get(dimension.path) == end for v in shown)


def test_paths_name_what_is_searched(conditional):
    assert [(d.path, d.needs) for d in conditional.dimensions] == [
        ("network", ()),
        ("network[mlp 1].hidden[0]", (("network", "mlp 1"),)),
        ("network[mlp 2].hidden.times", (("network", "mlp 2"),)),
        ("optimizer", ()),
        ("optimizer[SGD].lr", (("optimizer", "SGD"),)),
        ("optimizer[Momentum].lr", (("optimizer", "Momentum"),)),
        ("optimizer[Momentum].momentum", (("optimizer", "Momentum"),)),
    ]
    assert conditional["optimizer"].distribution == Choice(("SGD", "Momentum"))
    with pytest.raises(KeyError):
        conditional["momentum"]


def test_values_stand_where_their_paths_say(conditional):
    recipe = conditional.build(
        {
            "network": "mlp 2",
            "network[mlp 2].hidden.times": 2,
            "optimizer": "Momentum",
            "optimizer[Momentum].lr": 0.01,
            "optimizer[Momentum].momentum": 0.75,
        }
    )
    assert recipe == Recipe(mlp([3, 3]), Momentum(lr=0.01, momentum=0.75))


def test_choices_inside_choices():
    space = Space(
        Recipe(
            choice([mlp([int_range(2, 9)], choice(["relu", "tanh"])), convnet([3], size=3)]),
            SGD(),
            schedule=choice(
                [Constant(), WarmUp(3, choice([Cosine(end=uniform(0, 0.5)), Constant()]))]
            ),
            init=choice(["he", Equal(uniform(0.1, 0.2)), log_uniform(0.1, 1.0)]),
        )
    )
    assert [d.path for d in space.dimensions] == [
        "network",
        "network[mlp].hidden[0]",
        "network[mlp].activation",
        "schedule",
        "schedule[WarmUp].then",
        "schedule[WarmUp].then[Cosine].end",
        "init",
        "init[Equal].equal",
        "init[log_uniform(0.1, 1.0)]",
    ]
    built = space.build(
        {
            "network": "convnet",
            "schedule": "WarmUp",
            "schedule[WarmUp].then": "Cosine",
            "schedule[WarmUp].then[Cosine].end": 0.25,
            "init": "Equal",
            "init[Equal].equal": 0.125,
        }
    )
    assert built == Recipe(
        convnet([3], size=3), SGD(), schedule=WarmUp(3, Cosine(end=0.25)), init=Equal(0.125)
    )


@pytest.mark.parametrize(
    ("recipe", "path", "values", "expected"),
    [
        (Recipe(mlp(repeat(int_range(2, 4), 2)), SGD()), "network.hidden.width", 3, mlp([3, 3])),
        (Recipe(mlp([5, int_range(2, 4)]), SGD()), "network.hidden[1]", 4, mlp([5, 4])),
        (Recipe(mlp([5], dropout=uniform(0, 0.5)), SGD()), "network.dropout", 0.0, mlp([5])),
        (
            Recipe(mlp([5], batch_norm=choice([True, False])), SGD()),
            "network.batch_norm",
            True,
            mlp([5], batch_norm=True),
        ),
        (
            Recipe(mlp(choice([[5], [6, 7]])), SGD()),
            "network.hidden",
            "[6, 7]",
            mlp([6, 7]),
        ),
    ],
)
def test_one_dimension_of_a_network(recipe, path, values, expected):
    space = Space(recipe)
    assert [d.path for d in space.dimensions] == [path]
    assert space.build({path: values}).network == expected


def test_two_optimizers_of_a_kind_are_told_apart():
    space = Space(Recipe(mlp([2]), choice([SGD(lr=0.1), SGD(lr=log_uniform(1, 2)), Adam()])))
    assert space["optimizer"].distribution.options == ("SGD 1", "SGD 2", "Adam")
    assert space.build({"optimizer": "SGD 1"}).optimizer == SGD(lr=0.1)


def test_a_recipe_of_a_space_can_be_changed_by_path():
    recipe = Recipe(mlp([5]), SGD())
    space = recipe.replace(
        {"optimizer.lr": log_uniform(0.1, 1), "network.dropout": uniform(0, 0.5)}
    )
    assert space == Recipe(mlp([5], "relu", dropout=uniform(0, 0.5)), SGD(lr=log_uniform(0.1, 1)))


def test_without_distributions_there_is_nothing_to_search():
    with pytest.raises(
        ShoalError, match=r"^the recipe has no distribution in it, so there is noth"
    ):
        Space(Recipe(mlp([5]), SGD()))
    with pytest.raises(ShoalError, match=r"^space=3 must be a Recipe with distributions in it$"):
        Space(3)


def test_values_that_do_not_fit_are_named(conditional):
    with pytest.raises(
        ShoalError, match=r"^a value for network is missing; it is drawn from choice"
    ):
        conditional.build({})
    with pytest.raises(ShoalError, match=r"^network='mlp' is no option; known: mlp 1, mlp 2$"):
        conditional.build({"network": "mlp"})
