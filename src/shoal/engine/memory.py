"""How much memory a run takes, before it takes it.

A member is held by its weights and the slots of its rule, in float32: weights × (1 + slots). Its
chunk works on a copy, so that a round that breaks off leaves it as it was; besides, whoever takes a
step needs room for a gradient and for activations. Only the chunks in flight have all that, so many
members together need less than weights × (2 + slots) each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import NDArray

from shoal.engine.cohort import Cohort
from shoal.engine.evaluate import piece_of
from shoal.engine.executor import chunk_size
from shoal.engine.kept import held

CHUNK_BYTES = 2**23
"""State of a chunk at most, where one member does not have more. Copies of this size stay in the
cache that all cores share, and in memory that the C library keeps for the next chunk."""
SHARES = 4
"""Of a worker in a round: small enough that no worker waits long for another."""
WORTH = 2**24
"""Multiplications with addition that a chunk should have in an epoch, some milliseconds: below, a
worker spends its time with what stands around them."""


@dataclass(frozen=True)
class Memory:
    """Bytes that a run takes, by what for.

    Attributes:
        members: how many.
        state: weights, slots and running statistics.
        best: weights of the best evaluations, where they are kept.
        history: loss and gradient norm of every step, metrics and readings.
        in_flight: copies of the chunks that are being trained, a gradient, and activations, at
            most.
        data: inputs, targets and weights of rows; what lies in a file does not count.

    >>> print(Memory(1000, 2**30, 0, 2**26, 2**27, 2**20))
    1.2 GiB: members 1.0 GiB (1.0 MiB each), history 64 MiB, in flight 128 MiB, data 1.0 MiB
    """

    members: int
    state: int
    best: int
    history: int
    in_flight: int
    data: int

    @property
    def total(self) -> int:
        """All together; Python and the libraries take some 200 MiB besides."""
        return sum(value for name, value in asdict(self).items() if name != "members")

    def __str__(self) -> str:
        """One line; what takes nothing is left out."""
        each = in_words((self.state + self.best) // self.members)
        words = {"state": f"members {in_words(self.state)} ({each} each)"}
        kinds = [f.name for f in fields(self)[1:]]
        parts = [
            words.get(kind, f"{kind.replace('_', ' ')} {in_words(getattr(self, kind))}")
            for kind in kinds
            if getattr(self, kind)
        ]
        return f"{in_words(self.total)}: {', '.join(parts)}"


def memory_of(
    cohorts: Sequence[Cohort], parts: Sequence[NDArray[np.generic]], workers: int, chunk: int | None
) -> Memory:
    """The memory of a run.

    Args:
        cohorts: of the run.
        parts: arrays of the data that lie in memory.
        workers: that train at a time.
        chunk: members in a chunk; None where it is chosen.
    """
    rows, best = [cohort.rows for cohort in cohorts], [cohort.best for cohort in cohorts]
    return Memory(
        members=sum(len(cohort.members) for cohort in cohorts),
        state=sum(held(matrix) for r in rows for matrix in (r.theta, r.running, *r.slots.values())),
        best=sum(held(b.theta) + held(b.running) for b in best if b is not None),
        history=sum(
            _bytes(c.record.loss, c.record.gradient_norm, c.record.readings)
            + _bytes(*c.record.metrics.values())
            for c in cohorts
        ),
        in_flight=workers * max(_of_chunk(cohort, workers, chunk) for cohort in cohorts),
        data=_bytes(*parts),
    )


def chunk_of(cohort: Cohort, workers: int) -> int:
    """Members that a worker trains at a time, where nobody says."""
    if cohort.engine == "compiled":  # one after another, so only the workers' shares matter
        live, epoch = len(cohort.live), cohort.work * cohort.steps_per_epoch
        share = max(-(-live // (SHARES * workers)), min(-(-live // workers), -(-WORTH // epoch)))
        return max(1, min(share, CHUNK_BYTES // max(1, row_bytes(cohort))))
    return chunk_size(4 * (cohort.layout.size + _activations(cohort)))


def largest_chunk(cohort: Cohort, workers: int) -> int:
    """Members that a worker may have at a time, where nobody says; see `sizes`."""
    share = max(1, -(-len(cohort.live) // workers))
    if cohort.engine == "compiled":
        return max(1, min(share, CHUNK_BYTES // max(1, row_bytes(cohort))))
    return min(share, 2 * chunk_of(cohort, workers))


def row_bytes(cohort: Cohort) -> int:
    """Bytes of one member's state."""
    rows, layout = cohort.rows, cohort.layout
    return 4 * (layout.size * (1 + len(rows.slots)) + layout.running_size)


def in_words(size: int) -> str:
    """A number of bytes.

    >>> in_words(479_640), in_words(3 * 2**30)
    ('468 KiB', '3.0 GiB')
    """
    unit = max(0, min(3, int(math.log2(max(size, 1)) // 10)))
    value = size / 2 ** (10 * unit)
    digits = 1 if value < 10 and unit else 0
    return f"{value:.{digits}f} {('bytes', 'KiB', 'MiB', 'GiB')[unit]}"


def _of_chunk(cohort: Cohort, workers: int, chunk: int | None) -> int:
    """Bytes of a chunk in flight."""
    size = min(chunk or largest_chunk(cohort, workers), max(1, len(cohort.live)))
    copies = 2 if len(cohort.record.read_at) else 1  # instruments look at one more
    if cohort.engine == "compiled":
        from shoal.engine.compiled import tables
        from shoal.engine.compiled.plan import plan_of

        work = 4 * int(plan_of(cohort.program).memory[tables.WORK])
    else:
        # gradient and update, and what each layer puts out, keeps for its gradient, and passes down
        rows = max(cohort.program.batch_size, piece_of(cohort.program)) / cohort.program.batch_size
        work = size * 4 * int(3 * cohort.layout.size + 3 * rows * _activations(cohort))
    return copies * size * row_bytes(cohort) + work


def _activations(cohort: Cohort) -> int:
    """Numbers that the layers of one member put out for a batch."""
    shapes = cohort.program.network.shapes(cohort.program.in_shape)
    return cohort.program.batch_size * sum(math.prod(shape) for shape in shapes[1:])


def _bytes(*arrays: NDArray[np.generic]) -> int:
    return sum(array.nbytes for array in arrays)
