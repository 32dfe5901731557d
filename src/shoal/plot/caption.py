"""What stands beneath a picture, written from its data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from shoal.plot.axes import number

if TYPE_CHECKING:
    from shoal.comparison import Comparison, Metric, Pair
    from shoal.engine.ensemble import Sizes


def curves_note(comparison: Comparison) -> str:
    """What lines, bands and crosses are."""
    seeds = len(comparison.seeds)
    gone = int((comparison.history.diverged >= 0).sum())
    text = (
        "One seed: there is no band."
        if seeds == 1
        else f"Line: mean over {seeds} seeds. Band: from the lowest to the highest seed."
    )
    if gone:
        text += " ×: a run diverged; it is left out of mean and band."
    if len(comparison.names) > 1:
        text += f" Legend: best {comparison.metric.label} first."
    return text


def sensitivity_note(comparison: Comparison) -> str:
    """What rings, crosses and bands are."""
    tuning = comparison.tuning
    assert tuning is not None
    seeds = len(tuning.seeds)
    band = f" Band: from the lowest to the highest of {seeds} seeds." if seeds > 1 else ""
    lost = any(np.isnan(values).any() for arm in tuning.arms for values in arm.values)
    cross = " ×: a seed diverged, so that the setting was out of the question." if lost else ""
    return f"Ring: the value chosen.{band}{cross}"


def ensemble_note(ensembles: Sequence[Sizes]) -> str:
    """What dots, line and band are, and what the band leaves out."""
    parts = ["Dots: single members."]
    if any(len(sizes.sizes) > 1 for sizes in ensembles):
        every = all(sizes.exact.all() for sizes in ensembles)
        most = max(int(sizes.subsets.max()) for sizes in ensembles)
        which = "all subsets of that size" if every else f"at most {most} subsets of that size"
        parts.append(f"Line: mean over {which}.")
    if any(np.isfinite(sizes.sd).any() for sizes in ensembles):
        parts.append(
            "Band: ± one standard deviation between ensembles that share no member; beyond half of "
            "the members there are no two. It does not contain the chance of the rows drawn."
        )
    return " ".join(parts)


def differences_note(comparison: Comparison, pairs: Sequence[Pair], metric: Metric) -> str:
    """What intervals, the zone and hollow dots are."""
    every = math.comb(len(comparison.names), 2)
    parts = []
    if any(pair.difference.n > 1 for pair in pairs):
        kind = "Paired 95 % intervals over seeds"
        parts.append(f"{kind}, adjusted for {every} pairs (Holm)." if every > 1 else f"{kind}.")
    parts.append(f"Shaded: too small to matter, {zone(pairs, metric)}.")
    if any(pair.verdict == "undecided" for pair in pairs):
        parts.append("Hollow: undecided, which does not mean equal.")
    return " ".join(parts)


def zone(pairs: Sequence[Pair], metric: Metric) -> str:
    """How wide the zone of ties is, in words."""
    scale, unit = (100, " points") if metric.measure == "accuracy" else (1, "")
    widths = sorted(scale * pair.margin for pair in pairs if math.isfinite(pair.margin))
    if not widths:
        return "unknown"
    low, high = (f"±{number(float(f'{width:.2g}'))}" for width in (widths[0], widths[-1]))
    return f"{low}{unit}" if low == high else f"{low} to {high}{unit}"
