"""What a strategy is: when trials are judged, and who goes on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Bracket:
    """One way of spending: at which budgets trials are judged.

    Attributes:
        rungs: budgets (epochs or steps) in rising order; the last is a full training.
        keep: share of trials that goes on from each rung.
    """

    rungs: tuple[int, ...]
    keep: float


class Strategy(Protocol):
    """Decides how trials share the budget."""

    def brackets(self, budget: int) -> Sequence[Bracket]:
        """The brackets for full trainings of this budget; trials are dealt to them in turn.

        Raises:
            ShoalError: the budget is too small for what was asked.
        """

    def shares(self, budget: int) -> Sequence[float]:
        """Which share of the trials each bracket gets."""
