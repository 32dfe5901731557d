"""The book's comparison of optimizers: four arms, five seeds."""

from __future__ import annotations

import shoal
from benchmarks import with_shoal, with_sklearn, with_torch
from benchmarks.data import mnist
from benchmarks.harness import Workload
from benchmarks.work import FORMULA, Training, agreement

ARMS = (
    shoal.SGD(lr=0.01),
    shoal.Momentum(lr=0.01, momentum=0.9),
    shoal.Adam(lr=0.001),
    shoal.AdaGrad(lr=0.01),
)
"""In an order that gives two processes equal shares."""


def training(seeds: int, steps: int) -> tuple[Training, str]:
    """Every arm with every seed; the arms of the first seed come first."""
    data, called = mnist(valid=1 / 6)
    network = shoal.mlp([100] * 4)
    members = tuple(
        shoal.Member(shoal.Recipe(network, rule, init="he"), seed, type(rule).__name__)
        for seed in range(seeds)
        for rule in ARMS
    )
    return Training(data, members, steps, parts=("train", "valid", "test")), called


def workload(quick: bool) -> Workload:
    """Two of the book's five epochs; the peers train two seeds, seconds are per member-step."""
    seeds, steps = (2, 40) if quick else (5, 782)
    whole, called = training(seeds, steps)
    two_seeds = whole.only(whole.members[: 2 * len(ARMS)])
    torch, no_torch = with_torch.contestants(two_seeds, quick)
    sklearn, no_sklearn = with_sklearn.contestants(two_seeds, quick)
    return Workload(
        name="optimizers",
        title=f"The book's optimizers: {len(ARMS)} arms × {seeds} seeds",
        lines=(
            f"{called}, {len(whole.data.train):,} images to train on; 784-100×4-10, ReLU, He, "
            "batch 128; SGD, "
            f"Momentum, Adam, AdaGrad; the first {steps} of the book's 2000 steps; loss and "
            "accuracy on 10,000 images each of the training, validation and test part after "
            f"every epoch and at the end, {len(whole.evaluated_at)} times (Shoal's default).",
            f"Shoal with all threads trains all {len(whole.members)} members, the others fewer; "
            "seconds are per member-step, evaluations included.",
        ),
        unit="member-step",
        units=lambda outcome: outcome.member_steps,
        flops=whole.flops() / steps,
        formula=FORMULA,
        contestants=(
            *with_shoal.contestants(whole, two_seeds),
            *torch,
            *sklearn,
        ),
        absent=no_torch | no_sklearn,
        agreement=lambda results: agreement(results, "valid_loss"),
    )
