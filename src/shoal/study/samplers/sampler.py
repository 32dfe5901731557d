"""What a sampler is: it is asked for values to try, and told how they did.

Anything with these two methods is a sampler; `shoal.search(..., sampler=mine)` takes it. A sampler
is asked for whole batches, because a shoal trains whole batches. One that learns is asked for the
next batch when it was told of the last; an attribute `batch` may say for how many trials at once
(`BATCH` otherwise). `batch = None` says that it learns nothing, and can be asked at any time. A
method `learn(results)` lets it know trials of another study before it is asked for its first
(`shoal.search(past=...)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from shoal.study.space import Space, Values

BATCH = 16
"""Trials that a sampler which learns is asked for at once, unless it says otherwise."""


@dataclass(frozen=True)
class Told:
    """How one trial did.

    Attributes:
        number: of the trial, in the order asked.
        values: by path, as asked.
        score: higher is better; -inf if it diverged.
        share: of a full training that it got: 1.0 to the end, less if it was dropped.
    """

    number: int
    values: Values
    score: float
    share: float = 1.0


@runtime_checkable
class Sampler(Protocol):
    """Chooses what to try."""

    def ask(self, count: int) -> list[Values]:
        """Values for so many trials, each by path; fewer where there is nothing left to try."""

    def tell(self, results: Sequence[Told]) -> None:
        """How trials did, once each, when they ended."""


MakeSampler = Callable[[Space, int], Sampler]
"""A sampler for a space and a seed."""
