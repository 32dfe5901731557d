"""A cohort: members that run through one program, as rows of matrices, with what they have done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.batching import steps_per_epoch
from shoal.engine.best import Standing
from shoal.engine.instruments import channels, reading_steps
from shoal.engine.kept import empty
from shoal.engine.layout import layout_of
from shoal.engine.member import Member, Program
from shoal.engine.recipe import Recipe
from shoal.engine.task import DataSource, Numbers, Result, Rows, Task
from shoal.errors import ShoalError
from shoal.nn.init import Init
from shoal.optim.schedules import Schedule


@dataclass(frozen=True)
class Copy:
    """One member's state laid over another's, which goes on from there by a recipe of its own.

    Attributes:
        step: steps done by then.
        source, target: numbers of the members; the same where only the recipe changed.
        recipe: of the target from then on.
    """

    step: int
    source: int
    target: int
    recipe: Recipe


@dataclass
class Record:
    """What happened to each member; NaN where it has not come or was frozen.

    Attributes:
        loss, gradient_norm: (members, steps).
        evaluated_at: steps done at each evaluation.
        metrics: (members, evaluations) by name.
        read_at: steps, counted from 0, in which the instruments are read.
        readings: (members, readings, channels); see `instruments.channels`.
        diverged: step of divergence, or -1.
        stopped: steps done when its patience ended, or -1.
        dropped: step after which it was taken out of training, or -1.
        seconds: processor time spent on each member.
    """

    loss: NDArray[np.float32]
    gradient_norm: NDArray[np.float32]
    evaluated_at: NDArray[np.int64]
    metrics: dict[str, NDArray[np.float64]]
    read_at: NDArray[np.int64]
    readings: NDArray[np.float32]
    diverged: NDArray[np.int64]
    stopped: NDArray[np.int64]
    dropped: NDArray[np.int64]
    seconds: NDArray[np.float64]


class Cohort:
    """The rows of a cohort and their record.

    Attributes:
        index: which members of the run these are, sorted by seed so that neighbours share batches.
        rows: the state of those that were not dropped.
        place: where the state of each lies in `rows`; -1 for one that was dropped.
        record: their history.
        channels: what the instruments can read.
        standing: the best evaluation of each; None if none is kept.
        best: rows then, placed like `rows`, without slots; NaN before the first evaluation.
        engine: who trains them, "reference" or "compiled".
        members: each with the recipe it goes by now.
        copies: in the order in which they were made.
        step: steps done.
        total: steps to do.
        steps_per_epoch: steps in which every training row is seen once.
        work: multiplications with addition of one member in one step, forward.
    """

    def __init__(
        self,
        program: Program,
        members: Sequence[Member],
        index: Sequence[int],
        rows: int,
        *,
        steps: int | None,
        epochs: int | None,
        evaluate_every: int,
        evaluate_at: Sequence[int],
        metrics: Sequence[str],
        instruments: bool | Sequence[int] = False,
        keep_best: str | None = None,
        patience: int | None = None,
        engine: str = "reference",
    ) -> None:
        self.program = program
        self.engine = engine
        self.index = np.array(sorted(index, key=lambda i: (members[i].seed, i)))
        self.members: list[Member] = [members[i] for i in self.index]
        self.copies: list[Copy] = []
        self.layout = layout_of(program.network, program.in_shape)
        self.steps_per_epoch = steps_per_epoch(rows, program.batch_size)
        self.work = program.batch_size * program.network.multiply_adds(program.in_shape)
        self.total = steps if steps is not None else (epochs or 0) * self.steps_per_epoch
        self.step = 0
        stride = evaluate_every * self.steps_per_epoch
        asked = [step for step in evaluate_at if step < self.total]
        evaluated_at = sorted({*range(stride, self.total + 1, stride), *asked, self.total})
        self.rows = self._first_rows()
        count = len(self.members)
        self.place = np.arange(count)
        read_at = reading_steps(self.total, instruments)
        self.channels = channels(program.network, program.in_shape)
        self.record = Record(
            loss=np.full((count, self.total), np.nan, np.float32),
            gradient_norm=np.full((count, self.total), np.nan, np.float32),
            evaluated_at=np.array(evaluated_at),
            metrics={name: np.full((count, len(evaluated_at)), np.nan) for name in metrics},
            read_at=read_at,
            readings=np.full((count, len(read_at), len(self.channels)), np.nan, np.float32),
            diverged=np.full(count, -1),
            stopped=np.full(count, -1),
            dropped=np.full(count, -1),
            seconds=np.zeros(count),
        )

        self.standing: Standing | None = None
        self.best: Rows | None = None
        if keep_best is not None:
            self.standing = Standing.first(keep_best, patience, count)
            theta, running = self.rows.theta, self.rows.running
            self.best = Rows(np.full_like(theta, np.nan), np.full_like(running, np.nan), {})

    def _first_rows(self) -> Rows:
        count = len(self.members)
        size, running_size = self.layout.size, self.layout.running_size
        theta, running, *slots = (
            empty(count, columns)
            for columns in (size, running_size, *(size for _ in self.program.rule.slots))
        )
        for slot in slots:
            slot.fill(0)
        rows = Rows(theta, running, dict(zip(self.program.rule.slots, slots, strict=True)))
        drawn: dict[tuple[int, Init], int] = {}
        for i, member in enumerate(self.members):
            one, draws = slice(i, i + 1), (member.seed, member.recipe.init)
            if draws in drawn:  # the trials of a search all have the same draws
                theta[i], running[i] = theta[drawn[draws]], running[drawn[draws]]
                continue
            drawn[draws] = i
            values = self.program.network.init(
                member.seed, self.program.in_shape, member.recipe.init
            )
            self.layout.join(values, rows.theta[one])
            self.layout.join_running(values, rows.running[one])
        return rows

    def drop(self, members: NDArray[np.bool_]) -> None:
        """Take members out of training; `free` says what becomes of their memory.

        Args:
            members: true for those to go.
        """
        self.record.dropped[members & (self.record.dropped < 0)] = self.step
        self.free()

    def free(self) -> None:
        """Keep the state of those alone that were not dropped; see `kept.packed`."""
        kept = self.record.dropped < 0
        still = self.place[kept]
        if len(still) < len(self.rows.theta):
            self.rows = self.rows.packed(still)
            if self.best is not None:
                self.best = self.best.packed(still)
            self.place = np.where(kept, np.cumsum(kept) - 1, -1)

    def places(self, which: Any) -> NDArray[np.int64]:
        """Where the state of some members lies.

        Raises:
            ShoalError: one was dropped, and its state with it.
        """
        places: NDArray[np.int64] = self.place[which]
        if (places < 0).any():
            gone = int(self.index[which][places < 0][0])
            raise ShoalError(
                f"member={gone} was dropped, and its weights with it; its history is still there"
            )
        return places

    def _lying(self, which: NDArray[np.int64]) -> slice | NDArray[np.int64]:
        """The places of some members, as a slice if they are neighbours: that is copied faster."""
        at = self.places(which)
        return slice(at[0], at[-1] + 1) if len(at) == at[-1] - at[0] + 1 else at

    @property
    def live(self) -> NDArray[np.int64]:
        """Rows that are still training: neither diverged nor stopped nor dropped."""
        record = self.record
        return np.flatnonzero((record.diverged < 0) & (record.stopped < 0) & (record.dropped < 0))

    def copy(self, source: int, target: int, recipe: Recipe) -> None:
        """Lay the state of one member over another, which goes on by `recipe`.

        Args:
            source, target: numbers of the members, both of this cohort.
            recipe: one of the same program.
        """
        s, t = self.row(source), self.row(target)
        self.rows[self.places([t])] = self.rows[self.places([s])]
        self.record.diverged[t] = self.record.stopped[t] = -1
        if self.standing is not None:
            self.standing.waited[t] = 0
        self.note(Copy(self.step, source, target, recipe))

    def note(self, copy: Copy) -> None:
        """Let a member go by the recipe of a copy that was made."""
        t = self.row(copy.target)
        self.members[t] = replace(self.members[t], recipe=copy.recipe)
        self.__dict__.pop("_before_schedules", None)
        self.copies.append(copy)

    def row(self, member: int) -> int:
        """Where a member lies in the rows."""
        return int(np.flatnonzero(self.index == member)[0])

    def task(
        self,
        which: NDArray[np.int64],
        first: int,
        last: int,
        data: DataSource,
        parts: dict[str, NDArray[np.int64] | None],
        replacement: bool,
    ) -> Task:
        """The task of taking some members from step `first`, where they stand, to `last`."""
        return Task(
            program=self.program,
            rows=self.rows[self._lying(which)],
            numbers=self._numbers(which, first, last),
            data=data,
            first=first,
            last=last,
            # where no part is evaluated, no step need be the last of a span
            evaluate_at=tuple(int(s) for s in self._evaluations(first, last)) if parts else (),
            read_at=tuple(int(s) for s in self.record.read_at[self._readings(first, last)]),
            parts=parts,
            replacement=replacement,
            standing=None if self.standing is None else self.standing[which],
            engine=self.engine,
        )

    def absorb(self, which: NDArray[np.int64], first: int, last: int, result: Result) -> None:
        """Take over what a worker gives back."""
        record = self.record
        self.rows[self._lying(which)] = result.rows
        record.loss[which, first:last] = result.loss
        record.gradient_norm[which, first:last] = result.gradient_norm
        record.diverged[which] = result.diverged
        # who has come to the end has not stopped before it
        record.stopped[which] = np.where(result.stopped < self.total, result.stopped, -1)
        if self.standing is not None and self.best is not None and result.standing is not None:
            self.standing[which] = result.standing
            best = self.places(which[result.best.which])
            self.best.theta[best], self.best.running[best] = result.best.theta, result.best.running
        record.seconds[which] += result.seconds
        record.readings[which, self._readings(first, last)] = result.readings
        columns = np.searchsorted(record.evaluated_at, self._evaluations(first, last))
        for name, values in result.metrics.items():
            if name not in record.metrics:
                record.metrics[name] = np.full(
                    (len(self.members), len(record.evaluated_at)), np.nan
                )
            record.metrics[name][np.ix_(which, columns)] = values

    def _evaluations(self, first: int, last: int) -> NDArray[np.int64]:
        at = self.record.evaluated_at
        return at[(at > first) & (at <= last)]

    def _readings(self, first: int, last: int) -> slice:
        """Which readings fall into the steps first, …, last - 1."""
        begin, end = np.searchsorted(self.record.read_at, [first, last])
        return slice(int(begin), int(end))

    @cached_property
    def _before_schedules(self) -> Numbers:
        """The hyperparameters of all members; learning rates are those before their schedules."""
        recipes = [member.recipe for member in self.members]
        rule = [recipe.optimizer.numbers for recipe in recipes]
        each = {name: np.array([numbers[name] for numbers in rule]) for name in rule[0]}
        return Numbers(
            seeds=np.array([member.seed for member in self.members], np.int64),
            lr=each.pop("lr")[np.newaxis].astype(np.float64),
            rule=each,
            weight_decay=np.array([recipe.weight_decay for recipe in recipes]),
            clip_norm=np.array([recipe.clip_norm or np.inf for recipe in recipes]),
            layers={
                (i, name): np.array([getattr(r.network.layers[i], name) for r in recipes])
                for i, layer in enumerate(self.program.network.layers)
                for name in layer.numbers
            },
        )

    def _numbers(self, which: NDArray[np.int64], first: int, last: int) -> Numbers:
        numbers, steps = self._before_schedules[which], np.arange(first, last)
        lr = np.repeat(numbers.lr, len(steps), axis=0)
        scheduled: dict[Schedule, list[int]] = {}
        for column, i in enumerate(which):
            schedule = self.members[i].recipe.schedule
            if schedule is not None:
                scheduled.setdefault(schedule, []).append(column)
        for schedule, columns in scheduled.items():
            lr[:, columns] *= schedule.factor(steps, self.total)[:, np.newaxis]
        return replace(numbers, lr=lr)
