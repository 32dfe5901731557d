"""Tuning is fair: equal budgets, other seeds, the validation part alone, divergence left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

import shoal
from shoal import SGD, Adam, Recipe, ShoalError, log_grid, mlp
from shoal.comparison import Metric
from shoal.comparison.tuning import grids_of, judge_tuning, points_of
from shoal.engine.checkpoint import load

NAN = math.nan
ACCURACY = Metric("valid_accuracy")


# --- grids ------------------------------------------------------------------------------------


def test_a_log_grid_has_a_constant_ratio_and_round_ends():
    assert log_grid(1e-4, 1, 5) == (0.0001, 0.001, 0.01, 0.1, 1.0)
    grid = np.array(log_grid(3e-5, 0.7, 13))
    assert len(grid) == 13
    assert (grid[0], grid[-1]) == (3e-5, 0.7)
    np.testing.assert_allclose(grid[1:] / grid[:-1], (0.7 / 3e-5) ** (1 / 12), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ((0, 1, 3), "low=0 must be a number > 0"),
        ((1, 1, 3), "high=1 must be a number > 1"),
        ((1, math.inf, 3), "high=inf must be a number > 1"),
        ((1, 2, 1), "count=1 must be a whole number >= 2"),
        ((1, 2, 2.5), "count=2.5 must be a whole number >= 2"),
    ],
)
def test_what_is_no_log_grid(arguments, text):
    with pytest.raises(ShoalError, match=text):
        log_grid(*arguments)


def test_points_are_all_combinations():
    assert points_of({"a": [1, 2], "b": "xy"}) == [
        {"a": 1, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "x"}, {"a": 2, "b": "y"},
    ]  # fmt: skip


def test_every_arm_gets_the_same_grid_or_one_of_its_own():
    same = grids_of({"optimizer.lr": (1, 2)}, ["A", "B"])
    assert same == {"A": {"optimizer.lr": (1, 2)}, "B": {"optimizer.lr": (1, 2)}}
    own = {"A": {"optimizer.lr": [1, 2]}, "B": {"optimizer.lr": [3], "init": ["he", "lecun"]}}
    assert grids_of(own, ["A", "B"]) == own


def test_an_array_is_a_grid():
    assert grids_of({"optimizer.lr": np.array([0.1, 0.2])}, ["A"])["A"] == {
        "optimizer.lr": [0.1, 0.2]
    }


@pytest.mark.parametrize(
    ("tune", "text"),
    [
        ({"A": {"lr": [1]}}, "tune has grids for A; the arms are A, B"),
        ({"A": {"lr": [1]}, "C": {"lr": [1]}}, "tune has grids for A, C; the arms are A, B"),
        ({"A": {"lr": [1]}, "B": {"lr": [1, 2]}}, "same tuning budget, not {'A': 1, 'B': 2}"),
        ({"lr": []}, r"tune\['lr'\]=\[\] must be a list, such as"),
        ({"lr": 0.1}, r"tune\['lr'\]=0.1 must be a list, such as"),
        ({"init": "he"}, r"tune\['init'\]='he' must be a list, such as"),
        ({"A": {"lr": [1]}, "lr": [1]}, r"tune\['A'\]={'lr': \[1\]} must be a list"),
        ({"A": {"lr": 1}, "B": {"lr": [1]}}, r"tune\['lr'\]=1 must be a list"),
        (3, "tune=3 must be values by setting, such as {'optimizer.lr'"),
        (["optimizer.lr"], r"tune=\['optimizer.lr'\] must be values by setting"),
    ],
)
def test_what_is_no_grid(tune, text):
    with pytest.raises(ShoalError, match=text):
        grids_of(tune, ["A", "B"])


# --- choosing ---------------------------------------------------------------------------------


def tuned(history_of, values, loss=None, *, grid=None, arms=("A",), seeds=2, metric=ACCURACY):
    """The tuning of arms whose members end with these validation values, point after point."""
    grid = grid or {"lr": [1, 2, 3, 4][: len(values) // len(arms)]}
    members = [(arm, seed) for arm in arms for _ in points_of(grid) for seed in range(seeds)]
    values = np.array(values, np.float64).reshape(-1, 1)
    loss = np.ones_like(values) if loss is None else np.array(loss, np.float64).reshape(-1, 1)
    told = history_of(
        members,
        np.ones((len(members), 2)),
        {metric.name: values, "valid_loss": loss},
        diverged=np.where(np.isnan(values[:, 0]), 1, -1),
    )
    return judge_tuning(told, dict.fromkeys(arms, grid), range(seeds), metric)


def test_the_best_mean_over_seeds_is_chosen(history_of):
    [arm] = tuned(history_of, [[0.9, 0.1], [0.6, 0.6], [0.5, 0.5]]).arms
    assert arm.best == 1
    assert arm.points == ({"lr": 1}, {"lr": 2}, {"lr": 3})
    assert arm.values == ((0.9, 0.1), (0.6, 0.6), (0.5, 0.5))


def test_a_lower_error_is_better(history_of):
    told = tuned(history_of, [[3.0, 3.0], [1.0, 1.2], [2.0, 2.0]], metric=Metric("valid_rmse"))
    assert told.arms[0].best == 1


def test_equal_accuracies_are_decided_by_the_loss(history_of):
    values, loss = [[0.9, 0.9], [0.9, 0.9], [0.8, 0.8]], [[0.4, 0.4], [0.3, 0.3], [0.1, 0.1]]
    assert tuned(history_of, values, loss).arms[0].best == 1


def test_a_setting_with_a_diverged_seed_is_out_of_the_question(history_of):
    [arm] = tuned(history_of, [[0.6, 0.6], [0.99, NAN], [0.5, 0.5]]).arms
    assert arm.best == 0
    assert math.isnan(arm.values[1][1])


def test_an_arm_that_always_diverges_has_no_best_and_says_so(history_of):
    told = tuned(history_of, [[NAN, NAN], [NAN, 0.5], [0.6, 0.6], [0.7, 0.7]], arms=("A", "B"))
    assert [arm.best for arm in told.arms] == [None, 1]
    assert told.warnings == ["A: every setting diverged; lower the range"]
    assert told.chosen == "A diverged everywhere; B lr = 2"


@pytest.mark.parametrize(
    ("accuracies", "edges"),
    [([0.9, 0.5, 0.4], ("lr",)), ([0.4, 0.5, 0.9], ("lr",)), ([0.4, 0.9, 0.5], ())],
)
def test_the_best_at_the_edge_of_its_range_is_warned_of(history_of, accuracies, edges):
    told = tuned(history_of, [[a, a] for a in accuracies])
    assert told.arms[0].edges == edges
    best = 1 + int(np.argmax(accuracies))
    text = f"A: the best lr = {best} lies at the edge of its range; widen it"
    assert told.warnings == [text] * len(edges)


def test_edges_are_those_of_each_setting(history_of):
    grid = {"lr": [3, 1, 2], "decay": [0.1, 0.2, 0.3]}  # in any order
    values = np.full((9, 2), 0.5)
    values[7] = 0.9  # lr 2, decay 0.2: in the middle of both
    assert tuned(history_of, values, grid=grid).arms[0].edges == ()
    values[6] = 0.95  # lr 2, decay 0.1
    assert tuned(history_of, values, grid=grid).arms[0].edges == ("decay",)
    values[0] = 0.99  # lr 3, decay 0.1
    assert tuned(history_of, values, grid=grid).arms[0].edges == ("lr", "decay")


@pytest.mark.parametrize("choices", [[1, 2], ["he", "xavier", "lecun"], [True, False, True]])
def test_choices_have_no_edges(history_of, choices):
    values = [[0.9, 0.9], [0.5, 0.5], [0.4, 0.4]][: len(choices)]
    assert tuned(history_of, values, grid={"init": choices}).warnings == []


def test_the_budget_is_trainings_of_each_arm(history_of):
    told = tuned(history_of, [[0.5] * 3] * 8, arms=("A", "B"), seeds=3)
    assert (told.budget, told.seeds) == (12, (0, 1, 2))


# --- in a comparison --------------------------------------------------------------------------

NET = mlp([8])
RECIPES = {
    "SGD": Recipe(NET, SGD(lr=1e-6), batch_size=30),
    "Adam": Recipe(NET, Adam(lr=1e-6), batch_size=30),
}
GRID = {"optimizer.lr": (0.001, 0.03, 0.3)}


@pytest.fixture(scope="module")
def tuned_run(blobs, tmp_path_factory):
    """A tuned comparison, its folder, and what it said."""
    folder, said = tmp_path_factory.mktemp("tuned"), []
    result = shoal.compare(
        RECIPES, blobs, epochs=5, seeds=[0, 7], tune=GRID, out=folder, say=said.append
    )
    return result, folder, said


def test_arms_are_compared_with_what_was_chosen_for_them(tuned_run, blobs):
    result, _, _ = tuned_run
    chosen = {s.arm: s.points[s.best]["optimizer.lr"] for s in result.tuning.arms}
    assert chosen["SGD"] == 0.3
    assert {name: r.optimizer.lr for name, r in result.recipes.items()} == chosen
    assert RECIPES["SGD"].optimizer.lr == 1e-6  # the recipe that was given is as it was
    again = shoal.compare(result.recipes, blobs, epochs=5, seeds=[0, 7])
    assert [arm.final for arm in result.arms] == [arm.final for arm in again.arms]


def test_every_arm_gets_the_same_budget_which_is_said_first(tuned_run):
    result, _, said = tuned_run
    assert result.tuning.budget == 6
    assert [np.shape(arm.values) for arm in result.tuning.arms] == [(3, 2)] * 2
    assert said[0] == "tuning each arm with 6 trainings, 5 epochs each, on other seeds"
    assert said[1] == f"chosen by validation accuracy: {result.tuning.chosen}"
    assert said[2].startswith("comparing 4 networks, 5 epochs each, on <Dataset blobs")


def test_tuning_uses_other_seeds_than_the_comparison(tuned_run):
    result, _, _ = tuned_run
    assert result.tuning.seeds == (8, 9)
    assert not set(result.tuning.seeds) & set(result.seeds)


def test_the_test_part_is_not_looked_at_while_tuning(tuned_run, blobs):
    result, folder, _ = tuned_run
    arrays, facts = load(folder / "tune" / "state.safetensors")
    measured = {name.rsplit("/", 1)[-1] for name in arrays if "metrics" in name}
    assert measured == {"train_loss", "train_accuracy", "valid_loss", "valid_accuracy"}
    assert facts["run"]["settings"]["evaluate_parts"] == ["train", "valid"]

    nonsense = replace(blobs.test, stored=-blobs.test.x, y=np.roll(blobs.test.y, 1))
    other = replace(blobs, test=nonsense)
    again = shoal.compare(RECIPES, other, epochs=5, seeds=[0, 7], tune=GRID)
    assert again.tuning == result.tuning
    assert again.arms != result.arms


def test_the_table_tells_of_tuning(tuned_run):
    result, _, _ = tuned_run
    assert "Each arm was tuned with 6 trainings on validation accuracy before" in str(result)
    assert "SGD: the best optimizer.lr = 0.3 lies at the edge of its range" in str(result)
    assert "different optimizers at fixed learning rates" not in str(result)
    assert result.to_dict()["tuning"]["arms"][0]["points"][0] == {"optimizer.lr": 0.001}


def test_an_arm_that_always_diverges_keeps_its_recipe(blobs):
    result = shoal.compare(
        {"wild": Recipe(NET, SGD(lr=1e30), batch_size=30), "SGD": RECIPES["SGD"]},
        blobs,
        steps=10,
        seeds=2,
        tune={"wild": {"optimizer.lr": [1e29, 1e30]}, "SGD": {"optimizer.lr": [0.1, 0.2]}},
    )
    assert result.recipes["wild"].optimizer.lr == 1e30
    assert "wild: every setting diverged; lower the range" in result.warnings
    assert result.headline.endswith("better than wild.")


def test_the_loss_is_tuned_by_the_validation_loss(blobs):
    result = shoal.compare(RECIPES, blobs, steps=5, seeds=2, metric="loss", tune=GRID)
    assert result.metric.name == "loss"
    assert result.tuning.metric.name == "valid_loss"


def test_regression_is_tuned_by_the_error(line):
    result = shoal.compare(
        {"SGD": Recipe(NET, SGD(), batch_size=30)}, line, epochs=4, seeds=2, tune=GRID
    )
    assert result.tuning.metric.name == "valid_rmse"
    errors = np.mean(result.tuning.arms[0].values, axis=1)
    assert result.recipes["SGD"].optimizer.lr == GRID["optimizer.lr"][np.argmin(errors)]


def test_what_decides_structure_can_be_tuned(blobs):
    grid = {"network.hidden": [[2], [8, 8]], "batch_size": [10, 90]}
    result = shoal.compare({"SGD": RECIPES["SGD"]}, blobs, epochs=2, seeds=2, tune=grid)
    assert result.tuning.budget == 8


def test_nothing_to_tune_is_no_tuning(blobs):
    assert shoal.compare({"SGD": RECIPES["SGD"]}, blobs, steps=2, seeds=2, tune={}).tuning is None


@pytest.mark.parametrize(
    ("tune", "text"),
    [
        ({"optimizer.lrr": [1]}, "tune: arm 'SGD' cannot take .*'lrr': did you mean 'lr'"),
        ({"optimiser.lr": [1]}, "tune: arm 'SGD' cannot take .* did you mean 'optimizer'"),
        ({"optimizer.beta1": [0.9]}, "tune: arm 'SGD' cannot take .*unknown key.*'beta1'"),
        ({"optimizer.lr": [0.1, -1]}, "cannot take {'optimizer.lr': -1}: .*lr=-1 must be"),
        ({"optimizer.lr": ["a"]}, "cannot take {'optimizer.lr': 'a'}: .*lr='a' must be a number"),
        ({"optimizer.lr.x": [1]}, "is no setting: lr has no parts"),
        ({"batch_size": [10, 91]}, "batch_size=91 must be at most the number of training rows, 90"),
    ],
)
def test_a_setting_that_an_arm_cannot_take_is_refused(blobs, tmp_path, tune, text):
    said = []
    with pytest.raises(ShoalError, match=text) as error:
        shoal.compare(RECIPES, blobs, steps=2, tune=tune, out=tmp_path / "run", say=said.append)
    assert "\n" not in str(error.value)
    assert not said
    assert not (tmp_path / "run").exists()


def test_tuning_needs_a_validation_part(blobs):
    bare = replace(blobs, valid=blobs.valid.rows(np.arange(0)))
    with pytest.raises(ShoalError, match="tune= needs a validation part; load the data with valid"):
        shoal.compare(RECIPES, bare, steps=2, tune=GRID)


def test_tuning_needs_a_seed(blobs):
    with pytest.raises(ShoalError, match="tune_seeds=0 must be a whole number >= 1"):
        shoal.compare(RECIPES, blobs, steps=2, tune=GRID, tune_seeds=0)
