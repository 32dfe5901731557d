"""Batch order: every row once an epoch, the last partial batch included, the same for everyone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import ShoalError
from shoal.data import batch_rows, epoch_rows, steps_per_epoch
from shoal.data.batching import _shuffler, rows_of_steps, starts_of_steps

sizes = st.integers(1, 200).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, n)))
seeds = st.integers(0, 2**32)


@given(size=sizes, seed=seeds, epoch=st.integers(0, 1000))
@settings(deadline=None)
def test_an_epoch_sees_every_row_exactly_once(size, seed, epoch):
    n, batch_size = size
    steps = steps_per_epoch(n, batch_size)
    batches = [batch_rows(seed, n, batch_size, epoch * steps + i) for i in range(steps)]
    assert [len(b) for b in batches[:-1]] == [batch_size] * (steps - 1)
    assert len(batches[-1]) == n - (steps - 1) * batch_size
    assert sorted(np.concatenate(batches).tolist()) == list(range(n))


@given(size=sizes, seed=seeds, step=st.integers(0, 10_000), replacement=st.booleans())
@settings(deadline=None)
def test_rows_are_a_function_of_seed_and_step(size, seed, step, replacement):
    n, batch_size = size
    once = batch_rows(seed, n, batch_size, step, replacement).copy()
    _shuffler.cache_clear()  # as in another process
    assert np.array_equal(batch_rows(seed, n, batch_size, step, replacement), once)
    assert once.dtype == np.int64
    assert once.min() >= 0
    assert once.max() < n


@given(
    size=sizes,
    seed=seeds,
    first=st.integers(0, 300),
    count=st.integers(0, 40),
    replacement=st.booleans(),
)
@settings(deadline=None)
def test_rows_of_many_steps_are_those_of_each(size, seed, first, count, replacement):
    steps = (*size, first, first + count, replacement)
    starts = starts_of_steps(*steps)
    assert starts.shape == (count + 1,)
    if not count:
        assert starts.tolist() == [0]
        return
    rows = rows_of_steps(seed, *steps)
    assert rows.dtype == np.int64
    for i, step in enumerate(range(first, first + count)):
        one = batch_rows(seed, *size, step, replacement)
        np.testing.assert_array_equal(rows[starts[i] : starts[i + 1]], one)
    assert len(rows) == starts[-1]


def test_rows_of_steps_within_an_epoch_are_not_copied():
    assert np.shares_memory(rows_of_steps(0, 100, 7, 15, 30), epoch_rows(0, 100, 1))


def test_epochs_and_seeds_differ():
    first = epoch_rows(0, 100, 0)
    assert not np.array_equal(first, epoch_rows(0, 100, 1))
    assert not np.array_equal(first, epoch_rows(1, 100, 0))


def test_the_permutation_does_not_depend_on_the_batch_size():
    small = [batch_rows(3, 10, 2, step) for step in range(5)]
    large = [batch_rows(3, 10, 5, step) for step in range(2)]
    assert np.array_equal(np.concatenate(small), np.concatenate(large))


def test_with_replacement_a_batch_is_always_full_and_rows_repeat():
    rows = np.concatenate([batch_rows(0, 50, 40, step, replacement=True) for step in range(100)])
    assert len(rows) == 4000
    counts = np.bincount(rows, minlength=50)
    assert 40 < counts.min() <= counts.max() < 120  # 80 ± 9 expected
    assert len(set(rows[:40].tolist())) < 40


def test_rows_cannot_be_changed_by_one_who_uses_them():
    for replacement in (False, True):
        with pytest.raises(ValueError, match="read-only"):
            batch_rows(0, 10, 5, 0, replacement)[0] = 3


def test_threads_get_the_same_rows():
    _shuffler.cache_clear()
    with ThreadPoolExecutor(8) as pool:
        all_rows = list(pool.map(lambda step: batch_rows(5, 1000, 10, step % 100), range(800)))
    for step, rows in enumerate(all_rows):
        assert np.array_equal(rows, batch_rows(5, 1000, 10, step % 100))


@pytest.mark.parametrize(("n", "batch", "steps"), [(1001, 100, 11), (1000, 100, 10), (5, 5, 1)])
def test_the_last_partial_batch_counts(n, batch, steps):
    assert steps_per_epoch(n, batch) == steps
    assert steps_per_epoch(n, batch, replacement=True) == steps


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: steps_per_epoch(10, 11), "batch_size=11 must be at most .* training rows, 10;"),
        (lambda: batch_rows(0, 10, 11, 0, True), "batch_size=11 must be at most"),
        (lambda: steps_per_epoch(10, 0), "batch_size=0 must be a whole number >= 1"),
        (lambda: steps_per_epoch(10, 2.5), "batch_size=2.5 must be a whole number"),
        (lambda: steps_per_epoch(0, 1), "n=0 must be a whole number >= 1"),
        (lambda: batch_rows(0, 10, 2, -1), "step=-1 must be a whole number >= 0"),
        (lambda: batch_rows(-1, 10, 2, 0), "seed=-1 must be a whole number >= 0"),
        (lambda: batch_rows(-1, 10, 2, 0, True), "seed=-1 must be a whole number >= 0"),
    ],
)
def test_impossible_batches_are_refused(call, text):
    with pytest.raises(ShoalError, match=text):
        call()
