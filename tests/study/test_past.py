"""What was tried before: from studies, Optuna and tables; and the samplers that learn from it."""

from __future__ import annotations

import math

import numpy as np
import optuna
import pandas as pd
import pytest

import shoal
from shoal import Past, Recipe, ShoalError
from shoal.study.past import misfit
from shoal.study.samplers import SAMPLERS, make_sampler
from shoal.study.samplers.sampler import Told
from shoal.study.space import Space

LR = "optimizer.lr"
SPACE = Recipe(shoal.mlp([4]), shoal.SGD(lr=shoal.log_uniform(1e-4, 1.0)), batch_size=20)
MIXED = Recipe(
    shoal.mlp([4]),
    shoal.choice(
        [shoal.SGD(lr=shoal.log_uniform(1e-4, 1.0)), shoal.AdaGrad(lr=shoal.uniform(0.2, 0.6))]
    ),
    batch_size=shoal.int_range(8, 20),
)


def parabola(best: float, count: int = 40) -> Past:
    """Trials over the whole range; the score is best at one rate."""
    rates = np.geomspace(1e-4, 1.0, count)
    told = [
        Told(i, {LR: float(lr)}, -(float(np.log10(lr / best)) ** 2)) for i, lr in enumerate(rates)
    ]
    return Past(tuple(told))


# --- what it does to a search -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["tpe", "narrowing"])
@pytest.mark.parametrize("best", [1e-3, 0.1])
def test_a_sampler_that_knows_the_past_begins_where_it_was_good(name, best):
    space = Space(SPACE)
    fresh, taught = (make_sampler(name, space, 0) for _ in range(2))
    taught.learn(parabola(best).told)
    distances = [
        np.median([abs(math.log10(values[LR] / best)) for values in sampler.ask(16)])
        for sampler in (fresh, taught)
    ]
    assert distances[1] < 0.6 * distances[0]


def test_a_gaussian_process_knows_the_past_too():
    pytest.importorskip("torch")
    space = Space(SPACE)
    taught = make_sampler("gp", space, 0)
    taught.learn(parabola(0.1, 20).told)
    assert all(abs(math.log10(values[LR] / 0.1)) < 1 for values in taught.ask(3))


def test_what_is_told_afterwards_goes_to_the_right_trials():
    sampler = make_sampler("tpe", Space(SPACE), 0)
    sampler.learn(parabola(0.1).told)
    asked = sampler.ask(4)
    sampler.tell([Told(i, values, float(i)) for i, values in enumerate(asked)])
    trials = sampler._study.trials[40:]
    assert [trial.value for trial in trials] == [0.0, 1.0, 2.0, 3.0]
    assert len(sampler.ask(3)) == 3


def test_diverged_trials_of_the_past_are_as_bad_as_the_worst():
    told = [Told(0, {LR: 0.5}, -math.inf), Told(1, {LR: 0.1}, -3.0), Told(2, {LR: 0.2}, 1.0)]
    sampler = make_sampler("tpe", Space(SPACE), 0)
    sampler.learn(told)
    assert [trial.value for trial in sampler._study.trials] == [-3.0, -3.0, 1.0]
    only = make_sampler("tpe", Space(SPACE), 0)
    only.learn(told[:1])
    assert [trial.state.name for trial in only._study.trials] == ["FAIL"]
    assert len(only.ask(2)) == 2


def test_conditions_and_kinds_of_the_past_are_those_of_a_search():
    space = Space(MIXED)
    values = [
        {"optimizer": "SGD", "optimizer[SGD].lr": 0.1, "batch_size": 8},
        {"optimizer": "AdaGrad", "optimizer[AdaGrad].lr": 0.3, "batch_size": 20},
    ]
    taught, asked = make_sampler("tpe", space, 0), make_sampler("tpe", space, 0)
    taught.learn([Told(i, v, 0.0) for i, v in enumerate(values)])
    asked.ask(8)
    known = {path: d for trial in asked._study.trials for path, d in trial.distributions.items()}
    for trial in taught._study.trials:
        assert trial.distributions == {path: known[path] for path in trial.distributions}
    assert taught._study.trials[1].params["optimizer[AdaGrad].lr"] == pytest.approx(0.25)  # u


def test_a_search_with_a_past_is_repeatable_and_resumes(data, tmp_path):
    settings = {"trials": 18, "epochs": 3, "strategy": "full", "sampler": "tpe", "finalists": 0}
    past = parabola(0.05)
    one, two = (shoal.search(SPACE, data, past=past, **settings) for _ in range(2))
    assert [t.values for t in one.trials] == [t.values for t in two.trials]
    plain = shoal.search(SPACE, data, **settings)
    assert [t.values for t in one.trials] != [t.values for t in plain.trials]
    shoal.search(SPACE, data, past=past, **settings, out=tmp_path)
    log = (tmp_path / "log.jsonl").read_bytes()
    # as after a kill: the log ends with the first decision
    (tmp_path / "log.jsonl").write_bytes(log[: log.index(b"\n") + 1])
    again = shoal.search(SPACE, data, past=past, **settings, out=tmp_path, resume=True)
    assert [t.to_dict() for t in again.trials] == [t.to_dict() for t in one.trials]
    assert (tmp_path / "log.jsonl").read_bytes() == log
    with pytest.raises(ShoalError, match=r"holds a study with past='\w+' \(asked: '\w+'\)"):
        shoal.search(SPACE, data, past=parabola(0.9), **settings, out=tmp_path, resume=True)


# --- where it comes from ----------------------------------------------------------------------


def test_a_study_of_optuna_alone(tmp_path):
    address = f"sqlite:///{tmp_path / 's.db'}"
    theirs = optuna.create_study(storage=address, study_name="net", direction="minimize")

    def objective(trial):
        lr = trial.suggest_float("lr", 1e-5, 10.0, log=True)
        trial.report(2 * lr, 3)
        if trial.number == 1:
            raise optuna.TrialPruned
        trial.report(lr, 6)
        return lr

    for lr in (0.1, 0.2, 0.3, 5.0):
        theirs.enqueue_trial({"lr": lr})
    theirs.optimize(objective, n_trials=4)
    theirs.ask()  # still running
    past = Past.from_optuna(address, "net", SPACE, names={"lr": LR})
    assert [told.values for told in past.told] == [{LR: 0.1}, {LR: 0.2}, {LR: 0.3}]
    assert [told.score for told in past.told] == [-0.1, -0.4, -0.3]
    assert [told.share for told in past.told] == [1.0, 0.5, 1.0]
    assert past.skipped == 2  # one beyond the range, one without a score
    assert past.metric is None


def test_a_table():
    table = pd.DataFrame(
        {
            "optimizer": ["SGD", "AdaGrad", "SGD", "Lion"],
            "optimizer[SGD].lr": [0.1, np.nan, 0.2, 0.1],
            "optimizer[AdaGrad].lr": [np.nan, 0.5, np.nan, np.nan],
            "batch_size": [8, 9, 10, 11],
            "rmse": [1.0, 2.0, np.nan, 3.0],
            "note": list("abcd"),
        }
    )
    past = Past.from_table(table, MIXED, "rmse", higher_is_better=False)
    assert past.skipped == 1
    assert [told.values for told in past.told] == [
        {"optimizer": "SGD", "optimizer[SGD].lr": 0.1, "batch_size": 8},
        {"optimizer": "AdaGrad", "optimizer[AdaGrad].lr": 0.5, "batch_size": 9},
        {"optimizer": "SGD", "optimizer[SGD].lr": 0.2, "batch_size": 10},
    ]
    assert [told.score for told in past.told] == [-1.0, -2.0, -math.inf]
    assert all(type(told.values["batch_size"]) is int for told in past.told)


def test_a_table_there_and_back():
    past = parabola(0.1)
    again = Past.from_table(past.to_frame(), SPACE, "score")
    assert again.told == past.told
    assert len(again) == 40


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "optimizer.lr is missing"),
        ({LR: 2.0}, "optimizer.lr=2.0 is not in log_uniform(0.0001, 1.0)"),
        ({LR: "high"}, "optimizer.lr='high' is not in log_uniform(0.0001, 1.0)"),
        ({LR: True}, "optimizer.lr=True is not in log_uniform(0.0001, 1.0)"),
        ({LR: 0.1, "depth": 3}, "depth does not exist there"),
        ({LR: 0.1}, ""),
    ],
)
def test_what_does_not_lie_in_the_space(values, words):
    assert misfit(Space(SPACE), values) == words


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"tpe", "gp", "narrowing"}))
def test_a_sampler_that_learns_nothing_is_one_clear_line(data, name):
    with pytest.raises(ShoalError, match=f"^sampler='{name}' learns nothing from the past"):
        shoal.search(SPACE, data, trials=4, epochs=2, strategy="full", sampler=name,
                     past=parabola(0.1))  # fmt: skip


@pytest.mark.parametrize(
    ("past", "words"),
    [
        ([{LR: 0.1}], r"^past=.* must be a Past, such as"),
        (Past((Told(0, {"lr": 0.1}, 1.0),)), r"^past has trials of another space: lr does not"),
        (Past(parabola(0.1).told, "valid_loss"), r"^past has scores of valid_loss, the search of"),
    ],
)
def test_a_past_of_something_else_is_one_clear_line(data, past, words):
    with pytest.raises(ShoalError, match=words):
        shoal.search(SPACE, data, trials=4, epochs=2, strategy="full", sampler="tpe", past=past)


def test_tables_without_scores_or_trials_are_one_clear_line():
    table = pd.DataFrame({LR: [5.0], "score": [1.0]})
    with pytest.raises(
        ShoalError, match=r"^score='accuracy' is no column of the table; it has opt"
    ):
        Past.from_table(table, SPACE, "accuracy")
    with pytest.raises(
        ShoalError,
        match=r"^the table has no trial that lies in the space; the first because optimizer.lr=5.0",
    ):
        Past.from_table(table, SPACE, "score")
