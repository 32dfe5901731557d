"""What follows from an interval, and from several."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.book import Text
from shoal.book.claims.claim import WHICH_PART, Finding, Judged

numbers = st.floats(-10, 10, allow_nan=False)


def finding(effect, low, high, kind="more", margin=1.0, n=5, what="a", varied="v", **more):
    return Finding(
        Text(what, what), Text("", ""), Text(varied, varied), effect, low, high, margin, n,
        kind=kind, **more,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "low", "high", "answer"),
    [
        ("more", 1.1, 3.0, "supported"),
        ("more", 1.0, 3.0, "undecided"),  # 1 itself does not matter
        ("more", 0.9, 3.0, "undecided"),
        ("more", -0.5, 1.0, "not supported"),  # too small to matter, and that is proved
        ("more", -3.0, -1.5, "not supported"),
        ("more", -3.0, 3.0, "undecided"),
        ("same", -1.0, 1.0, "supported"),
        ("same", -0.5, 1.2, "undecided"),
        ("same", 1.1, 2.0, "not supported"),
        ("same", -2.0, -1.1, "not supported"),
        ("same", -3.0, 3.0, "undecided"),
        ("more", math.nan, math.nan, "undecided"),
        ("same", math.nan, math.nan, "undecided"),
    ],
)
def test_the_answer_is_what_the_interval_says(kind, low, high, answer):
    assert finding((low + high) / 2, low, high, kind).answer == answer


@given(numbers, st.floats(0, 10), st.floats(0.01, 5))
def test_a_claim_and_its_mirror_are_never_both_supported(middle, half, margin):
    here = finding(middle, middle - half, middle + half, margin=margin)
    there = finding(-middle, -middle - half, -middle + half, margin=margin)
    same = finding(middle, middle - half, middle + half, "same", margin=margin)
    assert [here.answer, there.answer, same.answer].count("supported") <= 1
    if same.answer == "supported":
        assert here.answer == there.answer == "not supported"


@given(numbers, st.floats(0.01, 10), st.sampled_from(["more", "same"]))
def test_so_many_seeds_would_decide(effect, half, kind):
    few = finding(effect, effect - half, effect + half, kind)
    needed = few.seeds_to_decide
    if needed is None or needed > 1e6:
        return
    narrower = half * math.sqrt(few.n / (1.01 * needed + 1))
    assert finding(effect, effect - narrower, effect + narrower, kind).answer != "undecided"
    if few.answer == "undecided" and needed > 6:
        wider = half * math.sqrt(few.n / (0.9 * (needed - 1)))
        assert finding(effect, effect - wider, effect + wider, kind).answer == "undecided"


def yes(**more):
    return finding(3, 2, 4, **more)


def no(**more):
    return finding(0, -0.5, 0.5, **more)


def unsure(**more):
    return finding(1, 0, 2, **more)


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ([yes(), yes()], "supported"),
        ([no(), no()], "not supported"),
        ([unsure()], "undecided"),
        ([yes(), unsure()], "undecided"),
        ([no(), unsure()], "undecided"),
        ([yes(), no()], "depends"),
        ([yes(), no(), unsure()], "depends"),
        ([yes(), no(further=True)], "supported"),  # a further question does not change the claim
    ],
)
def test_the_verdict_is_over_all_that_is_asserted(findings, verdict):
    assert Judged(findings, Text("", "")).verdict == verdict


@pytest.mark.parametrize(
    ("findings", "condition"),
    [
        ([yes(varied="steps"), no(varied="steps")], "steps"),
        ([yes(what="a"), no(what="b")], WHICH_PART.en),
        ([yes(what="a"), no(what="b"), no(what="b")], WHICH_PART.en),
        (
            [yes(varied="steps"), no(varied="steps"), yes(what="b", varied="depth")],
            "steps",
        ),
        (
            [yes(varied="x"), no(varied="x"), yes(what="b"), no(what="c")],
            f"{WHICH_PART.en} and x",
        ),
        ([no(varied="x"), no(varied="x"), yes(varied="y")], "y"),
        ([yes(varied="x"), no(varied="x"), yes(varied="y", what="b"), no(varied="y", what="b")],
         "x and y"),
    ],
)  # fmt: skip
def test_what_the_answer_depends_on_is_what_was_varied_where_answers_differ(findings, condition):
    judged = Judged(findings, Text("", ""))
    assert judged.condition["en"] == condition
    assert judged.answer["en"] == f"depends on {condition}"


def test_statements_may_differ_in_something_that_has_a_name():
    findings = [yes(what="by 1"), no(what="by 5")]
    judged = Judged(findings, Text("", ""), between=Text("how much is meant", "指多少"))
    assert judged.answer == Text("depends on how much is meant", "取决于指多少")


def test_an_answer_that_depends_on_nothing_names_nothing():
    assert Judged([yes(), yes()], Text("", "")).condition is None
    assert Judged([yes(), yes()], Text("", "")).answer["zh"] == "成立"


def test_answers_are_counted_without_further_questions():
    judged = Judged([yes(), no(), yes(further=True)], Text("", ""))
    assert [judged.count(a) for a in ("supported", "not supported", "undecided")] == [1, 1, 0]
