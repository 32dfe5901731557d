"""Members as peers take them that train all at once: arrays with a first axis over members.

Plain networks of one shape (Affine and ReLU in turn), trained by SGD with a learning rate and decay
of each, or by Adam with numbers that all share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import shoal
from benchmarks.work import Outcome, Training, keys
from shoal.nn import as_mlp

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Stack:
    """The first state of members, and what they need to train.

    Attributes:
        weights: (members, fan_in, fan_out) of each layer.
        biases: (members, fan_out) of each layer.
        lr, decay: (members,).
        rule: of all members; what differs in their numbers is above.
    """

    weights: tuple[Floats, ...]
    biases: tuple[Floats, ...]
    lr: Floats
    decay: Floats
    rule: shoal.SGD | shoal.Adam


def why_not(training: Training) -> str | None:
    """Why these members cannot be stacked here, or None."""
    recipes = [member.recipe for member in training.members]
    first = recipes[0]
    if any(recipe.network != first.network for recipe in recipes):
        return "networks of several shapes cannot be stacked"
    sizes = as_mlp(first.network) or {}
    if sizes.keys() != {"hidden", "activation"} or sizes["activation"] != "relu":
        return "only plain networks with ReLU are stacked here"
    if any(recipe.schedule is not None for recipe in recipes):
        return "only constant learning rates are stacked here"
    if all(type(recipe.optimizer) is shoal.SGD for recipe in recipes):
        return None
    same = all((r.optimizer, r.weight_decay) == (first.optimizer, 0.0) for r in recipes)
    if type(first.optimizer) is shoal.Adam and same:
        return None
    return "only SGD, or Adam with the same numbers for all, are stacked here"


def stack(training: Training) -> Stack:
    """All members of a training."""
    data = training.data
    recipes = [member.recipe for member in training.members]
    values = [
        [
            layer
            for layer in recipe.network.bind(data.in_shape, data.outputs).init(
                member.seed, data.in_shape, recipe.init
            )
            if layer
        ]
        for member, recipe in zip(training.members, recipes, strict=True)
    ]
    layers = range(len(values[0]))
    rule = recipes[0].optimizer
    assert isinstance(rule, shoal.SGD | shoal.Adam)
    return Stack(
        tuple(np.stack([each[i]["W"] for each in values]) for i in layers),
        tuple(np.stack([each[i]["b"] for each in values]) for i in layers),
        np.array([recipe.optimizer.numbers["lr"] for recipe in recipes], np.float32),
        np.array([recipe.weight_decay for recipe in recipes], np.float32),
        rule,
    )


def batches(training: Training) -> list[NDArray[np.int64]]:
    """The rows of every step: (batch,) if all members see the same, else (members, batch)."""
    seeds = [member.seed for member in training.members]
    of = {seed: training.batches(seed) for seed in set(seeds)}
    if len(of) == 1:
        return of[seeds[0]]
    return [np.stack([of[seed][step] for seed in seeds]) for step in range(training.steps)]


def pieces(training: Training, size: int) -> Iterator[Training]:
    """The members, so many at once, or a few less: all pieces are equally large, but for one."""
    count = -(-len(training.members) // size)
    for index in np.array_split(np.arange(len(training.members)), count):
        yield training.only([training.members[i] for i in index])


def outcome(
    training: Training,
    metrics: Sequence[dict[str, NDArray[np.float64]]],
    losses: Sequence[NDArray[np.float64]],
    once: float = 0.0,
) -> Outcome:
    """One outcome of all pieces.

    Args:
        training: of all members.
        metrics: of each piece, (members, evaluations) by name.
        losses: of each piece, (members, steps).
        once: seconds of compiling.
    """
    return Outcome(
        keys(training.members),
        {name: np.concatenate([each[name] for each in metrics]) for name in metrics[0]},
        (training.steps,) * len(training.members),
        np.concatenate(losses),
        once,
    )


def fastest(sizes: Sequence[int], seconds: Callable[[int], float], repeats: int = 3) -> int:
    """The size with the fewest seconds, the least of some turns of each.

    >>> fastest([1, 2, 4], {1: 0.3, 2: 0.1, 4: 0.2}.get)
    2
    """
    return min(sizes, key=lambda size: min(seconds(size) for _ in range(repeats)))
