"""The compiled engine as a `Stepper`: one member after another, each a whole span in a call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.batching import starts_of_steps
from shoal.engine.compiled import tables as t
from shoal.engine.compiled.inputs import at_once, inputs_of
from shoal.engine.compiled.library import Library, library
from shoal.engine.compiled.listing import rows_of_seeds
from shoal.engine.compiled.plan import Plan, plan_of
from shoal.engine.compiled.rooms import address, request, rooms_here
from shoal.engine.compiled.rules import NUMBERS
from shoal.engine.task import Rows, Steps, Task

_log = logging.getLogger("shoal")

BATCHED = 2**18
"""Rows of data that are listed ahead at most, for all seeds together: 2 MiB."""


class Compiled:
    """Takes steps by compiled code; a `Stepper` (see `chunk`).

    Args:
        task: what to do, by a program that lacks nothing.
        home: the state of all its members.
    """

    def __init__(self, task: Task, home: Rows) -> None:
        self.task, self.home = task, home
        self.data = task.data.get()
        self.plan: Plan = plan_of(task.program)
        self.library: Library = library()
        self.threads = min(task.threads, self.plan.threads)
        if self.threads > 1:
            try:
                self.helpers = _helpers(self.threads - 1)
            except RuntimeError as error:  # a system may have no more threads to give
                _log.info("one thread trains a network that others could share: %s", error)
                self.threads = 1
        self.rooms = rooms_here(self.plan, self.library, self.threads)
        self.labels = np.zeros(self.plan.rows, np.int64)
        numbers = task.numbers
        count = len(numbers.seeds)
        self.rates = np.zeros((count, max(1, len(self.plan.dropouts))), np.float32)
        for k, layer in enumerate(self.plan.dropouts):
            self.rates[:, k] = numbers.layers[layer, "rate"]
        self.rule_numbers = np.zeros((count, 3))
        for k, name in enumerate(NUMBERS[task.program.rule]):
            self.rule_numbers[:, k] = numbers.rule[name]
        self.seeds = np.ascontiguousarray(numbers.seeds, np.int64)
        self.clip, self.decay = (
            np.ascontiguousarray(each, np.float64)
            for each in (numbers.clip_norm, numbers.weight_decay)
        )
        self.fixed = self._fixed()

    def steps(self, live: NDArray[np.int64], first: int, last: int) -> Steps:
        """Let some members take the steps first, …, last - 1."""
        rows = (last - first) * self.task.program.batch_size
        listed = at_once(self.data.train, BATCHED)
        if len(live) * rows <= listed:
            return self._piece(live, first, last)
        done = Steps.none(len(live), last - first)
        # a member's state stays near a core as long as it trains, so members come group by group;
        # steps are cut only where one seed has too many for itself
        stride = max(1, listed // self.task.program.batch_size)
        for going in self._groups(live, max(1, listed // rows)):
            for start in range(first, last, stride):
                end = min(last, start + stride)
                piece = self._piece(live[going], start, end)
                columns = slice(start - first, end - first)
                done.loss[going, columns] = piece.loss
                done.gradient_norm[going, columns] = piece.gradient_norm
                done.diverged[going] = piece.diverged
                going = going[piece.diverged < 0]
                if not len(going):
                    break
        return done

    def _groups(self, live: NDArray[np.int64], share: int) -> list[NDArray[np.int64]]:
        """Which of some members train one after another: those of so many seeds at a time."""
        seeds, order = np.unique(self.seeds[live], return_inverse=True)
        return [np.flatnonzero(order // share == k) for k in range(-(-len(seeds) // share))]

    def _piece(self, live: NDArray[np.int64], first: int, last: int) -> Steps:
        task, numbers, part = self.task, self.task.numbers, self.data.train
        seeds, order = np.unique(self.seeds[live], return_inverse=True)
        steps = (len(part), task.program.batch_size, first, last, task.replacement)
        starts = starts_of_steps(*steps)
        batches = rows_of_seeds(self.library, seeds, int(starts[-1]), *steps)
        inputs = inputs_of(part, batches)
        done = Steps.none(len(live), last - first)
        job = self._job(live)
        kept = [
            np.ascontiguousarray(array, kind)
            for array, kind in (
                (batches, np.int64),
                (inputs.placed, np.int64),
                (starts, np.int64),
                (order, np.int64),
                (numbers.lr[first - task.first : last - task.first], np.float64),
            )
        ]
        names = (t.BATCHES, t.PLACED, t.STARTS, t.ORDER, t.LR)
        for name, array in zip(names, kept, strict=True):
            job[name] = address(array)
        job[t.X], job[t.Y] = address(inputs.x), address(part.y)
        job[t.PIXELS], job[t.MEANS], job[t.DEVIATIONS] = (
            0 if each is None else address(each)
            for each in (inputs.top, inputs.mean, inputs.deviation)
        )
        job[t.ROWS_WEIGHTS] = 0 if part.weights is None else address(part.weights)
        job[t.FIRST_STEP], job[t.STEPS] = first, last - first
        job[t.FOUND], job[t.FOUND_NORMS] = address(done.loss), address(done.gradient_norm)
        job[t.DIVERGED] = address(done.diverged)
        plan = self.plan
        shared = (plan.ops, plan.numbers, plan.memory, job, plan.loss_number)
        self._on_threads(self.library.train, [(*shared, tools) for tools in self.rooms.tools])
        return done

    def outputs(self, live: NDArray[np.int64], x: NDArray[np.float32]) -> NDArray[np.float32]:
        """What some members say of rows of data, in evaluation, (members, rows, outputs)."""
        x = np.ascontiguousarray(x)
        out = np.empty((len(live), len(x), self.plan.memory[t.OUTPUTS]), np.float32)
        job = self._job(live)
        job[t.X], job[t.SAID] = address(x), address(out)
        job[t.WHOLE], job[t.ROWS_AT_ONCE] = len(x), self.plan.at_once
        requests = [request(self.plan, job, tools) for tools in self.rooms.tools]
        self._on_threads(self.library.answer, [(address(each),) for each in requests])
        return out

    def _job(self, live: NDArray[np.int64]) -> NDArray[np.int64]:
        """What is the same in every piece of work of some members."""
        self._live, job = np.ascontiguousarray(live, np.int64), self.fixed.copy()
        job[t.LIVE], job[t.MEMBERS] = address(self._live), len(live)
        return job

    def _fixed(self) -> NDArray[np.int64]:
        """What is the same in every piece of work."""
        job, home, program = np.zeros(t.JOB, np.int64), self.home, self.task.program
        job[t.LABELLED], job[t.LOSS], job[t.RULE] = (
            self.plan.labelled, self.plan.loss, self.plan.rule
        )  # fmt: skip
        job[t.CLIPS], job[t.DECOUPLED] = program.clips, program.rule.decoupled_decay
        job[t.ALL], job[t.RUNNING_SIZE] = len(home.theta), home.running.shape[1]
        job[t.DROPOUTS] = self.rates.shape[1]
        for name, array in (
            (t.PARAMETERS, home.theta), (t.RUNNING, home.running),
            (t.SEEDS, self.seeds), (t.RATES, self.rates), (t.RULE_NUMBERS, self.rule_numbers),
            (t.CLIP, self.clip), (t.DECAY, self.decay), (t.HOME, self.rooms.work),
            (t.LABELS, self.labels),
        ):  # fmt: skip
            job[name] = address(array)
        slots = [home.slots[name] for name in program.rule.slots]
        for at, size, slot in zip(
            (t.SLOTS, t.MORE_SLOTS), (t.SLOTS_SIZE, t.MORE_SLOTS_SIZE), slots, strict=False
        ):
            job[at], job[size] = address(slot), slot.shape[1]
        return job

    def _on_threads(self, work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> None:
        """Let all threads of this network do a piece of work, this one among them."""
        others = [self.helpers.submit(work, *each) for each in arguments[1:]]
        work(*arguments[0])
        for other in others:
            other.result()


def _helpers(count: int) -> ThreadPoolExecutor:
    """So many threads that have begun, and wait.

    A thread that has just been made waits for the one that made it, and Linux then likes to put
    both on one processor, where they stay for tens of milliseconds and only wait for each other. A
    thread that is woken goes to an idle one. They end with whoever holds them.

    Raises:
        RuntimeError: there are no more threads. Better now than in the middle of work in which all
            of them meet.
    """
    helpers, go = ThreadPoolExecutor(count, thread_name_prefix="shoal-helper"), Event()
    try:
        begun = [helpers.submit(go.wait) for _ in range(count)]  # none is idle for the next
    finally:
        go.set()
    wait(begun)
    return helpers
