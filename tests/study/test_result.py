"""What a study says follows from its trials; the test part is looked at once, for the winner."""

from __future__ import annotations

import json
import math
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal import Recipe, ShoalError
from shoal.comparison import Metric
from shoal.study import Trial, words
from shoal.study.finals import row_losses
from shoal.study.result import rungs_of_log

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cases():
    path = HERE.parent / "plot" / "study_cases.py"
    spec = spec_from_file_location("study_cases_here", path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SPACE = Recipe(shoal.mlp([12]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)), batch_size=32)


@pytest.fixture(scope="module")
def data():
    return shoal.load("digits").take(300)


@pytest.fixture(scope="module")
def found(data):
    """A small search with finalists, trained once."""
    return shoal.search(
        SPACE, data, trials=14, epochs=6, finalists=3, final_seeds=3, strategy="full"
    )


@pytest.fixture(scope="module")
def alone(data):
    """The same without finalists."""
    return shoal.search(SPACE, data, trials=14, epochs=6, finalists=0)


class TestSearched:
    def test_the_best_recipe_can_be_pasted(self, found):
        assert Recipe.from_toml(found.best.to_toml()) == found.best
        assert not found.best.is_space
        assert found.best == found.final.recipes[found.final.ranking[0]]
        assert found.winner.number == int(found.final.ranking[0].removeprefix("trial "))

    def test_finalists_had_seeds_of_their_own(self, found):
        assert found.plan.seed not in found.final.seeds
        assert len(found.final.names) == 3

    def test_the_test_part_was_evaluated_for_the_winner_only(self, found, data):
        test = found.test
        members = found.final.members(found.final.ranking[0])
        outputs = found.final.shoal.outputs(data.test.x)[members]
        right = (outputs.argmax(axis=-1) == data.test.y).mean(axis=1)
        np.testing.assert_allclose(test.values, right)
        assert test.interval.mean == pytest.approx(right.mean())
        assert (test.rows, test.networks, test.metric.name) == (
            len(data.test.y),
            3,
            "test_accuracy",
        )
        assert not any(name.startswith("test") for name in found.final.history.metrics)

    def test_without_finalists_it_was_not_looked_at(self, alone):
        assert alone.test is None
        assert "Test: not looked at" in str(alone)
        assert "scores are of one seed" in str(alone)
        with pytest.raises(ShoalError, match="networks of a search are not kept"):
            alone.ensemble()

    def test_one_finalist_is_for_the_test_part(self, data):
        study = shoal.search(SPACE, data, trials=4, epochs=3, finalists=1, final_seeds=2)
        assert study.test is not None
        assert study.test.networks == 2
        assert study.rivals == []
        assert "cannot be told apart" in study.headline or "is the best of 4" in study.headline

    def test_data_without_a_test_part(self):
        data = shoal.load("digits", test=0).take(200)
        study = shoal.search(SPACE, data, trials=3, epochs=2, finalists=1, final_seeds=1)
        assert study.test is None
        assert "the data has no test part" in str(study)

    def test_money_is_what_was_trained(self, alone, found):
        assert found.spent == found.full == 14 * 6
        assert alone.full == 14 * 6
        assert alone.spent == sum(t.budget for t in alone.trials) < alone.full
        assert f"Spent: {alone.spent} member-epochs" in str(alone)
        assert "takes 84" in str(alone)
        assert "The finalists took 54 more (3 trials × 3 seeds)." in str(found)

    def test_rungs_tell_the_same(self, alone):
        assert alone.rungs[-1].spent == alone.spent
        assert alone.rungs[0].reached == 14
        spent = [rung.spent for rung in alone.rungs]
        assert spent == sorted(spent)
        for rung in alone.rungs:
            at = {b: s for b, s, _ in alone.trials[rung.trial].curve}
            assert at[rung.budget] == rung.score

    def test_ensemble_of_the_best(self, found):
        assert len(found.ensemble()) == 9
        three = found.ensemble(best=3)
        final = found.final.history.final("valid_accuracy")
        assert min(final[three.index]) >= np.sort(final)[-3] - 1e-12

    def test_words_of_the_finalists(self, found):
        for rival in found.rivals:
            assert rival.words in str(found)
            assert rival.verdict in ("better", "tied", "undecided", "worse")
            if rival.verdict == "better":
                assert rival.p_rows < 0.05

    def test_rows_of_the_winner_against_counting(self, found, data):
        first = found.final.ranking[0]
        members = found.final.members(first)
        outputs = found.final.shoal.outputs(data.valid.x)[members]
        wrong = (outputs.argmax(axis=-1) != data.valid.y).mean(axis=0)
        rows = row_losses(found.final.ensemble(arms=first), Metric("valid_accuracy"))
        np.testing.assert_allclose(rows, wrong)

    def test_plain_data(self, found, tmp_path):
        text = found.to_json(tmp_path / "study.json")
        plain = json.loads(text, parse_constant=pytest.fail)
        assert plain == json.loads((tmp_path / "study.json").read_text("utf-8"))
        assert Recipe.from_dict(plain["best"]) == found.best
        assert Recipe.from_dict(plain["space"]) == SPACE
        assert [Trial.from_dict(t) for t in plain["trials"]] == found.trials
        assert plain["test"]["interval"]["mean"] == found.test.interval.mean
        assert plain["headline"] == found.headline

    def test_the_table(self, found):
        header, rows = found.table()
        assert header == [
            "trial", "optimizer.lr", "epochs", "validation accuracy", "on fresh seeds", "state",
        ]  # fmt: skip
        assert len(rows) == 14
        assert [f"trial {row[0]}" for row in rows[:3]] == found.final.ranking
        assert sorted(int(row[0]) for row in rows) == list(range(14))
        assert [row[4] for row in rows[3:]] == ["–"] * 11
        frame = found.to_frame()
        assert frame.loc[found.winner.number, "optimizer.lr"] == found.best.optimizer.lr

    def test_notebooks(self, found):
        page = found._repr_html_()
        assert page.startswith(f"<p><b>{found.headline}</b></p>")
        assert repr(found) == "<Study of 14 trials in 1 dimension on digits>"


def test_regression_is_judged_by_rows_too():
    random = np.random.default_rng(0)
    x = random.standard_normal((400, 3))
    y = x[:, 0] + 0.1 * random.standard_normal(400)
    data = shoal.Dataset.from_arrays(x, y)
    study = shoal.search(SPACE, data, trials=6, epochs=4, finalists=2, final_seeds=3)
    assert study.plan.metric.name == "valid_rmse"
    assert study.test.metric.name == "test_rmse"
    assert all(0 <= rival.p_rows <= 1 for rival in study.rivals)
    first = study.final.ranking[0]
    rows = row_losses(study.final.ensemble(arms=first), study.plan.metric)
    members = study.final.members(first)
    rmse = study.final.history.final("valid_rmse")[members]
    assert rows.mean() == pytest.approx((rmse**2).mean())  # one target
    assert "Validation RMSE" in str(study)


class TestWords:
    def test_tied_without_finalists(self, cases):
        study = cases.study_of(120, strategy="full")
        count = len(study.tied)
        assert count > 1
        assert study.headline.startswith(
            f"The best {count} trials cannot be told apart by 359 validation rows and one seed"
        )

    def test_optimum_at_the_edge(self, cases):
        space = Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-5, 1e-3)))
        [line] = words.edge_lines(cases.study_of(60, space=space, strategy="full"))
        assert line == (
            "the best values of optimizer.lr crowd at the upper end of its range, 0.001: "
            "search further up"
        )
        assert words.edge_lines(cases.study_of(200, space=cases.narrow_space())) == []

    def test_many_diverged_and_where(self, cases):
        space = Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(0.1, 100.0)))
        study = cases.study_of(80, space=space)
        [line] = words.diverged_lines(study)
        gone = sum(t.state == "diverged" for t in study.trials)
        assert line.startswith(
            f"{gone} of 80 trials diverged, most of them with optimizer.lr above"
        )
        assert line.endswith(": lower its upper end")
        value = float(line.split("above ")[1].split(":")[0])
        alive = [t.values["optimizer.lr"] for t in study.trials if t.state != "diverged"]
        assert value == pytest.approx(max(alive), rel=1e-3)  # all above 5 diverge
        assert words.diverged_lines(cases.study_of(80, space=cases.narrow_space())) == []

    def test_nothing_matters(self, cases):
        study = cases.study_of(60, space=cases.narrow_space(), strategy="full")
        assert words.noise_lines(study) == []
        random = np.random.default_rng(0)
        for trial in study.trials:
            trial.state, trial.budget = "done", cases.BUDGET
            score = random.binomial(359, 0.9) / 359
            trial.curve = [(cases.BUDGET, score, 0.1)]
        [line] = words.noise_lines(study)
        assert line.startswith("nothing can be seen to matter: the scores differ no more than 359")
        assert study.importance.explained < 0.1
        assert any("explains next to nothing" in line for line in study.warnings)
        assert words.importance_line(study).startswith("Importance: cannot be told (R² of the fore")

    def test_what_shows_late_matters_too(self, cases):
        """After the first rung nobody can tell the trials apart; at the end anybody can."""
        study = cases.study_of(60, space=cases.narrow_space())
        random = np.random.default_rng(0)
        first = min(trial.budget for trial in study.trials)
        for trial in study.trials:
            at_first = random.binomial(359, 0.3) / 359
            rest = trial.curve[1:] if trial.state == "done" else []
            trial.state = "done" if rest else "dropped"
            trial.budget = cases.BUDGET if rest else first
            trial.curve = [(first, at_first, 0.1), *rest]
        late = [t for t in study.trials if t.state == "done"]
        assert len(late) >= 3
        for k, trial in enumerate(late):
            trial.curve[-1] = (cases.BUDGET, 0.9 - 0.2 * k / len(late), 0.1)
        assert words.noise_lines(study) == []
        for trial in late:
            trial.curve[-1] = (cases.BUDGET, 0.9, 0.1)
        assert len(words.noise_lines(study)) == 1

    def test_chance_has_neither_an_edge_nor_an_importance(self, cases):
        """On few rows a slope may be there, and yet no more than chance."""
        space = Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-5, 1e-3)))
        study = cases.study_of(60, space=space, strategy="full")
        assert any("crowd at the upper end" in line for line in study.warnings)
        for trial in study.trials:
            at = study.space.dimensions[0].distribution.place(trial.values["optimizer.lr"])
            trial.curve = [(cases.BUDGET, 0.5 + 0.02 * round(at, 1), 0.1)]
        assert study.importance.explained > 0.5
        assert not any("crowd" in line for line in study.warnings)
        assert words.importance_line(study) == (
            "Importance: cannot be told; the scores differ no more than equal ones would."
        )

    def test_the_first_part_of_a_grid_says_so(self, data):
        space = Recipe(
            shoal.mlp([4]),
            shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)),
            weight_decay=shoal.log_uniform(1e-6, 1e-2),
        )
        study = shoal.search(space, data, trials=4, steps=3, finalists=0, sampler="grid")
        assert (
            "the grid has 25 combinations, of which the first 4 were tried, the last dimension "
            "fastest, so that optimizer.lr never changed; give as many trials, or take "
            "sampler='sobol'"
        ) in study.warnings
        whole = shoal.search(space, data, trials=25, steps=3, finalists=0, sampler="grid")
        assert not any("grid" in line for line in whole.warnings)

    def test_few_trials(self, cases):
        study = cases.study_of(10)
        assert any(line.startswith("10 trials for 7 dimensions are few") for line in study.warnings)
        assert study.importance is None
        assert "too few trials to say anything" in str(study)
        assert not any("few;" in line for line in cases.study_of(60).warnings)

    def test_dropped_within_noise(self, cases):
        study = cases.study_of(120)
        [line] = words.dropped_lines(study)
        assert "were dropped although the rows could not tell them from the best there" in line
        assert words.dropped_lines(cases.study_of(120, strategy="full")) == []
        wide = cases.study_of(120)
        for trial in wide.trials:  # far apart: nobody near the best is dropped
            if trial.state == "dropped":
                trial.curve = [(b, 0.1, 2.0) for b, _, _ in trial.curve]
        assert words.dropped_lines(wide) == []

    def test_few_trials_have_no_edge(self, cases):
        space = Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-5, 1e-3)))
        study = cases.study_of(1, space=space, strategy="full")
        study.trials[0].values["optimizer.lr"] = 0.00099
        assert words.edge_lines(study) == []
        assert "training it to the end takes 18" in words.money(study)[0]

    def test_what_is_tried_again_and_again_is_said_and_is_one_finalist(self, data):
        space = Recipe(shoal.mlp([4], activation=shoal.choice(["relu", "tanh"])), shoal.SGD(lr=0.1))
        study = shoal.search(
            space, data, trials=8, epochs=2, finalists=5, final_seeds=1, strategy="full"
        )
        assert len(study.final.names) == 2
        assert (
            "6 of 8 trials repeat the values of others, and so their scores; take sampler='grid', "
            "fewer trials or a larger space"
        ) in study.warnings
        whole = shoal.search(space, data, trials=8, epochs=2, finalists=0, sampler="grid")
        assert len(whole.trials) == 2
        assert words.repeated_lines(whole) == []

    def test_a_printed_table_fits_a_line(self, cases):
        study = cases.study_of(60)
        lines = str(study).splitlines()
        [rule] = [k for k, line in enumerate(lines) if line.startswith("──")]
        header, rows = lines[rule - 1], lines[rule + 1 : rule + 11]
        assert len(rows) == 10
        assert all(len(line) <= 120 for line in [header, lines[rule], *rows])
        shown = [d.path for d in study.space.dimensions if d.path in header.split()]
        assert 2 < len(shown) < 7
        assert set(list(study.importance.main)[:2]) <= set(shown)
        assert (
            f"… 50 more trials and {7 - len(shown)} more dimensions; see to_frame()"
            in lines[rule + 11]
        )
        narrow = str(cases.study_of(8, space=cases.narrow_space()))
        assert "more dimension" not in narrow
        assert "more trial" not in narrow

    def test_all_diverged(self, cases):
        study = cases.study_of(5)
        for trial in study.trials:
            trial.state = "diverged"
        study.complete = False
        assert "No trial came through" in str(study)
        with pytest.raises(ShoalError, match="no trial came through"):
            _ = study.best
        assert study.to_dict()["best"] is None
        assert study._repr_html_()

    def test_interrupted(self, cases):
        study = cases.study_of(20)
        study.complete = False
        assert study.warnings[0].startswith("the search was interrupted")


def test_on_the_way_to_a_rung_the_best_of_every_evaluation_is_known():
    def trial(number, state, budget, *scores):
        curve = [[1 + e, score, 0.1] for e, score in enumerate(scores)]
        return Trial(number, {}, state=state, budget=budget, curve=curve).to_dict()

    lines = [
        {"wave": 0, "rung": 0, "ended": [trial(0, "dropped", 2, 0.1, 0.2)],
         "running": [trial(1, "running", 2, 0.3, 0.1)]},
        {"wave": 0, "rung": 1, "running": [],
         "ended": [trial(1, "done", 4, 0.3, 0.1, 0.4, 0.35), ]},
        {"wave": 1, "rung": 0, "running": [],
         "ended": [trial(2, "done", 2, 0.5, 0.6), trial(3, "diverged", 1, 0.9)]},
    ]  # fmt: skip
    assert [rung.way for rung in rungs_of_log(lines)] == [
        ((2, 0.3), (4, 0.2)),
        ((5, 0.4), (6, 0.35)),
        ((8, 0.5), (9, 0.6)),  # who diverged has spent, and is nobody's best
    ]


def test_the_way_ends_where_the_rung_is(found):
    spent = 0
    for rung in found.rungs:
        assert rung.way[-1] == (rung.spent, rung.score)
        steps = [at for at, _ in rung.way]
        assert steps == sorted(set(steps))
        assert steps[0] > spent
        spent = rung.spent
    assert len(found.rungs[0].way) == 6  # one judging of a full search, six epochs


def test_a_log_without_rungs_tells_nothing():
    assert rungs_of_log([{"wave": 0, "bracket": 0, "asked": [{}]}]) == []


def test_a_log_of_which_all_diverged():
    trial = Trial(0, {"optimizer.lr": 1.0}, state="diverged", budget=2)
    [rung] = rungs_of_log([{"wave": 0, "rung": 0, "ended": [trial.to_dict()], "running": []}])
    assert (rung.spent, rung.reached, rung.kept, rung.trial) == (2, 1, 0, None)
    assert rung.score == -math.inf


@pytest.mark.slow
def test_ten_thousand_trials_are_quick(cases):
    """Said, tabled and written in seconds, even on a busy machine."""
    study = cases.study_of(10_000)
    started = time.process_time()
    text = str(study)
    study.to_frame()
    study.to_json()
    assert time.process_time() - started < 15
    assert "… 9990 more trials" in text
    assert "10,000 trials" in text
    assert study.importance.trials == 1000
