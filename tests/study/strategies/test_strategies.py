"""Strategies: rungs, what they cost, and how Hyperband deals."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shoal import Full, Halving, Hyperband, ShoalError
from shoal.study.strategies import Bracket, make_strategy
from shoal.study.strategies.halving import cost, rungs_of


@given(st.integers(1, 2000), st.integers(1, 2000), st.floats(1.01, 10))
def test_rungs_rise_from_the_grace_to_the_full_budget(budget, grace, eta):
    rungs = rungs_of(budget, grace, eta)
    assert rungs[-1] == budget
    assert all(early < late for early, late in pairwise(rungs))
    if len(rungs) > 1:
        assert rungs[0] == grace
        assert rungs[-2] < budget / eta**0.5 + 0.5  # the last leg is long enough to say something
    for early, late in pairwise(rungs):
        assert late <= early * eta**1.5 + eta + 1


def test_rungs_are_powers_where_they_fit():
    assert rungs_of(27, 1, 3) == (1, 3, 9, 27)
    assert rungs_of(81, 3, 3) == (3, 9, 27, 81)
    assert rungs_of(16, 1, 2) == (1, 2, 4, 8, 16)


def test_other_rungs_are_counted_from_the_end():
    assert rungs_of(50, 2, 3) == (2, 6, 17, 50)
    assert rungs_of(50, 10, 2) == (10, 25, 50)
    assert rungs_of(18, 1, 2) == (1, 2, 4, 9, 18)
    assert rungs_of(1000, 16, 2) == (16, 31, 62, 125, 250, 500, 1000)


@given(st.lists(st.integers(1, 100), min_size=1, max_size=6, unique=True), st.floats(0.1, 0.9))
def test_cost_is_what_trials_get_on_average(rungs, keep):
    bracket = Bracket(tuple(sorted(rungs)), keep)
    trials = np.random.default_rng(0).random(20_000)  # each passes a rung with probability keep
    spent, alive, before = 0.0, np.ones(len(trials), bool), 0
    draws = np.random.default_rng(1)
    for rung in bracket.rungs:
        spent += alive.sum() * (rung - before)
        alive &= draws.random(len(trials)) < keep
        before = rung
    assert cost(bracket) == pytest.approx(spent / len(trials), rel=0.1)


@given(st.integers(3, 500), st.floats(1.5, 5))
def test_hyperbands_brackets_get_equal_budgets(budget, eta):
    hyperband = Hyperband(eta)
    brackets, shares = hyperband.brackets(budget), hyperband.shares(budget)
    assert sum(shares) == pytest.approx(1)
    spent = [share * cost(bracket) for share, bracket in zip(shares, brackets, strict=True)]
    assert spent == pytest.approx([spent[0]] * len(spent))
    assert brackets[-1].rungs == (budget,)  # one bracket trains to the end whatever happens
    assert brackets[0] == Halving(eta, brackets[0].rungs[0]).brackets(budget)[0]


@given(st.integers(2, 2000))
def test_the_default_spends_a_quarter_at_most_where_epochs_allow(budget):
    assume(budget >= 27)
    (bracket,) = Halving().brackets(budget)
    assert cost(bracket) <= 0.25 * budget


def test_full_has_no_rungs():
    assert Full().brackets(7) == [Bracket((7,), 1.0)]
    assert list(Full().shares(7)) == [1.0]


@pytest.mark.parametrize("name", ["halving", "hyperband", "full"])
def test_strategies_have_names(name):
    assert type(make_strategy(name)).__name__.lower() == name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: make_strategy("halfing"), "unknown strategy 'halfing': did you mean 'halving'?"),
        (lambda: make_strategy(3), "strategy=3 must be a strategy, such as 'halving'"),
        (lambda: make_strategy(Halving), "strategy=Halving is a class; give one of it: Halving()"),
        (lambda: Halving(eta=1), "eta=1 must be a number > 1"),
        (lambda: Halving(grace=0), "grace=0 must be a whole number >= 1"),
        (lambda: Hyperband(eta="3"), "eta='3' must be a number > 1"),
        (lambda: Hyperband(grace=1.5), "grace=1.5 must be a whole number >= 1"),
        (
            lambda: Halving().brackets(1),
            "grace=1 and eta=2 leave no rung before the end of a train",
        ),
        (lambda: Halving(grace=9).brackets(9), "grace=9 and eta=2 leave no rung before the end"),
        (lambda: Halving(grace=8).brackets(9), "grace=8 and eta=2 leave no rung before the end"),
        (lambda: Hyperband().brackets(1), "grace=1 and eta=3 leave no rung"),
    ],
)
def test_every_mistake_is_one_clear_line(make, message):
    with pytest.raises(ShoalError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
