import numpy as np
import pytest

from shoal.book.experiments import sampling_scales as experiment


def test_both_scales_use_the_same_draws_and_stay_in_range():
    linear, log = experiment.draws(1000, 1e-4, 1.0, seed=0)
    assert (linear - 1e-4) / (1 - 1e-4) == pytest.approx(1 + np.log10(log) / 4)
    for values in (linear, log):
        assert values.min() >= 1e-4
        assert values.max() <= 1


def test_shares_in_closed_form(quick):
    """A linear scale gives a decade its length over the whole; a log scale the same to each."""
    share = quick("sampling-scales").findings.numbers["share"]
    decades = np.diff([1e-4, 1e-3, 1e-2, 1e-1, 1]) / (1 - 1e-4)
    within = 4 * np.sqrt(0.25 / 4000)
    assert share["lr"]["linear"] == pytest.approx(decades, abs=within)
    assert share["lr"]["log"] == pytest.approx(0.25, abs=within)
    assert share["beta"]["linear"] == pytest.approx([0.009 / 0.099, 0.09 / 0.099], abs=within)
    assert share["beta"]["log"] == pytest.approx(0.5, abs=within)


def nearest(n):
    """Mean distance of the nearest of n uniform points to another: (n + 3) / 2(n + 1)(n + 2)."""
    return (n + 3) / (2 * (n + 1) * (n + 2))


def test_nearest_of_several_in_closed_form(quick):
    numbers = quick("sampling-scales").findings.numbers
    for (mean, half), exact in (
        (numbers["plane"]["one"]["random"], nearest(25)),
        (numbers["plane"]["one"]["grid"], 1 / 20),
        (numbers["best"]["lr"]["log"], 4 * nearest(20)),
        (numbers["best"]["beta"]["log"], 2 * nearest(20)),
    ):
        assert mean == pytest.approx(exact, abs=2 * half)


def test_which_is_better_depends_on_how_many_matter(quick):
    plane = quick("sampling-scales").findings.numbers["plane"]
    assert experiment.better(plane["one"])["en"] == "better"
    assert experiment.better(plane["both"])["en"] == "worse"
    same = {"grid": [0.5, 0.1], "random": [0.4, 0.1]}
    assert experiment.better(same)["en"] == "neither better nor worse"


def test_grid_repeats_its_values():
    grid, random = experiment.points(5, 3, seed=0)
    assert random.shape == (3, 25, 2)
    assert [len(np.unique(at)) for at in (grid[:, 0], grid[:, 1], random[0][:, 0])] == [5, 5, 25]


def test_caption_holds_the_numbers(quick):
    findings = quick("sampling-scales").findings
    for language in ("en", "zh"):
        for way in ("grid", "random"):
            text = experiment.interval(findings.numbers["plane"]["one"][way])
            assert text in findings.caption[language]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_pictures(quick, language):
    pictures = quick("sampling-scales").findings.pictures
    assert {"学习率", "learning rate"} & {ax.get_xlabel() for ax in pictures[""](language).axes}
    figure = pictures["grid"](language)
    assert figure.axes[2].get_ylabel() == {"en": "one that does not", "zh": "不重要的数"}[language]
