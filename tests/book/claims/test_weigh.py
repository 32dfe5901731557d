"""From values, seed by seed, to findings: against SciPy, and what must hold for any values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal.book import Text
from shoal.book.claims.claim import NO_UNIT, Finding
from shoal.book.claims.weigh import (
    POINTS,
    Part,
    accuracy_part,
    answer_words,
    effect_words,
    joined,
    loss_part,
    margin_words,
    signed,
    told,
    weigh,
)

samples = st.lists(st.floats(-5, 5), min_size=5, max_size=5).map(np.array)


def part(a, b=0.0, margin=1.0, **more):
    return Part(NO_UNIT, NO_UNIT, NO_UNIT, a, np.broadcast_to(b, np.shape(a)), margin, **more)


@settings(deadline=None)
@given(samples, samples, st.floats(0.01, 3))
def test_one_part_has_students_interval_around_its_own_mean(a, b, margin):
    [found] = weigh([part(a, b, margin)])
    difference = a - b
    assert found.effect == pytest.approx(difference.mean(), abs=1e-12)
    if difference.std() > 1e-6:
        low, high = stats.t.interval(0.95, 4, difference.mean(), stats.sem(difference))
        assert (found.low, found.high) == pytest.approx((low, high), rel=1e-6, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(samples, min_size=1, max_size=6), st.floats(0.1, 2), st.sampled_from(["more", "same"])
)
def test_several_parts_are_never_surer_than_one_alone(columns, margin, kind):
    alone = [weigh([part(a, margin=margin, kind=kind)])[0] for a in columns]
    together = weigh([part(a, margin=margin, kind=kind) for a in columns])
    for one, among in zip(alone, together, strict=True):
        assert among.low <= one.low + 1e-9
        assert among.high >= one.high - 1e-9
        if among.answer != "undecided":
            assert one.answer == among.answer


def test_the_part_that_is_hardest_is_held_to_the_mildest_level():
    rng = np.random.default_rng(0)
    sure, close = 5 + 0.1 * rng.normal(size=6), 1.3 + 0.2 * rng.normal(size=6)
    first, second = weigh([part(sure), part(close)])
    at = {}
    for name, x in (("sure", sure), ("close", close)):
        at[name] = [
            stats.t.interval(1 - level, 5, x.mean(), stats.sem(x)) for level in (0.025, 0.05)
        ]
    assert (first.low, first.high) == pytest.approx(at["sure"][0])
    assert (second.low, second.high) == pytest.approx(at["close"][1])


def test_the_edge_that_is_tested_is_the_nearest():
    rng = np.random.default_rng(1)
    for middle in (-3.0, -0.2, 0.2, 3.0):
        x = middle + 0.1 * rng.normal(size=5)
        [found] = weigh([part(x, kind="same")])
        assert found.answer == ("supported" if abs(middle) < 1 else "not supported")
        assert found.effect == pytest.approx(x.mean())


def test_equal_accuracies_have_the_uncertainty_of_one_row():
    values = np.full(5, 0.9)
    [found] = weigh([accuracy_part(NO_UNIT, NO_UNIT, NO_UNIT, values, values, rows=100)])
    half = stats.t.ppf(0.975, 4) * 0.01 / np.sqrt(6) / np.sqrt(5)
    assert (found.low, found.high) == pytest.approx((-half, half))


def test_pairs_without_a_value_are_left_out():
    [found] = weigh([part([1.0, np.nan, 3.0, 5.0], 0.0)])
    assert (found.n, found.effect) == (3, 3.0)


def test_a_loss_that_is_lower_counts_as_more_and_a_tenth_matters():
    made = loss_part(NO_UNIT, NO_UNIT, NO_UNIT, np.array([0.1, 0.3]), np.array([1.0, 1.2]))
    assert made.margin == pytest.approx(0.02)
    assert weigh([made])[0].effect == pytest.approx(0.9)


def finding(effect, low, high, **more):
    return Finding(NO_UNIT, NO_UNIT, NO_UNIT, effect, low, high, 0.005, 5, **more)


def test_effects_in_words():
    points = finding(0.012, 0.007, 0.017, unit=POINTS, scale=100.0)
    assert effect_words(points)["en"] == "+1.20 [+0.70, +1.70] points"
    assert effect_words(points)["zh"] == "+1.20 [+0.70, +1.70] 个百分点"
    assert effect_words(finding(-0.5, -0.6, 0.0))["en"] == "−0.500 [−0.600, 0.000]"
    assert margin_words(points) == "±0.50"
    assert signed(-0.0001, 2) == "0.00"


def test_an_undecided_answer_says_how_many_seeds_would_decide():
    assert answer_words(finding(0.01, 0.004, 0.016))["en"] == "undecided (about 8 seeds needed)"
    assert answer_words(finding(0.0051, -0.1, 0.1102))["en"].endswith(
        "(more than 1000 seeds needed)"
    )
    assert answer_words(finding(0.01, 0.009, 0.011))["en"] == "supported"


def test_findings_are_counted_in_words():
    yes, no = finding(0.01, 0.009, 0.011), finding(0.0, -0.001, 0.001)
    assert told([yes, yes, no])["en"] == "Of 3 findings on the claim: 2 supported, 1 not supported."
    further = finding(0.01, 0.009, 0.011, further=True)
    assert told([no, further])["zh"] == (
        "关于论断的 1 项结果中：1 项不成立。附加问题的 1 项中：1 项成立。"
    )
    assert joined([Text("A.", "甲。"), Text("B.", "乙。")]) == Text("A. B.", "甲。乙。")


def test_findings_on_one_statement_stand_together():
    a, b = Text("a", "甲"), Text("b", "乙")
    parts = [Part(what, Text(k, k), NO_UNIT, [k_, 1.0], [0.0, 0.0], 1.0)
             for what, k, k_ in ((a, "1", 1.0), (b, "2", 2.0), (a, "3", 3.0))]  # fmt: skip
    stand = [f.what.en + f.condition.en for f in weigh(parts)]
    assert stand == ["a1", "a3", "b2"]
