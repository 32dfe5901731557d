"""Full: every trial is trained to the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.study.strategies.strategy import Bracket, Strategy


@dataclass(frozen=True)
class Full(Strategy):
    """No trial is dropped, unless it diverges.

    >>> Full().brackets(50)
    [Bracket(rungs=(50,), keep=1.0)]
    """

    def brackets(self, budget: int) -> Sequence[Bracket]:
        return [Bracket((budget,), 1.0)]

    def shares(self, budget: int) -> Sequence[float]:
        return [1.0]
