import numpy as np
import pytest

import shoal
from shoal.book import Setting
from shoal.book.experiments import optimizers_mnist as experiment
from shoal.book.formula import formula

NAME = "optimizers-mnist"
RULES = ("SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam")


@pytest.fixture(scope="module")
def short():
    return experiment.train(shoal.load("digits", valid=0), steps=6, seeds=2)


def test_the_settings_are_the_books(short):
    assert tuple(short.recipes) == RULES
    for recipe in short.recipes.values():
        assert recipe.network == shoal.mlp([100] * 4)
        assert (recipe.init, recipe.batch_size) == ("he", 128)
    rates = {arm: recipe.optimizer.lr for arm, recipe in short.recipes.items()}
    assert rates == dict(zip(RULES, [0.01, 0.01, 0.01, 0.01, 0.001, 0.001], strict=True))


def test_all_start_from_the_same_weights_and_the_same_batch(short):
    first = [short.history.curve(i, "loss").values[0] for i in range(len(short.history.members))]
    seeds = [member.seed for member in short.history.members]
    for seed in (0, 1):
        assert len({loss for loss, s in zip(first, seeds, strict=True) if s == seed}) == 1
    assert len(set(first)) == 2


def test_single_batches_are_those_around_the_step(short):
    found = experiment.single_batches(short, 3, 1)
    assert list(found) == list(RULES)
    for arm, values in found.items():
        expected = [short.history.curve(int(i), "loss").values[2:5] for i in short.members(arm)]
        np.testing.assert_array_equal(values, np.concatenate(expected))


def test_sgd_is_slowest_with_these_step_sizes(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["ranking_by_loss"][-1] == "SGD"
    assert set(numbers["ranking_by_loss"]) == set(RULES)
    slowest = numbers["loss"]["SGD"].min()
    assert all(numbers["loss"][arm].max() < slowest for arm in RULES if arm != "SGD")


def test_the_ranking_is_by_the_mean_loss(quick):
    numbers = quick(NAME).findings.numbers
    means = [numbers["loss"][arm].mean() for arm in numbers["ranking_by_loss"]]
    assert means == sorted(means)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_winner_and_its_loss(quick, language):
    findings = quick(NAME).findings
    first = findings.numbers["ranking_by_loss"][0]
    assert first in findings.caption[language]
    assert f"{findings.numbers['loss'][first].mean():.3f}" in findings.caption[language]


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("better", "lower than with SGD"), ("tied", "tied with SGD"), ("undecided", "cannot be told")],
)
def test_the_caption_says_what_the_verdicts_say(quick, verdict, words):
    numbers = dict(quick(NAME).findings.numbers)
    numbers["ranking_by_loss"] = ["Adam", "SGD"]
    said = experiment.caption(numbers, {("Adam", "SGD"): verdict})["en"]
    every = ("lower than with", "tied with", "cannot be told")
    assert words in said
    assert sum(phrase in said for phrase in every) == 1


def test_a_published_loss_is_inside_within_the_range_of_single_batches(quick):
    numbers = dict(quick(NAME).findings.numbers)
    bounds = {"mean": 0.1, "low": 0.04, "high": 0.3}
    numbers["single_batches"] = dict.fromkeys(RULES, bounds)
    rows = experiment.published(numbers, Setting())
    assert {row.what["en"].split(",")[0]: row.agrees for row in rows} == {
        "SGD": True, "Momentum": True, "AdaGrad": False, "Adam": False
    }  # fmt: skip
    assert {row.agrees for row in quick(NAME).findings.published} == {None}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    figure = quick(NAME).findings.pictures[""](language)
    [axes] = figure.axes
    assert axes.get_ylim() == (0, 1)
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(RULES)


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
