"""The picture of the learning-rate finder shows the curve, the edge and what to take."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal import LrRange, ShoalError
from shoal.plot.lr_range import plot_lr_range


def ladder(loss: object, lr: object = (0.001, 0.01, 0.1, 1.0)) -> LrRange:
    loss = np.array(loss)
    recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD())
    diverged = np.where(np.isnan(loss), 7, -1)
    return LrRange(recipe, np.array(lr), loss, diverged, start=2.0, steps=50)


GOOD = ladder([[1.9, 2.0], [1.0, 1.2], [0.2, 0.4], [np.nan, 3.0]], lr=(1e-3, 1e-2, 0.1, 1.0))


def test_the_curve_is_the_mean_of_the_seeds():
    axes = GOOD.plot().axes[0]
    np.testing.assert_allclose(axes.lines[0].get_xdata(), [1e-3, 1e-2, 0.1])
    np.testing.assert_allclose(axes.lines[0].get_ydata(), [1.95, 1.1, 0.3])
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "learning rate"


def test_the_suggestion_is_a_line_with_its_value():
    axes = GOOD.plot().axes[0]
    [line] = [line for line in axes.lines if line.get_gid() == "suggestion"]
    assert set(line.get_xdata()) == {GOOD.suggestion}
    assert f"suggested: {GOOD.suggestion:g}" in [text.get_text() for text in axes.texts]


def test_the_broken_part_is_shaded_from_the_edge_on():
    figure = GOOD.plot()
    axes = figure.axes[0]
    [zone] = [patch for patch in axes.patches if patch.get_x() > 0]
    assert zone.get_x() == GOOD.edge == 1.0
    words = " ".join(text.get_text() for text in [*figure.texts, *axes.texts])
    assert "breaks from 1 on" in words
    assert "×: a seed diverged" in words
    [crosses] = [line for line in axes.lines if line.get_gid() == "diverged"]
    assert list(crosses.get_xdata()) == [1.0]


def test_a_ladder_without_divergence_says_nothing_of_it():
    figure = ladder([[1.9], [1.0], [0.5], [0.4]]).plot()
    words = " ".join(text.get_text() for text in [*figure.texts, *figure.axes[0].texts])
    assert "breaks" not in words
    assert "diverged" not in words
    assert "Band" not in words


@pytest.mark.parametrize("loss", [[[2.0], [2.0], [2.0], [2.1]], [[np.nan]] * 4])
def test_a_ladder_that_learned_nothing_is_drawn_without_a_suggestion(loss, tmp_path):
    figure = plot_lr_range(ladder(loss), tmp_path / "lr.png")
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")
    assert not [line for line in figure.axes[0].lines if line.get_gid() == "suggestion"]


def test_losses_above_the_picture_do_not_change_its_scale():
    axes = ladder([[1.9], [0.5], [4e7], [np.nan]]).plot().axes[0]
    assert axes.get_ylim() == (0, pytest.approx(2.8))


def test_another_ending_is_one_clear_line(tmp_path):
    with pytest.raises(ShoalError, match="png"):
        GOOD.plot(tmp_path / "lr.docx")
