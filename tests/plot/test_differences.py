"""The forest plot says what the pairs say."""

from __future__ import annotations

import numpy as np
import pytest

from shoal.comparison.result import Pair
from shoal.comparison.statistics import Difference
from shoal.plot import plot_differences
from shoal.plot.differences import reach
from shoal.plot.style import PAGE


def axes_of(comparison, *arguments, **settings):
    return plot_differences(comparison, *arguments, **settings).axes[0]


def texts(axes):
    return [text.get_text() for text in axes.texts]


def intervals(axes):
    """Drawn intervals by row."""
    return {
        int(line.get_ydata()[0]): tuple(line.get_xdata())
        for line in axes.lines
        if len(line.get_xdata()) == 2 and line.get_linewidth() == 2
    }


def dots(axes):
    return {int(m.get_ydata()[0]): m for m in axes.lines if m.get_marker() == "o"}


def test_one_row_for_each_other_arm_with_its_interval(case):
    comparison = case("plain")
    pairs = [pair for pair in comparison.pairs() if pair.a == comparison.ranking[0]]
    axes = axes_of(comparison)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == comparison.ranking[1:]
    for row, pair in enumerate(pairs):
        assert dots(axes)[row].get_xdata()[0] == pytest.approx(100 * pair.difference.mean)
        np.testing.assert_allclose(
            intervals(axes)[row], [100 * pair.difference.low, 100 * pair.difference.high]
        )
        hollow = dots(axes)[row].get_markerfacecolor() == PAGE
        assert hollow == (pair.verdict == "undecided")
        assert pair.verdict in texts(axes)


def test_numbers_stand_beside(case):
    comparison = case("plain")
    difference = comparison.pairs()[0].difference
    mean, low, high = (
        f"{100 * v:+.2f}".replace("-", "−")
        for v in (difference.mean, difference.low, difference.high)
    )
    assert f"{mean} [{low}, {high}]" in texts(axes_of(comparison))
    assert not any("[" in text for text in texts(axes_of(comparison, bare=True)))


def test_zero_line_and_the_zone_of_ties(case):
    comparison = case("plain")
    axes = axes_of(comparison)
    assert any(tuple(line.get_xdata()) == (0, 0) for line in axes.lines)
    for zone, pair in zip(axes.collections, comparison.pairs(), strict=False):
        x = zone.get_paths()[0].vertices[:, 0]
        assert (x.min(), x.max()) == pytest.approx((-100 * pair.margin, 100 * pair.margin))


def test_of_the_loss_lower_is_better(case):
    comparison = case("plain")
    axes = axes_of(comparison, "loss")
    assert axes.get_title(loc="left") == "Training loss"
    assert axes.get_xlabel() == f"← {comparison.pairs('loss')[0].a} better"
    assert axes_of(comparison).get_xlabel() == f"{comparison.ranking[0]} better →"


def test_all_pairs(case):
    comparison = case("plain")
    axes = axes_of(comparison, every_pair=True)
    assert [tick.get_text() for tick in axes.get_yticklabels()] == [
        f"{pair.a} − {pair.b}" for pair in comparison.pairs()
    ]


def test_an_arm_that_diverged_has_no_dot_but_a_verdict(case):
    comparison = case("diverging")
    axes = axes_of(comparison)
    row = [tick.get_text() for tick in axes.get_yticklabels()].index("all")
    assert row not in dots(axes)
    assert "better (× diverged)" in texts(axes)


def test_a_single_pair_of_runs_has_no_interval(case):
    axes = axes_of(case("one_seed"))
    assert all(low == high for low, high in intervals(axes).values())
    assert sum("(one pair of runs)" in text for text in texts(axes)) == 2


def test_nothing_to_compare_and_nothing_measured(case):
    assert "one arm: nothing to compare" in texts(axes_of(case("alone")))
    assert "undecided (× no value yet)" in texts(axes_of(case("early")))
    assert "undecided (× diverged)" in texts(axes_of(case("dead")))


def test_the_note_says_what_intervals_are_and_what_not_to_conclude(case):
    note = plot_differences(case("plain")).get_supxlabel().replace("\n", " ")
    assert "Paired 95 % intervals over seeds, adjusted for 3 pairs (Holm)." in note
    assert "Shaded: too small to matter, ±0.5 points." in note
    assert "Hollow: undecided, which does not mean equal." in note


@pytest.mark.parametrize("name", ["many", "strange", "regression", "by_loss"])
def test_others_are_drawn(case, name, tmp_path):
    plot_differences(case(name), path=tmp_path / "d.png", every_pair=True)
    plot_differences(case(name), "loss", path=tmp_path / "l.svg", width=4.8, bare=True)
    assert len(list(tmp_path.iterdir())) == 2


def pair(mean: float, half: float, margin: float = 0.5) -> Pair:
    difference = Difference(mean, mean - half, mean + half, 0.5, 5)
    return Pair("a", "b", difference, margin, "undecided", "")


def test_a_far_pair_does_not_hide_the_others():
    low, high = reach([pair(0.1, 1), pair(0.5, 1), pair(-0.2, 1), pair(80, 2)], 1)
    assert -2 < low < -1.2
    assert 1.5 < high < 10


def test_without_far_pairs_every_interval_is_shown_whole():
    low, high = reach([pair(1, 2), pair(3, 1)], 1)
    assert low < -1
    assert high > 4


def test_what_leaves_the_picture_has_an_arrow_and_its_number(case):
    from matplotlib.figure import Figure

    from shoal.comparison import Metric
    from shoal.plot.differences import draw_differences

    comparison = case("plain")
    a, b, c = comparison.names
    near = Difference(0.001, -0.001, 0.003, 0.5, 4)
    far = [
        Pair(a, b, near, 0.005, "tied", ""),
        Pair(a, b, near, 0.005, "tied", ""),
        Pair(a, c, Difference(0.88, 0.87, 0.89, 0.0, 4), 0.005, "better", ""),
    ]
    axes = Figure().add_subplot()
    draw_differences(axes, comparison, far, Metric("test_accuracy"))
    assert [line.get_ydata()[0] for line in axes.lines if line.get_marker() == ">"] == [2]
    assert "+88.00" in texts(axes)
    assert sorted(dots(axes)) == [0, 1]
