"""Finalists: neither the luck of seeds nor that of rows may pass for a difference."""

from __future__ import annotations

import math

import numpy as np
import pytest

import shoal
from shoal import Recipe
from shoal.study import finals
from shoal.study.finals import Rival, headline, rivals, row_p


@pytest.fixture(scope="module")
def data():
    return shoal.load("digits").take(400)


def compared(data, rates, seeds=4, **settings):
    recipes = {
        f"trial {k}": Recipe(shoal.mlp([16]), shoal.SGD(lr=rate), batch_size=32)
        for k, rate in enumerate(rates)
    }
    settings = {"epochs": 8, "metric": "valid_accuracy"} | settings
    return shoal.compare(recipes, data, seeds=seeds, evaluate_parts=("train", "valid"), **settings)


def test_a_clear_winner_is_named(data):
    final = compared(data, [0.3, 0.001])
    [rival] = rivals(final)
    assert rival.name == "trial 1"
    assert rival.verdict == rival.by_seeds == "better"
    assert rival.p_rows < 0.001
    assert headline(final) == "trial 0 is the best of 2 finalists, judged on fresh seeds."


def test_equal_ones_are_not_told_apart(data):
    final = compared(data, [0.2, 0.2 * (1 + 1e-6)])
    [rival] = rivals(final)
    assert rival.verdict in ("tied", "undecided")
    state = "are tied" if rival.verdict == "tied" else "cannot be told apart"
    assert headline(final).startswith(f"The two finalists {state}; ")


def test_the_p_of_rows_is_that_of_mcnemar_with_one_seed(data):
    """Of b and c discordant rows: t = (b - c) / √(b + c - (b - c)²/n) · √((n - 1)/n)."""
    final = compared(data, [0.3, 0.02], seeds=1)
    outputs = final.shoal.outputs(data.valid.x)
    right = outputs.argmax(axis=-1) == data.valid.y
    b, c = int((right[0] & ~right[1]).sum()), int((right[1] & ~right[0]).sum())
    n = len(data.valid.y)
    statistic = (b - c) / math.sqrt(b + c - (b - c) ** 2 / n) * math.sqrt((n - 1) / n)
    from scipy.stats import t

    assert b + c > 5
    assert row_p(final, "trial 0", "trial 1") == pytest.approx(2 * t.sf(abs(statistic), n - 1))


def test_the_loss_of_classes_is_judged_row_by_row(data):
    final = compared(data, [0.3, 0.001], metric="valid_loss")
    rows = finals.row_losses(final.ensemble(arms="trial 1"), final.metric)
    mean = final.history.final("valid_loss")[final.members("trial 1")].mean()
    assert rows.mean() == pytest.approx(mean, rel=1e-5)
    assert rivals(final)[0].verdict == "better"


def test_a_finalist_that_diverged_is_worse(data):
    final = compared(data, [0.3, 1e30])
    [rival] = rivals(final)
    assert rival.verdict == "better"  # of the first, compared with it
    assert math.isnan(rival.p_rows)


def test_rows_can_overrule_seeds(data, monkeypatch):
    final = compared(data, [0.3, 0.001])
    monkeypatch.setattr(finals, "row_p", lambda final, a, b: 0.4)
    [rival] = rivals(final)
    assert (rival.by_seeds, rival.verdict) == ("better", "undecided")
    assert rival.words.endswith("; but other rows might decide otherwise (p = 0.40)")
    assert headline(final).startswith("The two finalists cannot be told apart")


def test_several_rivals_are_adjusted_for_each_other(data, monkeypatch):
    final = compared(data, [0.3, 0.001, 0.002], seeds=3)
    monkeypatch.setattr(finals, "row_p", lambda final, a, b: 0.03)
    assert [rival.p_rows for rival in rivals(final)] == [0.06, 0.06]


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        (["better"] * 4, "trial 9 is the best of 5 finalists, judged on fresh seeds."),
        (["tied"] * 4, "The five finalists are tied; trial 9 has the best mean."),
        (
            ["undecided", "tied", "better", "better"],
            "The best three cannot be told apart; trial 9 has the best mean. "
            "It is better than 2 others.",
        ),
        (
            ["tied", "better", "better", "better"],
            "The best two are tied; trial 9 has the best mean. It is better than 3 others.",
        ),
        (
            ["undecided"] * 3 + ["better"],
            "The best four cannot be told apart; trial 9 has the best mean. "
            "It is better than 1 other.",
        ),
    ],
)
def test_headlines(monkeypatch, verdicts, words):
    found = [Rival(f"trial {k}", v, v, 0.5, "") for k, v in enumerate(verdicts)]
    monkeypatch.setattr(finals, "rivals", lambda final: found)

    class Final:
        ranking = ("trial 9",)

    assert headline(Final()) == words


def test_false_winners_are_rare():
    """Equal networks, all luck: each row has its own difficulty, each seed its own level.

    By seeds alone (few of them) and by rows alone one is called better now and then; both rarely.
    """
    random = np.random.default_rng(0)
    false = 0
    for _ in range(400):
        level = 0.9 + 0.01 * random.standard_normal((2, 5, 1))
        right = random.random((2, 5, 300)) < level
        seeds = right.mean(axis=2)
        by_seeds = shoal.paired_difference(seeds[0], seeds[1], step=1 / 300).p
        by_rows = finals.p_of_mean((right[0] - right[1].astype(float)).mean(axis=0))
        false += by_seeds < 0.05 and by_rows < 0.05
    assert false / 400 < 0.06
