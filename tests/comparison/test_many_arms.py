"""Comparisons of many arms: computed once, and printed on a page."""

from __future__ import annotations

import re

import pytest

import shoal
from shoal.comparison.words import listing, pair_lines


def compare(data, count, **settings):
    arms = {
        f"arm {i}": shoal.Recipe(shoal.mlp([2]), shoal.SGD(lr=0.01 * (i + 1)), batch_size=30)
        for i in range(count)
    }
    return shoal.compare(arms, data, steps=3, seeds=3, progress=False, **settings)


@pytest.fixture(scope="module")
def many(blobs):
    return compare(blobs, 45)


@pytest.mark.parametrize(("arms", "lines"), [(2, 1), (6, 15), (7, 7), (45, 16)])
def test_the_pairs_of_many_arms_are_those_of_the_best(blobs, arms, lines):
    pairs = compare(blobs, arms).pairs()
    told = pair_lines(pairs)
    assert len(told) == lines
    shown = told if len(pairs) <= 15 else told[:-1]
    assert shown == [pair.words for pair in pairs[: len(shown)]]
    if len(pairs) > 15:
        assert {pair.a for pair in pairs[: len(shown)]} == {pairs[0].a}
        left = int(re.match(r"… (\d+) more pairs; see pairs\(\) or the report$", told[-1])[1])
        assert left + len(shown) == len(pairs) == arms * (arms - 1) // 2


def test_a_comparison_of_many_arms_is_printed_on_two_pages(many):
    lines = str(many).splitlines()
    assert lines[0] == many.headline
    assert "… 5 more arms; see to_frame() or the report" in lines
    assert len(lines) < 120
    assert max(map(len, lines)) < 400


def test_very_many_names_are_counted():
    names = [f"n{i}" for i in range(16)]
    assert listing(names) == "n0, n1, n2, n3, n4, n5, n6, n7, n8, n9 and 6 more"
    assert listing(names[:15]).endswith(", n13 and n14")


def test_what_was_computed_is_not_computed_again(many, monkeypatch):
    first = many.arms, many.pairs(), many.pairs("loss")
    for name in ("paired_differences", "mean_interval", "steps_to"):
        monkeypatch.setattr(f"shoal.comparison.result.{name}", lambda *_: pytest.fail("again"))
    assert (many.arms, many.pairs(), many.pairs("loss")) == first


def test_what_one_caller_does_to_a_list_is_not_seen_by_the_next(many):
    first = list(many.pairs())
    many.pairs().clear()
    many.arms.clear()
    assert many.pairs() == first
    assert len(many.arms) == 45


def test_another_margin_is_another_judgement(blobs):
    told = compare(blobs, 2, margin=100.0, metric="valid_loss")
    assert told.pairs()[0].verdict == "tied"
    told.margin = 1e-9
    assert told.pairs()[0].margin == 1e-9
