import itertools
import math

import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES
from shoal.book.experiments import panda_or_caviar as experiment
from shoal.book.formula import formula
from shoal.book.searches import few

NAME = "panda-or-caviar"
KEPT, WATCHED = 0, 1


@pytest.fixture
def numbers(quick):
    return dict(quick(NAME).findings.numbers)


@pytest.fixture(scope="module")
def data():
    return few(shoal.load("digits", valid=0), 0)


@pytest.fixture(scope="module")
def panda(data):
    return experiment.panda(data, lr=0.2, epochs=150, seed=3)


def losses(trainer, member):
    return trainer.history.curve(member, "valid_loss").values


def rates(trainer):
    turns = [c.recipe.optimizer.lr for c in trainer.history.copies if c.target == WATCHED]
    return [trainer.members[WATCHED].recipe.optimizer.lr, *turns]


def test_the_rate_follows_the_rule(panda):
    used, lowest = rates(panda), math.inf
    assert len(used) == 16
    for k, loss in enumerate(losses(panda, WATCHED)):
        expected = min(2 * used[k], 1.0) if loss < lowest else max(used[k] / 4, 1e-4)
        assert used[k + 1] == expected
        lowest = min(lowest, loss)
    assert {a < b for a, b in itertools.pairwise(used)} == {True, False}


def test_what_was_kept_is_the_best_so_far_and_does_not_move(panda):
    """Its loss at a look is, to the bit, the lowest that the watched one had before."""
    lowest = np.minimum.accumulate(losses(panda, WATCHED))
    np.testing.assert_array_equal(losses(panda, KEPT)[1:], lowest[:-1])
    scored = panda.shoal.ensemble([KEPT]).evaluate("valid").members["loss"]
    assert scored[0] == pytest.approx(lowest[-1])


def test_one_that_diverged_goes_back_and_on_with_less(data, monkeypatch):
    monkeypatch.setattr(experiment, "EVERY", 1)
    trainer = experiment.panda(data, lr=1000.0, epochs=12, seed=0)
    assert not np.isfinite(losses(trainer, WATCHED)[0])
    assert rates(trainer)[:4] == [1000.0, 250.0, 62.5, 15.625]
    assert losses(trainer, KEPT)[-1] < losses(trainer, KEPT)[0]
    others = experiment.caviar(data, [0.1, 1000.0], epochs=6, seed=0)
    found = experiment.measured(trainer, others)
    lowest = int(np.nanargmin(losses(trainer, WATCHED)))
    assert found["panda_last_kept"] == lowest + 1
    assert found["panda_last_lr"] == rates(trainer)[lowest]
    assert found["caviar_lr"] == 0.1
    assert found["caviar_diverged"] == 1


def test_both_are_paid_as_much_and_start_alike(data):
    panda, caviar = experiment.race(data, count=3, epochs=10, seed=1)
    members = len(caviar.members)
    assert panda.total_steps == members * caviar.total_steps
    assert panda.members[WATCHED].recipe == caviar.members[0].recipe
    assert {member.seed for member in (*panda.members, *caviar.members)} == {1}
    every = [member.recipe.optimizer.lr for member in caviar.members]
    assert len(set(every)) == 3
    assert all(experiment.LR[0] <= lr <= experiment.LR[1] for lr in every)
    # up to the panda's first look both are the same network
    ours = panda.history.curve(WATCHED, "valid_loss").values[0]
    theirs = caviar.history.curve(0, "valid_loss").values[9]
    assert ours == theirs


def test_chosen_is_the_lowest_loss_of_all_networks_and_times_so_far():
    random = np.random.default_rng(0)
    loss, accuracy = random.random((2, 5, 12))
    loss[2, 4:] = np.nan
    found = experiment.chosen(loss, accuracy)
    for k in range(12):
        before = loss[:, : k + 1]
        at = np.unravel_index(np.nanargmin(before), before.shape)
        assert found[k] == accuracy[at]


def test_numbers_stand_where_the_curves_do(numbers):
    assert numbers["panda_spent"][0].tolist() == list(range(10, 161, 10))
    assert numbers["caviar_spent"][0].tolist() == list(range(16, 161, 16))
    for way in experiment.NAMES:
        np.testing.assert_array_equal(numbers[f"{way}_end"], numbers[f"{way}_accuracy"][:, -1])
    at_once = list(numbers["panda_spent"][0]).index(numbers["epochs"])
    np.testing.assert_array_equal(numbers["panda_at_once"], numbers["panda_accuracy"][:, at_once])


def test_the_caption_tells_compute_from_time(numbers):
    numbers |= {
        "panda_end": np.array([0.90, 0.91, 0.92]),
        "caviar_end": np.array([0.80, 0.808, 0.822]),
        "panda_at_once": np.array([0.50, 0.512, 0.52]),
    }
    whole, soon = experiment.caption(numbers)["en"].split("But the 16")
    assert "10.0 points higher" in whole
    assert "30.0 points lower" in soon.replace("29.9", "30.0")


@pytest.mark.parametrize(("last", "idle"), [((40, 30), "75 %"), ((40, 100), "")])
def test_compute_that_changed_nothing_is_said(numbers, last, idle):
    numbers |= {"panda_last_kept": np.array(last)}
    said = experiment.what_the_rule_did(numbers)["en"]
    assert ("changes nothing" in said) == bool(idle)
    assert idle in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    found = quick(NAME).findings
    for name in ("panda_end", "caviar_end", "panda_at_once"):
        assert f"{100 * found.numbers[name].mean():.1f} %" in found.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_picture(quick, language):
    found = quick(NAME).findings
    left, right = found.pictures[""](language).axes
    for line, way in zip(left.lines, experiment.NAMES, strict=False):
        np.testing.assert_allclose(line.get_ydata(), found.numbers[f"{way}_accuracy"].mean(axis=0))
    assert left.get_xscale() == "log"
    for line, used in zip(right.lines, found.numbers["panda_lr"], strict=True):
        np.testing.assert_array_equal(line.get_ydata(), used)


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
