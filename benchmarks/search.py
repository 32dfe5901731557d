"""The book's random search without early stopping: many small networks, each to its end."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

import shoal
from benchmarks import at_once, with_shoal, with_sklearn, with_torch
from benchmarks.data import mnist
from benchmarks.harness import Workload
from benchmarks.work import FORMULA, Training, agreement

EPOCHS = 50
"""Of a whole trial."""


def training(trials: int, epochs: int) -> tuple[Training, str]:
    """The trials: lr 10^U(-6, -2), weight decay 10^U(-8, -4), all from the same first weights."""
    data, called = mnist(valid=0.0)
    data = data.take(500).with_valid(100)
    random = np.random.default_rng(0)
    network = shoal.mlp([100] * 6)
    members = tuple(
        shoal.Member(
            shoal.Recipe(
                network,
                shoal.SGD(lr=float(10 ** random.uniform(-6, -2))),
                init="he",
                weight_decay=float(10 ** random.uniform(-8, -4)),
                batch_size=100,
            ),
            seed=0,
            arm=f"trial {i}",
        )
        for i in range(trials)
    )
    return Training(data, members, steps=4 * epochs, parts=("train", "valid")), called


def trainer(work: Training, epochs: int, **chosen: Any) -> shoal.Trainer:
    """The trials, to be evaluated on what they train on and validate by after every epoch."""
    return shoal.Trainer(
        work.members, work.data, epochs=epochs, evaluate_parts=work.parts, **chosen
    )


def milliseconds(
    work: Training, epochs: int, clock: Callable[[], float] = time.perf_counter, **chosen: Any
) -> float:
    """For one trial of `EPOCHS`, from a run of fewer; `chosen` is for `shoal.Trainer`."""
    run = trainer(work, epochs, **chosen)
    started = clock()
    run.run()
    return 1000 * (clock() - started) / len(work.members) / epochs * EPOCHS


def workload(quick: bool) -> Workload:
    """100 trials; the peers do some of them, and seconds are counted per trial."""
    trials, epochs, some = (8, 5, 4) if quick else (100, EPOCHS, 8)
    whole, called = training(trials, epochs)
    torch, no_torch = with_torch.contestants(whole.some(some), quick)
    sklearn, no_sklearn = with_sklearn.contestants(whole.some(some), quick)
    more, no_more = at_once.peers(whole.some(3 * some), (4,) if quick else (4, 12, 24), quick)
    return Workload(
        name="search",
        title=f"The book's search: {trials} trials, all to the end",
        lines=(
            f"500 images of {called}, 400 to train on and 100 to validate; 784-100×6-10, ReLU, "
            f"He, SGD with weight decay, batch 100, {whole.steps} steps; loss and accuracy on all "
            f"500 images after each of the {epochs} epochs.",
            f"Shoal with all threads trains all {trials} trials, the others fewer; "
            "seconds are per trial.",
            "Four fifths of the pixels are 0. Shoal passes over many of them, and the FLOPs below "
            "count them all; `python -m benchmarks.zeros` measures what it gains.",
        ),
        unit="trial",
        units=lambda outcome: outcome.member_steps / whole.steps,
        flops=whole.flops(),
        formula=FORMULA,
        contestants=(*with_shoal.contestants(whole, whole.some(2 * some)), *torch, *sklearn, *more),
        absent=no_torch | no_sklearn | no_more,
        agreement=lambda results: agreement(results, "valid_loss"),
        all_units=trials,
    )


def settings(recipe: shoal.Recipe) -> str:
    """What a trial tries, in words."""
    return f"lr {recipe.optimizer.numbers['lr']:.2g}, decay {recipe.weight_decay:.1g}"
