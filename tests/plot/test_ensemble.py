"""The picture of an ensemble shows single members, the mean of every size, and an honest band."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import ShoalError
from shoal.plot import plot_ensemble
from shoal.plot.style import LOOKS


@pytest.fixture(scope="module")
def sizes(case):
    return case("plain").ensemble().sizes("test")


def lines(axes, gid):
    return [line for line in axes.lines if line.get_gid() == gid]


def test_members_as_dots_and_a_line_over_all_sizes(sizes):
    axes = plot_ensemble(sizes).axes[0]
    [dots], [mean] = lines(axes, "members"), lines(axes, "mean")
    np.testing.assert_array_equal(dots.get_ydata(), sizes.members)
    np.testing.assert_array_equal(dots.get_xdata(), 1)
    np.testing.assert_array_equal(mean.get_xdata(), np.arange(1, 13))
    np.testing.assert_array_equal(mean.get_ydata(), sizes.mean)
    assert axes.get_title(loc="left") == "Test accuracy"
    assert "359 rows not trained on" in axes.texts[0].get_text()
    assert axes.get_xlabel() == "members"


def test_the_band_ends_at_half_of_the_members(sizes):
    axes = plot_ensemble(sizes).axes[0]
    [band] = axes.collections
    [path] = band.get_paths()
    x, y = path.vertices.T
    assert (x.min(), x.max()) == (1, 6)
    for at in range(6):
        here = y[x == at + 1]
        assert here.max() == pytest.approx(sizes.mean[at] + sizes.sd[at])
        assert here.min() == pytest.approx(sizes.mean[at] - sizes.sd[at])


def test_everything_is_in_view(sizes, case):
    loss = case("plain").ensemble(arms="SGD").sizes("train", "loss")
    for one in (sizes, loss):
        axes = plot_ensemble(one).axes[0]
        low, high = axes.get_ylim()
        known = np.nan_to_num(one.sd)
        assert low < min(one.members.min(), (one.mean - known).min())
        assert high > max(one.members.max(), (one.mean + known).max())
    assert axes.get_title(loc="left") == "Training loss"
    assert "on 256 training rows" in axes.texts[0].get_text()


def test_several_have_a_legend_and_colours_of_their_own(case):
    comparison = case("plain")
    named = {name: comparison.ensemble(arms=name).sizes() for name in comparison.names}
    named["all $x$"] = comparison.ensemble(size=6).sizes()
    figure = plot_ensemble(named)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "SGD", "Momentum", "Adam", r"all \$x\$",
    ]  # fmt: skip
    means = lines(figure.axes[0], "mean")
    assert [line.get_color() for line in means] == [look.colour for look in LOOKS[:4]]
    places = [line.get_xdata()[0] for line in lines(figure.axes[0], "members")]
    assert np.mean(places) == pytest.approx(1)
    assert len(set(places)) == 4
    assert not plot_ensemble(named, bare=True).legends


def test_the_note_says_what_was_drawn_and_what_it_leaves_out(sizes, case):
    few = note_of(case("alone").ensemble().sizes())
    assert few.startswith("Dots: single members. Line: mean over all subsets of that size. Band:")
    many = note_of(sizes)
    assert "mean over at most 100 subsets" in many
    assert "share no member" in many
    assert "does not contain the chance of the rows drawn" in many
    one = note_of(case("alone").ensemble([0]).sizes())
    assert one == "Dots: single members."


def note_of(sizes):
    return plot_ensemble(sizes).get_supxlabel().replace("\n", " ")


def test_numbers_are_drawn_by_their_error(case):
    sizes = case("regression").ensemble().sizes()
    axes = plot_ensemble(sizes).axes[0]
    assert axes.get_title(loc="left") == "Test RMSE"
    [mean] = lines(axes, "mean")
    assert mean.get_ydata()[-1] < mean.get_ydata()[0]


def test_it_is_saved(sizes, tmp_path):
    plot_ensemble(sizes, tmp_path / "sizes.png")
    assert (tmp_path / "sizes.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_drawn(sizes, case):
    loss = case("plain").ensemble().sizes(measure="loss")
    for wrong, words in (
        ({}, r"^sizes=\{\} is empty; give what Ensemble\.sizes returned$"),
        ({"a": sizes, "b": loss}, r"^one picture shows one measure, not test_accuracy and test_l"),
        ({"a": 0.5}, r"^sizes\['a'\]=0\.5 must be what Ensemble\.sizes returns$"),
        (dict.fromkeys("abcdefghi", sizes), r"^9 ensembles cannot be told apart in one picture"),
        (0.5, r"^sizes=0\.5 must be what Ensemble\.sizes returns, or several by name$"),
    ):
        with pytest.raises(ShoalError, match=words):
            plot_ensemble(wrong)
    with pytest.raises(ShoalError, match=r"its ending must be one of"):
        plot_ensemble(sizes, "sizes.jpeg")
