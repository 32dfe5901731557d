import numpy as np
import pytest

import shoal
from shoal.book import Setting
from shoal.book.experiments import batchnorm_init as experiment
from shoal.book.formula import formula

NAME = "batchnorm-init"


@pytest.fixture(scope="module")
def trainer():
    return experiment.train(shoal.load("digits", valid=0).take(100), epochs=1, seeds=1)


def test_the_scales_are_sixteen_over_four_decades(trainer):
    scales = sorted({member.recipe.init for member in trainer.members}, reverse=True)
    assert scales == pytest.approx([10 ** (-4 * k / 15) for k in range(16)])
    assert len(trainer.members) == 32


def test_the_networks_differ_in_batch_norm_alone(trainer):
    recipes = {member.arm: member.recipe for member in trainer.members}
    plain, normed = recipes["plain 1"], recipes["batch norm 1"]
    kept = tuple(x for x in normed.network.layers if not isinstance(x, shoal.BatchNorm))
    assert kept == plain.network.layers == shoal.mlp([100] * 5).layers
    assert {x.eps for x in normed.network.layers if isinstance(x, shoal.BatchNorm)} == {1e-6}
    assert plain.replace({"network": normed.network}) == normed


def test_curves_are_those_of_each_scale(trainer):
    curves = experiment.curves(trainer, "batch norm")
    assert curves.shape == (16, 1, 1)
    finals = trainer.history.final("train_accuracy")
    found = {m.recipe.init: finals[i] for i, m in enumerate(trainer.members) if "norm" in m.arm}
    np.testing.assert_array_equal(curves[:, 0, 0], [found[s] for s in experiment.SCALES])


def test_large_weights_blow_up_without_batch_norm_only(quick):
    numbers = quick(NAME).findings.numbers
    assert np.isnan(numbers["plain"][0]).all()
    assert np.isfinite(numbers["batch norm"]).all()


def test_small_weights_learn_nothing_in_two_epochs(quick):
    assert (quick(NAME).findings.numbers["plain"][8:] < 0.2).all()


def test_learned_needs_every_seed():
    accuracy = np.array([[0.6, 0.7], [0.6, 0.4], [np.nan, 0.9]])
    assert experiment.learned(accuracy) == [1]


@pytest.mark.parametrize(
    ("figure", "ours", "zeros", "expected"),
    [
        (0.12, [0.117, 0.117, 0.117], 0.1, True),  # 0.117 is 0.12 to two digits
        (0.13, [0.117, 0.117, 0.117], 0.1, False),
        (0.76, [0.803, 0.789, 0.769, 0.796, 0.808], 0.1, True),
        (0.60, [0.803, 0.789, 0.769, 0.796, 0.808], 0.1, False),
        (0.10, [np.nan, np.nan], 0.097, True),
        (0.10, [np.nan, np.nan], 0.12, False),
        (0.50, [0.5], 0.1, None),  # one seed says nothing of the spread
    ],
)
def test_published_figures_have_two_digits(figure, ours, zeros, expected):
    assert experiment.agrees(figure, np.array(ours), zeros) is expected


def test_published_figures_stand_beside_the_epoch_that_they_are_of(quick):
    numbers = quick(NAME).findings.numbers
    rows = experiment.published(numbers, Setting())
    assert len(rows) == 12
    ours = numbers["batch norm_curves"][2][:, -2].mean()
    assert rows[3].ours["en"].startswith(f"{ours:.2f}")
    assert rows[3].published == "0.63"
    assert {row.agrees for row in quick(NAME).findings.published} == {None}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    best = 100 * np.nan_to_num(findings.numbers["plain"]).mean(axis=1).max()
    assert f"{best:.1f} %" in findings.caption[language]


def test_the_caption_says_where_plain_networks_are_ahead(quick):
    numbers = dict(quick(NAME).findings.numbers)
    plain, normed = np.full((16, 2), 0.1), np.full((16, 2), 0.9)
    plain[2] = 0.95
    numbers |= {"plain": plain, "batch norm": normed}
    numbers["learned"] = {arm: experiment.learned(numbers[arm]) for arm in experiment.ARMS}
    said = experiment.caption(numbers)["en"]
    assert "At 1 of the 16 scales" in said
    assert "batch norm at 16" in said
    assert "std of 0.29 every plain network is ahead" in said
    assert "diverged" not in said
    numbers["plain"] = np.full((16, 2), np.nan)
    said = experiment.caption(numbers)["en"]
    assert "At 16 scales the plain networks diverged" in said
    assert "is ahead" not in said


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    axes = quick(NAME).findings.pictures[""](language).axes
    assert len(axes) == 16
    assert axes[0].get_title().endswith("1")
    assert axes[0].texts  # diverged
    assert not axes[5].texts
    assert all(ax.get_xlabel() for ax in axes[-4:])
    assert all(ax.get_ylabel() for ax in axes[::4])


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
