"""Population based training: who copies whom, and how far values move."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal import PBT, ShoalError
from shoal.study import Space
from shoal.study.strategies import make_strategy
from shoal.study.strategies.pbt import Standing, exploit, explore, movable, nudge


def source(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def standing(number: int, score: float) -> Standing:
    return Standing(number, (score, 0.0), score == -math.inf)


# --- when -------------------------------------------------------------------------------------


@given(st.integers(1, 500), st.integers(1, 500))
def test_a_population_is_judged_every_interval_and_at_the_end(budget, interval):
    [bracket] = PBT(interval=interval).brackets(budget)
    assert bracket.rungs == (*range(interval, budget, interval), budget)
    assert bracket.keep == 1.0


def test_it_has_a_name_and_a_repr_to_paste():
    assert make_strategy("pbt") == PBT()
    assert eval(repr(PBT(interval=3, share=0.1)), {"PBT": PBT}) == PBT(interval=3, share=0.1)
    assert PBT().brackets(3)[0].rungs == (1, 2, 3)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"interval": 0}, r"^interval=0 must be a whole number >= 1$"),
        ({"share": 0.6}, r"^share=0.6 must be a number"),
        ({"share": 0}, r"^share=0 must be a number"),
        ({"resample": 1.5}, r"^resample=1.5 must be a number >= 0 and <= 1$"),
    ],
)
def test_bad_settings_are_one_clear_line(settings, words):
    with pytest.raises(ShoalError, match=words):
        PBT(**settings)


# --- who --------------------------------------------------------------------------------------

SCORES = st.lists(st.one_of(st.just(-math.inf), st.floats(-9, 9)), min_size=1, max_size=40)


@given(SCORES, st.floats(0.01, 0.5), st.integers(0, 99))
def test_losers_are_the_worst_and_winners_the_best(scores, share, seed):
    standings = [standing(i, score) for i, score in enumerate(scores)]
    pairs = exploit(standings, share, source(seed))
    winners, losers = {w for w, _ in pairs}, [loser for _, loser in pairs]
    assert len(set(losers)) == len(losers)
    assert not winners & set(losers)
    for winner, loser in pairs:
        assert scores[winner] > scores[loser]
    diverged = {s.number for s in standings if s.diverged}
    if len(diverged) < len(scores):
        assert diverged <= set(losers)
    else:
        assert not pairs
    count = max(1, int(share * len(scores)))
    assert len(losers) <= max(count, len(diverged))
    alive = sorted(scores[i] for i in range(len(scores)) if i not in diverged)
    for winner in winners:
        assert scores[winner] >= alive[-min(count, len(alive))]
    for loser in set(losers) - diverged:
        assert scores[loser] <= alive[min(count, len(alive)) - 1]


def test_a_fifth_copies_and_a_fifth_is_copied_evenly():
    standings = [standing(i, float(i)) for i in range(10)]
    assert {loser for _, loser in exploit(standings, 0.2, source())} == {0, 1}
    copied = Counter(w for seed in range(500) for w, _ in exploit(standings, 0.2, source(seed)))
    assert set(copied) == {8, 9}
    assert abs(copied[8] - 500) < 4 * math.sqrt(250)  # 1000 fair draws, four sigma


def test_equals_do_not_copy():
    assert exploit([standing(i, 1.0) for i in range(9)], 0.3, source()) == []
    assert exploit([standing(0, 1.0)], 0.3, source()) == []


# --- how far ----------------------------------------------------------------------------------

RANGES = [
    shoal.log_uniform(1e-5, 1.0),
    shoal.uniform(0.0, 0.5),
    shoal.one_minus_log_uniform(0.5, 0.999),
    shoal.int_range(1, 9),
    shoal.int_range(8, 512, log=True),
]


@pytest.mark.parametrize("distribution", RANGES, ids=repr)
@given(u=st.floats(0, 1), up=st.booleans())
def test_a_nudge_moves_and_stays_inside(distribution, u, up):
    value = distribution.value(u)
    moved = nudge(distribution, value, up=up)
    low, high = distribution.ends
    assert low <= moved <= high
    assert moved != value
    assert type(moved) is type(value)


@given(st.floats(0.2, 0.8))
def test_the_size_of_a_nudge(u):
    rate = shoal.log_uniform(1e-5, 1.0)
    value = rate.value(u)
    assert nudge(rate, value, up=True) == pytest.approx(1.25 * value)
    assert nudge(rate, value, up=False) == pytest.approx(0.8 * value)
    momentum = shoal.one_minus_log_uniform(0.5, 0.999)
    value = momentum.value(u)
    assert 1 - nudge(momentum, value, up=True) == pytest.approx((1 - value) / 1.25)
    assert 1 - nudge(momentum, value, up=False) == pytest.approx((1 - value) / 0.8)
    rate = shoal.uniform(0.0, 0.5)
    assert nudge(rate, rate.value(u), up=True) == pytest.approx(rate.value(u) + 0.05)


def test_at_an_end_it_goes_the_other_way():
    assert nudge(shoal.log_uniform(0.1, 1.0), 1.0, up=True) == pytest.approx(0.8)
    assert nudge(shoal.uniform(0.0, 0.5), 0.0, up=False) == pytest.approx(0.05)
    assert nudge(shoal.int_range(1, 2), 2, up=True) == 1


def test_a_value_from_beyond_its_range_comes_back():
    # narrowing may have gone there
    assert nudge(shoal.log_uniform(0.1, 1.0), 40.0, up=True) == 1.0


SPACE = Space(
    shoal.Recipe(
        shoal.mlp(shoal.choice([[4], [8]]), dropout=shoal.uniform(0.1, 0.5)),
        shoal.choice([shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)), shoal.Adam()]),
        init=shoal.uniform(0.01, 0.1),
        batch_size=shoal.int_range(8, 64, log=True),
    )
)
LR = "optimizer[SGD].lr"


def fits(values):
    return values["batch_size"] == 20


def test_only_numbers_that_can_change_in_training_move():
    values = SPACE.at({d.path: 0.3 for d in SPACE.dimensions}) | {"batch_size": 20}
    assert values["optimizer"] == "SGD"
    seen = [explore(SPACE, values, fits, 0.0, source(seed)) for seed in range(40)]
    for moved in seen:
        assert {path for path in values if moved[path] != values[path]} == {LR, "network.dropout"}
    rates = {round(moved[LR] / values[LR], 9) for moved in seen}
    assert rates == {0.8, 1.25}
    assert not movable(SPACE["init"])
    assert not movable(SPACE["optimizer"])


def test_some_are_drawn_anew():
    values = SPACE.at({d.path: 0.3 for d in SPACE.dimensions}) | {"batch_size": 20}
    anew = [explore(SPACE, values, fits, 1.0, source(seed))[LR] for seed in range(400)]
    places = sorted(SPACE[LR].distribution.place(lr) for lr in anew)
    # as uniform as 400 draws are: Kolmogorov's bound at one in ten thousand
    assert max(abs(p - (i + 0.5) / 400) for i, p in enumerate(places)) < 2.2 / math.sqrt(400)
    some = [explore(SPACE, values, fits, 0.1, source(seed))[LR] / values[LR] for seed in range(400)]
    drawn = sum(round(factor, 9) not in (0.8, 1.25) for factor in some)
    assert 16 < drawn < 64
