"""Who is in an ensemble."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import SGD, Member, Recipe, ShoalError, mlp
from shoal.engine.ensemble.choose import candidates, spread_over_seeds, the_best

RECIPE = Recipe(mlp([2]), SGD())
ARMS = ("he", "xavier", "lecun")


def members_of(arms: int, seeds: int) -> list[Member]:
    return [Member(RECIPE, seed, arm) for arm in ARMS[:arms] for seed in range(seeds)]


def test_all_unless_asked_for():
    members = members_of(2, 3)
    np.testing.assert_array_equal(candidates(members, None, None), range(6))
    np.testing.assert_array_equal(candidates(members, (4, np.int64(0)), None), [0, 4])
    np.testing.assert_array_equal(candidates(members, np.array([5, 2]), None), [2, 5])
    np.testing.assert_array_equal(candidates(members, None, "xavier"), [3, 4, 5])
    np.testing.assert_array_equal(candidates(members, None, ["xavier", "he"]), range(6))


@pytest.mark.parametrize(
    ("which", "arms", "words"),
    [
        ([], None, r"^members=\[\] is empty; give the number of at least one member$"),
        ([0, 6], None, r"^member=6 must be a number from 0 to 5$"),
        ([-1], None, r"^member=-1 must be a number from 0 to 5$"),
        ([True], None, r"^member=True must be a number from 0 to 5$"),
        ("he", None, r"^member='h' must be a number from 0 to 5$"),
        (3.0, None, r"^member=3.0 must be a number from 0 to 5$"),
        ([1, 2, 1], None, r"^members=\[1, 2, 1\] must name each member once$"),
        (None, [], r"^arms=\[\] is empty; give at least one of he, xavier$"),
        (None, "xaver", r"^unknown arm 'xaver': did you mean 'xavier'\? \(known: he, xavier\)$"),
        (None, ["he", "HE"], r"^unknown arm 'HE': did you mean 'he'\?"),
        (None, ["he", "he"], r"^arms=\['he', 'he'\] must name each arm once$"),
        ([0], "he", r"^give members or arms, one of the two$"),
    ],
)
def test_choices_that_are_refused(which, arms, words):
    with pytest.raises(ShoalError, match=words):
        candidates(members_of(2, 3), which, arms)


# --- the best by validation -------------------------------------------------------------------


def test_the_best_by_accuracy_then_by_loss():
    valid = {
        "valid_accuracy": np.array([0.7, 0.9, 0.8, 0.9, 0.9, np.nan]),
        "valid_loss": np.array([0.1, 0.3, 0.1, 0.2, 0.4, np.nan]),
    }
    live = np.arange(5)
    for count, expected in ((1, [3]), (2, [1, 3]), (3, [1, 3, 4]), (4, [1, 2, 3, 4])):
        np.testing.assert_array_equal(the_best(live, count, valid), expected)
    np.testing.assert_array_equal(the_best(np.array([0, 2, 4]), 2, valid), [2, 4])


def test_the_best_at_numbers_have_the_smallest_error():
    valid = {"valid_rmse": np.array([3.0, 1.0, 2.0]), "valid_loss": np.array([0.0, 0.0, 0.0])}
    np.testing.assert_array_equal(the_best(np.arange(3), 2, valid), [1, 2])


@pytest.mark.parametrize(
    "choose",
    [
        lambda k: the_best(np.arange(4), k, {}),
        lambda k: spread_over_seeds(members_of(2, 2), np.arange(4), np.arange(4), k),
    ],
)
@pytest.mark.parametrize("count", [5, 100])
def test_more_than_there_are(choose, count):
    words = rf"^(best|size)={count} must be at most 4: so many members can be chosen from$"
    with pytest.raises(ShoalError, match=words):
        choose(count)


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_counts_that_are_none(count):
    with pytest.raises(ShoalError, match=r"^best=.* must be a whole number >= 1$"):
        the_best(np.arange(4), count, {})
    with pytest.raises(ShoalError, match=r"^size=.* must be a whole number >= 1$"):
        spread_over_seeds(members_of(2, 2), np.arange(4), np.arange(4), count)


def test_nothing_to_choose_by():
    with pytest.raises(ShoalError, match=r"^best=2 needs a validation part to choose by; load"):
        the_best(np.arange(4), 2, {})
    unknown = {"valid_accuracy": np.full(4, np.nan), "valid_loss": np.full(4, np.nan)}
    with pytest.raises(ShoalError, match=r"^best=2 needs an evaluation, and there was none yet"):
        the_best(np.arange(4), 2, unknown)


# --- equal numbers, different seeds -----------------------------------------------------------


@given(st.integers(1, 3), st.integers(1, 6), st.data())
def test_arms_have_equal_numbers_and_seeds_differ_as_far_as_possible(arms, seeds, data):
    members = members_of(arms, seeds)
    size = data.draw(st.integers(1, len(members)))
    chosen = spread_over_seeds(members, np.arange(len(members)), np.arange(len(members)), size)
    assert len(set(chosen.tolist())) == size
    by_arm = Counter(members[i].arm for i in chosen)
    counts = [by_arm[arm] for arm in ARMS[:arms]]
    assert max(counts) - min(counts) <= 1
    assert counts == sorted(counts, reverse=True)
    by_seed = Counter(members[i].seed for i in chosen)
    if size <= seeds:
        assert max(by_seed.values()) == 1
    assert len(by_seed) == min(size, seeds)


def test_an_arm_of_which_some_diverged_chooses_first():
    members = members_of(2, 2)
    chosen = spread_over_seeds(
        members, np.arange(4), np.array([0, 1, 2]), 2
    )  # of xavier only seed 0 is left
    assert [(members[i].arm, members[i].seed) for i in chosen] == [("he", 1), ("xavier", 0)]


@pytest.mark.parametrize(
    ("live", "size", "share"),
    [(4, 4, "2 of arm 'xavier', of which 1"), (3, 2, "1 of arm 'xavier', of which 0")],
)
def test_an_arm_with_too_few_members(live, size, share):
    words = rf"^size={size} needs {share} did not diverge; take a smaller size, other arms, or more"
    with pytest.raises(ShoalError, match=words):
        spread_over_seeds(members_of(2, 3), np.arange(6), np.arange(live), size)
