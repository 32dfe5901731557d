"""What a claim of the book is, what a study measures for it, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from shoal.book.experiment import Draw, Setting
from shoal.book.text import Text, listed

Answer = Literal["supported", "not supported", "undecided"]
Verdict = Literal["supported", "not supported", "undecided", "depends"]
Kind = Literal["more", "same"]

ANSWERS: dict[Verdict, Text] = {
    "supported": Text("supported", "成立"),
    "not supported": Text("not supported", "不成立"),
    "undecided": Text("undecided", "无法判定"),
    "depends": Text("depends on {condition}", "取决于{condition}"),
}
NO_UNIT = Text("", "")
WHICH_PART = Text("which part of it is meant", "论断中的具体部分")

MIN_SEEDS = 5
"""A claim is judged by at least so many paired seeds."""


@dataclass(frozen=True)
class Finding:
    """One thing that a claim asserts, under one condition, as it was measured.

    Effects are so counted that the claim says: more than `margin` ("more"), or no further from 0
    than `margin` ("same").

    Attributes:
        what: is asserted, as a statement that is true or not.
        condition: under which it was tested.
        varied: what the condition is one value of, such as "the number of steps".
        effect: mean of the paired differences over seeds.
        low, high: its interval, 95 % over all findings of the claim together.
        margin: largest effect that does not matter.
        n: pairs of seeds.
        unit: of the effect, such as "points"; empty for a plain number.
        scale: what to multiply effects by for `unit`.
        kind: "more" or "same".
        further: a question that goes beyond the claim; it has an answer, but the verdict on the
            claim does not hang on it.
    """

    what: Text
    condition: Text
    varied: Text
    effect: float
    low: float
    high: float
    margin: float
    n: int
    unit: Text = NO_UNIT
    scale: float = 1.0
    kind: Kind = "more"
    further: bool = False

    @property
    def answer(self) -> Answer:
        """What the interval says.

        more: supported if all of it lies above the margin, not supported if all of it lies below.
        same: supported if it lies within ± margin, not supported if it lies outside.
        Else undecided: these seeds allow both.
        """
        if not math.isfinite(self.low):
            return "undecided"
        if self.kind == "more":
            inside, outside = self.low > self.margin, self.high <= self.margin
        else:
            inside = -self.margin <= self.low and self.high <= self.margin
            outside = self.low > self.margin or self.high < -self.margin
        return "supported" if inside else "not supported" if outside else "undecided"

    @property
    def seeds_to_decide(self) -> int | None:
        """About how many seeds would decide, if mean and spread stay as they are; None if unknown.

        An interval narrows with the root of the number of seeds; it must become narrower than the
        way from the mean to the nearest edge of what does not matter.
        """
        edges = (self.margin,) if self.kind == "more" else (-self.margin, self.margin)
        way = min(abs(self.effect - edge) for edge in edges)
        half = (self.high - self.low) / 2
        if not math.isfinite(half) or way == 0:
            return None
        return math.ceil(self.n * (half / way) ** 2)


@dataclass(frozen=True)
class Judged:
    """What a study of a claim says.

    Attributes:
        findings: the parts of the claim, condition by condition.
        words: the result in a few sentences, written from the numbers; where the book's single run
            and these seeds disagree, it says so.
        numbers: everything measured, as plain data.
        pictures: how to draw each, by name; the forest of the findings is drawn in any case.
        captions: of those pictures.
        between: what distinguishes the statements, where one is supported and another is not.
    """

    findings: Sequence[Finding]
    words: Text
    numbers: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Draw] = field(default_factory=dict)
    captions: Mapping[str, Text] = field(default_factory=dict)
    between: Text = WHICH_PART

    @property
    def asserted(self) -> list[Finding]:
        """The findings about the claim itself, without further questions."""
        return [finding for finding in self.findings if not finding.further]

    @property
    def verdict(self) -> Verdict:
        """Over what is asserted: supported, or not, if all is; depends if some is and some is not.

        Undecided if some are undecided and no two of the others contradict each other.
        """
        answers = {finding.answer for finding in self.asserted}
        if {"supported", "not supported"} <= answers:
            return "depends"
        return answers.pop() if len(answers) == 1 else "undecided"

    @property
    def condition(self) -> Text | None:
        """What the answer depends on, if it depends: what was varied where answers differ."""
        if self.verdict != "depends":
            return None
        groups: dict[Text, list[Finding]] = {}
        for finding in self.asserted:
            groups.setdefault(finding.what, []).append(finding)
        mixed = [group for group in groups.values() if _mixed(group)]
        whole = [{f.answer for f in group} for group in groups.values() if not _mixed(group)]
        depends = [label for group in mixed for label in _varied(group)]
        if any("supported" in a for a in whole) and any("not supported" in a for a in whole):
            depends = [self.between, *depends]
        return listed(list(dict.fromkeys(depends or [self.between])))

    @property
    def answer(self) -> Text:
        """The verdict in words."""
        return ANSWERS[self.verdict].format(condition=self.condition or "")

    def count(self, answer: Answer) -> int:
        """How many findings about the claim itself have that answer."""
        return sum(finding.answer == answer for finding in self.asserted)


def _mixed(findings: Sequence[Finding]) -> bool:
    return {"supported", "not supported"} <= {finding.answer for finding in findings}


def _varied(group: Sequence[Finding]) -> list[Text]:
    """What was varied between findings that differ: within one label, else the rarest label's."""
    labels = list(dict.fromkeys(finding.varied for finding in group))
    under = {label: [f for f in group if f.varied == label] for label in labels}
    inside = [label for label in labels if _mixed(under[label])]
    return inside or [min(labels, key=lambda label: len(under[label]))]


@dataclass(frozen=True)
class Claim:
    """One claim of the book.

    Attributes:
        name: as in `shoal claims NAME`.
        number: in the book's list.
        statement: what is claimed.
        question: how it is put to the test: what is varied, what is measured, what would refute it.
        code: the function that does the work with the public API; the page shows its source.
        study: puts it to the test.
        seeds: paired repetitions unless others are asked for.
    """

    name: str
    number: int
    statement: Text
    question: Text
    code: Callable[..., Any]
    study: Callable[[Setting], Judged]
    seeds: int = MIN_SEEDS
