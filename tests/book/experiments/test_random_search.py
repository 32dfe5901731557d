import signal

import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES, Setting
from shoal.book import run as book_run
from shoal.book.experiments import random_search as experiment
from shoal.book.formula import formula
from shoal.book.searches import DECAY, LR, few

NAME = "random-search"


@pytest.fixture
def numbers(quick):
    return dict(quick(NAME).findings.numbers)


def test_trials_are_drawn_from_the_books_ranges(numbers):
    for values, (low, high) in ((numbers["lr"], LR), (numbers["weight_decay"], DECAY)):
        assert values.shape == (2, 24)
        assert values.min() >= low
        assert values.max() <= high
        u = np.log10(values / low) / np.log10(high / low)
        assert u.mean() == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / u.size))


def test_searches_differ_in_their_trials_and_images(numbers):
    assert not np.isin(numbers["lr"][0], numbers["lr"][1]).any()
    assert experiment.LR == LR


def test_the_best_trial_alone_does_what_it_did_in_the_search(numbers):
    number = numbers["order"][0, 0]
    recipe = experiment.book_space().replace(
        {
            "optimizer.lr": numbers["lr"][0, number],
            "weight_decay": numbers["weight_decay"][0, number],
        }
    )
    data = few(shoal.load("digits", valid=0), 0)
    alone = shoal.Trainer(recipe, data, epochs=numbers["epochs"], seeds=[0]).run()
    curve = alone.history.curve(0, "valid_accuracy").values
    np.testing.assert_array_equal(numbers["curves"][0], curve)
    assert numbers["best_score"][0] == curve[-1] == numbers["score"][0].max()


def test_the_curves_are_those_of_the_best_in_order(numbers):
    ends = numbers["curves"][:, -1]
    assert len(ends) == experiment.SHOWN
    assert ends.tolist() == sorted(numbers["score"][0], reverse=True)[: experiment.SHOWN]


def test_the_share_at_the_top_of_the_range_is_counted(numbers):
    for search in (0, 1):
        best = numbers["order"][search, :5]
        above = [numbers["lr"][search, k] > 10**-2.25 for k in best]
        assert numbers["top_quarter"][search] == np.mean(above)


def test_halving_spends_less_and_its_winner_was_trained_as_long(numbers):
    assert numbers["spent"]["full"] == [1.0, 1.0]
    assert all(1 / 6 < spent < 0.6 for spent in numbers["spent"]["halving"])
    for search in (0, 1):
        winner = numbers["winner"]["halving"][search]
        assert numbers["chosen_by"]["halving"][search] == numbers["score"][search, winner]


def test_the_same_winner_has_the_same_test_accuracy(numbers):
    for full, halving, a, b in zip(
        *(numbers["winner"][s] for s in ("full", "halving")),
        *(numbers["test"][s] for s in ("full", "halving")),
        strict=True,
    ):
        assert (a == b) == (full == halving)


@pytest.mark.parametrize(
    ("scores", "inside"),
    [([0.8, 0.81, 0.82, 0.79, 0.8], True), ([0.7, 0.701, 0.702, 0.7, 0.7], False)],
)
def test_published_scores_are_held_against_one_more_search(numbers, scores, inside):
    numbers |= {"best_score": np.array(scores), "best_lr": np.array([0.008, 0.009, 0.0095])}
    score, rate = experiment.published(numbers, Setting())
    assert score.agrees is inside
    assert rate.agrees is True
    assert {row.agrees for row in experiment.published(numbers, Setting(quick=True))} == {None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers_and_says_what_crowds(numbers, language):
    crowd = {"en": "crowd at the upper end", "zh": "挤在范围的上端"}[language]
    numbers["top_quarter"] = np.array([0.2, 0.4])
    said = experiment.caption(numbers)[language]
    assert crowd not in said
    assert f"{100 * np.mean(numbers['best_score']):.1f} %" in said
    assert f"{100 * np.mean(numbers['test']['full']):.1f} %" in said
    numbers["top_quarter"] = np.array([0.8, 0.8])
    assert crowd in experiment.caption(numbers)[language]


def test_what_halving_finds_is_said_with_its_interval(numbers):
    numbers["winner"] = {"full": [1, 2, 3], "halving": [1, 2, 9]}
    numbers["test"] = {"full": [0.80, 0.81, 0.82], "halving": [0.75, 0.759, 0.772]}
    said = experiment.what_halving(numbers)["en"]
    assert "the same winner in 2 of 3 searches" in said
    assert "5.0 points lower" in said
    assert f"{100 * np.mean(numbers['spent']['halving']):.0f} % of the member-epochs" in said


class CtrlC(shoal.Callback):
    """Somebody presses Ctrl-C after the first round."""

    def on_round(self, trainer):
        signal.raise_signal(signal.SIGINT)


def test_ctrl_c_in_a_search_ends_the_experiment(monkeypatch):
    def interrupted(data, trials, epochs, seed, strategy):
        space = experiment.book_space()
        return shoal.search(space, data, trials=4, epochs=30, strategy="full", callbacks=[CtrlC()])

    monkeypatch.setattr(experiment, "search", interrupted)
    with pytest.raises(KeyboardInterrupt):
        book_run.run(experiment.EXPERIMENT, Setting("digits", 1, quick=True))


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures(quick, language):
    found = quick(NAME).findings
    curves = found.pictures[""](language).axes
    assert len(curves) == 20
    for ax, values in zip(curves, found.numbers["curves"], strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), values)
    dots, scale = found.pictures["scatter"](language).axes
    assert dots.get_xscale() == dots.get_yscale() == "log"
    drawn = dots.collections[0].get_offsets()
    assert sorted(drawn[:, 0]) == sorted(found.numbers["lr"].ravel())
    assert len(dots.lines[0].get_xdata()) == 10
    assert dots.get_xlabel()
    assert scale.get_yticklabels()


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
