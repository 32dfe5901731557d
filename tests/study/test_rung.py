"""Who is better at a rung: score and loss, each by its rank."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import rankdata

from shoal.study.rung import places

NUMBERS = st.sampled_from([-math.inf, -2.0, -0.5, 0.1, 0.25, 0.5, 0.75])
KEYS = st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=30)


@given(KEYS)
def test_the_sum_of_both_ranks_decides_and_among_equals_the_loss(keys):
    scores, losses = np.array(keys).T
    wanted = np.lexsort((losses, rankdata(scores) + rankdata(losses)))
    found = places(keys)
    assert (np.diff(found[wanted]) >= 0).all()
    ranks = list(zip(rankdata(scores) + rankdata(losses), losses, strict=True))
    for i, one in enumerate(ranks):
        for j, other in enumerate(ranks):
            assert (found[i] < found[j]) == (one < other)


@given(KEYS)
def test_who_is_no_worse_in_both_stands_no_lower(keys):
    found = places(keys)
    for i, (score, loss) in enumerate(keys):
        for j, (other, its) in enumerate(keys):
            if score >= other and loss >= its:
                assert found[i] >= found[j]


def test_many_equal_accuracies_are_told_apart_by_their_losses():
    keys = [(0.11, -2.30), (0.11, -2.29), (0.12, -2.31), (0.11, -2.20)]
    assert places(keys).argmax() == 3


def test_a_loss_alone_does_not_decide():
    """The one with few, sure errors has not the lowest loss, and is right most often."""
    keys = [(0.95, -0.31), (0.80, -0.29), (0.85, -0.40), (0.84, -0.50)]
    assert places(keys).argmax() == 0
