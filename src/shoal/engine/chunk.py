"""Training a chunk: a few members side by side on one thread, for a number of steps.

`train` is a function from arrays to arrays, so a chunk can run on a thread here or be pickled to a
process elsewhere. No member's numbers depend on which others share its chunk.

The steps of a task are cut into spans at its events: an evaluation comes after a step, and a step
that the instruments read is a span of its own. Within a span a `Stepper` does as it likes; between
two spans all that training has changed lies in the `Rows`, and the events are dealt with here. So
another engine is another `Stepper`, chosen in `stepper_for`, and knows nothing of events.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from copy import deepcopy
from functools import partial
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.engine.best import BestRows, Standing
from shoal.engine.evaluate import evaluate
from shoal.engine.instruments import channels
from shoal.engine.reference import Reference
from shoal.engine.task import Result, Rows, Steps, Task


class Stepper(Protocol):
    """Takes the steps between two events; made for a task and the rows that it changes."""

    def steps(self, live: NDArray[np.int64], first: int, last: int) -> Steps:
        """Let some members take the steps first, …, last - 1.

        Afterwards the rows hold the new state: their arrays may have been changed in place or, for
        slots, replaced by others, so they are looked up anew at every call. A member whose loss is
        not finite is frozen before that step, whoever else takes it.

        Args:
            live: which rows, rising; those that no longer train are never among them again.
            first, last: within the task; without an event in between.
        """

    def outputs(self, live: NDArray[np.int64], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """What some members say of rows of data, in evaluation, (members, rows, outputs)."""


def spans(task: Task) -> Iterator[tuple[int, int]]:
    """The steps of a task as pieces (first, last) without an event in between.

    >>> from types import SimpleNamespace
    >>> list(spans(SimpleNamespace(first=0, last=9, evaluate_at=(4,), read_at=(6,))))
    [(0, 4), (4, 6), (6, 7), (7, 9)]
    """
    after = (step + 1 for step in task.read_at)
    yield from pairwise(sorted({task.first, *task.evaluate_at, *task.read_at, *after, task.last}))


def stepper_for(task: Task, rows: Rows) -> Stepper:
    """Who takes the steps that are not read."""
    if task.engine == "compiled":
        from shoal.engine.compiled.stepper import Compiled

        return Compiled(task, rows)
    return Reference(task, rows)


def train(task: Task) -> Result:
    """Take the steps of a task. A member whose loss is not finite is frozen before that step."""
    started = time.thread_time()
    events = _Events(task)
    stepper = stepper_for(task, events.rows)
    # an overflow is no accident here: it is noticed, recorded and contained
    with np.errstate(all="ignore"):
        for first, last in spans(task):
            if not len(events.live):
                break
            if first in task.read_at:
                events.read(first, stepper)
            else:
                events.took(stepper.steps(events.live, first, last), first, last)
            if last in task.evaluate_at and len(events.live):
                events.evaluate(last, stepper)
    result = events.result
    result.seconds = (time.thread_time() - started) / len(result.loss)
    return result


class _Events:
    """What happens between the steps of a task, and the record of it all.

    Attributes:
        rows: the state of all members of the task, also of those that are frozen.
        live: which of them still train.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.rows = task, task.rows.copy()
        self.data = task.data.get()
        count, steps = len(task.rows.theta), task.last - task.first
        readings = (len(task.read_at), len(channels(task.program.network, task.program.in_shape)))
        self.live = np.arange(count)
        self.result = Result(
            rows=self.rows,
            loss=np.full((count, steps), np.nan, np.float32),
            gradient_norm=np.full((count, steps), np.nan, np.float32),
            metrics={},
            readings=np.full((count, *readings), np.nan, np.float32),
            diverged=np.full(count, -1),
            stopped=np.full(count, -1),
            standing=deepcopy(task.standing),
            best=BestRows.none(self.rows),
            seconds=0.0,
        )

    def took(self, steps: Steps, first: int, last: int) -> None:
        """Record a span of steps; who diverged in it trains no longer."""
        columns = slice(first - self.task.first, last - self.task.first)
        self.result.loss[self.live, columns] = steps.loss
        self.result.gradient_norm[self.live, columns] = steps.gradient_norm
        self.result.diverged[self.live] = steps.diverged
        self.live = self.live[steps.diverged < 0]

    def read(self, step: int, stepper: Stepper) -> None:
        """Take one step with the instruments, which change no other number.

        Only the reference engine keeps all that they look at. Another engine's step is taken by
        itself, and looked at in a copy of the rows.
        """
        readings = np.full((len(self.live), self.result.readings.shape[2]), np.nan, np.float32)
        own = self.task.engine == "reference"
        looked_at = self.rows if own else self.rows.copy()
        steps = Reference(self.task, looked_at).steps(self.live, step, step + 1, readings)
        if not own:
            steps = stepper.steps(self.live, step, step + 1)
        self.result.readings[self.live, self.task.read_at.index(step)] = readings
        self.took(steps, step, step + 1)

    def evaluate(self, done: int, stepper: Stepper) -> None:
        """Evaluate the parts; who has a loss that is not finite has diverged."""
        column, live = self.task.evaluate_at.index(done), self.live
        say = partial(stepper.outputs, live)
        found = evaluate(self.task.program, (), self.data, self.task.parts, say)
        healthy = np.ones(len(live), np.bool_)
        for name, values in found.items():
            shape = (len(self.result.loss), len(self.task.evaluate_at))
            self.result.metrics.setdefault(name, np.full(shape, np.nan))
            self.result.metrics[name][live, column] = values
            if name.endswith("_loss"):
                healthy &= np.isfinite(values)
        self.result.diverged[live[~healthy]] = done
        self.live = live[healthy]
        if self.result.standing is not None:
            self.judge(self.result.standing, found[self.result.standing.metric][healthy], done)

    def judge(self, standing: Standing, values: NDArray[np.float64], done: int) -> None:
        """Keep the rows of who was never better; who has not been for long trains no longer."""
        better = standing.evaluated(self.live, values, done)
        if better.any():
            self.result.best = self.result.best.take(self.live[better], self.rows)
        impatient = standing.impatient(self.live)
        self.result.stopped[self.live[impatient]] = done
        self.live = self.live[~impatient]
