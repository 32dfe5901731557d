"""Distributions: quantile functions and their way back, how they are written, what is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare, kstest

import shoal
from shoal import (
    SGD,
    ShoalError,
    choice,
    int_range,
    log_uniform,
    mlp,
    one_minus_log_uniform,
    repeat,
    uniform,
)
from shoal.distributions import holds_distribution, variants

shares = st.floats(0, 1)
numbers = st.floats(-1e6, 1e6)
tens = st.floats(-12, 6).map(lambda power: 10.0**power)
near_one = st.floats(0.01, 8).map(lambda power: 1 - 10.0**-power)


def apart(ends: tuple[float, float]) -> bool:
    """Whether rounding leaves something between two ends."""
    return ends[1] - ends[0] > 1e-6 * max(map(abs, ends))


def ranges_of(ends: st.SearchStrategy) -> st.SearchStrategy:
    return st.tuples(ends, ends).map(lambda pair: tuple(sorted(pair))).filter(apart)


uniforms = ranges_of(numbers).map(lambda ends: uniform(*ends))
log_uniforms = ranges_of(tens).map(lambda ends: log_uniform(*ends))
ones_minus = (
    st.tuples(near_one, near_one)
    .map(lambda pair: tuple(sorted(pair)))
    .filter(lambda ends: 1 - ends[1] < 0.99 * (1 - ends[0]))
    .map(lambda ends: one_minus_log_uniform(*ends))
)
continuous = uniforms | log_uniforms | ones_minus
whole_ranges = st.tuples(st.integers(-1000, 1000), st.integers(1, 5000)).map(
    lambda pair: int_range(pair[0], pair[0] + pair[1])
)
log_ranges = st.tuples(st.integers(1, 1000), st.integers(1, 5000)).map(
    lambda pair: int_range(pair[0], pair[0] + pair[1], log=True)
)
options = st.text("abc", min_size=1, max_size=3) | st.integers(2, 99) | st.floats(-1, 0.5)
choices = st.lists(options, min_size=1, max_size=6, unique=True).map(choice)
anything = continuous | whole_ranges | log_ranges | choices


# Quantile functions


@given(whole_ranges | log_ranges, shares)
def test_a_whole_number_is_placed_where_it_came_from(distribution, u):
    value = distribution.value(u)
    assert type(value) is int
    assert distribution.low <= value <= distribution.high
    assert distribution.value(distribution.place(value)) == value


@given(whole_ranges | log_ranges, shares)
def test_the_place_of_a_whole_number_is_inside_its_share(distribution, u):
    place = distribution.place(distribution.value(u))
    assert 0 < place < 1
    shares = distribution.high - distribution.low + 1
    if not distribution.log:
        assert abs(place - u) <= 0.5 / shares + 1e-9


@given(choices)
def test_an_option_is_placed_in_the_middle_of_its_share(distribution):
    for i, option in enumerate(distribution.options):
        place = distribution.place(option)
        assert place == pytest.approx((i + 0.5) / len(distribution.options))
        assert distribution.value(place) == option


@given(continuous, shares)
def test_a_number_is_placed_where_it_came_from(distribution, u):
    value = distribution.value(u)
    assert type(value) is float
    # what rounding of the value leaves of u
    if distribution.name == "one_minus_log_uniform":
        gap = math.log((1 - distribution.low) / (1 - distribution.high))
        lost = 4e-16 / (1 - value) / gap
    elif distribution.name == "uniform":
        lost = (
            4e-16 * max(map(abs, distribution.arguments)) / (distribution.high - distribution.low)
        )
    else:
        lost = 1e-13 / math.log(distribution.high / distribution.low)
    assert distribution.place(value) == pytest.approx(u, abs=1e-12 + lost)
    assert distribution.value(distribution.place(value)) == pytest.approx(value, rel=1e-9, abs=1e-9)


@given(anything, shares, shares)
def test_values_rise_with_u(distribution, a, b):
    assume(distribution.name != "choice")
    low, high = sorted((a, b))
    assert distribution.value(low) <= distribution.value(high)


@given(anything)
def test_both_ends_are_reached_and_never_passed(distribution):
    first, last = distribution.value(0.0), distribution.value(1.0)
    if distribution.name in ("choice", "int_range"):
        assert (first, last) == (distribution.ends[0], distribution.ends[-1])
        return
    low, high = distribution.ends
    assert low <= first <= low + 1e-12 * abs(low)
    assert high - 1e-12 * max(abs(low), abs(high)) <= last <= high


@pytest.mark.parametrize(
    ("distribution", "straight"),
    [
        (uniform(-2, 3), lambda x: (x + 2) / 5),
        (log_uniform(1e-4, 1.0), lambda x: np.log10(x) / 4 + 1),
        (one_minus_log_uniform(0.9, 0.999), lambda x: (-1 - np.log10(1 - x)) / 2),
    ],
    ids=["uniform", "log_uniform", "one_minus_log_uniform"],
)
def test_draws_are_evenly_spread_on_their_scale(distribution, straight):
    us = np.random.default_rng(0).random(5000)
    values = np.array([distribution.value(u) for u in us.tolist()])
    assert kstest(straight(values), "uniform").pvalue > 0.01


def test_whole_numbers_and_options_come_equally_often():
    us = np.random.default_rng(1).random(6000).tolist()
    dice = [int_range(1, 6).value(u) for u in us]
    assert chisquare([dice.count(k) for k in range(1, 7)]).pvalue > 0.01
    options = [choice(["x", "y", "z"]).value(u) for u in us]
    assert chisquare([options.count(o) for o in "xyz"]).pvalue > 0.01


def test_whole_numbers_on_a_log_scale_double_as_often_as_they_double_again():
    us = np.random.default_rng(2).random(8000)
    values = np.array([int_range(1, 255, log=True).value(u) for u in us])
    counts = [((2**k <= values) & (values < 2 ** (k + 1))).sum() for k in range(8)]
    assert chisquare(counts).pvalue > 0.01


def test_numbers_are_those_of_the_formulas():
    assert uniform(1, 3).value(0.25) == 1.5
    assert log_uniform(1e-3, 10).value(0.75) == pytest.approx(1.0)
    assert one_minus_log_uniform(0.0, 0.99).value(0.5) == pytest.approx(0.9)
    assert [int_range(1, 4, log=True).value(u) for u in (0, 0.45, 0.65, 0.9)] == [1, 2, 2, 4]


# What they are written as


@given(anything)
def test_the_repr_can_be_pasted_back(distribution):
    assert eval(repr(distribution), vars(shoal)) == distribution


def test_they_are_frozen_values_that_can_be_keys():
    made = {log_uniform(1e-3, 1), log_uniform(1e-3, 1), choice([[1], [2, 3]]), int_range(1, 9)}
    assert len(made) == 3
    with pytest.raises(AttributeError):
        uniform(0, 1).low = 3


def test_numbers_of_numpy_become_pythons():
    for made in (
        uniform(np.float32(0.5), np.float64(1)),
        log_uniform(np.float64(0.5), 1),
        int_range(np.int64(1), np.int32(4)),
        choice(np.array([1, 2])),
        choice([np.float64(0.5), np.int64(3), np.str_("x")]),
    ):
        assert "np." not in repr(made)
        assert eval(repr(made), vars(shoal)) == made
        assert all(type(end) in (int, float, str) for end in made.ends)


def test_repeat_of_two_numbers_is_the_list():
    assert repeat(8, 3) == [8, 8, 8]
    assert repr(mlp(repeat(8, 2))) == "mlp([8, 8], activation='relu')"


def test_variants_try_every_end_once():
    assert list(map(repr, variants(uniform(0, 1)))) == ["0.0", "1.0"]  # not whole numbers
    assert variants([choice([1, 2, 3]), int_range(7, 9)]) == [[1, 7], [2, 7], [3, 7], [1, 9]]
    assert variants(choice([0.1, uniform(0.5, 0.7)])) == [0.1, 0.5, 0.7]
    assert variants(repeat(int_range(2, 3), 2)) == [[2, 2], [3, 3]]
    assert variants("text") == ["text"]


def test_a_distribution_is_found_wherever_it_is():
    assert holds_distribution(SGD(lr=uniform(0.1, 1)))
    assert holds_distribution([1, (2, [choice([3])])])
    assert not holds_distribution([1, SGD(), "log_uniform"])


# What is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: uniform(1, 0), "uniform(1, 0): the range is empty; give the lower end first"),
        (lambda: uniform(1, 1), "uniform(1, 1): the range is empty"),
        (lambda: log_uniform(1.0, 0.1), "log_uniform(1.0, 0.1): the range is empty"),
        (lambda: log_uniform(0, 1), "log_uniform(0, 1): a log range cannot reach 0; give a lower"),
        (lambda: log_uniform(-1, 1), "log_uniform(-1, 1): a log range cannot reach 0"),
        (
            lambda: one_minus_log_uniform(0.9, 1),
            "one_minus_log_uniform(0.9, 1): the upper end must",
        ),
        (lambda: one_minus_log_uniform(0.9, 1.5), "one_minus_log_uniform(0.9, 1.5): the upper end"),
        (lambda: uniform(math.nan, 1), "uniform(nan, 1): both ends must be numbers"),
        (lambda: uniform(0, math.inf), "uniform(0, inf): both ends must be numbers"),
        (lambda: log_uniform("a", 1), "log_uniform('a', 1): both ends must be numbers"),
        (lambda: uniform(False, True), "uniform(False, True): both ends must be numbers"),
        (lambda: uniform(None, 1), "uniform(None, 1): both ends must be numbers"),
        (lambda: int_range(1.0, 4), "int_range(1.0, 4): both ends must be whole numbers"),
        (lambda: int_range(True, 4), "int_range(True, 4): both ends must be whole numbers"),
        (lambda: int_range(4, 1), "int_range(4, 1): the range is empty"),
        (lambda: int_range(0, 4, log=True), "int_range(0, 4, True): a log range cannot reach 0"),
        (lambda: int_range(1, 4, log=1), "int_range(1, 4"),
        (lambda: choice([]), "choice([]) must list its options: choice([1, 2])"),
        (lambda: choice("abc"), "choice('abc') must list its options"),
        (lambda: choice(3), "choice(3) must list its options"),
        (lambda: choice({"a": 1}), "choice({'a': 1}) must list its options"),
        (lambda: choice([1, 2, 1]), "choice([1, 2, 1]) has an option twice"),
        (lambda: choice([[1, 2], (1, 2)]), "choice([[1, 2], (1, 2)]) has an option twice"),
        (lambda: repeat(0, 3), "repeat: width=0 must be whole numbers >= 1, or a range"),
        (lambda: repeat(8, 1.5), "repeat: times=1.5 must be whole numbers >= 1"),
        (lambda: repeat(uniform(1, 2.5), 2), "repeat: width=uniform(1, 2.5) must be whole numbers"),
        (lambda: repeat(8, int_range(0, 2)), "repeat: times=int_range(0, 2) must be whole numbers"),
        (lambda: repeat(True, 2), "repeat: width=True must be whole numbers"),
    ],
)
def test_every_mistake_is_one_clear_line(make, message):
    with pytest.raises(ShoalError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(st.floats(1e-9, 1e3), st.floats(1e-9, 1e3))
def test_any_pair_of_positive_ends_is_a_range_or_one_clear_error(a, b):
    if a < b:
        assert log_uniform(a, b).ends == (a, b)
    else:
        with pytest.raises(ShoalError, match="the range is empty"):
            log_uniform(a, b)
