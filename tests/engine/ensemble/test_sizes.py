"""Ensembles of 1, 2, 3, … members: exact where subsets are few, honest about what they share."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import ShoalError
from shoal.engine.ensemble.sizes import disjoint_sd, sizes_of, some_sizes, subsets


@given(st.integers(1, 12), st.data(), st.integers(1, 80), st.integers(0, 3))
def test_subsets_have_their_size_and_are_all_of_them_if_these_are_few(count, data, most, seed):
    size = data.draw(st.integers(1, count))
    some = subsets(count, size, most, seed)
    assert some.shape[1] == count
    assert (some.sum(axis=-1) == size).all()
    every = math.comb(count, size)
    if every <= most or size in (1, count):
        assert len(some) == every
        assert len(np.unique(some, axis=0)) == every
    else:
        assert len(some) == most
    np.testing.assert_array_equal(some, subsets(count, size, most, seed))


def test_other_seeds_give_other_random_subsets():
    assert not np.array_equal(subsets(30, 9, 50, 0), subsets(30, 9, 50, 1))


def test_random_subsets_come_in_groups_that_share_no_member():
    some = subsets(20, 6, 30, 0).reshape(10, 3, 20)
    assert some.sum(axis=1).max() == 1


def test_every_size_by_hand(classes_of):
    said = classes_of(5, 60, 3)
    sizes = sizes_of(said, "test", "loss", 100, 0)
    assert sizes.name == "test_loss"
    assert sizes.exact.all()
    np.testing.assert_array_equal(sizes.subsets, [5, 10, 10, 5, 1])
    p_true = np.exp(said.log_p_true)
    for k, size in enumerate(sizes.sizes):
        every = [
            -np.log(p_true[list(some)].mean(axis=0)).mean()
            for some in itertools.combinations(range(5), size)
        ]
        np.testing.assert_allclose(sizes.mean[k], np.mean(every), rtol=1e-12)
        np.testing.assert_allclose(sizes.low[k], np.min(every), rtol=1e-12)
        np.testing.assert_allclose(sizes.high[k], np.max(every), rtol=1e-12)


def test_the_ends_are_exact_whatever_is_drawn(classes_of):
    said = classes_of(9, 80, 4)
    sizes = sizes_of(said, "test", None, 3, 0)
    assert sizes.measure == "accuracy"
    np.testing.assert_array_equal(sizes.subsets, [9, *[3] * 7, 1])
    np.testing.assert_array_equal(sizes.exact, [True, *[False] * 7, True])
    np.testing.assert_array_equal(sizes.members, said.of_members()["accuracy"])
    assert sizes.mean[0] == pytest.approx(sizes.members.mean())
    assert sizes.mean[-1] == said.of_averages(np.full((1, 9), 1 / 9))["accuracy"][0]


def test_the_mean_squared_error_of_all_subsets_has_a_closed_form(targets_of):
    # E |mean of k errors|² = (v + (k - 1) c) / k: v mean square, c mean product of two members
    said = targets_of(8, 50, 2)
    sizes = sizes_of(said, "test", "loss", 100, 0)
    products = np.einsum("mro,nro->mn", said.errors, said.errors) / said.errors[0].size
    v = products.diagonal().mean()
    c = (products.sum() - products.trace()) / (8 * 7)
    k = sizes.sizes
    assert sizes.exact.all()
    np.testing.assert_allclose(sizes.mean, (v + (k - 1) * c) / k, rtol=1e-10)


def test_random_subsets_come_near_that_form(targets_of):
    said = targets_of(16, 50, 2)
    drawn = sizes_of(said, "test", "loss", 400, 0)
    products = np.einsum("mro,nro->mn", said.errors, said.errors) / said.errors[0].size
    v = products.diagonal().mean()
    c = (products.sum() - products.trace()) / (16 * 15)
    assert not drawn.exact[7]
    spread = drawn.sd[7] / math.sqrt(400)
    assert abs(drawn.mean[7] - (v + 7 * c) / 8) < 4 * spread


def test_spread_of_single_members_is_their_standard_deviation(classes_of):
    said = classes_of(6, 70, 3)
    sizes = sizes_of(said, "test", "accuracy", 100, 0)
    assert sizes.sd[0] == pytest.approx(sizes.members.std(ddof=1))


def test_spread_compares_only_what_shares_no_member(classes_of):
    sizes = sizes_of(classes_of(7, 70, 3), "test", "loss", 100, 0)
    np.testing.assert_array_equal(np.isfinite(sizes.sd), [True] * 3 + [False] * 4)
    some = np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 0, 1]], bool)
    assert disjoint_sd(some, np.array([1.0, 4.0, 100.0])) == pytest.approx(3 / math.sqrt(2))


def test_that_spread_is_the_one_between_independent_ensembles():
    # members drawn anew: the mean of 2 has a standard deviation of 1 / √2, and of 6 of 1 / √6;
    # the spread over all subsets, which share members, would say 0.58 and 0.29
    rng = np.random.default_rng(0)
    for size, expected in ((2, 1 / math.sqrt(2)), (6, 1 / math.sqrt(6))):
        some = subsets(12, size, 100, 0)
        squares, naive = [], []
        for _ in range(300):
            values = (some / size) @ rng.normal(size=12)
            squares.append(disjoint_sd(some, values) ** 2)
            naive.append(values.var())
        assert math.sqrt(np.mean(squares)) == pytest.approx(expected, rel=0.06)
        assert math.sqrt(np.mean(naive)) < 0.96 * expected


@given(st.integers(1, 3000))
def test_sizes_rise_from_1_to_all(count):
    sizes = some_sizes(count)
    assert (sizes[0], sizes[-1]) == (1, count)
    assert (np.diff(sizes) > 0).all()
    assert len(sizes) == min(count, 50) or count > 50 >= len(sizes)


def test_one_member_has_one_size(classes_of):
    sizes = sizes_of(classes_of(1, 20, 3), "valid", None, 100, 0)
    assert (len(sizes.sizes), sizes.subsets[0], bool(sizes.exact[0])) == (1, 1, True)
    assert math.isnan(sizes.sd[0])


def test_as_a_table_and_in_words(targets_of):
    sizes = sizes_of(targets_of(4, 20, 1), "test", None, 100, 0)
    frame = sizes.to_frame()
    assert list(frame.columns) == ["mean", "sd", "low", "high", "subsets", "exact"]
    np.testing.assert_array_equal(frame.loc[2, "mean"], sizes.mean[1])
    lines = str(sizes).splitlines()
    assert lines[0] == "test rmse against the number of members"
    assert lines[4].split() == [
        "2", *(f"{v[1]:.4f}" for v in (sizes.mean, sizes.sd, sizes.low, sizes.high)), "all", "6",
    ]  # fmt: skip
    assert lines[6].split()[2] == "–"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (("acuracy", 10, 0), r"^unknown measure 'acuracy': did you mean 'accuracy'\?"),
        (("rmse", 10, 0), r"^unknown measure 'rmse': \(known: loss, accuracy\)"),
        ((None, 0, 0), r"^subsets=0 must be a whole number >= 1$"),
        ((None, 10, -1), r"^seed=-1 must be a whole number >= 0$"),
    ],
)
def test_settings_that_are_refused(classes_of, settings, words):
    with pytest.raises(ShoalError, match=words):
        sizes_of(classes_of(3, 10, 3), "test", *settings)
