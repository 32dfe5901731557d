"""What every contestant must do: train these members, these steps, with these evaluations.

All start from the same weights and see the same batches, so that they must reach the same losses:
that is how one knows that they did the same work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import Contestant, Timed
from shoal import Dataset, Member, Network, Recipe
from shoal.data.batching import batch_rows, steps_per_epoch

WARM_UP_STEPS = 8

FORMULA = (
    "FLOPs are those of matrix products, 2 for a multiply-add: forward, gradients of weights, "
    "gradients of inputs but not the first layer's, forward for evaluations."
)

Key = tuple[str, int]
"""A member's arm and seed."""


@dataclass(frozen=True)
class Training:
    """Members to train on data, all with the same batch size.

    Attributes:
        steps: updates of every member.
        parts: what is evaluated after every epoch and at the end: loss and accuracy.
        rows: at most this many rows of each part.
        enough: accuracy on the last of the parts at which a network is done before its last step;
            None to train all to the end.
    """

    data: Dataset
    members: tuple[Member, ...]
    steps: int
    parts: tuple[str, ...]
    rows: int = 10_000
    enough: float | None = None

    @property
    def batch_size(self) -> int:
        """Rows of a step; the last batch of an epoch may have fewer."""
        (size,) = {member.recipe.batch_size for member in self.members}
        return size

    @property
    def evaluated_at(self) -> list[int]:
        """Steps done at each evaluation."""
        epoch = steps_per_epoch(len(self.data.train), self.batch_size)
        return sorted({*range(epoch, self.steps + 1, epoch), self.steps})

    def evaluation_rows(self, part: str) -> int:
        """How many rows of a part are evaluated."""
        return min(len(getattr(self.data, part)), self.rows)

    def flat(self, part: str, most: int | None = None) -> tuple[NDArray[Any], NDArray[Any]]:
        """The first rows of a part, each as one line of numbers, and their classes."""
        which = self.data.part(part)
        x, y = which.x[:most], which.y[:most]
        return x.reshape(len(x), -1), y

    @property
    def evaluated(self) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
        """What is evaluated of each part."""
        return {part: self.flat(part, self.rows) for part in self.parts}

    def batches(self, seed: int) -> list[NDArray[np.int64]]:
        """The rows of every step, the same for everyone."""
        n = len(self.data.train)
        return [batch_rows(seed, n, self.batch_size, step) for step in range(self.steps)]

    def reached(self, accuracy: float) -> bool:
        """Whether a network with this accuracy on the last of the parts is done."""
        return self.enough is not None and accuracy >= self.enough

    def only(self, members: Sequence[Member]) -> Training:
        """The same work for these members."""
        return replace(self, members=tuple(members))

    def some(self, count: int) -> Training:
        """The same work for fewer members, evenly spread over all."""
        at = np.linspace(0, len(self.members) - 1, min(count, len(self.members)))
        return self.only([self.members[round(i)] for i in at])

    def short(self) -> Training:
        """A few steps of two members, to warm up."""
        return replace(self.some(2), steps=min(WARM_UP_STEPS, self.steps))

    def flops(self) -> float:
        """Operations of one member from start to end; see `FORMULA`."""
        works = multiply_adds(self.members[0].recipe.network, self.data)
        training = sum(step_flops(works, len(rows)) for rows in self.batches(seed=0))
        rows = sum(self.evaluation_rows(part) for part in self.parts)
        return training + len(self.evaluated_at) * forward_flops(works, rows)


@dataclass(frozen=True)
class Outcome:
    """What a contestant reached.

    Attributes:
        members: who was trained, (arm, seed).
        metrics: (members, evaluations) by name, such as "valid_loss".
        steps: updates that each member took; a diverged one takes fewer.
        loss: of every step (members, steps), where the contestant keeps it.
        once: of the seconds it took, those that do not grow with the members: compiling.
    """

    members: tuple[Key, ...]
    metrics: dict[str, NDArray[np.float64]]
    steps: tuple[int, ...]
    loss: NDArray[np.float64] | None = None
    once: float = 0.0

    @property
    def member_steps(self) -> int:
        """Updates in all."""
        return sum(self.steps)

    def of(self, member: Key) -> dict[str, NDArray[np.float64]]:
        """The metrics of one member."""
        row = self.members.index(member)
        return {name: values[row] for name, values in self.metrics.items()}


def rates(recipe: Recipe, steps: int) -> dict[int, float]:
    """The learning rate where its schedule changes it, by steps done.

    >>> import shoal
    >>> drop = shoal.StepDecay(every=3, gamma=0.5)
    >>> rates(shoal.Recipe(shoal.mlp([4]), shoal.SGD(lr=0.1), schedule=drop), steps=7)
    {3: 0.05, 6: 0.025}
    """
    if recipe.schedule is None:
        return {}
    factors = recipe.schedule.factor(np.arange(steps), steps)
    lr = recipe.optimizer.numbers["lr"]
    changed = np.flatnonzero(factors[1:] != factors[:-1]) + 1
    return {int(step): float(lr * factors[step]) for step in changed}


def padded(values: Any, length: int) -> NDArray[np.float64]:
    """Values with NaN after their end.

    >>> padded([1.0, 2.0], 3).tolist()
    [1.0, 2.0, nan]
    """
    return np.concatenate([values, np.full(length - len(values), np.nan)])


def counted(members: int) -> str:
    """How many networks, in words."""
    return f"{members} network{'s' if members > 1 else ''}"


def keys(members: tuple[Member, ...]) -> tuple[Key, ...]:
    """Arm and seed of each member."""
    return tuple((member.arm, member.seed) for member in members)


def contestant(
    name: str, settings: str, start: Callable[[Training], Timed], training: Training
) -> Contestant:
    """A contestant that trains.

    Args:
        name: of the contestant.
        settings: in one line.
        start: makes a training ready and returns the timed part.
        training: what it trains.
    """
    return Contestant(
        name,
        f"{settings}; {counted(len(training.members))} a round",
        prepare=partial(start, training),
        warm_up=lambda: start(training.short())(),
    )


def multiply_adds(network: Network, data: Dataset) -> list[int]:
    """Those of each layer with weights, for one row, forward.

    >>> import shoal
    >>> multiply_adds(shoal.mlp([16]), shoal.load("digits"))
    [1024, 160]
    """
    bound = network.bind(data.in_shape, data.outputs)
    shapes = bound.shapes(data.in_shape)
    counts = [
        layer.multiply_adds(shape) for layer, shape in zip(bound.layers, shapes, strict=False)
    ]
    return [count for count in counts if count]


def forward_flops(works: list[int], rows: int) -> float:
    """2 · multiply-adds.

    >>> forward_flops([1024, 160], rows=1)
    2368.0
    """
    return 2.0 * rows * sum(works)


def step_flops(works: list[int], rows: int) -> float:
    """Forward; as much for the gradients of weights; and of inputs, but not the first layer's.

    >>> step_flops([1024, 160], rows=1)
    5056.0
    """
    return 2 * forward_flops(works, rows) + forward_flops(works[1:], rows)


def agreement(results: Mapping[str, Any], metric: str) -> list[str]:
    """How far each contestant's last values lie from the first contestant's, in sentences.

    Args:
        results: outcomes by contestant; the first is the reference.
        metric: of a part that everyone evaluates on the same rows.
    """
    (reference, first), *others = results.items()
    differences = (f"{name} {largest_difference(first, o, metric):.0e}" for name, o in others)
    stopped = sum(steps < max(first.steps) for steps in first.steps)
    return [
        f"Same weights, same batches: the last {metric} of a network differs from that of "
        f"{reference} by at most: {'; '.join(differences)}.",
        f"Diverged, and stopped by everyone: {stopped} of {counted(len(first.steps))}.",
    ]


def largest_difference(first: Outcome, second: Outcome, metric: str) -> float:
    """Largest difference of the last values of the members that both have trained to the end."""
    both = [key for key in second.members if key in first.members]
    ours, theirs = (
        np.array([outcome.of(key)[metric][-1] for key in both]) for outcome in (first, second)
    )
    if not np.array_equal(np.isfinite(ours), np.isfinite(theirs)):
        return float("inf")
    return float(np.nanmax(np.abs(ours - theirs)))
