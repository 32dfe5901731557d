"""The picture that `comparison.plot` makes, and files of all pictures."""

from __future__ import annotations

import subprocess
import sys
import warnings

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from shoal import ShoalError
from shoal.plot import plot_comparison, plot_curves, plot_differences
from shoal.plot.figure import encode


def legend_of(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(
    "name",
    ["plain", "diverging", "dead", "regression", "alone", "one_seed", "by_loss", "many", "strange",
     "interrupted", "early", "batches"],
)  # fmt: skip
def test_every_kind_of_comparison_is_drawn(case, name, tmp_path):
    comparison = case(name)
    figure = comparison.plot(tmp_path / "curves.png")
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    assert imread(tmp_path / "curves.png").shape[1] == 1800


def test_the_legend_has_every_arm_best_first(case):
    comparison = case("plain")
    assert legend_of(plot_comparison(comparison)) == comparison.ranking


def test_the_legend_says_how_many_diverged(case):
    comparison = case("diverging")
    labels = legend_of(plot_comparison(comparison))
    gone = {arm.name: arm.diverged for arm in comparison.arms}
    assert f"some (diverged {gone['some']}/5)" in labels
    assert "all (diverged 5/5)" in labels
    assert "good" in labels


def test_beyond_eight_arms_the_others_are_one_entry(case):
    labels = legend_of(plot_comparison(case("many")))
    assert len(labels) == 9
    assert "4 others" in labels
    assert all(len(label) <= 34 for label in labels)


def test_the_legend_covers_no_axes(case):
    figure = plot_comparison(case("many"))
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert not any(legend.overlaps(axes.get_window_extent()) for axes in figure.axes)
    assert legend.x1 <= figure.bbox.x1


def test_strange_names_stand_as_they_are(case):
    labels = legend_of(plot_comparison(case("strange")))
    assert set(labels) == {
        "<script>alert(1)</script>",
        "a \"b\" 'c' \\ \\$x^2\\$",  # what matplotlib draws as $x^2$
        "随机梯度下降",
        "_x",
        "née ligne 🐟",
    }


def test_the_note_says_what_line_and_band_are(case):
    assert "mean over 4 seeds. Band: from the lowest to the highest" in note_of(case("plain"))
    assert "×: a run diverged" in note_of(case("diverging"))
    assert "×" not in note_of(case("plain"))
    assert "One seed: there is no band." in note_of(case("one_seed"))


def note_of(comparison):
    return plot_comparison(comparison).get_supxlabel().replace("\n", " ")


def test_judged_by_the_loss_the_right_side_still_shows_a_metric(case):
    titles = [axes.get_title(loc="left") for axes in plot_comparison(case("by_loss")).axes]
    assert titles == ["Training loss", "Validation accuracy"]


@pytest.mark.parametrize(
    ("ending", "start"), [(".png", b"\x89PNG"), (".SVG", b"<?xml"), (".pdf", b"%PDF")]
)
def test_the_ending_decides_the_format(case, tmp_path, ending, start):
    path = tmp_path / f"folder/curves{ending}"
    plot_comparison(case("plain"), path)
    assert path.read_bytes().startswith(start)


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_comparison_gives_the_same_bytes(case, kind):
    first, second = (encode(plot_curves(case("plain"), "test_accuracy"), kind) for _ in range(2))
    assert first == second


def test_svg_keeps_text_as_text(case):
    text = encode(plot_comparison(case("strange")), "svg").decode()
    assert "随机梯度下降" in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>" not in text


@pytest.mark.parametrize("draw", [plot_comparison, lambda c, p: plot_differences(c, path=p)])
@pytest.mark.parametrize("name", ["curves.jpeg", "curves", "curves.png.txt"])
def test_an_unknown_ending_is_refused(case, tmp_path, draw, name):
    with pytest.raises(ShoalError, match=r"its ending must be one of \.png, \.svg, \.pdf"):
        draw(case("alone"), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written(case, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShoalError, match="cannot write"):
        plot_comparison(case("alone"), tmp_path / "file" / "curves.png")


def test_settings_of_the_user_neither_matter_nor_change(case):
    before = encode(plot_curves(case("plain")), "svg")
    mine = {"axes.facecolor": "red", "font.size": 30, "text.usetex": True, "axes.grid": False}
    with matplotlib.rc_context(mine):
        assert encode(plot_curves(case("plain")), "svg") == before
        assert {key: matplotlib.rcParams[key] for key in mine} == mine


def test_notebooks_show_it(case):
    assert plot_comparison(case("alone"))._repr_png_().startswith(b"\x89PNG")


def test_no_warning_where_no_font_has_a_character(case):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        encode(plot_comparison(case("strange")), "png")


def test_importing_shoal_does_not_import_matplotlib_and_drawing_not_pyplot():
    code = (
        "import sys, shoal\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import shoal.plot, shoal.report\n"
        "assert 'matplotlib' not in sys.modules\n"
        "r = shoal.Recipe(shoal.mlp([4]), shoal.SGD())\n"
        "shoal.compare({'a': r}, shoal.load('digits'), steps=2, seeds=1).plot()\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
