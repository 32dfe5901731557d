"""What a worker is asked to do and what it gives back: plain data that can travel to a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.engine.best import BestRows, Standing
from shoal.engine.kept import packed
from shoal.engine.layout import Matrix
from shoal.engine.member import Program

Column = NDArray[np.float64]


class DataSource(Protocol):
    """How a chunk gets at the data, wherever it runs."""

    def get(self) -> Any:
        """The dataset."""


@dataclass
class Rows:
    """The state of some members: one row each.

    Attributes:
        theta: trained parameters (members, size).
        running: running statistics (members, running_size).
        slots: what the update rule remembers, each (members, size).
    """

    theta: Matrix
    running: Matrix
    slots: dict[str, Matrix]

    def __getitem__(self, which: Any) -> Rows:
        return Rows(
            self.theta[which],
            self.running[which],
            {name: slot[which] for name, slot in self.slots.items()},
        )

    def __setitem__(self, which: Any, rows: Rows) -> None:
        self.theta[which] = rows.theta
        self.running[which] = rows.running
        for name, slot in self.slots.items():
            slot[which] = rows.slots[name]

    def packed(self, which: NDArray[np.int64]) -> Rows:
        """Some of the rows, rising, in the memory of all, which are lost; see `kept.packed`."""
        slots = {name: packed(slot, which) for name, slot in self.slots.items()}
        return Rows(packed(self.theta, which), packed(self.running, which), slots)

    def copy(self) -> Rows:
        """Rows that share no memory with these."""
        slots = {name: slot.copy() for name, slot in self.slots.items()}
        return Rows(self.theta.copy(), self.running.copy(), slots)


@dataclass(frozen=True)
class Numbers:
    """The hyperparameters of some members, one value each.

    Attributes:
        seeds: (members,).
        lr: learning rate at each step of the task (steps, members).
        rule: the other numbers of the update rule, (members,) each.
        weight_decay, clip_norm: (members,).
        layers: numbers of layers, such as a dropout rate: {(layer, name): (members,)}.
    """

    seeds: NDArray[np.int64]
    lr: Column
    rule: dict[str, Column]
    weight_decay: Column
    clip_norm: Column
    layers: dict[tuple[int, str], Column]

    def __getitem__(self, which: Any) -> Numbers:
        return Numbers(
            self.seeds[which],
            self.lr[:, which],
            {name: value[which] for name, value in self.rule.items()},
            self.weight_decay[which],
            self.clip_norm[which],
            {key: value[which] for key, value in self.layers.items()},
        )


@dataclass(frozen=True)
class Task:
    """What a worker needs to know: who, on what, from which step to which.

    Attributes:
        first, last: steps first, …, last - 1 are taken.
        evaluate_at: numbers of steps done at which the parts are evaluated.
        read_at: steps in which the instruments are read.
        parts: which rows of each part are evaluated; None for all.
        replacement: whether batches are drawn with replacement.
        standing: the best evaluation of each member so far; None to keep none.
        engine: who takes the steps, "reference" or "compiled"; see `engines`.
        threads: how many may work on one network.
    """

    program: Program
    rows: Rows
    numbers: Numbers
    data: DataSource
    first: int
    last: int
    evaluate_at: tuple[int, ...]
    read_at: tuple[int, ...]
    parts: dict[str, NDArray[np.int64] | None]
    replacement: bool
    standing: Standing | None = None
    engine: str = "reference"
    threads: int = 1


@dataclass
class Result:
    """What a worker gives back; NaN where a member was frozen.

    Attributes:
        rows: the new state.
        loss, gradient_norm: (members, steps); the loss before each update, in training mode.
        metrics: (members, evaluations) by name, such as "valid_accuracy".
        readings: (members, readings, channels); see `instruments`.
        diverged: step of divergence, or -1.
        stopped: steps done when patience ended, or -1.
        standing: as in the task, after it.
        best: the rows of those who came to a better evaluation.
        seconds: processor time spent on one member.
    """

    rows: Rows
    loss: Matrix
    gradient_norm: Matrix
    metrics: dict[str, NDArray[np.float64]]
    readings: Matrix
    diverged: NDArray[np.int64]
    stopped: NDArray[np.int64]
    standing: Standing | None
    best: BestRows
    seconds: float


@dataclass
class Steps:
    """What some members did in a span of steps.

    Attributes:
        loss: of each batch before the update, in training mode, (members, steps); the loss that is
            not finite is the last one of a member that diverged, NaN follows.
        gradient_norm: (members, steps); NaN from divergence on.
        diverged: step of divergence, or -1, (members,).
    """

    loss: Matrix
    gradient_norm: Matrix
    diverged: NDArray[np.int64]

    @classmethod
    def none(cls, members: int, steps: int) -> Steps:
        """Of members that have taken none of so many steps yet."""
        loss, norm = np.full((2, members, steps), np.nan, np.float32)
        return cls(loss, norm, np.full(members, -1))
