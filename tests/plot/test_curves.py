"""Learning curves show what the history holds."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import ShoalError
from shoal.comparison.curves import Band, loss_curve
from shoal.comparison.metrics import Metric
from shoal.plot import plot_curves
from shoal.plot.axes import number, view
from shoal.plot.style import LOOKS, looks


def axes_of(comparison, quantity):
    return plot_curves(comparison, quantity).axes[0]


def mean_lines(axes):
    """Lines of arms, by colour; they are thicker than those of runs that diverged."""
    return {line.get_color(): line for line in axes.lines if line.get_linewidth() > 1.5}


def band_of(axes, colour):
    """The band of a colour, as lowest and highest value by place."""
    for band in axes.collections:
        if np.allclose(band.get_facecolor()[0, :3], rgb(colour)):
            points = band.get_paths()[0].vertices
            places = np.unique(points[:, 0])
            low = [points[points[:, 0] == x, 1].min() for x in places]
            high = [points[points[:, 0] == x, 1].max() for x in places]
            return places, low, high
    raise AssertionError(f"no band of {colour}")


def rgb(colour):
    from matplotlib.colors import to_rgb

    return to_rgb(colour)


def crosses(axes):
    return [line for line in axes.lines if line.get_gid() == "diverged"]


def test_metric_and_band_are_mean_lowest_and_highest_seed(case):
    comparison = case("plain")
    axes = axes_of(comparison, "test_accuracy")
    lines = mean_lines(axes)
    assert len(lines) == 3
    for name, look in looks(comparison).items():
        curves = [comparison.history.curve(i, "test_accuracy") for i in comparison.members(name)]
        values = np.array([curve.values for curve in curves])
        line = lines[look.colour]
        np.testing.assert_allclose(line.get_xdata(), curves[0].steps)
        np.testing.assert_allclose(line.get_ydata(), values.mean(axis=0))
        places, low, high = band_of(axes, look.colour)
        np.testing.assert_allclose(places, curves[0].steps)
        np.testing.assert_allclose(low, values.min(axis=0))
        np.testing.assert_allclose(high, values.max(axis=0))


def test_loss_is_smoothed_and_ends_where_the_table_says(case):
    comparison = case("plain")
    lines = mean_lines(axes_of(comparison, "loss"))
    for arm in comparison.arms:
        line = lines[looks(comparison)[arm.name].colour]
        assert line.get_ydata()[-1] == pytest.approx(arm.loss.mean)
        first = [loss_curve(comparison.history, int(i))[0] for i in comparison.members(arm.name)]
        assert line.get_ydata()[0] == pytest.approx(np.mean(first))


def test_long_curves_are_thinned_but_keep_their_ends(case):
    comparison = case("plain")
    x = axes_of(comparison, "loss").lines[0].get_xdata()
    assert len(x) == 300
    assert (x[0], x[-1]) == (0, 319)


def test_axes_say_what_they_show(case):
    axes = axes_of(case("plain"), "test_accuracy")
    assert axes.get_title(loc="left") == "Test accuracy"
    assert axes.get_xlabel() == "step"
    assert "on 359 rows not trained on" in [text.get_text() for text in axes.texts]
    axes.figure.draw_without_rendering()
    assert any(tick.get_text().endswith(" %") for tick in axes.get_yticklabels())


def test_the_window_of_smoothing_is_named(case):
    assert any("mean of the last 16" in t.get_text() for t in axes_of(case("plain"), "loss").texts)
    together = axes_of(case("batches"), "loss").texts  # 64 and 16 steps
    assert any("mean of the last 1 to 3" in text.get_text() for text in together)


def test_runs_that_diverged_end_in_a_cross_and_are_in_no_mean(case):
    comparison = case("diverging")
    diverged = comparison.history.diverged
    for quantity in ("loss", "test_accuracy"):
        axes = axes_of(comparison, quantity)
        marks = crosses(axes)
        assert len(marks) == (diverged >= 0).sum() > 0
        assert sorted(m.get_xdata()[0] for m in marks) == sorted(diverged[diverged >= 0])
        alive = {n for n in comparison.names if (diverged[comparison.members(n)] < 0).any()}
        given = looks(comparison)
        assert set(mean_lines(axes)) == {given[name].colour for name in alive}
        low, high = axes.get_ylim()
        assert all(low <= mark.get_ydata()[0] <= high for mark in marks)


def test_a_run_that_explodes_does_not_flatten_the_others(case):
    comparison = case("diverging")
    exploded = comparison.history.curve(int(comparison.members("all")[0]), "loss").values
    assert np.nanmax(exploded) > 100
    assert axes_of(comparison, "loss").get_ylim()[1] < 100


@pytest.mark.parametrize("quantity", ["loss", "test_accuracy"])
def test_all_diverged(case, quantity):
    comparison = case("dead")
    axes = axes_of(comparison, quantity)
    assert not mean_lines(axes)
    lost = comparison.history.curve(0, quantity).values
    if np.isfinite(lost).any():
        assert len(crosses(axes)) == len(comparison.history.members)


def test_epochs_where_it_was_asked_for_in_epochs(case):
    comparison = case("batches")
    axes = axes_of(comparison, "test_accuracy")
    assert axes.get_xlabel() == "epoch"
    for line in axes.lines:
        np.testing.assert_allclose(line.get_xdata(), [1, 2, 3, 4])


def test_nothing_measured_yet(case):
    axes = axes_of(case("early"), "test_accuracy")
    assert "nothing was measured yet" in [text.get_text() for text in axes.texts]


def test_interrupted_ends_where_training_came(case):
    axes = axes_of(case("interrupted"), "loss")
    assert {line.get_xdata()[-1] for line in axes.lines} == {19}


def test_one_seed_has_a_flat_band(case):
    axes = axes_of(case("one_seed"), "loss")
    _, low, high = band_of(axes, LOOKS[0].colour)
    np.testing.assert_array_equal(low, high)


def test_unknown_quantity(case):
    with pytest.raises(ShoalError, match="did you mean 'test_accuracy'"):
        plot_curves(case("plain"), "test_acuracy")


def flat(start: float, end: float, spread: float = 0.0) -> Band:
    mean = np.linspace(start, end, 5)
    return Band(np.arange(5), mean, mean - spread, mean + spread)


@pytest.mark.parametrize(
    ("metric", "bands", "expected"),
    [
        ("loss", [flat(2.3, 0.5)], (0.5, 2.3, False)),
        ("loss", [flat(2.3, 0.01)], (0.01, 2.3, True)),  # over two decades: log scale
        ("loss", [flat(2.3, 0.5), flat(2.0, 1.0, 500)], (-499.0, 501, False)),  # its end shows
        ("test_accuracy", [flat(0.1, 0.98), flat(0.1, 0.92)], (0.83, 0.98, False)),
        ("test_accuracy", [flat(0.1, 0.98)], (0.1, 0.98, False)),
        ("test_rmse", [flat(100, 10), flat(100, 8)], (8, 13, False)),
    ],
)
def test_the_view_keeps_the_ends_apart(metric, bands, expected):
    low, high, log = view(bands, Metric(metric))
    assert (low, high, log) == (pytest.approx(expected[0]), pytest.approx(expected[1]), expected[2])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.001, "0.001"),
        (1e-5, "1e-5"),
        (-0.5, "−0.5"),
        (2.5e6, "2.5e6"),
        (-1e-7, "−1e-7"),
    ],
)
def test_numbers_at_axes(value, text):
    assert number(value) == text
