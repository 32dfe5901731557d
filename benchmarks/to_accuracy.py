"""One network until it is good enough: seconds to 98 % of MNIST's test images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

import shoal
from benchmarks import with_shoal, with_sklearn, with_torch
from benchmarks.data import mnist
from benchmarks.harness import Workload
from benchmarks.work import Outcome, Training, agreement

RULE = shoal.Adam(lr=0.002)
DROP = 3
"""Epochs after which the learning rate falls to a tenth: accuracy then leaps over 98 %, so that
rounding does not decide when; with a constant rate it creeps around 98 % for many epochs."""

EPOCHS = 8
"""At most."""


def training(quick: bool) -> tuple[Training, str]:
    """All 60,000 images: nothing is chosen, so nothing validates."""
    data, called = mnist(valid=0.0)
    data = data.take(2000) if quick else data
    epoch = -(-len(data.train) // 128)
    drop = shoal.StepDecay(every=DROP * epoch, gamma=0.1)
    recipe = shoal.Recipe(shoal.mlp([256, 128]), RULE, schedule=drop, batch_size=128)
    member = shoal.Member(recipe, 0, "network")
    enough = 0.8 if quick else 0.98
    return Training(data, (member,), EPOCHS * epoch, parts=("test",), enough=enough), called


def workload(quick: bool) -> Workload:
    """Everyone trains until it is enough."""
    whole, called = training(quick)
    torch, no_torch = with_torch.contestants(whole, quick, compiled=True)
    sklearn, no_sklearn = with_sklearn.contestants(whole, quick)
    epoch = whole.evaluated_at[0]
    return Workload(
        name="one-network-seconds",
        title=f"One network: seconds to {whole.enough:.0%} of the test images",
        lines=(
            f"{called}, {len(whole.data.train):,} images to train on; 784-256-128-10, ReLU, Adam "
            f"with learning rate {RULE.lr:g}, and a tenth of it after {DROP} epochs, batch 128; "
            f"accuracy and loss on all "
            f"{whole.evaluation_rows('test'):,} test images after every epoch, until the accuracy "
            f"is {whole.enough:.0%} or more.",
            "Seconds are those of the whole training, evaluations included.",
        ),
        unit="training",
        units=lambda outcome: 1.0,
        flops=None,
        formula="",
        contestants=(*with_shoal.contestants(whole, whole), *torch, *sklearn),
        absent=no_torch | no_sklearn,
        agreement=agreed,
        columns={
            "epochs": lambda outcome: str(outcome.steps[0] // epoch),
            "accuracy": lambda outcome: f"{reached(outcome):.2%}",
        },
    )


def reached(outcome: Outcome) -> float:
    """Accuracy at the end."""
    accuracy = outcome.metrics["test_accuracy"][0]
    return float(accuracy[np.isfinite(accuracy)][-1])


def agreed(results: Mapping[str, Outcome]) -> list[str]:
    """Whether all did the same in the first epoch; later, rounding has grown."""
    first = {
        name: replace(outcome, metrics={n: m[:, :1] for n, m in outcome.metrics.items()})
        for name, outcome in results.items()
    }
    same, _ = agreement(first, "test_loss")
    return [same.replace("the last test_loss", "the test_loss after the first epoch")]
