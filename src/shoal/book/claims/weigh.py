"""From what was measured, seed by seed, to findings; and findings in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

import shoal
from shoal.book.claims.claim import ANSWERS, NO_UNIT, Answer, Finding, Kind
from shoal.book.text import Text

Values = NDArray[np.float64]

POINT = 0.005
"""Half a percentage point of accuracy: no more does not matter, as in a comparison."""

LOSS_SHARE = 0.1
"""A tenth of the smaller loss: no more does not matter, as in a comparison."""

AT_EDGE = Text(
    "The best learning rate tried lies at the edge of its range for {names}, so a wider range "
    "might serve them better.",
    "{names} 的最佳学习率位于所试范围的边缘，换用更宽的范围也许更好。",
)

POINTS = Text("points", "个百分点")


@dataclass(frozen=True)
class Part:
    """One thing that a claim asserts: that `a` is larger than `b` ("more"), or as large ("same").

    Attributes:
        what, condition, varied: as in `Finding`.
        a, b: (seeds,), measured with the same seeds.
        margin: largest difference that does not matter.
        unit, scale, kind: as in `Finding`.
        step: the smallest difference that the measure can show, 1/rows for an accuracy.
        further: as in `Finding`.
    """

    what: Text
    condition: Text
    varied: Text
    a: ArrayLike
    b: ArrayLike
    margin: float
    unit: Text = NO_UNIT
    scale: float = 1.0
    kind: Kind = "more"
    step: float = 0.0
    further: bool = False


def weigh(parts: Sequence[Part]) -> list[Finding]:
    """The findings of a claim: paired differences, adjusted for all parts together (Holm).

    Findings on one statement stand together, in the order in which statements first come.

    Each difference is tested against the edge of what does not matter that is nearest to it, not
    against 0, so that Holm's order is that of the questions asked; an interval excludes that edge
    exactly if its adjusted p < 0.05.

    >>> part = Part(Text("a > b", ""), NO_UNIT, NO_UNIT, [3.0, 3.1, 3.2], [1.0, 1.0, 1.3], margin=1)
    >>> [finding] = weigh([part])
    >>> round(finding.effect, 6), finding.answer
    (2.0, 'supported')
    """
    order = list(dict.fromkeys(part.what for part in parts))
    parts = sorted(parts, key=lambda part: order.index(part.what))
    edges = [_edge(part) for part in parts]
    pairs = [(np.asarray(part.a) - edge, part.b) for part, edge in zip(parts, edges, strict=True)]
    differences = shoal.paired_differences(pairs, step=[part.step for part in parts])
    return [
        Finding(
            part.what,
            part.condition,
            part.varied,
            d.mean + edge,
            d.low + edge,
            d.high + edge,
            part.margin,
            d.n,
            part.unit,
            part.scale,
            part.kind,
            part.further,
        )
        for part, edge, d in zip(parts, edges, differences, strict=True)
    ]


def _edge(part: Part) -> float:
    """The edge of what does not matter that is nearest to the mean difference."""
    if part.kind == "more":
        return part.margin
    differences = np.asarray(part.a, np.float64) - np.asarray(part.b, np.float64)
    return -part.margin if np.nansum(differences) < 0 else part.margin


def accuracy_part(
    what: Text,
    condition: Text,
    varied: Text,
    a: ArrayLike,
    b: ArrayLike,
    rows: int,
    margin: float = POINT,
    kind: Kind = "more",
    further: bool = False,
) -> Part:
    """A part about accuracies that were measured on so many rows."""
    return Part(what, condition, varied, a, b, margin, POINTS, 100.0, kind, 1 / rows, further)


def loss_part(what: Text, condition: Text, varied: Text, lower: Values, than: Values) -> Part:
    """A part about two losses, the first of which is claimed to be lower; a tenth matters."""
    margin = LOSS_SHARE * min(float(np.nanmean(lower)), float(np.nanmean(than)))
    return Part(what, condition, varied, than, lower, margin)


def digits_of(finding: Finding) -> int:
    """Decimals with which a finding is shown: two of points, else three digits of the largest.

    What is much smaller than what matters is shown as 0.
    """
    if finding.scale == 100:
        return 2
    ends = (finding.effect, finding.low, finding.high, finding.margin)
    size = max((abs(finding.scale * v) for v in ends if math.isfinite(v)), default=0.0) or 1.0
    return min(max(2 - math.floor(math.log10(size)), 0), 6)


def signed(value: float, digits: int) -> str:
    """A number with its sign, and nothing for nothing.

    >>> signed(0.1234, 2), signed(-0.001, 2), signed(-1.5, 1)
    ('+0.12', '0.00', '−1.5')
    """
    rounded = round(value, digits) + 0.0
    return f"{rounded:{'+' if rounded else ''}.{digits}f}".replace("-", "−")


def effect_words(finding: Finding, *, unit: bool = True) -> Text:
    """Effect and interval, such as `+1.20 [+0.70, +1.70] points`."""
    if not finding.n:
        return Text("nothing to subtract", "无可比的数值")
    digits = digits_of(finding)
    mean, low, high = (
        signed(finding.scale * v, digits) if math.isfinite(v) else "–"
        for v in (finding.effect, finding.low, finding.high)
    )
    words = f"{mean} [{low}, {high}]"
    if not unit or not finding.unit.en:
        return Text(words, words)
    return Text(f"{words} {finding.unit.en}", f"{words} {finding.unit.zh}")


def margin_words(finding: Finding) -> str:
    """What does not matter, such as `±0.50`."""
    return f"±{finding.scale * finding.margin:.{digits_of(finding)}f}"


def answer_words(finding: Finding) -> Text:
    """The answer; with about how many seeds would decide, if it is undecided."""
    words = ANSWERS[finding.answer]
    needed = finding.seeds_to_decide
    if finding.answer != "undecided" or needed is None:
        return words
    if needed > 1000:
        return words + Text("(more than 1000 seeds needed)", "（需要 1000 个以上随机种子）")
    return words + Text("(about {n} seeds needed)", "（约需 {n} 个随机种子）").format(n=needed)


def told(findings: Sequence[Finding]) -> Text:
    """How many findings have which answer, in one sentence."""
    asserted = [finding for finding in findings if not finding.further]
    text = Text("Of {n} findings on the claim: {counts}.", "关于论断的 {n} 项结果中：{counts}。")
    text = text.format(n=len(asserted), counts=_counts(asserted))
    if len(asserted) == len(findings):
        return text
    further = [finding for finding in findings if finding.further]
    more = Text("Of {n} on the further question: {counts}.", "附加问题的 {n} 项中：{counts}。")
    return text + more.format(n=len(further), counts=_counts(further))


def _counts(findings: Sequence[Finding]) -> Text:
    order: tuple[Answer, ...] = ("supported", "not supported", "undecided")
    counts = {answer: sum(f.answer == answer for f in findings) for answer in order}
    return Text(
        ", ".join(f"{n} {answer}" for answer, n in counts.items() if n),
        "，".join(f"{n} 项{ANSWERS[answer].zh}" for answer, n in counts.items() if n),
    )


def joined(sentences: Sequence[Text]) -> Text:
    """Sentences one after the other."""
    text = sentences[0]
    for sentence in sentences[1:]:
        text += sentence
    return text
