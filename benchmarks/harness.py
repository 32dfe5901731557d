"""The harness: contestants take turns within one run, so that all of them see the same machine.

Every round lets each contestant run once, A B C A B C …, with the large matrix product among them;
ratios are taken within each round. Other programs on the machine do not disturb all alike (threads
that wait for each other suffer most), so their share of the processors is measured too: a turn
waits for quiet, and a disturbed turn is taken again.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import Watch

Timed = Callable[[], Any]
"""The part whose seconds count; it returns what was reached."""


NOISY = 0.05
"""Share of the processors' time in other programs from which on a turn counts as disturbed."""

TRIES = 3
GLANCE = 0.4  # seconds


def nothing() -> None:
    """Nothing to do."""


@dataclass(frozen=True)
class Contestant:
    """One way of doing a workload.

    Attributes:
        name: what the table calls it.
        settings: how it was set up, in one line.
        prepare: makes ready, outside of the timed part, and returns the timed part. It is called
            anew in every round.
        warm_up: a short run, so that nothing happens for the first time when the clock runs.
        processes: those that work for it besides this one, by their numbers.
    """

    name: str
    settings: str
    prepare: Callable[[], Timed]
    warm_up: Callable[[], None] = nothing
    processes: Callable[[], Sequence[int]] = tuple


@dataclass(frozen=True)
class Workload:
    """A piece of work, and who does it.

    Attributes:
        name: on the command line.
        title: of its table.
        lines: what is done, in sentences.
        unit: what seconds are counted for, such as "trial".
        units: how many of them a result holds.
        flops: floating-point operations of one unit; None where contestants differ in them.
        formula: how they are counted, in words.
        contestants: in the order of their turns; the first is the reference.
        absent: who cannot take part, and why.
        agreement: sentences about whether all reached the same, from the results by name.
        columns: more of the table, each in words from the result of a contestant's last round.
        all_units: of the whole work, where contestants do a part of it; seconds that a result says
            were spent once (`once`) are shared among these.
        remarks: sentences from all that was measured.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    unit: str
    units: Callable[[Any], float]
    flops: float | None
    formula: str
    contestants: tuple[Contestant, ...]
    absent: Mapping[str, str]
    agreement: Callable[[Mapping[str, Any]], list[str]]
    columns: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)
    all_units: float | None = None
    remarks: Callable[[Measurement], list[str]] = lambda measured: []

    def seconds_of_one(self, seconds: float, result: Any) -> float:
        """Seconds of one unit, from those of a turn and what it reached."""
        done = self.units(result)
        once = getattr(result, "once", 0.0)
        return (seconds - once) / done + once / (self.all_units or done)


@dataclass
class Measurement:
    """What came out.

    Attributes:
        seconds: of one unit, one per round, by contestant.
        sgemm: speed of a large matrix product in each round, in GFLOP/s.
        disturbance: share of the processors' time that other programs took, one per round, by
            contestant; NaN where nobody tells.
        results: what each contestant reached in the last round.
    """

    workload: Workload
    seconds: dict[str, NDArray[np.float64]]
    sgemm: NDArray[np.float64]
    disturbance: dict[str, NDArray[np.float64]]
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def reference(self) -> str:
        """The contestant that the others are compared with."""
        return self.workload.contestants[0].name

    def ratios(self, name: str) -> NDArray[np.float64]:
        """Seconds of a contestant over those of the reference, round by round."""
        return self.seconds[name] / self.seconds[self.reference]

    def gflops(self, name: str) -> NDArray[np.float64]:
        """Speed in GFLOP/s, round by round; of a workload whose operations are counted."""
        assert self.workload.flops is not None
        return self.workload.flops / self.seconds[name] / 1e9

    def fractions(self, name: str) -> NDArray[np.float64]:
        """Speed as a fraction of the large matrix product's, round by round."""
        return self.gflops(name) / self.sgemm


def measure(
    workload: Workload,
    repeats: int,
    sgemm: Callable[[], float],
    say: Callable[[str], None] = lambda line: None,
    patience: float = 0.0,
) -> Measurement:
    """Warm all contestants up, then let them take turns.

    Args:
        workload: what to measure.
        repeats: rounds.
        sgemm: measures the speed of a large matrix product, in GFLOP/s.
        say: told what is going on.
        patience: seconds that a turn waits at most for other programs to be quiet. With patience
            a disturbed turn is taken up to three times, and the least disturbed one counts.
    """
    turns: dict[str, list[_Turn]] = {c.name: [] for c in workload.contestants}
    speeds: list[float] = []
    for contestant in workload.contestants:
        say(f"{workload.name}: warming up {contestant.name}")
        contestant.warm_up()
    for number in range(repeats):
        wait_for_quiet(patience)
        speeds.append(sgemm())
        for contestant in workload.contestants:
            say(f"{workload.name}: round {number + 1} of {repeats}, {contestant.name}")
            turns[contestant.name].append(_best_turn(contestant, patience))
    return Measurement(
        workload,
        {
            name: np.array([workload.seconds_of_one(turn.seconds, turn.result) for turn in taken])
            for name, taken in turns.items()
        },
        np.array(speeds),
        {name: np.array([turn.others for turn in taken]) for name, taken in turns.items()},
        {name: taken[-1].result for name, taken in turns.items()},
    )


@dataclass(frozen=True)
class _Turn:
    """One timed run: seconds, other programs' share of the processors, and what was reached."""

    seconds: float
    others: float
    result: Any


def _best_turn(contestant: Contestant, patience: float) -> _Turn:
    """The first quiet turn, or the least disturbed one of a few."""
    turns: list[_Turn] = []
    for _ in range(TRIES if patience else 1):
        run = contestant.prepare()
        wait_for_quiet(patience)
        turns.append(_turn(contestant, run))
        if not turns[-1].others > NOISY:
            break
    return min(turns, key=lambda turn: turn.others)


def _turn(contestant: Contestant, run: Timed) -> _Turn:
    gc.collect()
    watch = Watch(contestant.processes())
    started = time.perf_counter()
    result = run()
    return _Turn(time.perf_counter() - started, watch.others(), result)


def wait_for_quiet(patience: float) -> None:
    """Return when other programs leave the processors alone, or patience ends."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        watch = Watch()
        time.sleep(GLANCE)
        if not watch.others() > NOISY:
            return
