"""Who trains: recipes times seeds, and which members share a program."""

from __future__ import annotations

import re

import numpy as np
import pytest

from shoal import SGD, Adam, AdamW, Cosine, Dataset, Member, Recipe, ShoalError, Trainer, mlp
from shoal.engine.member import make_members, program_of, seed_list
from shoal.nn import BatchNorm, MeanSquaredError, Network, ReLU

RECIPE = Recipe(mlp([8], dropout=0.1), SGD(), weight_decay=0.1, clip_norm=1.0)


def test_every_recipe_meets_every_seed():
    other = RECIPE.replace({"optimizer.lr": 1})
    members = make_members({"a": RECIPE, "b": other}, 2)
    assert members == (
        Member(RECIPE, 0, "a"),
        Member(RECIPE, 1, "a"),
        Member(other, 0, "b"),
        Member(other, 1, "b"),
    )


def test_a_recipe_alone_is_an_arm():
    assert make_members(RECIPE, 1) == (Member(RECIPE, 0, "recipe"),)


def test_members_given_as_such_stay_as_they_are():
    members = [Member(RECIPE, 7, "x"), Member(RECIPE, 7, "x")]
    assert make_members(members, 99) == tuple(members)


@pytest.mark.parametrize(
    ("seeds", "expected"),
    [
        (2, [0, 1]),
        (np.int64(2), [0, 1]),
        ([5, 3], [5, 3]),
        (np.arange(2), [0, 1]),
        (range(2), [0, 1]),
    ],
)
def test_seeds_are_a_number_or_a_list(seeds, expected):
    assert seed_list(seeds) == expected
    assert all(type(seed) is int for seed in seed_list(seeds))


@pytest.mark.parametrize(
    ("seeds", "message"),
    [
        (0, "seeds=0 must be a whole number >= 1"),
        (2.5, "seeds=2.5 must be a whole number >= 1"),
        (True, "seeds=True must be a whole number >= 1"),
        ([], "seeds=[] must be different whole numbers, at least one"),
        ([1, 1], "seeds=[1, 1] must be different whole numbers, at least one"),
        ([-1], "seed=-1 must be a whole number >= 0"),
        ([0.5], "seed=0.5 must be a whole number >= 0"),
        ([1, 2**63], f"seed={2**63} must be a whole number < 9.22337e+18"),
        ("12", "seed='1' must be a whole number >= 0"),
    ],
)
def test_seeds_that_are_none_are_refused(seeds, message):
    with pytest.raises(ShoalError) as error:
        seed_list(seeds)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("recipes", "message"),
    [
        ({}, "recipes={} is empty; give at least one"),
        ([], "recipes=[] must be recipes by name"),
        (5, "recipes=5 must be recipes by name"),
        ("SGD", "recipes='SGD' must be recipes by name"),
        ([RECIPE], "recipes=[Recipe("),
        ({"SGD": SGD()}, "recipe=SGD(lr=0.01) of arm 'SGD' must be a Recipe"),
        ({0.1: RECIPE}, "arm=0.1 must be text, such as 'SGD'"),
    ],
)
def test_what_are_no_recipes_is_refused(recipes, message):
    with pytest.raises(ShoalError) as error:
        make_members(recipes, 1)
    assert str(error.value).startswith(message)


def test_a_seed_lies_in_an_array_beside_others():
    assert Member(RECIPE, 2**63 - 513).seed == 2**63 - 513
    with pytest.raises(ShoalError, match=rf"^seed={2**64} must be a whole number < 9"):
        Member(RECIPE, 2**64)


@pytest.mark.parametrize("seed", [-1, 0.5, None, "0"])
def test_a_member_needs_a_seed(seed):
    with pytest.raises(ShoalError, match="must be a whole number >= 0"):
        Member(RECIPE, seed)


def test_a_seed_of_numpy_becomes_a_plain_number():
    assert type(Member(RECIPE, np.int64(3)).seed) is int


def program(recipe: Recipe, task: str = "classification"):
    return program_of(recipe, (6,), 3, task)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer.lr": 3},
        {"weight_decay": 0.2},
        {"clip_norm": 9},
        {"network.dropout": 0.7},
        {"init": "zeros"},
        {"schedule": Cosine()},
    ],
    ids=str,
)
def test_members_that_differ_in_numbers_share_a_program(changes):
    assert program(RECIPE.replace(changes)) == program(RECIPE)


@pytest.mark.parametrize(
    "changes",
    [
        {"network.hidden": [9]},
        {"network.activation": "tanh"},
        {"network.batch_norm": True},
        {"network.dropout": 0},
        {"batch_size": 64},
        {"optimizer": Adam()},
        {"weight_decay": 0},
        {"clip_norm": None},
    ],
    ids=str,
)
def test_members_that_differ_in_structure_do_not(changes):
    assert program(RECIPE.replace(changes)) != program(RECIPE)


def test_adam_and_adamw_are_two_programs():
    assert program(Recipe(mlp([8]), Adam())) != program(Recipe(mlp([8]), AdamW()))


def test_a_program_is_bound_to_the_data():
    bound = program(RECIPE, "regression")
    assert bound.network.shapes(bound.in_shape)[-1] == (3,)
    assert bound.loss == MeanSquaredError()


NORMED = Recipe(mlp([4], batch_norm=True), SGD())


@pytest.mark.parametrize(
    ("batch_size", "rows", "text"),
    [
        (16, 65, r"batch_size=16 leaves a last batch of 1 \(of 65 rows\), .* batch_size=15"),
        (1, 20, "batch_size=1 is too small, but BatchNorm must see .* batch_size=2$"),
        (2, 3, "batch_size=2 leaves a last batch of 1 .* such as batch_size=3$"),
        (32, 33, "batch_size=32 leaves a last batch of 1 .* such as batch_size=31$"),
    ],
)
def test_a_batch_of_one_row_is_refused_where_it_is_normalised(batch_size, rows, text):
    recipe = NORMED.replace({"batch_size": batch_size})
    data = Dataset.from_arrays(np.eye(rows), np.arange(rows) % 2, valid=0, test=0)
    with pytest.raises(ShoalError, match=text) as raised:
        Trainer(recipe, data, epochs=1)
    advised = int(re.search(r"such as batch_size=(\d+)$", str(raised.value))[1])
    Trainer(NORMED.replace({"batch_size": advised}), data, epochs=1)


@pytest.mark.parametrize(
    ("recipe", "batch_size", "rows", "settings"),
    [
        (NORMED, 16, 64, {"epochs": 1}),
        (NORMED, 16, 66, {"epochs": 1}),
        (NORMED, 16, 65, {"steps": 4}),  # over before the last batch
        (NORMED, 16, 65, {"epochs": 1, "sampling": "replacement"}),
        (Recipe(mlp([4]), SGD()), 16, 65, {"epochs": 1}),
        (Recipe(mlp([4]), SGD()), 1, 5, {"epochs": 1}),
    ],
)
def test_other_batches_are_taken(recipe, batch_size, rows, settings):
    data = Dataset.from_arrays(np.eye(rows), np.arange(rows) % 2, valid=0, test=0)
    Trainer(recipe.replace({"batch_size": batch_size}), data, **settings)


def test_images_have_several_values_of_each_channel_in_a_row():
    assert BatchNorm().least_rows((4, 4, 3)) == 1
    assert BatchNorm().least_rows((1, 1, 3)) == 2
    assert BatchNorm().least_rows((3,)) == 2


def test_a_network_must_have_something_to_train():
    recipe = Recipe(Network((ReLU(),)), SGD())
    with pytest.raises(ShoalError, match="has nothing to train; let it end with Affine"):
        program_of(recipe, (3,), 3, "classification")
