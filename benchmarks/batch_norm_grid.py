"""The book's grid: 16 scales of the first weights, each with and without batch norm."""

from __future__ import annotations

import numpy as np

import shoal
from benchmarks import with_shoal, with_torch
from benchmarks.data import mnist
from benchmarks.harness import Workload
from benchmarks.work import FORMULA, Training, agreement


def training(scales: int, epochs: int) -> tuple[Training, str]:
    """Standard deviations from 1 down to 1e-4, plain and with batch norm."""
    data, called = mnist(valid=0.0)
    networks = {"plain": shoal.mlp([100] * 5), "batch norm": shoal.mlp([100] * 5, batch_norm=True)}
    members = tuple(
        shoal.Member(
            shoal.Recipe(network, shoal.SGD(lr=0.01), init=float(scale), batch_size=100),
            seed=0,
            arm=f"{name}, std {scale:.2g}",
        )
        for scale in np.logspace(0, -4, scales)
        for name, network in networks.items()
    )
    return Training(data.take(1000), members, steps=10 * epochs, parts=("train",)), called


def workload(quick: bool) -> Workload:
    """32 networks; all contestants train all of them, because some of them diverge."""
    scales, epochs = (3, 2) if quick else (16, 20)
    whole, called = training(scales, epochs)
    torch, no_torch = with_torch.contestants(whole, quick)
    return Workload(
        name="batch-norm-grid",
        title=f"The book's batch-norm grid: {scales} scales × with and without",
        lines=(
            f"1000 images of {called}; 784-100×5-10, ReLU, SGD 0.01, batch 100, {epochs} epochs; "
            "loss and accuracy on the 1000 images after each.",
            "Everyone trains all networks, and stops those that diverge (Shoal at once, the others "
            "at the next evaluation); seconds are per member-step done, evaluations included. "
            "Operations of batch norm itself are not counted.",
        ),
        unit="member-step",
        units=lambda outcome: outcome.member_steps,
        flops=whole.flops() / whole.steps,
        formula=FORMULA,
        contestants=(*with_shoal.contestants(whole, whole), *torch),
        absent=no_torch | {"scikit-learn": "cannot do batch norm"},
        agreement=lambda results: agreement(results, "train_loss"),
    )
