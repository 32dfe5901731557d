"""Working memory for compiled code: what one network on its way needs, and each of its threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.library import Library
from shoal.engine.compiled.plan import Plan
from shoal.engine.compiled.product import SCRATCH


class Rooms:
    """Memory for one network, on which some threads work together.

    Attributes:
        work: the working memory of the plan.
        tools: of each thread.
    """

    def __init__(self, plan: Plan, library: Library, threads: int = 1) -> None:
        self.work = np.zeros(plan.memory[t.WORK], np.float32)
        self._gate = np.zeros(16, np.int64)
        self._scratch = np.zeros((threads, SCRATCH), np.float32)
        self._room = np.zeros((threads, plan.room), np.float32)
        self._sums = np.zeros((threads, 2 * plan.widest))
        self.tools = [library.tools() for _ in range(threads)]
        for thread, tools in enumerate(self.tools):
            tools[t.THREAD], tools[t.THREADS] = thread, threads
            tools[t.GATE], tools[t.PLACES] = address(self._gate), address(plan.places)
            for place, rooms in (
                (t.SCRATCH, self._scratch), (t.SUMS, self._sums), (t.ROOM, self._room)
            ):  # fmt: skip
                tools[place] = address(rooms[thread])


_HERE = threading.local()


def rooms_here(plan: Plan, library: Library, threads: int) -> Rooms:
    """The rooms of the thread that asks: those that it had before, if they were for the same.

    A thread trains chunk after chunk, and new memory costs a page fault for every 4 KiB.
    """
    asked = plan, library, threads
    known = getattr(_HERE, "rooms", None)
    if known is None or any(
        mine is not theirs for mine, theirs in zip(known[0], asked, strict=True)
    ):
        _HERE.rooms = known = asked, Rooms(*asked)
    rooms: Rooms = known[1]
    return rooms


def request(plan: Plan, job: NDArray[np.int64], tools: NDArray[np.int64]) -> NDArray[np.int64]:
    """What `span.answer` is asked; it holds addresses of what it is made of."""
    asked = np.zeros(t.ASKED, np.int64)
    asked[t.ASKED_OPS], asked[t.ASKED_COUNT] = address(plan.ops), len(plan.ops)
    asked[t.ASKED_NUMBERS], asked[t.ASKED_MEMORY] = address(plan.numbers), address(plan.memory)
    asked[t.ASKED_JOB], asked[t.ASKED_TOOLS] = address(job), address(tools)
    return asked


def address(array: NDArray[Any]) -> int:
    """Where the numbers of an array lie."""
    return int(array.__array_interface__["data"][0])
