"""How large chunks are: as computed, or as measured in a run like this one and remembered.

No number depends on it, so sizes are tried on work that has to be done anyway. In some rounds of a
long run the members of a cohort are cut into chunks of several sizes, and the processor time of a
member is compared within each round: other programs, and other members, slow all sizes alike. Short
runs never try; they take what is remembered of runs of their kind.
"""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shoal.engine.checkpoint import write_whole
from shoal.engine.cohort import Cohort
from shoal.engine.executor import cut
from shoal.engine.memory import chunk_of, largest_chunk, row_bytes
from shoal.errors import ShoalError

FACTORS = (0.25, 0.5, 1.0, 2.0)
"""Sizes that are tried, as multiples of the computed one."""
ROUNDS = 3
"""In which they are tried."""
WORTH = 6
"""Rounds that a run must have before it; in fewer a better size would gain nothing."""
GAIN = 0.05
"""Of the processor time, that a size must save to be taken; less is noise."""

Kind = str
"""What a size is remembered for: who trains what, in which company, and where."""
Tried = tuple[Kind, float]
"""For what kind of run a chunk shows what a size is like, and which, as a factor."""
_log = logging.getLogger("shoal")


class Sizes:
    """The sizes of a run's chunks.

    Args:
        given: by the user; None to choose.
        here: whether chunks run on threads of this process; elsewhere other things than processor
            time count, and the computed size is taken.
        path: of the file in which sizes are remembered; None for that of this user.
    """

    def __init__(
        self, given: int | None = None, here: bool = True, path: Path | None = None
    ) -> None:
        self._given, self._here, self._path = given, here, path
        self._rounds: dict[Kind, list[dict[float, float]]] = {}
        self._now: dict[Tried, list[tuple[float, int]]] = {}

    @property
    def begun(self) -> bool:
        """Whether sizes have been tried, but in too few rounds to choose."""
        return bool(self._rounds)

    def cut(
        self, cohort: Cohort, workers: int, trying: bool = False
    ) -> list[tuple[NDArray[np.int64], Tried | None]]:
        """The living members of a cohort in chunks, each with what it is to show.

        Args:
            cohort: whose members.
            workers: that train at a time.
            trying: whether this round may try sizes, if none is remembered.
        """
        if self._given is not None or not len(cohort.live):
            return [(chunk, None) for chunk in cut(cohort.live, self._given or 1, workers)]
        kind, sizes = kind_of(cohort, workers), sizes_of(cohort, workers)
        if trying and self._here and len(sizes) > 1 and kind not in self._known:
            return self._several(cohort.live, kind, sizes)
        factor = self._known.get(kind, 1.0)
        return [(c, None) for c in cut(cohort.live, sizes.get(factor, sizes[1.0]), workers)]

    def _several(
        self, live: NDArray[np.int64], kind: Kind, sizes: Mapping[float, int]
    ) -> list[tuple[NDArray[np.int64], Tried | None]]:
        """Chunks of all sizes, about as many of each; who gets which changes with the round."""
        turn = len(self._rounds.get(kind, ())) % len(sizes)
        factors = [*sizes][turn:] + [*sizes][:turn]
        ends = np.cumsum([sizes[factor] for factor in factors])
        groups = np.split(live, ends[:-1] * len(live) // ends[-1])
        return [
            (chunk, (kind, factor))
            for factor, group in zip(factors, groups, strict=True)
            for chunk in cut(group, sizes[factor], 1)
        ]

    def took(self, tried: Tried, members: int, seconds: float) -> None:
        """Note what a chunk took: processor time for a step of one of its members."""
        self._now.setdefault(tried, []).append((seconds, members))

    def round_is_over(self) -> None:
        """Compare what the round has shown; after some rounds choose, and remember."""
        found: dict[Kind, dict[float, float]] = {}
        for (kind, factor), times in self._now.items():
            seconds, members = zip(*times, strict=True)
            found.setdefault(kind, {})[factor] = float(np.average(seconds, weights=members))
        self._now.clear()
        for kind, each in found.items():
            rounds = self._rounds.setdefault(kind, [])
            if 1.0 in each:
                rounds.append(each)
            if len(rounds) == ROUNDS:
                self._choose(kind)

    def _choose(self, kind: Kind) -> None:
        rounds = self._rounds.pop(kind)
        shown = sorted(set.intersection(*map(set, rounds)))
        cost = {f: float(np.median([times[f] / times[1.0] for times in rounds])) for f in shown}
        best = min(shown, key=cost.__getitem__)
        factor = best if cost[best] < 1 - GAIN else 1.0
        self._known[kind] = factor
        remember(kind, factor, self._path or _file())
        words = ", ".join(f"{f:g} × {cost[f]:.2f}" for f in shown)
        _log.info("chunks of %g × the computed size; processor time by size: %s", factor, words)

    @cached_property
    def _known(self) -> dict[Kind, float]:
        return remembered(self._path or _file()) if self._here else {}


def sizes_of(cohort: Cohort, workers: int) -> dict[float, int]:
    """The sizes that a cohort may have, by their factor; each once, and no worker idles."""
    most = largest_chunk(cohort, workers)
    computed = min(chunk_of(cohort, workers), most)
    sizes = {1.0: computed}
    for factor in FACTORS:
        size = max(1, min(round(factor * computed), most))
        if size not in sizes.values():
            sizes[factor] = size
    return sizes


def kind_of(cohort: Cohort, workers: int) -> Kind:
    """What a cohort is like here, numbers to a factor of two."""
    from shoal.engine.compiled.place import STAMP

    about = len(cohort.live), row_bytes(cohort), cohort.work * cohort.steps_per_epoch
    members, size, epoch = (int(number).bit_length() for number in about)
    return (
        f"{STAMP} {_processor()}; {workers} workers, {cohort.engine}, batch "
        f"{cohort.program.batch_size}, 2^{members} members of 2^{size} bytes, 2^{epoch} an epoch"
    )


def remembered(path: Path) -> dict[Kind, float]:
    """What a file holds; a file that is missing or damaged holds nothing."""
    try:
        known = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {kind: factor for kind, factor in known.items() if factor in FACTORS}


def remember(kind: Kind, factor: float, path: Path) -> None:
    """Add a factor to a file, which is replaced as a whole, and drops what other sources were like.

    Of two that write at once one may be forgotten, and is measured again; where nobody can write,
    everything is.
    """
    stamp, _, _ = kind.partition(" ")
    known = {k: f for k, f in remembered(path).items() if k.startswith(stamp)} | {kind: factor}
    with suppress(OSError, ShoalError):
        write_whole(path, json.dumps(known, indent=1).encode())


def _file() -> Path:
    """Beside the compiled functions."""
    from shoal.engine.compiled.place import folder

    return folder().with_name("chunks.json")


@lru_cache(maxsize=1)
def _processor() -> str:
    """Its name; a home may be shared by several machines."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
