"""Statistics are proved: against SciPy, against tables worked by hand, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from shoal.comparison.statistics import (
    Difference,
    holm,
    judge,
    mean_interval,
    paired_differences,
)

NAN, INF = math.nan, math.inf

values = st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=12).map(np.array)
p_values = st.lists(st.floats(0, 1), min_size=1, max_size=15).map(np.array)


# --- a mean and its interval ------------------------------------------------------------------


@given(values, st.sampled_from([0.05, 0.01, 0.05 / 15]))
def test_the_interval_is_students(x, level):
    assume(x.std() > 1e-6)
    found = mean_interval(x, level)
    expected = stats.t.interval(1 - level, len(x) - 1, loc=x.mean(), scale=stats.sem(x))
    assert (found.mean, found.n) == (x.mean(), len(x))
    assert np.allclose([found.low, found.high], expected, rtol=1e-9, atol=1e-9)


def test_what_diverged_is_left_out():
    assert mean_interval([1, NAN, 2, INF, 3, -INF]) == mean_interval([1, 2, 3])


@pytest.mark.parametrize("nothing", [[], [NAN], [NAN, INF]])
def test_nothing_has_no_mean(nothing):
    found = mean_interval(nothing)
    assert found.n == 0
    assert np.isnan([found.mean, found.low, found.high]).all()


def test_one_value_has_a_mean_and_no_interval():
    found = mean_interval([7.0, NAN])
    assert (found.mean, found.n) == (7, 1)
    assert np.isnan([found.low, found.high]).all()


def test_equal_values_leave_no_doubt():
    found = mean_interval([0.5, 0.5, 0.5])
    assert (found.low, found.mean, found.high) == (0.5, 0.5, 0.5)


# --- paired differences -----------------------------------------------------------------------


@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(-2, 2))
def test_one_pair_is_scipys_paired_t_test(seed, n, shift):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(shift, 1, n), rng.normal(0, 1, n)
    [found] = paired_differences([(a, b)])
    expected = stats.ttest_rel(a, b)
    interval = expected.confidence_interval(0.95)
    assert found.n == n
    assert math.isclose(found.mean, (a - b).mean(), rel_tol=1e-9, abs_tol=1e-12)
    assert math.isclose(found.p, expected.pvalue, rel_tol=1e-6)
    assert np.allclose([found.low, found.high], [interval.low, interval.high], rtol=1e-6)


def test_a_pair_counts_where_both_are_finite():
    a, b = [1.0, 2.5, NAN, 4.0, 5.0], [0.0, 1.0, 1.0, NAN, 3.0]
    assert paired_differences([(a, b)]) == paired_differences([([1, 2.5, 5], [0, 1, 3])])


def test_pairing_takes_out_what_seeds_have_in_common():
    luck = np.array([0.0, 10.0, -10.0, 20.0, -20.0])
    small = np.array([0.1, 0.2, 0.1, 0.2, 0.15])
    [paired] = paired_differences([(luck + small, luck)])
    assert paired.p < 0.01
    assert stats.ttest_ind(luck + small, luck).pvalue > 0.9


def test_equal_runs_differ_by_nothing_and_prove_nothing():
    assert paired_differences([([1, 2, 3], [1, 2, 3])]) == [Difference(0, 0, 0, 1, 3)]


def test_a_difference_without_spread_is_certain():
    assert paired_differences([([2, 3, 4], [1, 2, 3])]) == [Difference(1, 1, 1, 0, 3)]


def test_no_spread_is_smaller_than_that_of_rounding():
    few, many = (np.arange(n) / 100 for n in (3, 8))
    [three] = paired_differences([(few + 0.01, few)], step=0.01)  # one row on each of three seeds
    [eight] = paired_differences([(many + 0.01, many)], step=0.01)
    assert three.p > 0.05 > eight.p
    assert three.low < 0 < eight.low
    [large] = paired_differences([(few + 0.3, few)], step=0.01)
    assert large.p < 0.001
    half = stats.t.ppf(0.975, 2) * 0.01 / math.sqrt(6) / math.sqrt(3)
    assert math.isclose(large.high - large.low, 2 * half)


@given(st.integers(0, 10**6))
def test_steps_smaller_than_the_spread_change_nothing(seed):
    pair = np.random.default_rng(seed).normal(size=(2, 5))
    assert paired_differences([pair], step=1e-4) == paired_differences([pair])


def test_equal_runs_are_equal_in_any_steps():
    assert paired_differences([([1, 2], [1, 2])], step=0.5) == [Difference(0, 0, 0, 1, 2)]


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_pairs_say_nothing(n):
    [found] = paired_differences([([1.0] * n, [0.0] * n)])
    assert found.n == n
    assert np.isnan([found.low, found.high, found.p]).all()


def test_a_pair_that_cannot_be_tested_costs_the_others_nothing():
    good = ([0.91, 0.92, 0.94], [0.81, 0.83, 0.84])
    dead = ([NAN] * 3, [0.1, 0.2, 0.3])
    assert paired_differences([good, dead])[0] == paired_differences([good])[0]


def test_no_pairs():
    assert paired_differences([]) == []


# --- Holm -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("p", "adjusted", "levels"),
    [
        # Holm's own procedure on four hypotheses: 0.005 and 0.01 fall, 0.03 is not below 0.05 / 2
        (
            [0.01, 0.04, 0.03, 0.005],
            [0.03, 0.06, 0.06, 0.02],
            [0.05 / 3, 0.05 / 2, 0.05 / 2, 0.05 / 4],
        ),
        ([0.02], [0.02], [0.05]),
        ([0.02, 0.02], [0.04, 0.04], [0.025, 0.05]),
        ([0.03, 0.03], [0.06, 0.06], [0.025, 0.025]),
        ([0.9, 0.5, 0.7], [1, 1, 1], [0.05 / 3] * 3),
        ([0.001, NAN, 0.04], [0.002, NAN, 0.04], [0.025, 0.025, 0.05]),
        ([NAN], [NAN], [0.05]),
        ([], [], []),
        ([0, 0, 0], [0, 0, 0], [0.05 / 3, 0.05 / 2, 0.05]),
    ],
)
def test_holm_by_hand(p, adjusted, levels):
    found = holm(np.array(p, np.float64))
    np.testing.assert_allclose(found[0], adjusted, atol=1e-15)
    np.testing.assert_allclose(found[1], levels)


@given(p_values)
def test_adjusted_p_values_are_never_smaller_nor_in_another_order(p):
    adjusted, _ = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, p * len(p)) + 1e-15).all()  # Bonferroni's is the worst
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


@given(p_values, st.randoms(use_true_random=False))
def test_the_order_of_pairs_does_not_matter(p, random):
    order = np.array(random.sample(range(len(p)), len(p)))
    np.testing.assert_array_equal(holm(p[order])[0], holm(p)[0][order])


@given(p_values)
def test_what_is_judged_at_its_level_is_what_is_adjusted(p):
    adjusted, levels = holm(p)
    off_the_edge = abs(adjusted - 0.05) > 1e-12
    assert ((adjusted < 0.05) == (p < levels))[off_the_edge].all()
    assert ((levels <= 0.05) & (levels >= 0.05 / len(p))).all()


@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(2, 8), st.floats(0, 3))
@settings(max_examples=60)
def test_an_interval_excludes_0_exactly_if_its_p_value_is_below_5_percent(seed, arms, n, effect):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(arms, n)) + effect * np.arange(arms)[:, None]
    for d in paired_differences([(x[i], x[j]) for i in range(arms) for j in range(i)]):
        assert (d.low > 0 or d.high < 0) == (d.p < 0.05)
        assert d.low <= d.mean <= d.high


# --- by simulation ----------------------------------------------------------------------------


def experiment(rng, means, seeds):
    """Values of arms with these means, with luck that the arms of a seed share; all pairs."""
    luck = rng.normal(0, 3, seeds)
    x = np.asarray(means)[:, None] + luck + rng.normal(size=(len(means), seeds))
    return [(x[i], x[j]) for i in range(len(means)) for j in range(i)]


def by_chance(share, n):
    """The largest share of n that chance makes of a true one, once in a thousand times."""
    return stats.binom.ppf(0.999, n, share) / n


def test_equal_arms_are_told_apart_in_at_most_5_percent_of_comparisons():
    rng, n = np.random.default_rng(1), 1500
    wrong = [any(d.p < 0.05 for d in paired_differences(experiment(rng, [0] * 4, 5)))
             for _ in range(n)]  # fmt: skip
    assert 0 < np.mean(wrong) <= by_chance(0.05, n)


def test_a_large_difference_elsewhere_does_not_make_equal_arms_differ():
    rng, n = np.random.default_rng(5), 1500
    wrong = []
    for _ in range(n):
        equal, *others = paired_differences(experiment(rng, [0, 0, 50], 5))
        assert all(d.p < 0.05 for d in others)
        wrong.append(equal.p < 0.05)
    assert 0 < np.mean(wrong) <= by_chance(0.05, n)


def test_a_measure_that_comes_in_steps_does_not_make_equal_arms_differ():
    # six arms on 30 test rows, of which two are in doubt: equal differences are frequent
    rng, n = np.random.default_rng(6), 400
    wrong = {0.0: 0, 1 / 30: 0}
    for _ in range(n):
        x = (25 + rng.binomial(2, 0.5, (6, 3))) / 30
        pairs = [(x[i], x[j]) for i in range(6) for j in range(i)]
        for step in wrong:
            wrong[step] += any(d.p < 0.05 for d in paired_differences(pairs, step))
    assert wrong[1 / 30] == 0
    assert wrong[0.0] > 0.2 * n  # why steps must be known


def test_intervals_miss_the_truth_in_5_percent_and_with_holm_in_fewer():
    rng, n = np.random.default_rng(3), 1500
    alone = [paired_differences(experiment(rng, [0, 1], 5))[0] for _ in range(n)]
    missed = np.mean([not d.low <= 1 <= d.high for d in alone])
    assert 1 - by_chance(0.95, n) <= missed <= by_chance(0.05, n)
    several = [paired_differences(experiment(rng, [0, 1, 3], 5)) for _ in range(n)]
    for pair, truth in enumerate([1, 3, 2]):
        missed = np.mean([not ds[pair].low <= truth <= ds[pair].high for ds in several])
        assert missed <= by_chance(0.05, n)


def test_a_verdict_is_wrong_in_at_most_5_percent_of_comparisons():
    # the arms differ by just more than the margin, so that "tied" is wrong, and so is "worse"
    rng = np.random.default_rng(4)
    said = [
        judge(paired_differences(experiment(rng, [0, 1.001], n))[0], 1.0, True)
        for n in (3, 10, 60)
        for _ in range(300)
    ]
    assert {"better", "undecided"} <= set(said)
    assert (said.count("tied") + said.count("worse")) / len(said) <= 0.05


# --- verdicts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.6, 0.8, "better"),
        (0.01, 0.8, "better"),
        (-0.8, -0.6, "worse"),
        (-0.2, 0.8, "undecided"),
        (0.0, 0.8, "undecided"),  # 0 is not excluded
        (-0.8, 0.0, "undecided"),
        (-9.0, 9.0, "undecided"),
        (-0.1, 0.1, "tied"),
        (0.01, 0.1, "tied"),  # proved to be different, and proved not to matter
        (-0.1, -0.01, "tied"),
        (-0.5, 0.5, "tied"),  # the margin is the largest difference that does not matter
        (0.0, 0.0, "tied"),
        (0.1, 0.5000001, "better"),
        (-0.5000001, 0.1, "undecided"),
        (NAN, NAN, "undecided"),
    ],
)
@pytest.mark.parametrize("higher_is_better", [True, False])
def test_verdicts_with_a_margin_of_a_half(low, high, verdict, higher_is_better):
    difference = Difference((low + high) / 2, low, high, 0.5, 5)
    if not higher_is_better:
        verdict = {"better": "worse", "worse": "better"}.get(verdict, verdict)
    assert judge(difference, 0.5, higher_is_better) == verdict


def test_equal_runs_are_tied_even_where_no_difference_is_too_small_to_matter():
    assert judge(Difference(0, 0, 0, 1, 2), margin=0.0, higher_is_better=False) == "tied"


@pytest.mark.parametrize("n", [0, 1])
def test_one_pair_of_runs_decides_nothing(n):
    assert judge(Difference(5.0, NAN, NAN, NAN, n), 0.5, True) == "undecided"


@given(st.integers(0, 10**6), st.floats(-3, 3), st.floats(0.01, 2), st.booleans())
def test_a_verdict_seen_from_the_other_side(seed, shift, margin, higher_is_better):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(shift, 1, 5), rng.normal(0, 1, 5)
    ab, ba = (paired_differences([pair])[0] for pair in ((a, b), (b, a)))
    mirrored = {"better": "worse", "worse": "better"}
    verdict = judge(ab, margin, higher_is_better)
    assert judge(ba, margin, higher_is_better) == mirrored.get(verdict, verdict)
    assert judge(ab, margin, not higher_is_better) == mirrored.get(verdict, verdict)
