"""Narrowing: rounds of random search, each in the range that the last one suggests.

This is what a person does who looks at the best trials of a coarse search and searches finely
around them. Where the best trials crowd at an edge, the range grows there instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from shoal.distributions import Choice, Distribution, LogUniform, OneMinusLogUniform
from shoal.errors import ShoalError, check_number
from shoal.rng import generator
from shoal.study.samplers.sampler import Told
from shoal.study.space import Dimension, Space, Values

EDGE = 0.2
"""Best trials whose middle lies in the outermost fifth of a range make it move there, or grow.

Where scores rise up to the edge, the middle of the best fifth lies in the outermost tenth or so.
"""
LEAST = 0.02
"""No range becomes narrower than this share of the first one."""
ROUND = 32
"""Trials in a round."""


@dataclass(frozen=True)
class Range:
    """Where a dimension is searched, in u of the range first given; it may reach beyond [0, 1]."""

    low: float
    high: float

    def at(self, u: float) -> float:
        """A point inside."""
        return self.low + u * (self.high - self.low)

    def moved_to(self, middle: float) -> Range | None:
        """The half at whose edge the best trials lie, and as much beyond; None if they do not."""
        half = (self.high - self.low) / 2
        if middle < self.low + EDGE * 2 * half:
            return Range(self.low - half, self.low + half)
        if middle > self.high - EDGE * 2 * half:
            return Range(self.high - half, self.high + half)
        return None


class NarrowingSampler:
    """Rounds of random search; after each every range shrinks to its best trials, or grows.

    Args:
        space: what to search.
        seed: of the draws.
        round_size: trials in a round.
        keep: share of the trials of a round that count as its best.
        room: how much wider than the best trials the next range is, on each side.
        grow: whether a range may leave the one first given, where the best lie at its edge and the
            distribution has a meaning there (learning rates have, dropout rates have not).

    Attributes:
        ranges: of each round so far and of the one to come, by path, in u.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        round_size: int = ROUND,
        keep: float = 0.2,
        room: float = 0.15,
        grow: bool = True,
    ) -> None:
        check_number("round_size", round_size, least=2, whole=True)
        check_number("keep", keep, above=0, most=1)
        check_number("room", room, least=0)
        self.space, self.seed = space, seed
        self.round_size, self.keep, self.room, self.grow = round_size, keep, room, grow
        self.batch = round_size
        self.ranges = [{d.path: Range(0.0, 1.0) for d in space.dimensions}]
        self._asked = 0
        self._told: dict[int, list[Told]] = {}

    def ask(self, count: int) -> list[Values]:
        values = [self._draw(number) for number in range(self._asked, self._asked + count)]
        self._asked += count
        return values

    def _draw(self, number: int) -> Values:
        us = generator(self.seed, "trials", number).random(len(self.space.dimensions)).tolist()
        draws = dict(zip((d.path for d in self.space.dimensions), us, strict=True))
        ranges = self.ranges[-1]
        return self.space.sample(
            lambda d: value_at(d.distribution, ranges[d.path].at(draws[d.path]))
        )

    def learn(self, results: Sequence[Told]) -> None:
        """Begin in the ranges that the best trials of another study suggest."""
        self.ranges[-1] = self._next(results)

    def tell(self, results: Sequence[Told]) -> None:
        """Learn when a round is complete: trials end in another order than they were asked."""
        for told in results:
            self._told.setdefault(told.number // self.round_size, []).append(told)
        while len(self._told.get(len(self.ranges) - 1, ())) == self.round_size:
            self.ranges.append(self._next(self._told.pop(len(self.ranges) - 1)))

    def _next(self, told: Sequence[Told]) -> dict[str, Range]:
        """The ranges that the best trials of a round suggest."""
        ranked = sorted(told, key=lambda t: (-t.share, -t.score, t.number))
        best = [t for t in ranked if t.score > -math.inf]
        best = best[: max(2, math.ceil(self.keep * len(told)))]
        return {
            d.path: self._range(d, self.ranges[-1][d.path], best) for d in self.space.dimensions
        }

    def _range(self, dimension: Dimension, now: Range, best: Sequence[Told]) -> Range:
        """The range of one dimension, from where the best trials of a round lie."""
        having = [told for told in best if dimension.path in told.values]
        places = [dimension.distribution.place(told.values[dimension.path]) for told in having]
        if len(places) < 2 or isinstance(dimension.distribution, Choice):
            return now
        middle = median(places)
        # as far as trials were allowed or have been
        least, most = min(0.0, now.low, *places), max(1.0, now.high, *places)
        moved = now.moved_to(middle)
        if moved is not None:
            inside = least <= moved.low and moved.high <= most
            if inside or self._may_grow(dimension, moved, having[0]):
                return moved
        room = self.room * (max(places) - min(places))
        low, high = max(min(places) - room, least), min(max(places) + room, most)
        if high - low < LEAST:
            low = min(max((low + high - LEAST) / 2, least), most - LEAST)
            high = low + LEAST
        return Range(low, high)

    def _may_grow(self, dimension: Dimension, moved: Range, best: Told) -> bool:
        """Whether a range may leave [0, 1]: the best recipe must stay one at the new end."""
        if not (self.grow and open_ended(dimension.distribution)):
            return False
        end = moved.low if moved.low < 0 else moved.high
        try:
            value = value_at(dimension.distribution, end)
            self.space.build({**best.values, dimension.path: value})
        except ShoalError:
            return False
        return True


def open_ended(distribution: Distribution) -> bool:
    """Whether values outside of the range given have a meaning: those of log ranges have."""
    return isinstance(distribution, LogUniform | OneMinusLogUniform)


def value_at(distribution: Distribution, u: float) -> object:
    """The value at u, also outside of [0, 1] where the distribution goes on there.

    >>> from shoal.distributions import log_uniform
    >>> round(value_at(log_uniform(0.01, 0.1), 2.0), 9)
    1.0
    """
    if not 0 <= u <= 1:
        match distribution:
            case LogUniform(low, high):
                return float(low * (high / low) ** u)
            case OneMinusLogUniform(low, high):
                return float(1 - (1 - low) * ((1 - high) / (1 - low)) ** u)
    return distribution.value(min(max(u, 0.0), 1.0))
