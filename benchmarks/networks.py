"""Networks from tiny to wide, and convolutional ones: seconds per step of one network."""

from __future__ import annotations

import numpy as np

import shoal
from benchmarks import at_once, with_shoal, with_sklearn, with_torch
from benchmarks.at_once import Peers
from benchmarks.data import mnist
from benchmarks.harness import Workload
from benchmarks.work import FORMULA, Training, agreement, counted

AGREE = "valid_loss"

TINY = shoal.Recipe(shoal.mlp([32, 32]), shoal.Adam(), batch_size=32)
"""A network for tables."""


def tiny(quick: bool) -> Workload:
    """1000 networks for a table: what a step costs besides its arithmetic."""
    rows, epochs, count, some = (300, 2, 8, 4) if quick else (1000, 20, 1000, 20)
    whole = Training(table(rows), _members(TINY, count), epochs * -(-rows // 32), ("valid",))
    return _workload(
        "tiny",
        f"{count} tiny networks",
        f"A table of {rows} rows; 20-32-32-3, ReLU, Adam, batch 32, {epochs} epochs.",
        whole,
        some,
        quick,
        at_once.peers(whole.some(4 if quick else 200), (4,) if quick else (25, 100, 200), quick),
    )


def table(rows: int) -> shoal.Dataset:
    """Made-up numbers of 20 kinds, and three classes."""
    random = np.random.default_rng(0)
    x = random.standard_normal((rows + 100, 20)).astype(np.float32)
    y = np.digitize(x[:, :5].sum(axis=1), [-1, 1])
    return shoal.Dataset.from_arrays(x, y, valid=100, test=0)


def one_network(quick: bool) -> Workload:
    """A single network of the usual size."""
    recipe = shoal.Recipe(shoal.mlp([256, 128]), shoal.Adam(), batch_size=128)
    line = "784-256-128-10, ReLU, Adam, batch 128."
    return _of_digits("one-network", "One network", line, recipe, 1, 1, 20 if quick else 400, quick)


def wide(quick: bool) -> Workload:
    """A single network that is too wide for one core."""
    units = 256 if quick else 2048
    recipe = shoal.Recipe(shoal.mlp([units, units]), shoal.Adam(), batch_size=256)
    line = f"784-{units}-{units}-10, ReLU, Adam, batch 256; its products are shared by all threads."
    return _of_digits("wide", "One wide network", line, recipe, 1, 1, 4 if quick else 40, quick)


def one_convnet(quick: bool) -> Workload:
    """The book's ConvNet alone."""
    return _convnet("convnet", "The book's ConvNet", 1, quick)


def convnets(quick: bool) -> Workload:
    """Sixteen of them."""
    return _convnet("convnets", "The book's ConvNet, side by side", 2 if quick else 16, quick)


def _convnet(name: str, title: str, count: int, quick: bool) -> Workload:
    recipe = shoal.Recipe(shoal.convnet(), shoal.Adam(), batch_size=100)
    line = "30 filters of 5×5, ReLU, MaxPool 2×2, 4320-100-10, Adam, batch 100."
    return _of_digits(name, title, line, recipe, count, 2, 3 if quick else 100, quick)


def _of_digits(
    name: str,
    title: str,
    line: str,
    recipe: shoal.Recipe,
    count: int,
    some: int,
    steps: int,
    quick: bool,
) -> Workload:
    """Members of one recipe on the first images of MNIST."""
    data, called = mnist(valid=0.0)
    data = data.take(2_000 if quick else 20_000).with_valid(1000)
    training = Training(data, _members(recipe, count), steps, ("valid",))
    return _workload(name, title, f"{called}; {line} {steps} steps.", training, some, quick)


def _members(recipe: shoal.Recipe, count: int) -> tuple[shoal.Member, ...]:
    return tuple(shoal.Member(recipe, seed, "network") for seed in range(count))


def _workload(
    name: str,
    title: str,
    line: str,
    training: Training,
    some: int,
    quick: bool,
    more: Peers = ((), {}),
) -> Workload:
    """Everyone trains; the peers only some of the members."""
    few = training.some(some)
    torch, no_torch = with_torch.contestants(few, quick, compiled=some == 1)
    sklearn, no_sklearn = with_sklearn.contestants(few, quick)
    return Workload(
        name=name,
        title=f"{title}: {counted(len(training.members))}",
        lines=(
            line,
            "Seconds are per step of one network, evaluations included "
            f"({training.evaluation_rows('valid'):,} rows, {len(training.evaluated_at)} times).",
        ),
        unit="member-step",
        units=lambda outcome: outcome.member_steps,
        flops=training.flops() / training.steps,
        formula=FORMULA,
        contestants=(*with_shoal.contestants(training, few), *torch, *sklearn, *more[0]),
        absent=no_torch | no_sklearn | more[1],
        agreement=lambda results: agreement(results, AGREE),
        all_units=len(training.members) * training.steps,
    )
