import math

import numpy as np
import pytest

from shoal.book import LANGUAGES
from shoal.book.experiments import narrowing as experiment
from shoal.book.formula import formula
from shoal.book.searches import DECAY_PATH, LR_PATH

NAME = "narrowing"
ROUND = 32


@pytest.fixture
def numbers(quick):
    return dict(quick(NAME).findings.numbers)


def test_both_ways_begin_with_the_same_round(numbers):
    narrow, random = (numbers["score"][way] for way in ("narrowing", "random"))
    assert narrow.shape == random.shape == (2, 3 * ROUND)
    np.testing.assert_array_equal(narrow[:, :ROUND], random[:, :ROUND])
    assert (narrow[:, ROUND:] != random[:, ROUND:]).any()


@pytest.mark.parametrize("path", [LR_PATH, DECAY_PATH])
def test_a_round_lies_where_the_best_fifth_of_the_last_suggests(numbers, path):
    (low, high), _ = experiment.DIMENSIONS[path]
    for search in (0, 1):
        u = np.log(numbers["tried"][path][search].reshape(3, ROUND) / low) / math.log(high / low)
        score = numbers["score"]["narrowing"][search].reshape(3, ROUND)
        now = (0.0, 1.0)
        for k in (0, 1):
            best = np.argsort(-score[k], kind="stable")[: math.ceil(0.2 * ROUND)]
            if score[k][best[-1]] == -np.inf:
                best = best[np.isfinite(score[k][best])]
            places, half = u[k][best], (now[1] - now[0]) / 2
            middle = np.median(places)
            if middle > now[1] - 0.4 * half:
                now = (now[1] - half, now[1] + half)
            elif middle < now[0] + 0.4 * half:
                now = (now[0] - half, now[0] + half)
            else:
                room = 0.15 * np.ptp(places)
                now = (places.min() - room, places.max() + room)
            assert u[k + 1].min() >= now[0] - 1e-9
            assert u[k + 1].max() <= now[1] + 1e-9


def test_ranges_run_from_the_lowest_to_the_highest_value_tried(numbers):
    tried, ranges = numbers["tried"][LR_PATH], numbers["ranges"][LR_PATH]
    assert ranges.shape == (2, 3, 2)
    assert ranges[1, 2].tolist() == [tried[1, 64:].min(), tried[1, 64:].max()]


def test_the_best_is_that_of_all_trials_so_far(numbers):
    for way, score in numbers["score"].items():
        best = numbers["best"][way]
        assert (np.diff(best, axis=1)[np.isfinite(best[:, :-1])] >= 0).all()
        np.testing.assert_array_equal(best[:, -1], score.max(axis=1))


def made_up(numbers, narrow, random, rates):
    winner = numbers["winner"] | {LR_PATH: {"narrowing": rates, "random": rates}}
    return numbers | {"test": {"narrowing": narrow, "random": random}, "winner": winner}


def test_a_gain_beyond_the_first_range_is_not_called_a_closer_look(numbers):
    some = [0.80, 0.81, 0.82], [0.70, 0.708, 0.722]
    beyond = experiment.what_it_gains(made_up(numbers, *some, [0.05, 0.06, 0.009]))["en"]
    assert "10.0 points higher" in beyond
    assert "In 2 of 3 searches" in beyond
    assert "leaving the range" in beyond
    inside = experiment.what_it_gains(made_up(numbers, *some, [0.009, 0.009, 0.02]))["en"]
    assert "leaving the range" not in inside


def test_without_a_proved_gain_none_is_explained(numbers):
    said = experiment.what_it_gains(
        made_up(numbers, [0.80, 0.71, 0.79], [0.79, 0.80, 0.70], [0.05] * 3)
    )["en"]
    assert "undecided" in said
    assert "leaving the range" not in said


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    found = quick(NAME).findings
    for way in experiment.WAYS:
        assert f"{100 * np.mean(found.numbers['test'][way]):.1f} %" in found.caption[language]
    ends = 10 ** np.log10(found.numbers["ranges"][LR_PATH]).mean(axis=0)
    assert f"{ends[2, 1]:.1g}" in found.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures(quick, language):
    found = quick(NAME).findings
    rate, decay, _ = found.pictures[""](language).axes
    alive = np.isfinite(found.numbers["score"]["narrowing"][0])
    for ax, path in ((rate, LR_PATH), (decay, DECAY_PATH)):
        values = found.numbers["tried"][path][0]
        dots = ax.collections[-1].get_offsets()
        np.testing.assert_allclose(dots[:, 1], values[alive])
        crosses = [line for line in ax.lines if line.get_marker() == "x"]
        np.testing.assert_allclose(crosses[0].get_ydata(), values[~alive])
        assert ax.get_yscale() == "log"
    (best,) = found.pictures["best"](language).axes
    means = found.numbers["best"]["narrowing"].mean(axis=0)
    np.testing.assert_allclose(best.lines[0].get_ydata(), means)
    assert best.get_xlabel()


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
