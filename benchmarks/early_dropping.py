"""The book's random search, where losers may be dropped early: whose winner is how good, how soon?

Everyone searches the same trials and gives the one that is best on the validation part. After the
clock has stopped, the recipes that were chosen are trained anew on seeds that no search has used,
and judged by images that none has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import shoal
from benchmarks import search, with_optuna, with_shoal_search, with_sklearn_halving
from benchmarks.harness import Workload
from benchmarks.work import Outcome, Training

FRESH = 10
"""Fresh seeds that every recipe chosen is trained anew on."""


def workload(quick: bool) -> Workload:
    """100 trials, for everyone."""
    trials, epochs, fresh = (8, 5, 2) if quick else (100, 50, FRESH)
    whole, called = search.training(trials, epochs)
    whole = Training(whole.data, whole.members, whole.steps, parts=("valid",))
    (bracket,) = shoal.Halving().brackets(epochs)
    rungs = bracket.rungs
    optuna, no_optuna = with_optuna.contestants(whole, rungs, bracket.keep, quick)
    sklearn, no_sklearn = with_sklearn_halving.contestants(whole, rungs, quick)
    return Workload(
        name="early-dropping",
        title=f"The book's search: {trials} trials, losers dropped early",
        lines=(
            f"The trials, networks and 500 images of the book's search on {called}; accuracy on "
            "the 100 images of the validation part after every epoch says who goes on and who "
            "wins. "
            "Everyone searches all trials; seconds are those of the whole search.",
            "Best: the highest validation accuracy at the end of a full training. Epochs: of all "
            "trials together; what is trained again counts again.",
        ),
        unit="search",
        units=lambda outcome: 1.0,
        flops=None,
        formula="",
        contestants=(*with_shoal_search.contestants(whole), *optuna, *sklearn),
        absent=no_optuna | no_sklearn,
        agreement=partial(judged, whole, fresh),
        columns={
            "epochs": lambda outcome: f"{spent(whole, outcome):,}",
            "of full": lambda outcome: f"{spent(whole, outcome) / full(whole):.0%}",
            "best": lambda outcome: f"{winner(outcome)[1]:.0%}",
        },
    )


def full(training: Training) -> int:
    """Epochs of all trials, each to its end."""
    return len(training.members) * len(training.evaluated_at)


def spent(training: Training, outcome: Outcome) -> int:
    """Epochs that were trained; one that was begun counts."""
    epoch = training.evaluated_at[0]
    return sum(-(-steps // epoch) for steps in outcome.steps)


def winner(outcome: Outcome) -> tuple[str, float]:
    """The trial with the highest accuracy at the end of a full training, and that accuracy.

    Of equal ones that with the lowest loss is taken, for everyone; of a contestant that does not
    tell its losses, the first.
    """
    accuracy = np.nan_to_num(outcome.metrics["valid_accuracy"][:, -1], nan=-1.0)
    loss = np.nan_to_num(outcome.metrics["valid_loss"][:, -1], nan=np.inf)
    best = int(np.lexsort((loss, -accuracy))[0])
    return outcome.members[best][0], float(accuracy[best])


def judged(training: Training, fresh: int, results: Mapping[str, Any]) -> list[str]:
    """How good the recipes are that were chosen, in sentences."""
    chosen: dict[str, list[str]] = {}
    for name, outcome in results.items():
        chosen.setdefault(winner(outcome)[0], []).append(name)
    recipes = {member.arm: member.recipe for member in training.members if member.arm in chosen}
    final = shoal.compare(
        recipes,
        training.data,
        steps=training.steps,
        seeds=range(1, fresh + 1),
        metric="test_accuracy",
        evaluate_every=len(training.evaluated_at),
        evaluate_parts=("test",),
        instruments=False,
        progress=False,
    )
    rows = f"{len(training.data.test):,} images that no search has seen"
    lines = [f"The recipes chosen, trained anew on {fresh} fresh seeds, accuracy on {rows}:"]
    for arm in final.arms:
        half = (arm.final.high - arm.final.low) / 2
        lines.append(
            f"{arm.name} ({search.settings(recipes[arm.name])}), chosen by "
            f"{'; '.join(chosen[arm.name])}: {arm.final.mean:.2%} ± {half:.2%}."
        )
    return [" ".join(lines), *_against_full(final, chosen)]


def _against_full(final: shoal.Comparison, chosen: Mapping[str, list[str]]) -> list[str]:
    """Every recipe beside the one that training all to the end has chosen, seed by seed."""
    ours = next(arm for arm, names in chosen.items() if with_shoal_search.FULL in names)
    lines = []
    for arm, names in chosen.items():
        if arm == ours:
            continue
        pair = next(p for p in final.pairs() if {p.a, p.b} == {arm, ours})
        sign = 1 if pair.a == arm else -1
        ends = sorted((sign * pair.difference.low, sign * pair.difference.high))
        lines.append(
            f"{'; '.join(names)}: {sign * pair.difference.mean:+.2%} "
            f"({ends[0]:+.2%} to {ends[1]:+.2%}) on what {with_shoal_search.FULL} chose."
        )
    return lines
