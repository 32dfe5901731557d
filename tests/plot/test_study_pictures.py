"""Pictures of a study show what its trials say, with ten of them and with ten thousand."""

from __future__ import annotations

import math
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal import SGD, Recipe, ShoalError, mlp
from shoal.distributions import (
    choice,
    int_range,
    log_uniform,
    one_minus_log_uniform,
    uniform,
)
from shoal.plot.best_so_far import best_so_far_note
from shoal.plot.study import KINDS, drawable
from shoal.plot.study_axes import dimensions_note, drawn, places, ticks, view
from shoal.study.result import Rung


@pytest.fixture(scope="module")
def cases():
    spec = spec_from_file_location("study_cases_drawn", Path(__file__).with_name("study_cases.py"))
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def study(cases):
    return cases.study_of(150)


@pytest.fixture(scope="module")
def many(cases):
    return cases.study_of(3000)


def dots(axes, gid):
    return [c for c in axes.collections if c.get_gid() == gid]


def offsets(axes, gid):
    return np.concatenate([np.asarray(c.get_offsets()) for c in dots(axes, gid)])


class TestIsolation:
    def test_every_trial_stands_where_it_is(self, study):
        figure = study.plot(kind="isolation")
        shown = drawn(study)
        axes = next(a for a in figure.axes if a.get_xlabel() == "weight_decay")
        x = places(study.space["weight_decay"], shown.trials)
        done = shown.state("done")
        np.testing.assert_allclose(
            np.sort(offsets(axes, "done")[:, 0]), np.sort(x[done & ~shown.beyond])
        )
        np.testing.assert_allclose(
            np.sort(offsets(axes, "done")[:, 1]), np.sort(shown.scores[done & ~shown.beyond])
        )
        assert len(offsets(axes, "dropped")) + len(offsets(axes, "dropped-beyond")) == sum(
            shown.state("dropped")
        )
        assert len(offsets(axes, "diverged")) == sum(shown.state("diverged"))

    def test_a_dimension_has_only_the_trials_in_which_it_exists(self, study):
        figure = study.plot(kind="isolation")
        axes = next(a for a in figure.axes if a.get_xlabel() == "optimizer[SGD].lr")
        x = offsets(axes, "dropped")[:, 0]
        there = [t for t in study.trials if "optimizer[SGD].lr" in t.values]
        assert np.isfinite(x).sum() <= len(there) < len(study.trials)

    def test_the_ring_is_the_winner(self, study):
        figure = study.plot(kind="isolation")
        axes = next(a for a in figure.axes if a.get_xlabel() == "batch_size")
        [ring] = [line for line in axes.lines if line.get_gid() == "chosen"]
        value = study.winner.values["batch_size"]
        assert ring.get_xdata()[0] == study.space["batch_size"].distribution.place(value)
        assert ring.get_ydata()[0] == study.winner.score

    def test_diverged_are_below_all(self, study):
        for axes in study.plot(kind="isolation").axes:
            if axes.get_visible() and len(offsets(axes, "diverged")):
                crosses = offsets(axes, "diverged")[:, 1]
                assert np.nanmax(crosses) < drawn(study).low

    def test_dimensions_that_matter_come_first(self, study):
        figure = study.plot(kind="isolation")
        names = [axes.get_xlabel() for axes in figure.axes if axes.get_visible()]
        assert names == list(study.importance.main)

    def test_the_note_says_what_is_left_out(self, many, study):
        note = many.plot(kind="isolation").get_supxlabel().replace("\n", " ")
        assert "1,500 of 3,000 trials are drawn, the best and a sample." in note
        assert "are drawn" not in study.plot(kind="isolation").get_supxlabel()
        kept = {trial.number for trial in drawn(many).trials}
        assert {trial.number for trial in many.ranked[:300]} <= kept
        assert len(kept) == 1500


class TestPhase:
    def test_colour_is_the_score(self, study):
        figure = study.plot(kind="phase")
        [axes] = [a for a in figure.axes if a.get_ylabel() == "optimizer[Momentum].momentum"]
        [points] = dots(axes, "done")
        shown = drawn(study)
        x = places(study.space["optimizer[Momentum].lr"], shown.trials)
        known = np.isfinite(x) & shown.state("done")
        np.testing.assert_allclose(np.sort(points.get_array()), np.sort(shown.shown[known]))
        assert axes.get_xlabel() == "optimizer[Momentum].lr"

    def test_divergence_is_marked(self, study):
        for axes in study.plot(kind="phase").axes[:4]:
            paths = [axes.get_xlabel(), axes.get_ylabel()]
            gone = [
                t
                for t in study.trials
                if t.state == "diverged" and all(path in t.values for path in paths)
            ]
            assert len(offsets(axes, "diverged")) == len(gone)

    def test_lightness_rises_evenly(self):
        from shoal.plot.study_axes import shades

        colours = np.array([shades()(k)[:3] for k in range(48)])
        grey = colours @ [0.2126, 0.7152, 0.0722]
        assert (np.diff(grey) > 0).all()

    def test_one_dimension_has_no_map(self, cases):
        study = cases.study_of(60, space=cases.narrow_space())
        assert "phase" not in drawable(study)
        with pytest.raises(ShoalError, match="two dimensions that exist together"):
            study.plot(kind="phase")

    def test_what_lies_inside_a_choice_is_not_drawn_against_it(self, study):
        from shoal.plot.phase import phase_pairs

        assert phase_pairs(study, "optimizer[SGD].lr", "optimizer") == []
        assert phase_pairs(study, "weight_decay", "batch_size") == [("weight_decay", "batch_size")]


class TestParallel:
    def test_lines_end_at_their_scores(self, study):
        axes = study.plot(kind="parallel").axes[0]
        [lines] = dots(axes, "trials")
        shown = drawn(study, 400)
        ends = np.sort([path.vertices[-1, 1] for path in lines.get_paths()])
        heights = (shown.shown - shown.low) / (shown.high - shown.low)
        np.testing.assert_allclose(ends, np.sort(heights[np.isfinite(heights)]))

    def test_the_winner_stands_out(self, study):
        axes = study.plot(kind="parallel").axes[0]
        [line] = [line for line in axes.lines if line.get_gid() == "chosen"]
        assert line.get_ydata()[-1] == 1.0

    def test_very_many_are_thinned(self, many):
        axes = many.plot(kind="parallel").axes[0]
        assert len(dots(axes, "trials")[0].get_paths()) <= 400


class TestProgress:
    def test_the_line_is_the_best_so_far(self, study):
        axes = study.plot(kind="progress").axes[0]
        [line] = [line for line in axes.lines if line.get_gid() == "best"]
        best = np.maximum.accumulate([rung.score for rung in study.rungs])
        np.testing.assert_allclose(line.get_ydata()[:-1], best)
        np.testing.assert_allclose(line.get_xdata()[:-1], [rung.spent for rung in study.rungs])
        assert line.get_xdata()[-1] == study.spent
        assert line.get_ydata()[-1] == study.ranked[0].score

    def test_the_legend_names_the_rungs(self, study):
        axes = study.plot(kind="progress").axes[0]
        texts = [text.get_text() for text in axes.get_legend().get_texts()]
        assert texts == [str(budget) for budget in sorted({r.budget for r in study.rungs})]

    def test_between_rungs_the_line_goes_by_evaluations(self, cases):
        study = cases.study_of(20)
        way = ((20, 0.3), (40, 0.5), (60, 0.4))
        study.rungs = [Rung(3, 60, 20, 20, 0, 0.4, way)]
        axes = study.plot(kind="progress").axes[0]
        [line] = [line for line in axes.lines if line.get_gid() == "best"]
        assert line.get_xdata().tolist() == [20, 40, 60, study.spent]
        assert line.get_ydata().tolist() == [0.3, 0.5, 0.5, 0.5]
        assert offsets(axes, "rung").tolist() == [[60, 0.4]]

    def test_what_is_worse_than_the_axis_reaches_stands_at_its_foot(self, cases):
        study = cases.study_of(20)
        scores = [0.8, 0.81, 0.82, 0.83, 0.05]
        study.rungs = [Rung(3, 10 + k, 5, 5, 0, score) for k, score in enumerate(scores)]
        figure = study.plot(kind="progress")
        low, _ = figure.axes[0].get_ylim()
        at = offsets(figure.axes[0], "rung")[-1, 1]
        assert low < at < 0.8
        assert any("at the foot of the axis" in t.get_text() for t in figure.texts)
        study.rungs = study.rungs[:-1]
        texts = [t.get_text() for t in study.plot(kind="progress").texts]
        assert not any("at the foot" in text for text in texts)

    @pytest.mark.parametrize(
        ("scores", "corner"),
        [((0.3, 0.31, 0.9), "upper left"), ((0.3, 0.88, 0.9), "lower right")],
    )
    def test_the_legend_does_not_hide_the_line(self, cases, scores, corner):
        study = cases.study_of(20)
        spent = [0.3 * study.spent, 0.35 * study.spent, study.spent]
        study.rungs = [
            Rung(budget, int(at), 20, 7, 0, score)
            for budget, at, score in zip((1, 2, 18), spent, scores, strict=True)
        ]
        axes = study.plot(kind="progress").axes[0]
        figure = axes.figure
        figure.canvas.draw()
        box = axes.get_legend().get_window_extent()
        [line] = [line for line in axes.lines if line.get_gid() == "best"]
        x, y = np.repeat(line.get_xdata(), 2)[1:], np.repeat(line.get_ydata(), 2)[:-1]
        corners = axes.transData.transform(np.stack([x, y], axis=1))
        steps = np.linspace(corners[:-1], corners[1:], 200).reshape(-1, 2)
        assert not any(box.contains(*at) for at in steps)
        left = box.x0 < axes.get_window_extent().x0 + axes.get_window_extent().width / 2
        assert left == (corner == "upper left")

    def test_more_lengths_than_looks_are_all_alike_but_the_last(self, cases):
        study = cases.study_of(20)
        study.rungs = [Rung(k, 20 * k, 20, 20, 0, 0.05 * k) for k in range(1, 11)]
        figure = study.plot(kind="progress")
        assert figure.axes[0].get_legend() is None
        colours = [found.get_facecolor().tolist() for found in dots(figure.axes[0], "rung")]
        assert all(colour == colours[0] for colour in colours[:-1])
        assert colours[-1] != colours[0]
        assert "blue at the end of their training" in best_so_far_note(study)

    def test_nothing_judged(self, cases):
        study = cases.study_of(20)
        study.rungs = []
        with pytest.raises(ShoalError, match="nothing was judged yet"):
            study.plot(kind="progress")


def test_pictures_of_some_dimensions_say_so(cases):
    space = Recipe(
        mlp([int_range(2, 9)] * 14), SGD(lr=log_uniform(1e-4, 1.0)), batch_size=choice([16, 32])
    )
    study = cases.study_of(6, space=space)
    for kind, some in (("isolation", 12), ("parallel", 7)):
        text = f"{some} of 16 dimensions are drawn, the first."
        [note] = [t.get_text() for t in study.plot(kind=kind).texts if "dimensions" in t.get_text()]
        assert text in " ".join(note.split())
        named = KINDS[kind](study, dimensions=["batch_size"])
        assert not any("are drawn" in t.get_text() for t in named.texts)
    known = cases.study_of(40, space=space)
    assert dimensions_note(known, 12) == " 12 of 16 dimensions are drawn, those that matter most."
    assert dimensions_note(known, 16) == ""


class TestImportance:
    def test_bars_are_shares_and_lines_their_ranges(self, study):
        axes = study.plot(kind="importance").axes[0]
        shares = list(study.importance.main.values())
        widths = [bar.get_width() for bar in axes.patches[: len(shares)]]
        np.testing.assert_allclose(widths, shares)
        ranges = [list(line.get_xdata()) for line in axes.lines if line.get_gid() == "range"]
        assert ranges == [list(study.importance.ranges[path]) for path in study.importance.main]

    def test_too_few(self, cases):
        with pytest.raises(ShoalError, match="importance needs at least 12 trials"):
            cases.study_of(8).plot(kind="importance")


@pytest.fixture(scope="module")
def errors(cases):
    return cases.study_of(120, metric="valid_rmse")


class TestLowerIsBetter:
    def test_up_is_better(self, errors):
        low, high = errors.plot(kind="isolation").axes[0].get_ylim()
        assert low > high
        low, high = errors.plot(kind="progress").axes[0].get_ylim()
        assert low > high

    def test_the_winner_is_on_top_of_the_parallel_axes(self, errors):
        axes = errors.plot(kind="parallel").axes[0]
        [line] = [line for line in axes.lines if line.get_gid() == "chosen"]
        assert line.get_ydata()[-1] == pytest.approx(1.0)

    def test_all_can_be_drawn(self, errors, tmp_path):
        assert len(errors.plot(tmp_path / "all")) == 5


class TestFiles:
    def test_a_folder_gets_all_kinds(self, cases, tmp_path):
        files = cases.study_of(40).plot(tmp_path / "new" / "pictures")
        assert [file.stem for file in files] == list(KINDS)
        assert all(file.read_bytes().startswith(b"\x89PNG") for file in files)

    def test_a_file_gets_one(self, cases, tmp_path):
        study = cases.study_of(12)
        study.plot(tmp_path / "one.svg", "parallel")
        study.plot(tmp_path / "two.png")
        assert len(list(tmp_path.iterdir())) == 2

    @pytest.mark.parametrize("count", [1, 2, 10])
    def test_few_trials(self, cases, tmp_path, count):
        study = cases.study_of(count)
        assert len(study.plot(tmp_path)) >= 2

    def test_dimensions_can_be_chosen(self, cases, tmp_path):
        study = cases.study_of(60)

        def labels(kind, *paths):
            figure = study.plot(kind=kind, dimensions=paths)
            named = [(a.get_xlabel(), a.get_ylabel()) for a in figure.axes if a.get_xlabel()]
            return [axes for axes in named if axes != ("or worse", "")]  # of the colours

        assert labels("phase", "network.dropout", "weight_decay") == [
            ("network.dropout", "weight_decay")
        ]
        assert {y for _, y in labels("phase", "batch_size")} == {"batch_size"}
        assert all(x.endswith(".lr") for x, _ in labels("phase", "batch_size"))
        assert [x for x, _ in labels("isolation", "batch_size")] == ["batch_size"]
        study.plot(tmp_path / "p.png", "parallel", ["batch_size", "weight_decay"])
        for wrong, words in (
            ({"kind": "progress", "dimensions": ["batch_size"]}, "has no choice of dimensions"),
            ({"kind": "phase", "dimensions": ["a", "b", "c"]}, "a phase map has two"),
            ({"kind": "phase", "dimensions": ["batchsize"]}, "unknown dimension 'batchsize'"),
            ({"dimensions": "batch_size"}, "must be a list of paths"),
            ({"dimensions": []}, "must be a list of paths"),
            ({"dimensions": 3}, "must be a list of paths"),
            ({"path": tmp_path / "f", "dimensions": ["batch_size"]}, "is a folder, which gets all"),
        ):
            with pytest.raises(ShoalError, match=words):
                study.plot(**wrong)

    def test_errors(self, cases, tmp_path):
        study = cases.study_of(10)
        with pytest.raises(ShoalError, match="unknown kind 'isolaton': did you mean 'isolation'"):
            study.plot(kind="isolaton")
        with pytest.raises(ShoalError, match="is a folder, which gets all pictures"):
            study.plot(tmp_path / "folder", "phase")
        with pytest.raises(ShoalError, match="its ending must be one of"):
            study.plot(tmp_path / "a.gif")
        with pytest.raises(ShoalError, match="unknown dimension 'lr'"):
            KINDS["isolation"](study, dimensions=["lr"])
        for trial in study.trials:
            trial.state = "diverged"
        with pytest.raises(ShoalError, match="no trial came through"):
            study.plot()
        assert drawable(study) == []


@pytest.mark.parametrize(
    ("distribution", "texts"),
    [
        (log_uniform(1e-6, 1e-2), ["1e-6", "1e-5", "0.0001", "0.001", "0.01"]),
        (log_uniform(0.02, 0.3), ["0.02", "0.05", "0.1", "0.2"]),
        (one_minus_log_uniform(0.9, 0.999), ["0.9", "0.99", "0.999"]),
        (int_range(1, 3), ["1", "2", "3"]),
        (int_range(16, 256, True), ["16", "32", "64", "128", "256"]),
        (uniform(0.0, 0.5), ["0", "0.2", "0.4"]),
        (choice(["relu", "tanh"]), ["relu", "tanh"]),
        (choice([0.1, 1.0]), ["0.1", "1"]),
    ],
)
def test_ticks_are_round_and_at_their_places(distribution, texts):
    found = ticks(distribution)
    assert [text for _, text in found] == texts
    assert all(0 <= u <= 1 for u, _ in found)
    assert [u for u, _ in found] == sorted(u for u, _ in found)


def test_many_powers_of_ten_are_thinned():
    assert len(ticks(log_uniform(1e-12, 1.0))) <= 6


def test_the_view_is_of_the_better_ones():
    low, high = view(np.array([0.1, 0.9, 0.9, 0.95]))
    assert 0.7 < low < 0.9
    assert high == 0.95
    assert view(np.array([math.nan])) == (0.0, 1.0)
    low, high = view(np.array([0.5, 0.5]))
    assert low < high


def test_a_small_search_of_the_library_is_drawn(tmp_path):
    space = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)))
    data = shoal.load("digits").take(200)
    study = shoal.search(space, data, trials=5, epochs=3, finalists=2, final_seeds=2)
    assert [f.stem for f in study.plot(tmp_path)] == ["progress", "isolation"]
