"""Narrowing: rounds that shrink around the best, and grow where the best lie at the edge."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from shoal import (
    SGD,
    Momentum,
    Recipe,
    ShoalError,
    choice,
    int_range,
    log_uniform,
    mlp,
    one_minus_log_uniform,
    uniform,
)
from shoal.study.samplers import Told, make_sampler
from shoal.study.samplers.narrowing import (
    EDGE,
    LEAST,
    ROUND,
    NarrowingSampler,
    Range,
    value_at,
)
from shoal.study.space import Space

LR = "optimizer.lr"


def rate_space(low: float = 1e-4, high: float = 1.0) -> Space:
    return Space(Recipe(mlp([2]), SGD(lr=log_uniform(low, high))))


def rounds(
    sampler: NarrowingSampler, score: Callable[[dict[str, Any]], float], count: int
) -> NarrowingSampler:
    """So many rounds, each told as a whole."""
    for r in range(count):
        first = r * sampler.round_size
        asked = sampler.ask(sampler.round_size)
        sampler.tell([Told(first + i, v, score(v)) for i, v in enumerate(asked)])
    return sampler


def peak_at(best: float) -> Callable[[dict[str, Any]], float]:
    """A quadratic in log lr."""
    return lambda values: -((math.log10(values[LR]) - math.log10(best)) ** 2)


def width(range_: Range) -> float:
    return range_.high - range_.low


@pytest.mark.parametrize("seed", range(5))
def test_it_closes_in_on_the_peak_of_a_quadratic(seed):
    space = rate_space()
    sampler = rounds(NarrowingSampler(space, seed), peak_at(0.03), 4)
    place = space[LR].distribution.place(0.03)
    widths = [width(ranges[LR]) for ranges in sampler.ranges]
    assert widths[0] == 1
    assert widths[3] < widths[1] < widths[0]
    assert widths[-1] < 0.05
    assert sampler.ranges[-1][LR].low < place < sampler.ranges[-1][LR].high


@pytest.mark.parametrize("best", [30.0, 1e-6])
def test_a_log_range_grows_to_a_peak_beyond_its_edge(best):
    sampler = rounds(NarrowingSampler(rate_space(), 1), peak_at(best), 6)
    found = sampler.ranges[-1][LR]
    place = math.log(best / 1e-4) / math.log(1e4)
    assert found.low < place < found.high
    assert width(found) < 0.3
    tried = [values[LR] for values in sampler.ask(200)]
    assert min(tried) < best < max(tried)


def test_it_stays_inside_if_it_must_not_grow():
    sampler = rounds(NarrowingSampler(rate_space(), 1, grow=False), peak_at(30.0), 5)
    assert all(0 <= r[LR].low < r[LR].high <= 1 for r in sampler.ranges)
    assert sampler.ranges[-1][LR].high == 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(mlp([2], dropout=uniform(0.0, 0.6)), SGD()),
        Recipe(mlp([2], dropout=log_uniform(0.1, 0.9)), SGD()),
        Recipe(mlp([2]), Momentum(momentum=one_minus_log_uniform(0.1, 0.999))),
        Recipe(mlp([2]), Momentum(momentum=log_uniform(0.1, 0.99))),
        Recipe(mlp([int_range(2, 9)]), SGD()),
        Recipe(mlp([int_range(2, 99, log=True)]), SGD()),
    ],
    ids=str,
)
def test_it_never_asks_for_what_cannot_be(recipe, sign):
    space = Space(recipe)
    (dimension,) = space.dimensions
    sampler = rounds(NarrowingSampler(space, 2), lambda v: sign * v[dimension.path], 8)
    for values in sampler.ask(100):
        space.build(values)
    if dimension.distribution.name in ("uniform", "int_range"):
        low, high = dimension.distribution.arguments[:2]
        assert all(low <= v[dimension.path] <= high for v in sampler.ask(100))
    best = max(sign * v[dimension.path] for v in sampler.ask(100))
    first = max(sign * v[dimension.path] for v in NarrowingSampler(space, 2).ask(16))
    assert best >= first


def test_momentum_may_grow_towards_one():
    space = Space(Recipe(mlp([2]), Momentum(momentum=one_minus_log_uniform(0.5, 0.9))))
    path = "optimizer.momentum"
    sampler = rounds(NarrowingSampler(space, 0), lambda v: -abs(v[path] - 0.99), 6)
    assert any(abs(v[path] - 0.99) < 0.002 for v in sampler.ask(32))
    assert all(v[path] < 1 for v in sampler.ask(100))


def test_no_range_becomes_narrower_than_the_guard():
    sampler = rounds(NarrowingSampler(rate_space(), 0), peak_at(0.5), 15)
    widths = [width(r[LR]) for r in sampler.ranges]
    assert min(widths) >= LEAST * 0.999
    assert widths[-1] < 2 * LEAST


def test_the_range_moves_only_if_the_middle_of_the_best_is_at_its_edge():
    assert Range(0, 1).moved_to(EDGE * 1.01) is None
    assert Range(0, 1).moved_to(EDGE * 0.99) == Range(-0.5, 0.5)
    assert Range(0, 1).moved_to(1 - EDGE * 0.99) == Range(0.5, 1.5)
    assert Range(0.5, 1.5).moved_to(0.55) == Range(0.0, 1.0)


def test_choices_stay_open():
    space = Space(Recipe(mlp([2], choice(["relu", "tanh"])), SGD(lr=log_uniform(0.1, 1))))
    score = lambda v: float(v["network.activation"] == "relu")  # noqa: E731
    sampler = rounds(NarrowingSampler(space, 0), score, 4)
    assert {v["network.activation"] for v in sampler.ask(32)} == {"relu", "tanh"}


def test_a_round_counts_when_all_of_it_were_told():
    sampler = NarrowingSampler(rate_space(), 0, round_size=4)
    asked = sampler.ask(8)
    told = [Told(i, v, peak_at(0.1)(v)) for i, v in enumerate(asked)]
    sampler.tell(told[4:])  # the second round is complete, the first is not
    sampler.tell(told[1:4])
    assert len(sampler.ranges) == 1
    sampler.tell(told[:1])
    assert len(sampler.ranges) == 3
    in_order = NarrowingSampler(rate_space(), 0, round_size=4)
    in_order.ask(8)
    in_order.tell(told)
    assert in_order.ranges == sampler.ranges


@pytest.mark.parametrize(("batch", "size"), [(None, ROUND), (8, ROUND), (100, 100)])
def test_a_round_is_as_large_as_a_larger_batch(batch, size):
    """A batch larger than a round would be drawn from one range and judged as several rounds."""
    sampler = make_sampler("narrowing", rate_space(), 0, batch)
    assert sampler.round_size == sampler.batch == size


def test_those_trained_longer_are_the_better_ones():
    sampler = NarrowingSampler(rate_space(), 0, round_size=8, keep=0.25, room=0.0)
    asked = sampler.ask(8)
    shares = [1.0 if i in (2, 5) else 0.1 for i in range(8)]
    sampler.tell(
        [Told(i, v, -float(i), s) for i, (v, s) in enumerate(zip(asked, shares, strict=True))]
    )
    places = sorted(sampler.space[LR].distribution.place(asked[i][LR]) for i in (2, 5))
    assert sampler.ranges[-1][LR] == Range(*places)


def test_diverged_trials_are_never_the_best():
    sampler = NarrowingSampler(rate_space(), 0)
    rounds(sampler, lambda v: -math.inf if v[LR] > 0.01 else v[LR], 3)
    tried = np.array([v[LR] for v in sampler.ask(50)])
    assert np.median(tried) < 0.015
    all_gone = rounds(NarrowingSampler(rate_space(), 0), lambda v: -math.inf, 2)
    assert all_gone.ranges == [{LR: Range(0.0, 1.0)}] * 3


def test_values_go_on_where_a_log_range_ends():
    assert value_at(one_minus_log_uniform(0.9, 0.99), 2.0) == pytest.approx(0.999)
    assert value_at(log_uniform(1, 10), -1.0) == pytest.approx(0.1)
    assert value_at(uniform(0, 1), 1.5) == 1.0
    assert value_at(int_range(1, 4), -0.5) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"round_size": 1}, "round_size=1 must be a whole number >= 2"),
        ({"keep": 0}, "keep=0 must be a number > 0 and <= 1"),
        ({"room": -1}, "room=-1 must be a number >= 0"),
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong, message):
    with pytest.raises(ShoalError) as error:
        NarrowingSampler(rate_space(), **wrong)
    assert str(error.value).startswith(message) or message.split()[0] in str(error.value)
