"""In which order workers take the chunks of a round, and which are cut in time so that all end
together.

Three chunks of a round and two workers: one would idle while the other does the third. But a chunk
may change hands between two steps. McNaughton's wrap-around rule (1959) fills one worker after the
other up to the same time; what does not fit into one worker's end is the start of the next one's:

    first worker    [--- first chunk ---][second: end]
    second worker   [second: start][--- third chunk ---]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LITTLE = 0.03
"""Of a worker's time, that may be lost before a chunk is cut: a piece has a price, too."""

SMALL = 1 / 8
"""Of a worker's time at most, that a piece must be worth, or nothing is cut: whoever has less than
that to spare gets nothing more, and what many do not get is too much for the last."""


class Piece(NamedTuple):
    """A part of a chunk's work.

    Attributes:
        chunk: its number.
        first, last: from where to where, of all its steps; 0 and 1 if it is not cut.
    """

    chunk: int
    first: float = 0.0
    last: float = 1.0


def wrapped(works: Sequence[float], workers: int, worth: float = 0.0) -> list[Piece]:
    """The pieces in the order in which free workers take them.

    A chunk that is longer than a worker's share cannot be done by several, so nothing is cut then;
    nor where all together is so little that few pieces are worth it. Then the longest come first,
    so that no worker is left with a long one at the end.

    Args:
        works: of each chunk, in any unit.
        workers: how many.
        worth: the least work of a piece.

    >>> [tuple(piece) for piece in wrapped([1, 1, 1], 2)]
    [(0, 0.0, 1.0), (1, 0.0, 0.5), (2, 0.0, 1.0), (1, 0.5, 1.0)]
    >>> [piece.chunk for piece in wrapped([2, 5, 3], 2)]
    [1, 2, 0]
    """
    order = sorted(range(len(works)), key=lambda i: -works[i])
    share = sum(works) / workers
    least = max(worth, LITTLE * share)
    if not works or works[order[0]] > share + least or worth > SMALL * share:
        return [Piece(i) for i in order]
    begun: list[tuple[float, Piece]] = []
    busy = 0.0
    for i in order:
        if share - busy <= least:  # for the next worker
            busy = 0.0
        over = works[i] - (share - busy)
        if over <= least:
            begun.append((busy, Piece(i)))
            busy += works[i]
        else:
            begun += [(0.0, Piece(i, 0.0, over / works[i])), (busy, Piece(i, over / works[i], 1.0))]
            busy = over
    # who is free takes the piece that begins then
    return [piece for _, piece in sorted(begun, key=lambda each: each[0])]
