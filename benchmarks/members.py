"""What a step of one network costs among 1 to 1000 of them; it should not depend on how many."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import shoal
from benchmarks import networks, with_shoal
from benchmarks.data import mnist
from benchmarks.harness import Contestant, Measurement, Workload
from benchmarks.machine import named, processors
from benchmarks.work import FORMULA, Training, contestant, counted

COUNTS = (1, 4, 16, 64, 256, 1000)
FROM = 4
"""From this number of networks on a step should cost the same."""


def book(quick: bool) -> Workload:
    """The network of the book's search."""
    data, called = mnist(valid=0.0)
    recipe = shoal.Recipe(shoal.mlp([100] * 6), shoal.SGD(lr=0.01), batch_size=100)
    lines = f"1000 images of {called}; {{}}, ReLU, SGD, batch 100", "784-100×6-10"
    return _workload("members", *lines, data.take(1000), recipe, 4_000, quick)


def tiny(quick: bool) -> Workload:
    """A network for tables."""
    lines = "A table of 1000 rows; {}, ReLU, Adam, batch 32", "20-32-32-3"
    return _workload("members-tiny", *lines, networks.table(1000), networks.TINY, 100_000, quick)


def _workload(
    name: str,
    line: str,
    shape: str,
    data: shoal.Dataset,
    recipe: shoal.Recipe,
    budget: int,
    quick: bool,
) -> Workload:
    """Shoal with 1 to 1000 networks, by all threads and by one.

    Args:
        name: of the workload.
        line: what is trained, in words, with a place for
        shape: sizes of the network's layers.
        data: what to train on.
        recipe: of every network; each has a seed of its own.
        budget: steps of all networks together, where that is an epoch of each or more.
        quick: only few networks, a tenth of the steps.
    """
    counts = [n for n in COUNTS if n <= 16] if quick else COUNTS
    least = -(-len(data.train) // recipe.batch_size)
    works = []
    for count in counts:
        members = tuple(shoal.Member(recipe, seed, "network") for seed in range(count))
        steps = max(least, (budget // 10 if quick else budget) // count)
        works.append(Training(data, members, steps, parts=()))
    return Workload(
        name=name,
        title=f"One step among 1 to {counts[-1]} networks: {shape}",
        lines=(
            f"{line.format(shape)}; a seed for each, no evaluations.",
            "Seconds are per step of one network, whatever their number; the ratio is to one "
            "network alone.",
        ),
        unit="member-step",
        units=lambda outcome: outcome.member_steps,
        flops=works[0].flops() / works[0].steps,
        formula=FORMULA,
        contestants=tuple(
            _contestant(work, threads)
            for threads in dict.fromkeys((processors(), 1))
            for work in works
        ),
        absent={
            "PyTorch, scikit-learn": "in turn one network after another, so their step costs the "
            "same among any number; see the other tables"
        },
        agreement=same_bits,
        remarks=flatness,
    )


def _contestant(training: Training, threads: int) -> Contestant:
    name = named(f"Shoal, {counted(len(training.members))}", threads)
    start = partial(with_shoal.start, threads=threads)
    return contestant(name, with_shoal.SETTINGS, start, training)


def flatness(measured: Measurement) -> list[str]:
    """How much a step's seconds vary from a few networks on, for each number of threads."""
    lines = []
    median = {name: float(np.median(seconds)) for name, seconds in measured.seconds.items()}
    for threads in dict.fromkeys(name.split(", ")[2] for name in median):
        few = {n: s for n, s in median.items() if n.endswith(threads) and _networks(n) >= FROM}
        low, high = min(few.values()), max(few.values())
        lines.append(
            f"From {FROM} networks on, {threads}: {low * 1e6:.3g} to {high * 1e6:.3g} µs, "
            f"the highest {high / low - 1:.0%} above the lowest."
        )
    return lines


def _networks(name: str) -> int:
    return int(name.split(", ")[1].split()[0])


def same_bits(results: Mapping[str, Any]) -> list[str]:
    """Whether the first network did the very same in every company, in a sentence."""
    steps = min(outcome.loss.shape[1] for outcome in results.values())
    losses = {outcome.loss[0, :steps].tobytes() for outcome in results.values()}
    same = "are the same bits" if len(losses) == 1 else "DIFFER"
    return [f"The losses of the first network's first {steps} steps {same} in all of these runs."]
