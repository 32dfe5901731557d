import math

import numpy as np
import pytest

import shoal
from shoal.book.experiments import zero_init as experiment
from shoal.book.formula import formula

NAME = "zero-init"


@pytest.fixture(scope="module")
def short():
    return experiment.train(shoal.load("digits", valid=0), steps=5, seeds=2)


def test_the_starts_are_equal_but_for_the_last(short):
    inits = [recipe.init for recipe in short.recipes.values()]
    assert inits == [shoal.Equal(0), shoal.Equal(0.01), shoal.Equal(0.5), "he"]


def test_from_zero_the_weights_stay_zero_to_the_bit(short):
    for member in short.members("0"):
        layers = short.shoal.weights(int(member))
        assert all((layer["W"] == 0).all() for layer in layers if "W" in layer)
        biases = [layer["b"] for layer in layers if "b" in layer]
        assert all((b == 0).all() for b in biases[:-1])
        assert (biases[-1] != 0).all()  # the only ones that learn


def test_from_zero_the_loss_stays_that_of_guessing(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["loss"]["0"] == pytest.approx(math.log(10), abs=0.01)
    assert numbers["highest_loss"]["0"] == pytest.approx(math.log(10), abs=0.02)
    assert numbers["distinct_units"]["0"].tolist() == [[1] * 4] * 2


def test_equal_starts_keep_all_units_equal_up_to_rounding(quick):
    apart = quick(NAME).findings.numbers["units_apart"]
    for arm in experiment.EQUAL:
        assert apart[arm].max() < experiment.ROUNDING
    assert apart["He"].min() > 0.1


def test_random_weights_make_a_hundred_different_units(quick):
    numbers = quick(NAME).findings.numbers
    assert numbers["distinct_units"]["He"].tolist() == [[100] * 4] * 2
    assert numbers["loss"]["He"].max() < 1


def test_the_last_layer_parts_its_classes_but_not_its_inputs(quick):
    last = quick(NAME).findings.numbers["last_layer_apart"]
    for arm in ("0.01", "0.5"):
        assert last[arm]["by_class"].min() > 0.1
        assert last[arm]["by_unit"].max() < 1e-3 * last[arm]["by_class"].min()  # rounding
    assert last["0"]["by_class"].max() == 0


def test_equal_units_get_equal_gradients():
    """The proof of it, without a matrix product: both layers by hand, for two equal units."""
    x, target = np.array([0.5, -1.0, 2.0]), 3.0
    W, v = np.repeat(np.array([[0.4], [-0.2], [0.3]]), 2, axis=1), np.array([0.7, 0.7])
    delta = (np.maximum(x @ W, 0) @ v - target) * v * (x @ W > 0)
    gradient = np.outer(x, delta)
    np.testing.assert_array_equal(gradient[:, 0], gradient[:, 1])
    assert (gradient != 0).all()


def test_what_is_drawn_is_what_training_added(short):
    data = shoal.load("digits", valid=0)
    drawn = experiment.first_units(short, "0.01", data)
    assert drawn.shape == (experiment.SHOWN, 8, 8)
    W = experiment.layers(short, int(short.members("0.01")[0]))[0].astype(np.float64) - 0.01
    assert drawn[0].ravel() == pytest.approx(W[:, 0] / np.abs(W[:, :6]).max(), abs=1e-4)
    assert not experiment.first_units(short, "0", data).any()
    he = experiment.first_units(short, "He", data)
    assert np.abs(he).max() == 1
    assert not he[:, 0, 0].any()  # the corner is white in every image: nothing moves its weights


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    caption = findings.caption[language]
    assert f"{findings.numbers['loss']['He'].mean():.3f}" in caption
    assert f"{findings.numbers['highest_loss']['0.5']:.0e}" in caption


def test_the_caption_names_a_start_that_learns_and_one_that_diverges(quick):
    numbers = dict(quick(NAME).findings.numbers)
    numbers["loss"] = dict(numbers["loss"])
    numbers["loss"] |= {"0.01": np.array([1.7, 1.8]), "0.5": np.array([np.nan, 2.3])}
    caption = experiment.caption(numbers)["en"]
    assert "Started at 0.01, it comes to 1.750" in caption
    assert "Started at 0.5, 1 of 2 diverged" in caption
    assert "Started at 0, it ends at" in caption


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures(quick, language):
    pictures = quick(NAME).findings.pictures
    [axes] = pictures[""](language).axes
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    grid = pictures["units"](language).axes
    assert len(grid) == 4 * experiment.SHOWN
    assert all(ax.get_ylabel() for ax in grid[:: experiment.SHOWN])
    assert all(ax.get_title() for ax in grid[: experiment.SHOWN])


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
