"""Training a chunk: a few members side by side on one thread, for a number of steps.

`train` is a function from arrays to arrays, so a chunk can run on a thread here or be pickled to a
process elsewhere. No member's numbers depend on which others share its chunk.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.data.batching import batch_rows
from shoal.engine.evaluate import evaluate
from shoal.engine.instruments import channels, read
from shoal.engine.layout import Layout, Matrix, layout_of
from shoal.engine.member import Program
from shoal.nn.arrays import Array
from shoal.optim.clipping import row_norms

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


@dataclass
class Result:
    """What a worker gives back; NaN where a member was frozen.

    Attributes:
        rows: the new state.
        loss, gradient_norm: (members, steps); the loss before each update, in training mode.
        metrics: (members, evaluations) by name, such as "valid_accuracy".
        readings: (members, readings, channels); see `instruments`.
        diverged: step of divergence, or -1.
        seconds: processor time spent on one member.
    """

    rows: Rows
    loss: Matrix
    gradient_norm: Matrix
    metrics: dict[str, NDArray[np.float64]]
    readings: Matrix
    diverged: NDArray[np.int64]
    seconds: float


def train(task: Task) -> Result:
    """Take the steps of a task. A member whose loss is not finite is frozen before that step."""
    started = time.thread_time()
    count, steps = len(task.rows.theta), task.last - task.first
    readings = (len(task.read_at), len(channels(task.program.network, task.program.in_shape)))
    result = Result(
        rows=task.rows.copy(),
        loss=np.full((count, steps), np.nan, np.float32),
        gradient_norm=np.full((count, steps), np.nan, np.float32),
        metrics={},
        readings=np.full((count, *readings), np.nan, np.float32),
        diverged=np.full(count, -1),
        seconds=0.0,
    )
    live = np.arange(count)
    chunk = _Chunk(task, result.rows, live)
    step = task.first
    # an overflow is no accident here: it is noticed, recorded and contained
    with np.errstate(all="ignore"):
        while step < task.last and len(live):
            watched = step in task.read_at
            loss, norm = chunk.gradient(step, watched)
            finite = np.isfinite(loss)
            if not finite.all():
                result.diverged[live[~finite]] = step
                result.loss[live[~finite], step - task.first] = loss[~finite]
                live = chunk.keep(finite, result.rows)
                continue  # the others take this step without them
            if watched:
                result.readings[live, task.read_at.index(step)] = chunk.watched_update(step)
            else:
                chunk.update(step)
            result.loss[live, step - task.first] = loss
            result.gradient_norm[live, step - task.first] = norm
            step += 1
            if step in task.evaluate_at:
                healthy = chunk.evaluate(result, task.evaluate_at.index(step))
                if not healthy.all():
                    result.diverged[live[~healthy]] = step
                    live = chunk.keep(healthy, result.rows)
    chunk.store(result.rows)
    result.seconds = (time.thread_time() - started) / count
    return result


class _Chunk:
    """The members of a task that are still training, and one step of them."""

    def __init__(self, task: Task, rows: Rows, live: NDArray[np.int64]) -> None:
        self.task = task
        self.data = task.data.get()
        self.layout: Layout = layout_of(task.program.network, task.program.in_shape)
        self._bind(rows, live)

    def _bind(self, rows: Rows, live: NDArray[np.int64]) -> None:
        """Lay the views of the layers over the rows."""
        program = self.task.program
        self.rows, self.live = rows, live
        self.numbers = numbers = self.task.numbers[live]
        self.seeds, self.seed_index = np.unique(numbers.seeds, return_inverse=True)
        self.params = self.layout.split(rows.theta, rows.running)
        shapes = program.network.shapes(program.in_shape)
        for (layer, name), value in numbers.layers.items():
            ones = (1,) * (1 + len(shapes[layer]))
            self.params[layer][name] = value.reshape(-1, *ones).astype(np.float32)
        self.rule = {name: value[:, None] for name, value in numbers.rule.items()}
        self.gradients = np.empty_like(rows.theta)

    def keep(self, which: NDArray[np.bool_], home: Rows) -> NDArray[np.int64]:
        """Freeze the members not in `which`: store all, go on with the rest."""
        self.store(home)
        live = self.live[which]
        self._bind(home[live], live)
        return live

    def store(self, home: Rows) -> None:
        """Write the state back to where it came from, if it lies elsewhere."""
        if self.rows is not home:
            home[self.live] = self.rows

    def gradient(self, step: int, watched: bool = False) -> tuple[Array, Array]:
        """Loss of the step's batch, and the norm of its gradient, which lies in `gradients`.

        If the step is watched, `outputs` holds what each layer put out.
        """
        program, network = self.task.program, self.task.program.network
        part = self.data.train
        batches = [
            batch_rows(int(seed), len(part), program.batch_size, step, self.task.replacement)
            for seed in self.seeds
        ]
        x = self._per_member([part.x[rows] for rows in batches])
        y = self._per_member([part.y[rows] for rows in batches])
        noise = self._noise(step, x.shape[1])
        self.outputs: list[Array] | None = [] if watched else None
        outputs, caches = network.forward(
            self.params, x, training=True, noise=noise, outputs=self.outputs
        )
        loss, cache = program.loss.forward(outputs, y)
        _, grads = network.backward(self.params, caches, program.loss.backward(cache))
        self.layout.join(grads, self.gradients)
        self.new_running = network.running(self.params, caches) if self.layout.running else []
        self.norm = row_norms(self.gradients)
        return loss, self.norm

    def update(self, step: int) -> None:
        """Clip, decay and apply the rule to whole rows: θ ← θ + δ."""
        program, weights = self.task.program, self.layout.weights
        theta, g = self.rows.theta, self.gradients
        lr = self.numbers.lr[step - self.task.first][:, None]
        if program.clips:
            clip = np.minimum(self.numbers.clip_norm / np.maximum(self.norm, np.float32(1e-30)), 1)
            g *= clip[:, None].astype(np.float32)
        if program.decays:
            decay = self.numbers.weight_decay[:, None]
            if program.rule.decoupled_decay:
                theta[:, :weights] *= (1 - lr * decay).astype(np.float32)
            else:
                g[:, :weights] += decay.astype(np.float32) * theta[:, :weights]
        delta, self.rows.slots = program.rule.update(
            g, self.rows.slots, step + 1, lr=lr, **self.rule
        )
        theta += delta
        if self.layout.running:
            self.layout.join_running(self.new_running, self.rows.running)

    def watched_update(self, step: int) -> Matrix:
        """Update, and read the instruments, (members, channels)."""
        program, weights = self.task.program, slice(0, self.layout.weights)
        gradient = self.gradients[:, weights].copy()  # clipping and decay change it in place
        before = self.rows.theta[:, weights].copy()
        self.update(step)
        outputs, self.outputs = self.outputs or [], None
        return read(
            channels(program.network, program.in_shape),
            program.network,
            self.layout,
            outputs,
            gradient,
            before,
            self.rows.theta[:, weights],
        )

    def evaluate(self, result: Result, column: int) -> NDArray[np.bool_]:
        """Evaluate the parts; true for members whose losses are finite."""
        healthy = np.ones(len(self.live), np.bool_)
        for name, values in evaluate(
            self.task.program, self.params, self.data, self.task.parts
        ).items():
            shape = (len(result.loss), len(self.task.evaluate_at))
            result.metrics.setdefault(name, np.full(shape, np.nan))
            result.metrics[name][self.live, column] = values
            if name.endswith("_loss"):
                healthy &= np.isfinite(values)
        return healthy

    def _per_member(self, by_seed: list[Array]) -> Array:
        """(1, …) when all share a seed, and broadcasting does the rest; else (members, …)."""
        if len(by_seed) == 1:
            return by_seed[0][None]
        return np.stack([by_seed[i] for i in self.seed_index])

    def _noise(self, step: int, rows: int) -> list[Array | None] | None:
        program = self.task.program
        if not any(layer.random for layer in program.network.layers):
            return None
        by_seed = [
            program.network.noise(int(seed), step, rows, program.in_shape) for seed in self.seeds
        ]
        return [
            None if draws[0] is None else self._per_member(list(draws))
            for draws in zip(*by_seed, strict=True)
        ]
