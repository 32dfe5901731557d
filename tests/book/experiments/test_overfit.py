import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES, Setting, few_images
from shoal.book.experiments import overfit

NAME = "overfit"


def test_the_settings_are_the_books():
    comparison = overfit.train(few_images.first_images(Setting(data="digits")), epochs=1, seeds=1)
    assert comparison.recipes["plain"] == shoal.Recipe(
        shoal.mlp([100] * 6), shoal.SGD(lr=0.01), init="he", batch_size=100
    )
    assert comparison.facts["sampling"] == "replacement"
    assert comparison.facts["total_steps"] == 3


def test_the_first_300_images_are_trained_on():
    data = shoal.load("digits", valid=0)
    few = few_images.first_images(Setting(data="digits"))
    np.testing.assert_array_equal(few.train.x, data.train.x[:300])
    np.testing.assert_array_equal(few.test.x, data.test.x)
    assert len(few.valid) == 0


def test_the_gap_is_between_the_last_points_of_both_curves(quick):
    numbers = quick(NAME).findings.numbers
    train, test = (numbers[f"{part}_accuracy_curve"] for part in few_images.PARTS)
    assert train.shape == (2, len(numbers["epoch"]))
    np.testing.assert_array_equal(numbers["gap"], train[:, -1] - test[:, -1])
    assert numbers["epoch"].tolist() == [5, 10, 15]


def test_training_images_are_learned_first(quick):
    numbers = quick(NAME).findings.numbers
    assert (numbers["gap"] > 0).all()
    assert (numbers["train_loss"] < numbers["test_loss"]).all()
    assert (np.diff(numbers["train_loss_curve"]) < 0).all()


def test_first_at_is_nan_where_the_level_is_never_reached():
    epoch, curve = np.array([5.0, 10.0]), np.array([0.3, 0.9])
    assert overfit.first_at(epoch, curve, 0.9) == 10
    assert np.isnan(overfit.first_at(epoch, curve, 1.0))


def test_words_follow_the_numbers():
    never = overfit.when_all_right([np.nan, np.nan])
    some = overfit.when_all_right([np.nan, 30.0, 40.0])
    assert never["en"].startswith("None")
    assert "2 of 3" in some["en"]
    assert "30–40" in some["en"]
    assert "30–40" in some["zh"]
    rises = overfit.what_the_loss_says([50.0], np.array([0.8]), np.array([1.0]))
    falls = overfit.what_the_loss_says([50.0], np.array([0.8]), np.array([0.8]))
    assert "25 %" in rises["en"]
    assert "25 %" in rises["zh"]
    assert "does not rise" in falls["en"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for part in few_images.PARTS:
        mean = 100 * findings.numbers[f"{part}_accuracy"].mean()
        assert f"{mean:.1f} %" in findings.caption[language]
    assert f"{100 * findings.numbers['gap'].mean():.1f}" in findings.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_draws_accuracy_and_loss_of_both_parts(quick, language):
    figure = quick(NAME).findings.pictures[""](language)
    accuracy, loss = figure.axes
    numbers = quick(NAME).findings.numbers
    for ax, kind in ((accuracy, "accuracy"), (loss, "loss")):
        for line, part in zip(ax.lines, few_images.PARTS, strict=True):
            drawn = numbers[f"{part}_{kind}_curve"].mean(axis=0)
            np.testing.assert_allclose(line.get_ydata(), drawn)
        assert ax.get_xlabel()


def test_other_data_is_not_held_against_the_book(quick):
    assert [row.agrees for row in quick(NAME).findings.published] == [None] * 3
