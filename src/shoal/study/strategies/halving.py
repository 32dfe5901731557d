"""Successive halving: at every rung the better part goes on, with all that it has learned.

Karnin et al. 2013; Jamieson and Talwalkar 2016. The part that goes on is 1/η, a half unless said
otherwise. Hyperband (Li et al. 2018) runs several such brackets that begin to judge earlier or
later, for those cases where early scores say little.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from shoal.errors import ShoalError, check_number
from shoal.study.strategies.strategy import Bracket, Strategy


def rungs_of(budget: int, grace: int, eta: float) -> tuple[int, ...]:
    """Budgets at which trials are judged: the grace, …, budget/η², budget/η, and the full budget.

    They are counted from the end, for who came through half of a training is judged by more than
    who came through a third; so the leg that is not as long as the others is the first.

    >>> rungs_of(50, 1, 2)
    (1, 2, 3, 6, 12, 25, 50)
    """
    rungs = [budget]
    at, least = budget / eta, grace * math.sqrt(eta)  # a rung just after another decides nothing
    while at > least:
        rungs.append(round(at))
        at /= eta
    if budget > least:
        rungs.append(grace)
    return tuple(sorted(set(rungs)))


@dataclass(frozen=True)
class Halving(Strategy):
    """One bracket: all trials are judged at the same rungs.

    Attributes:
        eta: one in so many goes on from each rung.
        grace: epochs (or steps) before the first rung; None for a 64th of the budget.

    >>> Halving().brackets(50)
    [Bracket(rungs=(1, 2, 3, 6, 12, 25, 50), keep=0.5)]
    """

    eta: float = 2.0
    grace: int | None = None

    def __post_init__(self) -> None:
        check_number("eta", self.eta, above=1)
        if self.grace is not None:
            check_number("grace", self.grace, least=1, whole=True)

    def brackets(self, budget: int) -> Sequence[Bracket]:
        return [_bracket(budget, self.eta, self.grace or max(1, round(budget / 64)))]

    def shares(self, budget: int) -> Sequence[float]:
        return [1.0]


def _bracket(budget: int, eta: float, grace: int) -> Bracket:
    """The bracket of all rungs.

    Raises:
        ShoalError: there is only one.
    """
    rungs = rungs_of(budget, grace, eta)
    if len(rungs) < 2:
        raise ShoalError(
            f"grace={grace} and eta={eta:g} leave no rung before the end of a training of "
            f"{budget}; give a longer one, a smaller grace or eta, or strategy='full'"
        )
    return Bracket(rungs, 1 / eta)


@dataclass(frozen=True)
class Hyperband(Strategy):
    """Several brackets: the s-th begins to judge s rungs later, and gets fewer trials.

    Every bracket is given about the same budget, so bracket s gets a share of the trials that is
    inverse to what one of its trials costs.

    Attributes:
        eta: one in so many goes on from each rung.
        grace: epochs (or steps) before the earliest rung; None for a 27th of the budget.

    >>> [bracket.rungs for bracket in Hyperband().brackets(50)]
    [(2, 6, 17, 50), (6, 17, 50), (17, 50), (50,)]
    """

    eta: float = 3.0
    grace: int | None = None

    def __post_init__(self) -> None:
        Halving(self.eta, self.grace)

    def brackets(self, budget: int) -> Sequence[Bracket]:
        whole = _bracket(budget, self.eta, self.grace or max(1, round(budget / 27)))
        return [Bracket(whole.rungs[s:], whole.keep) for s in range(len(whole.rungs))]

    def shares(self, budget: int) -> Sequence[float]:
        costs = [cost(bracket) for bracket in self.brackets(budget)]
        total = sum(1 / c for c in costs)
        return [1 / c / total for c in costs]


def cost(bracket: Bracket) -> float:
    """Mean budget that a trial of a bracket is given.

    >>> round(cost(Bracket((1, 3, 9), 1 / 3)), 3)
    2.333
    """
    mean, before, alive = 0.0, 0, 1.0
    for rung in bracket.rungs:
        mean += alive * (rung - before)
        before, alive = rung, alive * bracket.keep
    return mean
