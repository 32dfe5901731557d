"""Splits: disjoint, complete, stratified within one row, and always the same for a seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shoal import ShoalError
from shoal.data.split import part_size, sample_rows, split_rows

class_sizes = st.lists(st.integers(1, 60), min_size=2, max_size=8)
shares = st.one_of(st.floats(0, 0.45), st.integers(0, 20))


@given(counts=class_sizes, valid=shares, test=shares, seed=st.integers(0, 99))
@settings(deadline=None)
def test_a_stratified_split(counts, valid, test, seed):
    y = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    n = len(y)
    try:
        parts = split_rows(n, valid, test, seed, y)
    except ShoalError as error:
        assume("must leave rows" not in str(error) and "leave n" not in str(error))
        raise
    train, of_valid, of_test = parts
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))
    assert len(of_valid) == part_size("valid", valid, n)
    assert len(of_test) == part_size("test", test, n)
    for rows in (of_valid, of_test):
        ideal = np.array(counts) * len(rows) / n
        got = np.bincount(y[rows], minlength=len(counts))
        assert (np.abs(got - ideal) < 1).all()
        assert (got[ideal >= 1] > 0).all()
    assert (np.bincount(y[train], minlength=len(counts)) > 0).all()
    for rows in parts:
        assert (np.diff(rows) > 0).all()  # original order


@given(n=st.integers(4, 300), valid=st.floats(0, 0.4), test=st.floats(0, 0.4))
@settings(deadline=None)
def test_a_split_without_classes(n, valid, test):
    assume(part_size("valid", valid, n) + part_size("test", test, n) < n)
    parts = split_rows(n, valid, test, 1)
    assert sorted(np.concatenate(parts).tolist()) == list(range(n))


def test_the_same_seed_gives_the_same_split_and_another_another():
    y = np.arange(100) % 3
    for classes in (None, y):
        first, again, other = (split_rows(100, 0.2, 0.2, s, classes) for s in (5, 5, 6))
        assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
        assert not np.array_equal(first[1], other[1])


def test_a_split_is_fixed_for_good():
    # A changed rule would silently change every result that was ever published.
    train, valid, test = split_rows(10, 0.2, 0.3, 0, np.array([0, 1] * 5))
    assert train.tolist() == [0, 2, 4, 5, 7]
    assert valid.tolist() == [1, 6]
    assert test.tolist() == [3, 8, 9]


def test_a_class_of_three_rows_is_in_every_part_and_of_one_row_in_training():
    y = np.array([0] * 50 + [1] * 3 + [2])
    train, valid, test = (set(y[rows].tolist()) for rows in split_rows(54, 0.2, 0.2, 0, y))
    assert train == {0, 1, 2}
    assert valid == test == {0, 1}


def test_a_small_class_comes_before_a_further_row_of_large_ones():
    y = np.repeat([0, 1, 2], [35, 35, 3])  # fair shares of 10 rows: 4.79, 4.79, 0.41
    _, _, test = split_rows(73, 0, 10, 0, y)
    assert sorted(np.bincount(y[test]).tolist()) == [1, 4, 5]


def test_the_only_row_of_a_class_is_for_training():
    y = np.repeat([0, 1, 2], [50, 1, 1])  # fair shares of 10 rows: 9.6, 0.2, 0.2
    train, valid, test = split_rows(52, 10, 10, 0, y)
    assert set(y[train].tolist()) == {0, 1, 2}
    assert set(y[valid].tolist()) == set(y[test].tolist()) == {0}


def test_nothing_left_of_a_class_names_the_class():
    y = np.repeat(np.arange(10), 2)
    with pytest.raises(ShoalError, match=r"no row of class 'c\d' to train on \(2 of 20 rows"):
        split_rows(20, 0.4, 0.4, 0, y, [f"c{i}" for i in range(10)])


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (1.0, r"valid=1.0 must be a share of the rows in \[0, 1\) or a whole number"),
        (-0.1, "valid=-0.1 must be a share"),
        (float("nan"), "valid=nan must be a share"),
        (True, "valid=True must be a share"),
        ("0.2", "valid='0.2' must be a share"),
        (10, "valid=10 must leave rows to train on, but there are 10 rows"),
        (-1, "valid=-1 must leave rows"),
    ],
)
def test_impossible_shares_are_refused(share, text):
    with pytest.raises(ShoalError, match=text):
        part_size("valid", share, 10)


def test_parts_that_take_everything_are_refused():
    with pytest.raises(ShoalError, match=r"valid=0.5 and test=5 leave none of 10 rows to train"):
        split_rows(10, 0.5, 5, 0)


def test_a_share_is_at_least_one_row():
    assert part_size("test", 0.01, 10) == 1
    assert part_size("test", np.int64(3), 10) == 3
    assert part_size("test", np.float32(0.5), 10) == 5


@given(counts=class_sizes, seed=st.integers(0, 99), data=st.data())
@settings(deadline=None)
def test_a_smaller_sample_is_the_beginning_of_a_larger_one(counts, seed, data):
    y = np.repeat(np.arange(len(counts)), counts)
    larger = data.draw(st.integers(1, len(y)))
    smaller = data.draw(st.integers(1, larger))
    rows = sample_rows(len(y), larger, seed, y)
    assert len(set(rows.tolist())) == larger
    assert np.array_equal(sample_rows(len(y), smaller, seed, y), rows[:smaller])


@given(size=st.integers(1, 300), seed=st.integers(0, 20))
@settings(deadline=None)
def test_a_sample_of_balanced_classes_is_balanced_within_one(size, seed):
    y = np.arange(300) % 10
    counts = np.bincount(y[sample_rows(300, size, seed, y)], minlength=10)
    assert counts.max() - counts.min() <= 1


def test_a_sample_of_unequal_classes_keeps_their_shares():
    y = np.repeat([0, 1, 2], [900, 90, 10])
    assert np.bincount(y[sample_rows(1000, 100, 0, y)]).tolist() == [90, 9, 1]


def test_a_sample_larger_than_the_data_is_refused():
    with pytest.raises(ShoalError, match="n=11 must be a whole number >= 1 and <= 10"):
        sample_rows(10, 11, 0)
