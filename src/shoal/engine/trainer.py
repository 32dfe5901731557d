"""The trainer: drives a shoal step by step, by epoch, or to the end.

Members fall into cohorts, cohorts are cut into chunks, chunks run on threads. All of a cohort
stands at the same step after every round, so a run can stop, be saved and be resumed there.
"""

from __future__ import annotations

import json
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from shoal.data.mapped import is_mapped
from shoal.engine import checkpoint
from shoal.engine.callbacks import Callback, overrides
from shoal.engine.cohort import Cohort, Copy
from shoal.engine.engines import ENGINES, engine_for
from shoal.engine.evaluate import METRICS
from shoal.engine.executor import Workers, available_threads
from shoal.engine.history import History
from shoal.engine.instruments import check_instruments
from shoal.engine.member import Member, Program, check_batches, make_members, program_of
from shoal.engine.memory import WORTH as CHUNK_WORTH
from shoal.engine.memory import Memory, memory_of
from shoal.engine.recipe import Recipe
from shoal.engine.schedule import wrapped
from shoal.engine.shoal import Shoal
from shoal.engine.sizes import WORTH, Sizes, Tried
from shoal.engine.task import Result, Rows, Task
from shoal.errors import ShoalError, check_choice, check_number
from shoal.rng import generator

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from shoal.data import Dataset

PARTS = ("train", "valid", "test")
ROUND_SECONDS = 1.0
MOST_GROWTH = 16.0
"""From one round to the next: what a short one costs besides its steps makes it look slow, so
little is risked."""
FIRST_ROUND = {"compiled": 2**32, "reference": 2**27}
"""Multiplications with addition in the first round, forward, by each engine: some tenths of a
second at most, whatever the networks are like."""
NEAR = 1 / 16
"""Of a chunk's steps: so far at most a cut moves to the end of an epoch, or workers would wait."""
STATE = "state.safetensors"
FORMAT = 4
_log = logging.getLogger("shoal")


@dataclass(frozen=True, eq=False)
class _Job:
    """A chunk of a round, or the start or end of one: members that go from one step to another.

    Attributes:
        tried: what it shows of its size, if that is being tried.
        after: the start, if this is the end of a chunk that was cut.
    """

    cohort: Cohort
    which: NDArray[np.int64]
    first: int
    end: int
    tried: Tried | None = None
    after: _Job | None = None

    @property
    def work(self) -> int:
        """Multiplications with addition, forward."""
        return len(self.which) * self.cohort.work * (self.end - self.first)

    @property
    def going(self) -> NDArray[np.int64]:
        """The members that go on: some may have diverged, or stopped, in the start."""
        return self.which if self.after is None else np.intersect1d(self.which, self.cohort.live)


class Trainer:
    """Trains a shoal on data.

    Args:
        recipes: a Recipe, recipes by the names of their arms, or a sequence of `Member`.
        data: a Dataset.
        steps: updates of every member; or
        epochs: passes over the training part (whole numbers; give one of the two).
        seeds: how many seeds (0, 1, …) every recipe gets, or which. Members with the same seed
            share weights' draws, batches and dropout masks.
        sampling: "epochs" (permuted; the last partial batch counts) or "replacement".
        evaluate_every: epochs between two evaluations; there is always one at the end.
        evaluate_at: numbers of steps after which to evaluate besides.
        evaluate_parts: which parts are evaluated.
        evaluate_rows: at most this many rows of each part, drawn once; None for all.
        instruments: whether to read activations, gradients and updates of every layer now and
            then (see `History.reading`), or in which steps, counted from 0. Other numbers do not
            depend on it.
        keep_best: keep a copy of each member's weights at the evaluation at which it was best by
            this metric, such as "valid_loss" (see `best_shoal`); None for no copies. Of equal
            evaluations the first is the best.
        patience: a member that has not been better for so many evaluations stops there, and costs
            nothing more; None to train all to the end. It needs `keep_best`.
        engine: "compiled" or "reference" (NumPy, as the equations say it); "auto" takes the
            compiled one for all that it can train. Both give the same numbers but for rounding.
        threads: None for one per processor. The numbers do not depend on it.
        chunk: members in a chunk; None to choose. The numbers do not depend on it.
        executor: any concurrent.futures executor, instead of threads.
        callbacks: see `Callback`.
        folder: where checkpoints go; None for none.
        checkpoint_seconds: time between two checkpoints.
        resume: go on from the checkpoint in `folder`, if there is one.

    Attributes:
        members: recipe, seed and arm of each.
        history: what each did so far.
        shoal: their weights.
        interrupted: whether Ctrl-C ended the last `run`.

    Raises:
        ShoalError: settings that do not fit; a batch larger than the data; targets that a loss
            has no meaning for; a folder that holds another run.

    >>> import shoal
    >>> data = shoal.load("digits")
    >>> recipe = shoal.Recipe(shoal.mlp([16]), shoal.Adam())
    >>> shoal.Trainer(recipe, data, epochs=3, seeds=2).run().history.final("valid_accuracy").shape
    (2,)
    """

    def __init__(
        self,
        recipes: Recipe | Mapping[str, Recipe] | Sequence[Member],
        data: Dataset,
        *,
        steps: int | None = None,
        epochs: int | None = None,
        seeds: int | Sequence[int] = 1,
        sampling: str = "epochs",
        evaluate_every: int = 1,
        evaluate_at: Sequence[int] = (),
        evaluate_rows: int | None = 10_000,
        evaluate_parts: Sequence[str] = PARTS,
        instruments: bool | Sequence[int] = False,
        keep_best: str | None = None,
        patience: int | None = None,
        engine: str = "auto",
        threads: int | None = None,
        chunk: int | None = None,
        executor: Executor | None = None,
        callbacks: Sequence[Callback] = (),
        folder: str | Path | None = None,
        checkpoint_seconds: float = 30.0,
        resume: bool = False,
    ) -> None:
        if (steps is None) == (epochs is None):
            raise ShoalError(
                f"give steps or epochs, one of the two (steps={steps}, epochs={epochs})"
            )
        check_number(
            *(("steps", steps) if epochs is None else ("epochs", epochs)), least=1, whole=True
        )
        check_choice("sampling", sampling, ("epochs", "replacement"))
        check_choice("engine", engine, ENGINES)
        check_number("evaluate_every", evaluate_every, least=1, whole=True)
        for step in evaluate_at:
            check_number("evaluate_at", step, least=1, whole=True)
        for name, value in (
            ("threads", threads),
            ("chunk", chunk),
            ("evaluate_rows", evaluate_rows),
            ("patience", patience),
        ):
            if value is not None:
                check_number(name, value, least=1, whole=True)
        check_number("checkpoint_seconds", checkpoint_seconds, least=0)
        watched = check_instruments(instruments)
        if executor is not None and not _is_executor(executor):
            hint = "; give client.get_executor()" if hasattr(executor, "get_executor") else ""
            raise ShoalError(f"executor={executor!r} must be a concurrent.futures executor{hint}")
        for callback in callbacks:
            if not isinstance(callback, Callback):
                raise ShoalError(f"callbacks: {callback!r} must be a Callback, such as Progress()")
        self.data = data
        self.members = make_members(recipes, seeds)
        self.callbacks = list(callbacks)
        self._replacement = sampling == "replacement"
        self._threads, self._executor, self._chunk = threads, executor, chunk
        self._sizes = Sizes(chunk, here=executor is None)
        self._stopping = False
        self._stride = 1.0  # of the last round: whoever goes on need not find it anew
        self.interrupted = False
        self._left: list[_Job] = []
        for part in evaluate_parts:
            check_choice("part", part, PARTS)
        self._parts = _evaluation_rows(data, evaluate_parts, evaluate_rows)
        metrics = [f"{part}_{measure}" for part in self._parts for measure in METRICS[data.task]]
        if keep_best is not None:
            check_choice("keep_best", keep_best, metrics)
        elif patience is not None:
            raise ShoalError(
                f"patience={patience} needs keep_best=, the metric that must get better, such as "
                "keep_best='valid_loss'"
            )
        self._settings = {
            "steps": steps,
            "epochs": epochs,
            "sampling": sampling,
            "evaluate_every": evaluate_every,
            "evaluate_at": list(evaluate_at),
            "evaluate_rows": evaluate_rows,
            "evaluate_parts": list(evaluate_parts),
            "instruments": watched if isinstance(watched, bool) else list(watched),
            "keep_best": keep_best,
            "patience": patience,
            "engine": engine,
        }
        self._cohorts = [
            Cohort(
                program,
                self.members,
                index,
                len(data.train),
                steps=steps,
                epochs=epochs,
                evaluate_every=evaluate_every,
                evaluate_at=evaluate_at,
                metrics=metrics,
                instruments=watched,
                keep_best=keep_best,
                patience=patience,
                engine=engine_for(program, engine),
            )
            for program, index in _groups(self.members, data).items()
        ]
        for cohort in self._cohorts:
            check_batches(cohort.program, len(data.train), cohort.total, self._replacement)
            cohort.program.loss.check_targets(data.train.y)
        self._ends = [cohort.step for cohort in self._cohorts]
        self.history = History(self.members, self._cohorts)
        self.shoal = Shoal(self.members, self._cohorts, data)
        self._folder = None if folder is None else Path(folder)
        self._checkpoint_seconds = checkpoint_seconds
        self._saved_at = time.monotonic()
        if self._folder is not None:
            self._open(self._folder, resume)

    @classmethod
    def resume(cls, folder: str | Path, data: Dataset, **settings: Any) -> Self:
        """The trainer of a run that was stopped or killed, from its last checkpoint.

        Args:
            folder: of the run.
            data: the same data.
            settings: threads, executor, callbacks and so on, as for a new trainer.

        Raises:
            ShoalError: no checkpoint there, a damaged one, or one of other data.
        """
        _, facts = _load(Path(folder, STATE))
        run = facts["run"]
        recipes = [Recipe.from_dict(plain) for plain in run["recipes"]]
        members = [Member(recipes[r], seed, arm) for r, seed, arm in run["members"]]
        return cls(members, data, **run["settings"], folder=folder, resume=True, **settings)

    @property
    def steps_done(self) -> int:
        """Steps done by the cohort that has the most to do."""
        return max(self._cohorts, key=lambda c: c.total).step

    @property
    def total_steps(self) -> int:
        """Steps to do for the cohort that has the most."""
        return max(c.total for c in self._cohorts)

    @property
    def epochs_done(self) -> int:
        """Whole epochs that every member has done."""
        return min(c.step // c.steps_per_epoch for c in self._cohorts)

    @property
    def best_shoal(self) -> Shoal:
        """All members with the weights of their best evaluation so far; see `keep_best`.

        Raises:
            ShoalError: the run keeps no best.

        >>> import shoal
        >>> recipe = shoal.Recipe(shoal.mlp([16]), shoal.Adam(lr=0.01))
        >>> data, settings = shoal.load("digits"), {"keep_best": "valid_loss", "patience": 2}
        >>> trainer = shoal.Trainer(recipe, data, epochs=100, seeds=3, **settings).run()
        >>> bool((trainer.history.best_step < trainer.history.stopped).all())
        True
        >>> trainer.best_shoal.ensemble()
        <Ensemble of 3 members: 3 of recipe>
        """
        return self.shoal.at_best()

    @property
    def memory(self) -> Memory:
        """The memory that the run takes, as it stands; `print` it to read it.

        >>> import shoal
        >>> recipe = shoal.Recipe(shoal.mlp([100] * 5), shoal.Adam())
        >>> trainer = shoal.Trainer(recipe, shoal.load("digits"), steps=10, seeds=4)
        >>> trainer.memory.state == 4 * (1 + 2) * 4 * 47_910  # weights, two slots; float32
        True
        """
        pool = getattr(self._executor, "_max_workers", None)
        workers = pool if isinstance(pool, int) else self._threads or available_threads()
        return memory_of(self._cohorts, _in_memory(self.data), workers, self._chunk)

    @property
    def done(self) -> bool:
        """Whether training has come to its end."""
        return self._reached([cohort.total for cohort in self._cohorts])

    def step(self, count: int = 1) -> Self:
        """Let every member take some steps."""
        check_number("count", count, least=1, whole=True)
        with self._workers() as workers:
            self._round(workers, [c.step + count for c in self._cohorts])
        return self

    def epoch(self) -> Self:
        """Let every member go to the end of its epoch."""
        with self._workers() as workers:
            self._round(workers, [_epoch_end(c) for c in self._cohorts])
        return self

    def stop(self) -> None:
        """Ask `run` to end after the steps now under way; callbacks may call it."""
        self._stopping = True

    def drop(self, members: Sequence[int]) -> Self:
        """Take members out of training for good; what they did stays in the history.

        The others do not notice: no number of theirs depends on who trains beside them. The weights
        and slots are gone: `shoal` has none of a dropped member any more. Their memory is freed as
        soon as less than a quarter of it is in use.

        Args:
            members: their numbers in `members`.

        Raises:
            ShoalError: no such member.
        """
        self._mend()
        gone = set(members)
        for number in gone:
            if not 0 <= number < len(self.members):
                raise ShoalError(f"member={number} must be from 0 to {len(self.members) - 1}")
        with uninterrupted():  # rows are moved where they lie
            for cohort in self._cohorts:
                cohort.drop(np.isin(cohort.index, list(gone)))
        return self

    def copy(self, source: int, target: int, recipe: Recipe | None = None) -> Self:
        """Lay one member's state over another's: weights, slots and running statistics.

        The target goes on from there by `recipe`, with its own seed and at its own step of the
        schedule; one that diverged or stopped is alive again. Its best evaluation so far stays its
        best, though it did not come from this state, until there is a better one. Nobody else
        notices, and `History.copies` tells.

        Args:
            source, target: their numbers in `members`. The same twice changes the recipe only.
            recipe: of the target from now on, of the same structure; None for the source's.

        Raises:
            ShoalError: members or a recipe of another structure, a source that diverged, or a
                member that was dropped.

        >>> import shoal
        >>> recipe = shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=0.1))
        >>> trainer = shoal.Trainer(recipe, shoal.load("digits"), epochs=2, seeds=2).epoch()
        >>> trainer.copy(0, 1, recipe.replace({"optimizer.lr": 0.05})).history.recipe(1).optimizer
        SGD(lr=0.05)
        """
        self._mend()
        cohort = self._cohort(source)
        if cohort is not self._cohort(target):
            raise ShoalError(
                f"members {source} and {target} differ in structure, so neither can copy the other"
            )
        recipe = cohort.members[cohort.row(source)].recipe if recipe is None else recipe
        _check_copy(cohort, source, target, recipe, self.data)
        cohort.copy(source, target, recipe)
        return self

    @property
    def rows(self) -> Rows:
        """The state of all members in their order; a copy.

        Raises:
            ShoalError: members that differ in structure.
        """
        self._mend()
        cohort = self._only_cohort()
        return cohort.rows[cohort.places(np.argsort(cohort.index))]

    def go_on_from(self, rows: Rows, epochs: int = 0) -> Self:
        """Begin with the state of an earlier run instead of first weights.

        Args:
            rows: one for each member, in their order; see `rows`.
            epochs: of this run that count as done: they are not trained again, and batches, masks
                and the counter of the update rule go on after them. In the history they are NaN.

        Raises:
            ShoalError: members that differ in structure, or a run that has begun.
        """
        self._mend()
        cohort = self._only_cohort()
        if self.steps_done:
            raise ShoalError("go_on_from lays down how a run begins, but this one has begun")
        cohort.rows[cohort.places(np.argsort(cohort.index))] = rows
        cohort.step = min(cohort.total, epochs * cohort.steps_per_epoch)
        return self

    def _only_cohort(self) -> Cohort:
        if len(self._cohorts) > 1:
            raise ShoalError(f"members of {len(self._cohorts)} structures have no rows in common")
        return self._cohorts[0]

    def _cohort(self, member: int) -> Cohort:
        for cohort in self._cohorts:
            if member in cohort.index:
                return cohort
        raise ShoalError(f"member={member} must be from 0 to {len(self.members) - 1}")

    def run(self, until: int | None = None, *, save: bool = True) -> Self:
        """Train to the end, or to an earlier point.

        Args:
            until: epochs (steps, if the run was asked for in steps) after which to stop, counted
                from the start of training; None for the end.
            save: whether to save there, if there is a folder. Whoever drops members next had better
                save the rest after that.

        Ctrl-C ends the steps under way and saves if there is a folder; `interrupted` is then true,
        and `history` and `shoal` hold what was reached. A second Ctrl-C raises at once: some
        members are some steps ahead then, and the others catch up before anything else is done.
        """
        if until is not None:
            check_number("until", until, least=1, whole=True)
        ends = [self._end(cohort, until) for cohort in self._cohorts]
        self._stopping = False
        _log.info("memory: %s", self.memory)
        try:
            with interrupts(self.stop) as seen, self._workers() as workers:
                self._tell("on_start")
                stride, seconds = max(self._stride, self._first_stride()), 0.0
                while not (self._reached(ends) or self._stopping):
                    started, before = time.monotonic(), self._done
                    # the first rounds are short, and a step shows little of what chunks cost
                    worth = self._sizes.begun or self._rounds(stride, ends) >= WORTH
                    trying = worth and seconds > ROUND_SECONDS / 2
                    self._round(workers, self._targets(stride, ends), trying)
                    self._tell("on_round")
                    self._checkpoint(every=self._checkpoint_seconds)
                    seconds = max(time.monotonic() - started, 1e-4)
                    stride = (self._done - before) * self.total_steps
                    stride *= min(max(ROUND_SECONDS / seconds, 0.5), MOST_GROWTH)
                    self._stride = stride = min(max(stride, 1.0), float(self.total_steps))
                self.interrupted = seen.is_set()
            if save or self.interrupted:
                self._checkpoint()
        finally:
            self._tell("on_end")
        if self.interrupted and _whole.get():
            raise KeyboardInterrupt
        return self

    def _end(self, cohort: Cohort, until: int | None) -> int:
        """The step at which a cohort has come `until` epochs, or steps, far."""
        if until is None:
            return cohort.total
        in_epochs = self._settings["epochs"] is not None
        return min(cohort.total, until * (cohort.steps_per_epoch if in_epochs else 1))

    @property
    def _done(self) -> float:
        """Which part of its steps every cohort has done."""
        return min(cohort.step / cohort.total for cohort in self._cohorts)

    def _rest(self, ends: Sequence[int]) -> float:
        """Which part of all steps is left."""
        return max(e / c.total for e, c in zip(ends, self._cohorts, strict=True)) - self._done

    def _rounds(self, stride: float, ends: Sequence[int]) -> int:
        """How many rounds are left, if each goes so far."""
        return max(1, round(self._rest(ends) * self.total_steps / stride))

    def _reached(self, ends: Sequence[int]) -> bool:
        return all(cohort.step >= end for cohort, end in zip(self._cohorts, ends, strict=True))

    def _checkpoint(self, every: float = 0.0) -> None:
        """Save, if there is a folder and the last time was long enough ago."""
        if self._folder is not None and time.monotonic() - self._saved_at >= every:
            self.save(self._folder)

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint into a folder, whole or not at all.

        Raises:
            ShoalError: the folder cannot be written.
        """
        self._mend()
        arrays: checkpoint.Arrays = {}
        for i, cohort in enumerate(self._cohorts):
            arrays.update({f"{i}/{name}": array for name, array in _arrays(cohort).items()})
        self._write(Path(folder), arrays)

    def _write(self, folder: Path, arrays: checkpoint.Arrays) -> None:
        facts = {
            "format": FORMAT,
            "run": self._run,
            "steps": [cohort.step for cohort in self._cohorts],
            "copies": [
                [[c.step, c.source, c.target, c.recipe.to_dict()] for c in cohort.copies]
                for cohort in self._cohorts
            ],
        }
        checkpoint.save(folder / STATE, arrays, facts)
        self._saved_at = time.monotonic()

    @cached_property
    def _run(self) -> dict[str, Any]:
        """What makes this run this run; two runs with equal descriptions give equal numbers."""
        recipes = {r: i for i, r in enumerate(dict.fromkeys(m.recipe for m in self.members))}
        return {
            "members": [[recipes[m.recipe], m.seed, m.arm] for m in self.members],
            "recipes": [recipe.to_dict() for recipe in recipes],
            "settings": self._settings,
            "data": self.data.fingerprint,
        }

    def _open(self, folder: Path, resume: bool) -> None:
        path = folder / STATE
        if not path.exists():
            # finds out now, not after an hour, that it cannot write; how it begins follows from
            # what it is, so that is not written
            self._write(folder, {})
            return
        if not resume:
            raise ShoalError(f"folder={folder} holds a run; resume it, or give another folder")
        arrays, facts = _load(path)
        mine = json.loads(json.dumps(self._run, default=int))
        for key, what in (
            ("data", "other data"),
            ("settings", "other settings"),
            ("recipes", "other recipes"),
            ("members", "other arms or seeds"),
        ):
            if facts["run"][key] != mine[key]:
                raise ShoalError(f"folder={folder} holds a run with {what}; give another folder")
        for i, cohort in enumerate(self._cohorts if arrays else ()):
            cohort.step = facts["steps"][i]
            for step, source, target, plain in facts["copies"][i]:
                cohort.note(Copy(step, source, target, Recipe.from_dict(plain)))
            cohort.record.dropped[...] = arrays[f"{i}/dropped"]
            cohort.free()
            for name, array in _arrays(cohort).items():
                array[...] = arrays[f"{i}/{name}"]

    @contextmanager
    def _workers(self) -> Iterator[Workers]:
        workers = Workers(self.data, self._threads, self._executor)
        try:
            yield workers
        finally:
            workers.close()

    def _first_stride(self) -> float:
        """How far the first round goes, in steps of the cohort that has the most to do."""
        most = self.total_steps
        work = sum(
            len(c.live) * c.work * c.total / most / FIRST_ROUND[c.engine] for c in self._cohorts
        )
        return min(max(1.0, 1 / max(work, 1e-9)), float(most))

    def _targets(self, stride: float, ends: Sequence[int]) -> list[int]:
        """How far each cohort goes in the next round; all reach their end together.

        The rest is cut evenly, so that no round is left with a few steps; and at the ends of epochs
        where they are near, because an epoch that two rounds share has its rows listed twice.
        """
        if not any(len(c.live) for c in self._cohorts):  # nobody to wait for
            return list(ends)
        if any(overrides(c, "on_step") for c in self.callbacks):
            return [min(c.step + 1, end) for c, end in zip(self._cohorts, ends, strict=True)]
        now = self._done + self._rest(ends) / self._rounds(stride, ends)
        targets = [
            _near_epoch_end(c, max(c.step, math.ceil(now * c.total)), end)
            for c, end in zip(self._cohorts, ends, strict=True)
        ]
        if any(overrides(c, "on_epoch") for c in self.callbacks):
            return [min(t, _epoch_end(c)) for t, c in zip(targets, self._cohorts, strict=True)]
        return targets

    def _round(self, workers: Workers, targets: Sequence[int], trying: bool = False) -> None:
        """Take all cohorts to their targets; sizes of chunks may be tried on the way."""
        if self._broke_off:
            self._finish(workers)
        epochs = self.epochs_done
        ends = [min(t, c.total) for t, c in zip(targets, self._cohorts, strict=True)]
        chunked: list[_Job] = []
        for cohort, end in zip(self._cohorts, ends, strict=True):
            if end > cohort.step:
                chunks = self._sizes.cut(cohort, workers.count, trying)
                chunked += [_Job(cohort, which, cohort.step, end, tried) for which, tried in chunks]
        jobs = _in_pieces(chunked, workers.count if workers.in_turn else 1)
        self._left, self._ends = jobs, ends  # at once: what is left has its end
        self._finish(workers)
        self._sizes.round_is_over()
        self._tell("on_step")
        if self.epochs_done > epochs:
            self._tell("on_epoch")

    def _finish(self, workers: Workers) -> None:
        """Do what is left of the round; if it broke off, its other chunks are not done again."""
        jobs, going = self._left, {}
        settings = workers.source, self._parts, self._replacement

        def tasks() -> Iterator[tuple[int, Task] | None]:
            for i, job in enumerate(jobs):
                while job.after in self._left:
                    yield None
                going[i] = job.going
                if not len(going[i]):
                    self._is_done(job)
                    continue
                yield i, job.cohort.task(going[i], job.first, job.end, *settings)

        def take(i: int, result: Result) -> None:
            job, which = jobs[i], going.pop(i)
            with uninterrupted():  # or its steps would be taken twice, or never
                job.cohort.absorb(which, job.first, job.end, result)
                self._is_done(job)
            broke_off = (result.diverged >= 0) | (result.stopped >= 0)
            if job.tried is not None and not broke_off.any():
                self._sizes.took(job.tried, len(which), result.seconds / result.loss.shape[1])

        workers.run(tasks(), len(jobs), take)
        for cohort, end in zip(self._cohorts, self._ends, strict=True):
            cohort.step = max(cohort.step, end)

    def _is_done(self, job: _Job) -> None:
        self._left = [left for left in self._left if left is not job]

    @property
    def _broke_off(self) -> bool:
        """Whether a round broke off: perhaps after all of its chunks, but before that was noted."""
        return any(cohort.step < e for cohort, e in zip(self._cohorts, self._ends, strict=True))

    def _mend(self) -> None:
        """Finish a round that broke off, so that all of a cohort stand at the same step."""
        if self._broke_off:
            with self._workers() as workers:
                self._finish(workers)

    def _tell(self, event: str) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(self)


def _in_memory(data: Dataset) -> list[NDArray[Any]]:
    """The arrays of a dataset that do not lie in a file."""
    found = [
        array
        for part in (data.train, data.valid, data.test)
        for array in (part.stored, part.y, part.weights, part.at)
    ]
    return [array for array in found if array is not None and not is_mapped(array)]


def _is_executor(value: object) -> bool:
    from concurrent.futures import Executor

    return isinstance(value, Executor)


def _groups(members: Sequence[Member], data: Dataset) -> dict[Program, list[int]]:
    """The members of each program."""
    programs = {
        recipe: program_of(recipe, data.in_shape, data.outputs, data.task)
        for recipe in dict.fromkeys(member.recipe for member in members)
    }
    groups: dict[Program, list[int]] = {}
    for i, member in enumerate(members):
        groups.setdefault(programs[member.recipe], []).append(i)
    return groups


def _check_copy(cohort: Cohort, source: int, target: int, recipe: Recipe, data: Dataset) -> None:
    """Require that a copy makes sense: both in training, and a recipe of their structure."""
    for number in (source, target):
        if cohort.record.dropped[cohort.row(number)] >= 0:
            raise ShoalError(f"member={number} was dropped; it cannot copy or be copied")
    if cohort.record.diverged[cohort.row(source)] >= 0:
        raise ShoalError(f"source={source} diverged; copy one that did not")
    Member(recipe, 0)  # refuses what is no recipe
    if program_of(recipe, data.in_shape, data.outputs, data.task) != cohort.program:
        raise ShoalError(
            f"recipe={recipe!r} differs in structure from that of member {source}; only numbers "
            "such as learning rates, decay and dropout rates can change in training"
        )


def _evaluation_rows(data: Dataset, parts: Sequence[str], most: int | None) -> dict[str, Any]:
    """Which rows of each part are evaluated: all, or a sample that depends on the sizes alone."""
    rows: dict[str, Any] = {}
    for k, name in enumerate(PARTS):
        if name not in parts:
            continue
        count = len(getattr(data, name))
        if most is None or count <= most:
            rows |= {name: None} if count else {}
        else:
            rows[name] = np.sort(generator(0, "sample", k).choice(count, most, replace=False))
    return rows


def _load(path: Path) -> tuple[checkpoint.Arrays, dict[str, Any]]:
    arrays, facts = checkpoint.load(path)
    if facts["format"] != FORMAT:
        raise ShoalError(
            f"{path} has format {facts['format']}, this version of shoal reads format {FORMAT}; "
            "resume with the version that wrote it"
        )
    return arrays, facts


def _arrays(cohort: Cohort) -> dict[str, Any]:
    """All arrays of a cohort that training changes."""
    rows, record = cohort.rows, cohort.record
    kept: dict[str, Any] = {}
    if cohort.standing is not None and cohort.best is not None:
        kept = {
            "best/value": cohort.standing.value,
            "best/step": cohort.standing.step,
            "best/waited": cohort.standing.waited,
            "best/theta": cohort.best.theta,
            "best/running": cohort.best.running,
        }
    return {
        "theta": rows.theta,
        "running": rows.running,
        **{f"slots/{name}": slot for name, slot in rows.slots.items()},
        "loss": record.loss,
        "gradient_norm": record.gradient_norm,
        "readings": record.readings,
        "diverged": record.diverged,
        "stopped": record.stopped,
        "dropped": record.dropped,
        "seconds": record.seconds,
        **{f"metrics/{name}": values for name, values in record.metrics.items()},
        **kept,
    }


def _in_pieces(chunks: Sequence[_Job], workers: int) -> list[_Job]:
    """The chunks of a round in the order in which they are begun; some cut, see `schedule`."""
    jobs: list[_Job] = []
    starts: dict[int, _Job] = {}
    for piece in wrapped([chunk.work for chunk in chunks], workers, CHUNK_WORTH):
        chunk, start = chunks[piece.chunk], starts.get(piece.chunk)
        if piece.last < 1:
            start = replace(chunk, end=_middle(chunk, piece.last))
            if chunk.first < start.end < chunk.end:
                starts[piece.chunk] = start
                jobs.append(start)
        elif start is not None:
            jobs.append(replace(chunk, first=start.end, after=start))
        else:
            jobs.append(chunk)
    return jobs


def _middle(chunk: _Job, share: float) -> int:
    """The step at which a share of a chunk is done; the end of an epoch if one is near it."""
    steps = chunk.end - chunk.first
    step = chunk.first + round(share * steps)
    end = _nearest_epoch_end(chunk.cohort, step)
    near = abs(end - step) <= NEAR * steps
    return end if near and chunk.first < end < chunk.end else step


def _epoch_end(cohort: Cohort) -> int:
    return (cohort.step // cohort.steps_per_epoch + 1) * cohort.steps_per_epoch


def _nearest_epoch_end(cohort: Cohort, step: int) -> int:
    return round(step / cohort.steps_per_epoch) * cohort.steps_per_epoch


def _near_epoch_end(cohort: Cohort, target: int, end: int) -> int:
    """A target, or the end of an epoch nearest to it, if that is neither half nor twice as far."""
    nearest = _nearest_epoch_end(cohort, target)
    far, wanted = nearest - cohort.step, target - cohort.step
    if target >= end or not wanted <= 2 * far <= 4 * wanted:
        return min(target, end)
    return nearest if 2 * (end - nearest) >= wanted else end


_whole = ContextVar("whole", default=False)


@contextmanager
def whole_runs() -> Iterator[None]:
    """Within, a `Trainer.run` that Ctrl-C ended raises KeyboardInterrupt, after it has saved.

    For work whose result says nothing unless every run in it came to its end.
    """
    before = _whole.set(True)
    try:
        yield
    finally:
        _whole.reset(before)


@contextmanager
def interrupts(stop: Any) -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into a call of `stop`; the second raises as usual."""
    seen = threading.Event()
    heard = threading.current_thread() is threading.main_thread()  # only there signals come
    if not heard or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # nohup, and jobs with &
        yield seen
        return

    def hear(number: int, frame: Any) -> None:
        if seen.is_set():
            raise KeyboardInterrupt
        seen.set()
        stop()

    before = signal.signal(signal.SIGINT, hear)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait until something short is done that must be done whole."""
    heard = threading.current_thread() is threading.main_thread()
    if not heard or signal.getsignal(signal.SIGINT) is None:  # set by others than Python
        yield
        return
    pressed: list[tuple[int, Any]] = []
    before = signal.signal(signal.SIGINT, lambda *signaled: pressed.append(signaled))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if callable(before):
        for signaled in pressed:
            before(*signaled)
