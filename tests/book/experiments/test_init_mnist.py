import math

import numpy as np
import pytest

import shoal
from shoal.book import Setting
from shoal.book.experiments import init_mnist as experiment
from shoal.book.formula import formula

NAME = "init-mnist"


def test_the_starts_differ_in_size_alone():
    comparison = experiment.train(shoal.load("digits", valid=0), steps=1, seeds=1)
    data = shoal.load("digits", valid=0)
    first = []
    for recipe in comparison.recipes.values():
        network = recipe.network.bind(data.in_shape, data.outputs)
        first.append([p["W"] for p in network.init(0, data.in_shape, recipe.init) if "W" in p])
    for k, n in enumerate((64, 100, 100, 100, 100)):
        small, lecun, he = (weights[k] for weights in first)
        np.testing.assert_allclose(he, lecun * math.sqrt(2), rtol=1e-6)
        np.testing.assert_allclose(lecun * math.sqrt(n), small / 0.01, rtol=1e-5)


def test_weights_of_a_hundredth_learn_nothing(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["loss"]["0.01"] == pytest.approx(math.log(10), abs=0.01)
    assert np.isnan(numbers["steps_to_half"]["0.01"]).all()


def test_he_learns_faster_before_relu(quick):
    numbers = quick(NAME).findings.numbers
    assert (numbers["loss"]["He"] < numbers["loss"]["1/√n"]).all()
    difference = (numbers["loss"]["He"] - numbers["loss"]["1/√n"]).mean()
    assert numbers["he_minus_lecun"]["mean"] == pytest.approx(difference)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for arm in experiment.ARMS:
        assert f"{findings.numbers['loss'][arm].mean():.3f}" in findings.caption[language]


@pytest.mark.parametrize(
    ("lecun", "words"),
    [
        ([0.31, 0.32, 0.30, 0.33, 0.31], "He's is lower"),
        ([0.11, 0.12, 0.10, 0.13, 0.11], "1/√n's is lower"),
        ([0.21, 0.25, 0.17, 0.24, 0.20], "cannot tell them apart"),
    ],
)
def test_the_caption_says_who_is_lower_or_that_nobody_knows(quick, lecun, words):
    he = np.array([0.20, 0.22, 0.21, 0.23, 0.19])
    numbers = dict(quick(NAME).findings.numbers)
    numbers["loss"] = {"0.01": np.full(5, 2.3), "1/√n": np.array(lecun), "He": he}
    said = experiment.caption(numbers, shoal.paired_difference(he, lecun))["en"]
    assert words in said
    assert "that of guessing" in said
    numbers["loss"]["0.01"] = np.full(5, 1.9)
    said = experiment.caption(numbers, shoal.paired_difference(he, lecun))["en"]
    assert "it has begun to learn" in said


def test_a_published_loss_is_inside_within_the_range_of_single_batches(quick):
    numbers = dict(quick(NAME).findings.numbers)
    bounds = {"mean": 0.3, "low": 0.3, "high": 0.5}
    numbers["single_batches"] = dict.fromkeys(experiment.ARMS, bounds)
    rows = experiment.published(numbers, Setting())
    assert [row.agrees for row in rows] == [False, True, False]
    assert [row.published for row in rows] == ["2.30", "0.38", "0.29"]
    assert {row.agrees for row in quick(NAME).findings.published} == {None}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    [axes] = quick(NAME).findings.pictures[""](language).axes
    assert axes.get_ylim() == (0, 2.5)
    assert axes.get_xlabel()
    assert axes.get_ylabel()


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
