"""The rules: each looks at one case and says what it sees, or None. docs/diagnosis.md has reasons.

A sign must be there in the last two readings, and counts from the first reading since which it has
not been gone: what passes by itself is no illness.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shoal.engine.diagnosis import advice, seen
from shoal.engine.diagnosis.case import Case, LayerReadings, Values
from shoal.engine.diagnosis.finding import Symptom
from shoal.engine.recipe import Recipe

DEAD = 0.5
SATURATED = 0.5
EARLY = 50
BATCH = 16
DEPTH_FACTOR, DEPTH_TOTAL = 0.5, 0.1
EXPLODING_FACTOR, EXPLODING_TOTAL = 3.0, 100.0
GRADIENT_FADES, GRADIENT_GROWS = 0.01, 100.0
LARGE_UPDATE, SMALL_UPDATE = 0.1, 1e-5
READINGS = 3
EQUAL_UNITS = 0.01
GUESSING = 0.97
LEARNED = 0.5
PATIENCE = 50
GAP = 0.15


def diverged(case: Case) -> Symptom | None:
    """The loss was no longer finite."""
    return (
        Symptom(case.recipe.optimizer.numbers["lr"], case.diverged) if case.diverged >= 0 else None
    )


def symmetric(case: Case) -> Symptom | None:
    """All units of a hidden layer put out the same, so they learn the same."""
    found = []
    for layer in case.having("unit_std")[:-1]:
        spread = layer.values["unit_std"]
        over_rows = np.nan_to_num(layer.values["batch_std"])
        scale = np.maximum(over_rows, 1e-3 * np.abs(layer.values["output_mean"]))
        found.append((layer, _lasting(spread <= EQUAL_UNITS * scale, spread), 0.0))
    return _worst(case, found)


def exploding_activations(case: Case) -> Symptom | None:
    """Outputs grow from hidden layer to hidden layer."""
    return _over_depth(
        case, lambda total, each: (total >= EXPLODING_TOTAL) & (each >= EXPLODING_FACTOR)
    )


def vanishing_activations(case: Case) -> Symptom | None:
    """What outputs say about the input shrinks from hidden layer to hidden layer."""
    return _over_depth(case, lambda total, each: (total <= DEPTH_TOTAL) & (each <= DEPTH_FACTOR))


def saturated_units(case: Case) -> Symptom | None:
    """Outputs of sigmoid or tanh lie at their limits, early on or without having learned."""
    found = []
    for layer in case.having("saturated"):
        share = layer.values["saturated"]
        first = _lasting(share >= SATURATED, share)
        if first is not None and (case.steps[first] <= EARLY or not _learned(case)):
            found.append((layer, first, float(share[np.isfinite(share)][-1])))
    return _worst(case, found)


def dead_units(case: Case) -> Symptom | None:
    """ReLU units that put out 0 for every row of the batch."""
    if case.recipe.batch_size < BATCH:
        return None
    found = []
    for layer in case.having("dead_units"):
        share = layer.values["dead_units"]
        first = _lasting(share >= DEAD, share)
        found.append((layer, first, float(min(share[np.isfinite(share)][-2:], default=0.0))))
    return _worst(case, found)


def vanishing_gradients(case: Case) -> Symptom | None:
    """The first layer's gradient is a small part of the last one's."""
    return _first_to_last_gradient(case, lambda ratio: ratio <= GRADIENT_FADES)


def exploding_gradients(case: Case) -> Symptom | None:
    """The first layer's gradient is many times the last one's."""
    return _first_to_last_gradient(case, lambda ratio: ratio >= GRADIENT_GROWS)


def large_updates(case: Case) -> Symptom | None:
    """A layer's weights change by a large part of their length in one step."""
    if len(case.steps) < READINGS:
        return None
    found = []
    for layer in case.having("update_ratio"):
        ratio = layer.values["update_ratio"]
        late = ratio[len(ratio) // 2 :]
        late = late[np.isfinite(late)]
        if len(late) and np.median(late) >= LARGE_UPDATE:
            found.append((layer, len(ratio) // 2, float(np.median(late))))
    return _worst(case, found)


def small_updates(case: Case) -> Symptom | None:
    """No layer's weights change by a noticeable part, and nothing was learned."""
    late = [layer.values["update_ratio"] for layer in case.having("update_ratio")]
    late = [ratio[len(ratio) // 2 :] for ratio in late]
    typical = [float(np.median(r[np.isfinite(r)])) for r in late if np.isfinite(r).any()]
    few = len(case.steps) < READINGS
    if few or not typical or max(typical) > SMALL_UPDATE or _learned(case):
        return None
    return Symptom(max(typical), len(case.loss))


def guessing(case: Case) -> Symptom | None:
    """The loss ends where equal probabilities for all classes would put it, or above."""
    if case.classes is None or len(case.loss) < PATIENCE:
        return None
    if not case.final_loss >= GUESSING * math.log(case.classes):
        return None
    return Symptom(case.final_loss, len(case.loss))


def overfitting(case: Case) -> Symptom | None:
    """Much better on the rows trained on than on others."""
    part = "valid" if any(name.startswith("valid_") for name in case.metrics) else "test"
    measure = "accuracy" if f"{part}_accuracy" in case.metrics else "r2"
    train, other = (case.metrics.get(f"{name}_{measure}", math.nan) for name in ("train", part))
    if not train - other >= GAP:
        return None
    return Symptom(train - other, len(case.loss), measure=measure)


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        name: of what it finds.
        find: from a case to what is seen, or None.
        seen: the symptom in words; that of an arm has the median value of its members, their
            earliest step and all their layers.
        advice: what to try, from the recipe and that symptom.
        because_of: rules of which this is a mere consequence if they were seen no later; then it
            is not told beside them. Of two that name each other the first in the table is told.
        of_diverged: whether it looks at members that diverged, too.
    """

    name: str
    find: Callable[[Case], Symptom | None]
    seen: Callable[[Recipe, Symptom], str]
    advice: Callable[[Recipe, Symptom], str]
    because_of: tuple[str, ...] = ()
    of_diverged: bool = False


START = ("equal units", "exploding activations", "vanishing activations")
UNITS = (*START, "saturated units", "dead units")
FLOW = (*UNITS, "vanishing gradients", "exploding gradients")

RULES: tuple[Rule, ...] = (
    Rule("equal units", symmetric, seen.symmetric, advice.symmetric),
    Rule(
        "exploding activations",
        exploding_activations,
        seen.exploding_activations,
        advice.exploding_activations,
        of_diverged=True,
    ),
    Rule("saturated units", saturated_units, seen.saturated, advice.saturated, START[:1]),
    Rule("dead units", dead_units, seen.dead, advice.dead, START),
    Rule(
        "vanishing activations",
        vanishing_activations,
        seen.vanishing_activations,
        advice.vanishing_activations,
        ("equal units", "saturated units", "dead units"),
    ),
    Rule(
        "vanishing gradients",
        vanishing_gradients,
        seen.vanishing_gradients,
        advice.vanishing_activations,
        UNITS,
    ),
    Rule(
        "exploding gradients",
        exploding_gradients,
        seen.exploding_gradients,
        advice.exploding_gradients,
        START,
        of_diverged=True,
    ),
    Rule("large updates", large_updates, seen.large_updates, advice.smaller_lr, FLOW),
    Rule("small updates", small_updates, seen.small_updates, advice.larger_lr, FLOW),
    Rule(
        "guessing",
        guessing,
        seen.guessing,
        advice.guessing,
        (*FLOW, "large updates", "small updates"),
    ),
    Rule(
        "diverged",
        diverged,
        seen.diverged,
        advice.diverged,
        of_diverged=True,
    ),
    Rule("overfitting", overfitting, seen.overfitting, advice.overfitting),
)
"""All rules; a new one is a function above, words, advice, and a line of docs/diagnosis.md."""


def _lasting(holds: NDArray[np.bool_], values: Values) -> int | None:
    """From which reading on a sign has been there; None if not in the last two that are numbers.

    >>> _lasting(np.array([True, False, True, True]), np.zeros(4))
    2
    """
    known = np.flatnonzero(~np.isnan(values))
    gone = np.flatnonzero(~holds[known])
    first = gone[-1] + 1 if len(gone) else 0
    if len(known) - first < min(2, len(known)) or not len(known):
        return None
    return int(known[first])


def _worst(case: Case, found: Sequence[tuple[LayerReadings, int | None, float]]) -> Symptom | None:
    """All layers in which a sign lasts; the earliest step and the largest value."""
    there = [(layer, first, value) for layer, first, value in found if first is not None]
    if not there:
        return None
    step = min(int(case.steps[first]) for _, first, _ in there)
    return Symptom(max(v for _, _, v in there), step, tuple(layer.name for layer, _, _ in there))


def _over_depth(case: Case, ill: Callable[[Values, Values], NDArray[np.bool_]]) -> Symptom | None:
    """Compare the spread over the batch in the last hidden activation with that in the first."""
    layers = case.hidden_activations
    if len(layers) < 2:
        return None
    first, last = (layer.values["batch_std"] for layer in (layers[0], layers[-1]))
    with np.errstate(all="ignore"):
        total = np.where(first > 0, last / first, np.nan)  # else the trouble lies before
    first_ill = _lasting(ill(total, total ** (1 / (len(layers) - 1))), total)
    if first_ill is None:
        return None
    return Symptom(float(total[first_ill]), int(case.steps[first_ill]), (layers[-1].name,))


def _first_to_last_gradient(
    case: Case, ill: Callable[[Values], NDArray[np.bool_]]
) -> Symptom | None:
    layers = case.having("gradient_norm")
    if len(layers) < 2:
        return None
    first, last = (layer.values["gradient_norm"] for layer in (layers[0], layers[-1]))
    with np.errstate(all="ignore"):
        ratio = np.where(last > 0, first / last, np.nan)
    at = _lasting(ill(ratio), ratio)
    if at is None:
        return None
    return Symptom(float(ratio[at]), int(case.steps[at]), (layers[0].name,))


def _learned(case: Case) -> bool:
    """Whether the loss came down to half of what it was, or of what guessing gives."""
    start = float(case.loss[0]) if len(case.loss) else math.nan
    if case.classes is not None:
        start = min(start, math.log(case.classes))
    return case.final_loss <= LEARNED * start
