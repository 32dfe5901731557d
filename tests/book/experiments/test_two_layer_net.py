import numpy as np
import pytest

import shoal
from shoal.book import Setting
from shoal.book.experiments import two_layer_net as experiment
from shoal.book.formula import formula

NAME = "two-layer-net"


def test_the_settings_are_the_books():
    comparison = experiment.train(shoal.load("digits", valid=0), steps=3, seeds=1)
    for activation in ("sigmoid", "relu"):
        assert comparison.recipes[activation] == shoal.Recipe(
            shoal.mlp([50], activation), shoal.SGD(lr=0.1), init=0.01, batch_size=100
        )
    assert comparison.facts["sampling"] == "replacement"


def test_only_whole_epochs_are_recorded(quick):
    numbers = quick(NAME).findings.numbers
    epochs = 200 // -(-numbers["rows"]["train"] // 100)
    assert numbers["epoch"].tolist() == list(range(1, epochs + 1))
    assert numbers["relu_test_curve"].shape == (2, epochs)


def test_the_end_is_the_last_epoch_and_the_gap_lies_between(quick):
    numbers = quick(NAME).findings.numbers
    for arm in experiment.ACTIVATIONS:
        train, test = (numbers[f"{arm}_{part}_curve"][:, -1] for part in ("train", "test"))
        np.testing.assert_array_equal(numbers[f"{arm}_train"], train)
        np.testing.assert_array_equal(numbers[f"{arm}_gap"], train - test)


def test_accuracies_are_shares_of_all_rows(quick):
    numbers = quick(NAME).findings.numbers
    right = numbers["relu_train_curve"] * numbers["rows"]["train"]
    np.testing.assert_allclose(right, right.round(), atol=1e-6)


def test_relu_learns_at_once_where_sigmoid_waits(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["relu_train"].min() > 0.3
    assert numbers["sigmoid_train"].max() < 0.3


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for arm in experiment.ACTIVATIONS:
        mean = 100 * findings.numbers[f"{arm}_test"].mean()
        assert f"{mean:.1f} %" in findings.caption[language]
    gap = 100 * (findings.numbers["relu_test"] - findings.numbers["sigmoid_test"]).mean()
    assert f"{gap:.1f}" in findings.caption[language]


def test_other_data_is_not_held_against_the_book(quick):
    assert [row.agrees for row in quick(NAME).findings.published] == [None] * 4
    assert experiment.could_be(0.9465, [0.945, 0.946, 0.947], Setting()) is True
    assert experiment.could_be(0.969, [0.945, 0.946, 0.947], Setting()) is False


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    axes = quick(NAME).findings.pictures[""](language).axes
    assert [ax.get_title(loc="left") for ax in axes] == ["sigmoid", "ReLU"]
    assert all(ax.get_xlabel() for ax in axes)
    assert axes[0].get_ylabel()
    assert axes[0].get_ylim()[0] <= 0.1


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
