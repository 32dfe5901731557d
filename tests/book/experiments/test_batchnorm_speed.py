import numpy as np
import pytest

import shoal
from shoal.book.experiments import batchnorm_speed as experiment
from shoal.book.formula import formula

NAME = "batchnorm-speed"


def test_the_arms_differ_in_batch_norm_alone():
    data = shoal.load("digits", valid=0).take(200)
    comparison = experiment.train(data, epochs=1, seeds=1)
    plain, normed = comparison.recipes.values()
    assert plain.network == shoal.mlp([100] * 5)
    assert normed.network == shoal.mlp([100] * 5, batch_norm=True)
    assert normed.replace({"network.batch_norm": False}) == plain
    assert (plain.optimizer, plain.init, plain.batch_size) == (shoal.SGD(lr=0.01), "he", 100)


def test_it_is_a_thousand_images_and_whole_epochs(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["rows"]["train"] == 1000
    assert numbers["epoch"].tolist() == list(range(1, 13))


def test_batch_norm_is_ahead_with_every_seed(quick):
    numbers = quick(NAME).findings.numbers
    assert (numbers["batch norm curve"][:, 3:] > numbers["plain curve"][:, 3:]).all()
    sooner = numbers["batch norm"]["epochs_to"]["0.5"] < numbers["plain"]["epochs_to"]["0.5"]
    assert sooner.all()
    assert numbers["difference"]["mean"] == pytest.approx(
        (numbers["batch norm curve"][:, -1] - numbers["plain curve"][:, -1]).mean()
    )


def test_epochs_to_an_accuracy_are_the_first_at_which_it_is_there(quick):
    numbers = quick(NAME).findings.numbers
    for arm in experiment.ARMS:
        for target in experiment.TARGETS:
            took = numbers[arm]["epochs_to"][f"{target}"]
            for epoch, curve in zip(took, numbers[f"{arm} curve"], strict=True):
                there = [k + 1 for k, accuracy in enumerate(curve) if accuracy >= target]
                assert epoch == there[0] if there else np.isnan(epoch)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for arm in experiment.ARMS:
        mean = 100 * findings.numbers[arm]["train_accuracy"].mean()
        assert f"{mean:.1f} %" in findings.caption[language]
    test = 100 * findings.numbers["difference_on_test"]["mean"]
    assert f"{abs(test):.1f}" in findings.caption[language]


def test_the_caption_counts_no_target_that_some_seed_missed(quick):
    findings = quick(NAME).findings
    numbers = dict(findings.numbers)
    for arm in experiment.ARMS:
        numbers[arm] = numbers[arm] | {
            "epochs_to": {f"{target}": np.array([2.0, np.nan]) for target in experiment.TARGETS}
        }
    difference = shoal.paired_difference([0.9, 0.8], [0.8, 0.8])
    assert "on average" in findings.caption["en"]
    assert "on average" not in experiment.caption(numbers, difference, difference)["en"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    figure = quick(NAME).findings.pictures[""](language)
    [axes] = figure.axes
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    assert len(figure.legends[0].get_texts()) == 2


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
