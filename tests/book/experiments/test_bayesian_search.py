import numpy as np
import pytest

from shoal.book import LANGUAGES
from shoal.book.experiments import bayesian_search as experiment
from shoal.book.formula import formula
from shoal.book.searches import LR

NAME = "bayesian-search"


@pytest.fixture
def numbers(quick):
    return dict(quick(NAME).findings.numbers)


def test_both_have_as_many_trials_in_the_same_range(numbers):
    for way in experiment.SAMPLERS:
        assert numbers["lr"][way].shape == numbers["score"][way].shape == (2, 30)
        assert numbers["lr"][way].min() >= LR[0]
        assert numbers["lr"][way].max() <= LR[1]
    assert (numbers["lr"]["tpe"] != numbers["lr"]["random"]).all()


def test_best_so_far_is_the_best_of_the_scores(numbers):
    for way, score in numbers["score"].items():
        for k in (1, 10, 30):
            np.testing.assert_array_equal(numbers["best"][way][:, k - 1], score[:, :k].max(axis=1))


def made_up(numbers, tpe, random, soon=0.0):
    """Winners' test accuracies, and how far TPE is ahead early."""
    ends = {"tpe": np.array(tpe), "random": np.array(random)}
    base = np.linspace(0.5, 0.52, len(tpe))[:, None] * np.ones(30)
    rates = {way: np.full((len(tpe), 30), rate) for way, rate in (("tpe", 5e-3), ("random", 1e-4))}
    best = {"tpe": base + soon, "random": base}
    return numbers | {"best": best, "test": ends, "lr": rates}


@pytest.mark.parametrize(
    ("tpe", "random", "words"),
    [
        ([0.80, 0.81, 0.82, 0.83], [0.80, 0.81, 0.82, 0.83], "the same within half a point"),
        ([0.80, 0.81, 0.82, 0.83], [0.75, 0.76, 0.773, 0.78], "points higher"),
        ([0.75, 0.76, 0.773, 0.78], [0.80, 0.81, 0.82, 0.83], "points lower"),
        ([0.80, 0.71, 0.82, 0.73], [0.75, 0.81, 0.70, 0.82], "is undecided"),
    ],
)
def test_the_answer_follows_from_the_numbers(numbers, tpe, random, words):
    end = experiment.caption(made_up(numbers, tpe, random))["en"].split("After 30")[1]
    assert words in end.split("searches of each kind")[0]


def test_being_early_is_not_being_better_in_the_end(numbers):
    same = [0.80, 0.81, 0.82, 0.83, 0.84]
    said = experiment.caption(made_up(numbers, same, same, soon=0.1))["en"]
    early, late = said.split("After 30")
    assert "10.0 points higher" in early
    assert "the same within half a point" in late
    assert "TPE lays 100 %" in early
    assert "random search lays 0 %" in early


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_and_the_table_have_the_numbers(quick, language):
    found = quick(NAME).findings
    for way in experiment.SAMPLERS:
        assert f"{100 * np.mean(found.numbers['test'][way]):.1f} %" in found.caption[language]
    assert [row[0][language] for row in found.table.rows] == [
        name[language] for name in experiment.SAMPLERS.values()
    ]
    for row, way in zip(found.table.rows, experiment.SAMPLERS, strict=True):
        assert row[-2][language].startswith(f"{found.numbers['best'][way][:, -1].mean():.2f}")


@pytest.mark.parametrize("language", LANGUAGES)
def test_picture(quick, language):
    found = quick(NAME).findings
    best, places = found.pictures[""](language).axes
    for line, way in zip(best.lines, experiment.SAMPLERS, strict=True):
        np.testing.assert_allclose(line.get_ydata(), found.numbers["best"][way].mean(axis=0))
    for line, way in zip(places.lines, experiment.SAMPLERS, strict=False):
        np.testing.assert_array_equal(line.get_ydata(), found.numbers["lr"][way][0])
    assert places.get_yscale() == "log"


@pytest.mark.parametrize("line", experiment.EXPERIMENT.formula)
def test_the_formula_can_be_set(line):
    assert formula(line).startswith("<svg")
