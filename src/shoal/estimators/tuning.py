"""A search for the settings of an estimator, by its own validation part."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shoal.distributions import choice, int_range, log_uniform, repeat, uniform
from shoal.engine import Recipe
from shoal.errors import ShoalError, check_number
from shoal.estimators.fitting import dataset_of
from shoal.estimators.inputs import count_of
from shoal.estimators.losses import loss_of
from shoal.estimators.parameters import SAID, refuse_said
from shoal.estimators.presets import AUTO, is_auto, settle, share_of_valid
from shoal.nn import Loss, mlp
from shoal.optim import AdamW

if TYPE_CHECKING:
    from shoal.study import Study

TRIALS: Final = 50
ROUND: Final = 12  # trials between two looks at the clock
LEFT_OPEN: Final = ("loss", "label_smoothing", "batch_size")
"""What the usual space takes from the settings; the recipe says it then."""


def table_space(batch_size: int, loss: str | Loss) -> Recipe:
    """What is tried where nothing else is asked for: plain networks for tables, with AdamW.

    >>> table_space(128, "auto").is_space
    True
    """
    return Recipe(
        mlp(repeat(choice([32, 64, 128, 256]), int_range(1, 3)), dropout=uniform(0.0, 0.4)),
        AdamW(lr=log_uniform(3e-4, 3e-2)),
        weight_decay=log_uniform(1e-4, 1.0),
        batch_size=batch_size,
        loss=loss,
    )


def tune(
    kind: Any,
    x: Any,
    y: Any,
    given: Mapping[str, Any],
    trials: int | None,
    minutes: float | None,
    space: Recipe | None,
    epochs: int | str,
    settings: Mapping[str, Any],
) -> Any:
    """See `ShoalEstimator.tune`; `given` is what else `fit` takes."""
    if trials is not None and minutes is not None:
        raise ShoalError(f"give trials or minutes, one of the two ({trials=}, {minutes=})")
    if trials is not None:
        check_number("trials", trials, least=1, whole=True)
    if minutes is not None:
        check_number("minutes", minutes, above=0)
    if space is not None and not (isinstance(space, Recipe) and space.is_space):
        raise ShoalError(f"space={space!r} must be a Recipe with distributions in it")
    if space is not None:
        refuse_said(settings)
    for name in settings:
        if name in SAID and name not in LEFT_OPEN:
            raise ShoalError(
                f"{name}= is what tune searches for; leave it out, or give space=, a Recipe in "
                "which it is as you want it"
            )
    probe = kind(**settings)
    entropy, seeds = probe._seeds()
    if is_auto(probe.valid) and given["X_val"] is None:
        probe.valid = share_of_valid(AUTO, count_of(x)) or 0.2  # a few rows are better than none
    if isinstance(probe.random_state, np.random.RandomState) or probe.random_state is None:
        probe.random_state = entropy  # the last fit must have the split of the search
        entropy, seeds = probe._seeds()
    learn, judge = probe._parts(x, y, **given, entropy=entropy)
    if not len(judge.target.y):
        raise ShoalError(f"valid={probe.valid!r} leaves no rows to choose by; take valid=0.2, say")
    rows = len(learn.target.y)
    settled = settle(probe._asked(), learn.target.task, rows)
    batch_size = min(int(settled["batch_size"]), rows)
    if space is None:
        space = table_space(batch_size, loss_of(settled, learn.target.task))
    if is_auto(epochs):
        epochs = max(50, math.ceil(500 / math.ceil(rows / batch_size)))
    data, _ = dataset_of(probe, learn, judge, space, settled)
    metric = None if is_auto(probe.monitor) else f"valid_{probe.monitor}"
    study = _search(space, data, trials, minutes, epochs, seeds[0], metric, probe)
    chosen = {name: value for name, value in settings.items() if name not in LEFT_OPEN}
    chosen |= {"valid": probe.valid, "random_state": probe.random_state, "epochs": epochs}
    tuned = kind.from_recipe(study.best, **chosen).fit(x, y, **given)
    tuned.study_ = study
    return tuned


def _search(
    space: Recipe,
    data: Any,
    trials: int | None,
    minutes: float | None,
    epochs: Any,
    seed: int,
    metric: str | None,
    probe: Any,
) -> Study:
    """One search, or as many of a few trials as there is time for; the best of them."""
    from shoal.study import search

    def once(trials: int, seed: int) -> Study:
        found: Study = search(
            space,
            data,
            trials=trials,
            epochs=epochs,
            metric=metric,
            seed=seed,
            finalists=0,
            evaluate_rows=None,
            threads=probe.threads,
            progress=probe.verbose,
        )
        if not found.complete:
            raise KeyboardInterrupt
        return found

    if minutes is None:
        return once(trials or TRIALS, seed)
    end = time.monotonic() + 60 * minutes
    best: Study | None = None
    longest = 0.0
    while best is None or time.monotonic() + longest < end:
        started = time.monotonic()
        study = once(ROUND, seed)
        seed += 1
        longest = max(longest, time.monotonic() - started)
        if best is None or study.winner.key > best.winner.key:
            best = study
    return best
