"""Numbers and verdicts in words, the same in terminals, notebooks and reports."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.comparison.metrics import Metric
from shoal.comparison.statistics import Difference, Interval, Verdict
from shoal.engine.diagnosis import Finding
from shoal.errors import counted

if TYPE_CHECKING:
    from shoal.comparison.result import Pair

_MOST_NAMES = 15


def pair_words(
    a: str,
    b: str,
    difference: Difference,
    margin: float,
    verdict: Verdict,
    metric: Metric,
    dead: Sequence[bool],
    seeds: int,
) -> str:
    """One sentence for one pair."""
    if all(dead):
        return f"{a} and {b}: undecided; all members of both diverged"
    if any(dead):
        return f"{a} is {verdict} than {b}: all members of {a if dead[0] else b} diverged"
    unit = " points" if metric.measure == "accuracy" else ""
    mean, low, high = signed(metric, difference.mean, difference.low, difference.high)
    if difference.n == 0:
        return f"{a} and {b}: undecided; no seed on which both have a value"
    if difference.n == 1:
        return f"{a} and {b}: undecided; only 1 pair of runs (difference {mean}{unit})"
    detail = f"{mean} [{low}, {high}]{unit}, {p_words(difference.p)}"
    if difference.n < seeds:
        detail += f", {difference.n} of {seeds} pairs"
    match verdict:
        case "tied":
            return f"{a} and {b} are tied: {detail}, within ±{scale_of(metric) * margin:.2g}{unit}"
        case "undecided":
            return f"{a} and {b}: undecided: {detail}"
    return f"{a} is {verdict} than {b}: {detail}"


def pair_lines(pairs: Sequence[Pair], most: int = 15) -> list[str]:
    """What to print of the pairs of some arms: all if they are few, else those of the best arm.

    Args:
        pairs: the better arm first, those of the best arm before the others.
        most: lines, without the one that says what is left out.
    """
    shown = [pair for pair in pairs if len(pairs) <= most or pair.a == pairs[0].a][:most]
    lines = [pair.words for pair in shown]
    if len(shown) < len(pairs):
        left = counted(len(pairs) - len(shown), "more pair")
        lines.append(f"… {left}; see pairs() or the report")
    return lines


def scale_of(metric: Metric) -> float:
    """What to multiply differences by: accuracies are compared in percentage points."""
    return 100.0 if metric.measure == "accuracy" else 1.0


def signed(metric: Metric, *values: float) -> list[str]:
    """Differences of a metric with signs and a sensible number of digits.

    Accuracies in percentage points with two decimals; else three digits of the largest.

    >>> signed(Metric("test_accuracy"), 0.0567895, 0.03891, 0.07484)
    ['+5.68', '+3.89', '+7.48']
    >>> signed(Metric("loss"), -0.000884, -0.00113, -0.000638)
    ['−0.00088', '−0.00113', '−0.00064']
    """
    scaled = [scale_of(metric) * value for value in values]
    digits = 2
    if metric.measure != "accuracy":
        size = max((abs(v) for v in scaled if math.isfinite(v)), default=0.0) or 1.0
        digits = min(max(2 - math.floor(math.log10(size)), 0), 10)
    rounded = [round(value, digits) + 0.0 for value in scaled]
    return [f"{v:{'+' if v else ''}.{digits}f}".replace("-", "−") for v in rounded]


def p_words(p: float) -> str:
    """A p-value, as `p = 0.012` or `p < 0.001`."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def number(interval: Interval, metric: Metric, absent: str = "–") -> str:
    """Mean ± half width, in per cent for accuracies."""
    if interval.n == 0:
        return absent
    half = (interval.high - interval.low) / 2
    if metric.measure == "accuracy":
        text = f"{100 * interval.mean:.2f}"
        return f"{text} ± {100 * half:.2f} %" if math.isfinite(half) else f"{text} %"
    size = math.floor(math.log10(abs(interval.mean))) if interval.mean else 0
    digits = max(2 - size, 0) if size > 2 else max(2 - size, 2)
    form = f",.{digits}f" if digits <= 6 else ".1e"
    text = f"{interval.mean:{form}}"
    return f"{text} ± {half:{form}}" if math.isfinite(half) else text


def diagnosis_lines(findings: Sequence[Finding], most: int = 6) -> list[str]:
    """The diagnosis for terminals: a line for each finding, at most so many."""
    if not findings:
        return []
    more = len(findings) - most
    lines = ["", "Diagnosis:", *(f"  {finding}." for finding in findings[:most])]
    return [*lines, f"  and {more} more: see diagnosis."] if more > 0 else lines


def seeds_words(seeds: Sequence[int]) -> str:
    """How many seeds: `1 seed`, `5 seeds`."""
    return f"{len(seeds)} seed" if len(seeds) == 1 else f"{len(seeds)} seeds"


def listing(names: Sequence[str]) -> str:
    """Names in a sentence: `A`, `A and B`, `A, B and C`; of very many the first ten."""
    if len(names) > _MOST_NAMES:
        names = [*names[:10], f"{len(names) - 10} more"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
