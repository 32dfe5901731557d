"""Sensitivity curves show what tuning tried, what it chose, and what diverged."""

from __future__ import annotations

import math

import numpy as np
import pytest

from shoal import ShoalError
from shoal.plot import plot_sensitivity
from shoal.plot.sensitivity import Scale, scale_of_setting, tuned_settings
from shoal.plot.style import looks


def marks(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def test_means_of_every_value_on_a_log_axis(case):
    comparison = case("tuned")
    axes = plot_sensitivity(comparison).axes[0]
    assert axes.get_xscale() == "log"
    assert axes.get_title(loc="left") == "Validation accuracy"
    assert axes.get_xlabel() == "optimizer.lr"
    lines = {line.get_color(): line for line in axes.lines if line.get_linewidth() == 1.6}
    for arm in comparison.tuning.arms:
        line = lines[looks(comparison)[arm.arm].colour]
        rates = [point["optimizer.lr"] for point in arm.points]
        np.testing.assert_allclose(line.get_xdata(), rates)
        np.testing.assert_allclose(line.get_ydata(), [np.mean(row) for row in arm.values])


def test_a_ring_marks_what_was_chosen(case):
    comparison = case("tuned")
    rings = marks(plot_sensitivity(comparison).axes[0], "chosen")
    chosen = [arm.points[arm.best]["optimizer.lr"] for arm in comparison.tuning.arms]
    assert [ring.get_xdata()[0] for ring in rings] == chosen
    for ring, name in zip(rings, comparison.names, strict=True):
        assert comparison.recipes[name].optimizer.numbers["lr"] == ring.get_xdata()[0]


def test_a_cross_marks_what_diverged(case):
    comparison = case("tuned")
    axes = plot_sensitivity(comparison).axes[0]
    given = looks(comparison)
    drawn = {line.get_color(): list(line.get_xdata()) for line in marks(axes, "diverged")}
    expected = {
        given[arm.arm].colour: [
            point["optimizer.lr"]
            for point, row in zip(arm.points, arm.values, strict=True)
            if any(map(math.isnan, row))
        ]
        for arm in comparison.tuning.arms
    }
    assert drawn == {colour: lost for colour, lost in expected.items() if lost}
    assert drawn
    assert "diverged" in [text.get_text() for text in axes.texts]
    lowest = min(np.nanmin(arm.values) for arm in comparison.tuning.arms)
    assert min(axes.get_yticks()) >= axes.get_ylim()[0]
    assert axes.get_ylim()[0] < lowest


def test_several_settings_have_a_panel_each_with_the_others_at_their_best(case):
    comparison = case("tuned_together")
    settings = ["optimizer.lr", "weight_decay", "init"]
    assert tuned_settings(comparison) == settings
    figure = plot_sensitivity(comparison)
    assert [axes.get_xlabel() for axes in figure.axes] == settings
    arm = comparison.tuning.arms[0]
    drawn = figure.axes[1].lines[0].get_ydata()
    means = {
        decay: max(
            np.mean(row)
            for point, row in zip(arm.points, arm.values, strict=True)
            if point["weight_decay"] == decay
        )
        for decay in (0, 1e-4, 1e-2)
    }
    np.testing.assert_allclose(drawn, list(means.values()))
    figure.draw_without_rendering()
    ticks = [[t.get_text() for t in axes.get_xticklabels()] for axes in figure.axes]
    assert ticks[1] == ["0", "0.0001", "0.01"]
    assert ticks[2] == ["he", "xavier"]


def test_one_setting_alone(case):
    figure = plot_sensitivity(case("tuned_together"), "init")
    assert [axes.get_xlabel() for axes in figure.axes] == ["init"]


def test_the_note_says_what_rings_and_crosses_are(case):
    note = plot_sensitivity(case("tuned")).get_supxlabel().replace("\n", " ")
    assert note.startswith(
        "Ring: the value chosen. Band: from the lowest to the highest of 2 seeds"
    )
    assert "×: a seed diverged" in note
    assert "×" not in plot_sensitivity(case("tuned_together")).get_supxlabel()


def test_files(case, tmp_path):
    plot_sensitivity(case("tuned"), path=tmp_path / "s.png")
    plot_sensitivity(case("tuned_together"), "weight_decay", tmp_path / "s.svg", bare=True)
    assert len(list(tmp_path.iterdir())) == 2


def test_errors(case, tmp_path):
    with pytest.raises(ShoalError, match="nothing was tuned; give tune="):
        plot_sensitivity(case("plain"))
    with pytest.raises(ShoalError, match="unknown tuned setting 'lr'"):
        plot_sensitivity(case("tuned"), "lr")
    with pytest.raises(ShoalError, match="its ending must be one of"):
        plot_sensitivity(case("tuned"), path=tmp_path / "s.gif")


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([0.1, 0.01, 1.0, 0.1], Scale("log", (0.01, 0.1, 1.0))),
        ([32, 64, 128], Scale("linear", (32, 64, 128))),
        ([16, 256], Scale("log", (16, 256))),
        ([0.0, 0.2, 0.5], Scale("linear", (0.0, 0.2, 0.5))),
        ([0, 1e-4, 1e-2], Scale("even", (0, 1e-4, 1e-2))),
        ([True, False], Scale("names", (True, False))),
        (["he", 0.01], Scale("names", ("he", 0.01))),
        ([[100], [100, 100]], Scale("names", ([100], [100, 100]))),
        ([0.1], Scale("names", (0.1,))),
    ],
)
def test_the_axis_suits_the_values(values, scale):
    assert scale_of_setting(values) == scale
