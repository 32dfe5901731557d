"""The paired difference of any quantity, and the quantities that a comparison gives by seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

import shoal
from shoal.errors import ShoalError

values = st.lists(st.floats(-100, 100), min_size=3, max_size=8).map(np.array)


@settings(deadline=None)
@given(values, st.integers(0, 100))
def test_it_is_the_paired_t_test(a, seed):
    b = np.random.default_rng(seed).normal(size=len(a))
    assume((a - b).std() > 1e-6)
    found = shoal.paired_difference(a, b)
    test = stats.ttest_rel(a, b)
    low, high = test.confidence_interval(0.95)
    assert found.p == pytest.approx(test.pvalue)
    assert (found.mean, found.low, found.high) == pytest.approx(((a - b).mean(), low, high))


def test_one_number_stands_for_all_seeds():
    assert shoal.paired_difference([1.0, 2.0, 3.0], 1.0).mean == 1.0
    assert shoal.paired_difference(1.0, [1.0, 2.0, 3.0]).mean == -1.0


@pytest.mark.parametrize(("a", "b"), [([1, 2], [1, 2, 3]), ([[1, 2]], [1, 2]), ([1, 2], [])])
def test_unequal_seeds_are_refused(a, b):
    with pytest.raises(ShoalError, match="with the same seeds"):
        shoal.paired_difference(a, b)


def test_every_pair_may_have_a_step_of_its_own():
    same = np.full(5, 0.5)
    coarse, fine = shoal.paired_differences([(same + 0.1, same)] * 2, step=[0.01, 0.0])
    assert fine.low == pytest.approx(fine.high)
    half = stats.t.ppf(1 - 0.025, 4) * 0.01 / np.sqrt(6) / np.sqrt(5)
    # the sure one is judged first, at half the level; the other then at the full one
    assert coarse.high - coarse.mean <= half + 1e-12
    assert coarse.high - coarse.mean == pytest.approx(stats.t.ppf(0.975, 4) * 0.01 / np.sqrt(30))


def test_steps_to_a_loss_by_arm_and_seed():
    data = shoal.load("digits")
    recipes = {
        "slow": shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=1e-6)),
        "fast": shoal.Recipe(shoal.mlp([16]), shoal.Adam(lr=0.01)),
    }
    comparison = shoal.compare(recipes, data, epochs=3, seeds=2)
    steps = comparison.steps_to(1.5)
    assert np.isnan(steps["slow"]).all()
    for k, step in enumerate(steps["fast"].astype(int)):
        curve = comparison.losses("fast")[k]
        assert curve[step - 1] <= 1.5
