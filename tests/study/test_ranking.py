"""Who may be the best: the truly best is among the tied as often as promised."""

from __future__ import annotations

import math

import numpy as np
import pytest

import shoal
from shoal.comparison import Metric
from shoal.rng import generator
from shoal.study import Study, Trial
from shoal.study.finals import p_of_mean
from shoal.study.ranking import at_edge, rows_judged, standard_error, tied_with_best, within_reach
from shoal.study.runner import Plan
from shoal.study.space import Space

ACCURACY = Metric("valid_accuracy")


def study_of(space, values, *, score=lambda v: 0.9, metric=ACCURACY, **facts):
    plan = Plan(len(values), "epochs", 5, [], [1.0], 4, 4, metric, 0)
    trials = [
        Trial(i, v, state="done", budget=5, curve=[(5, score(v), 0.1)])
        for i, v in enumerate(values)
    ]
    return Study(Space(space), trials, plan, shoal.load("digits"), facts={"settings": facts})


SPACE = shoal.Recipe(
    shoal.mlp([8], dropout=shoal.uniform(0.0, 0.5)),
    shoal.SGD(lr=shoal.log_uniform(1e-4, 1e-1)),
    batch_size=shoal.int_range(8, 64),
)


class TestStandardError:
    @pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
    def test_of_an_accuracy_is_the_binomial_one(self, p):
        assert standard_error(ACCURACY, p, 10_000) == pytest.approx(
            math.sqrt(p * (1 - p) / 10_000), rel=0.01
        )

    def test_of_a_perfect_accuracy_is_not_zero(self):
        assert 0.001 < standard_error(ACCURACY, 1.0, 360) < 0.01

    def test_of_errors_of_numbers_as_simulated(self):
        errors = generator(0, "sample").standard_normal((20_000, 200)) * 3
        rmse = np.sqrt((errors**2).mean(axis=1))
        assert standard_error(Metric("valid_rmse"), 3.0, 200) == pytest.approx(rmse.std(), rel=0.05)
        mse = (errors**2).mean(axis=1) / 20
        assert standard_error(Metric("valid_r2"), 1 - 9 / 20, 200) == pytest.approx(
            mse.std(), rel=0.05
        )
        assert standard_error(Metric("valid_loss"), 9 / 20, 200) == pytest.approx(
            mse.std(), rel=0.05
        )


class TestTied:
    @pytest.mark.parametrize("count", [5, 100])
    def test_the_truly_best_is_among_them(self, count):
        """In 95 of 100 searches, also where all are equal and where the rows are few."""
        random = generator(count, "sample")
        p = np.full(count, 0.9)
        p[0] = 0.905
        scores = random.binomial(300, p, (2000, count)) / 300
        held = np.mean([within_reach(ACCURACY, row, 300)[0] for row in scores])
        assert held >= 0.95

    def test_they_are_few_where_rows_are_many(self):
        random = generator(1, "sample")
        p = np.linspace(0.5, 0.95, 20)
        scores = random.binomial(20_000, p) / 20_000
        near = within_reach(ACCURACY, scores, 20_000)
        assert near.sum() == 1
        assert near[-1]

    def test_rows_with_common_errors_make_it_only_safer(self):
        """Networks err on the same rows: the chance that the best is missed is then smaller."""
        random = generator(2, "sample")
        held = []
        for _ in range(300):
            hard = random.random(400)
            right = hard + 0.05 * random.standard_normal((30, 400)) < 0.9
            held.append(within_reach(ACCURACY, right.mean(axis=1), 400)[0])
        assert np.mean(held) > 0.99

    def test_only_those_of_the_longest_training_are_compared(self):
        study = study_of(SPACE, [{"optimizer.lr": 0.01}] * 4)
        study.trials[3].budget, study.trials[3].state = 2, "dropped"
        study.trials[2].curve = [(5, 0.5, 0.1)]
        assert [t.number for t in tied_with_best(study)] == [0, 1]

    def test_lower_may_be_better(self):
        metric = Metric("valid_rmse")
        near = within_reach(metric, np.array([-1.0, -1.01, -2.0]), 500)
        assert near.tolist() == [True, True, False]

    def test_rows_are_those_that_were_evaluated(self):
        study = study_of(SPACE, [{"optimizer.lr": 0.01}], evaluate_rows=100)
        assert rows_judged(study) == 100
        study.facts["settings"]["evaluate_rows"] = None
        assert rows_judged(study) == len(study.data.valid)


class TestEdge:
    def at(self, **values):
        full = {"network.dropout": 0.2, "optimizer.lr": 0.01, "batch_size": 30}
        changed = full | {k.replace("lr", "optimizer.lr"): v for k, v in values.items()}
        if "dropout" in changed:
            changed["network.dropout"] = changed.pop("dropout")
        study = study_of(SPACE, [changed] * 3)
        return at_edge(study, study.trials)

    def test_the_middle_is_none(self):
        assert self.at() == []

    def test_upper_and_lower(self):
        assert self.at(lr=0.099) == [("optimizer.lr", "upper", 0.1)]
        assert self.at(lr=1.05e-4) == [("optimizer.lr", "lower", 1e-4)]

    def test_whole_numbers(self):
        assert self.at(batch_size=64) == [("batch_size", "upper", 64)]
        assert self.at(batch_size=8) == [("batch_size", "lower", 8)]

    def test_nothing_lies_below_no_dropout(self):
        assert self.at(dropout=0.001) == []

    def test_one_stray_trial_among_three_is_no_crowd(self):
        values = [{"optimizer.lr": lr} for lr in (0.01, 0.02, 0.0999)]
        study = study_of(SPACE, values)
        assert at_edge(study, study.trials) == []

    @pytest.mark.parametrize("stray", [1.05e-4, 0.0999])
    def test_one_stray_trial_of_two_is_no_crowd_at_either_end(self, stray):
        study = study_of(SPACE, [{"optimizer.lr": lr} for lr in (3e-3, stray)])
        assert at_edge(study, study.trials) == []


def test_p_of_a_mean_is_uniform_under_no_difference():
    """McNemar's case: on some rows the one is right, on as many the other."""
    random = generator(5, "sample")
    p = np.array([p_of_mean(random.choice([-1.0, 0, 0, 0, 1], 300)) for _ in range(2000)])
    assert np.mean(p < 0.05) == pytest.approx(0.05, abs=0.015)
    assert p_of_mean(np.zeros(10)) == 1.0
    assert p_of_mean(np.ones(10)) == 0.0
