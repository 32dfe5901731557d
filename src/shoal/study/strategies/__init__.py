"""Strategies: how long each trial may train. A new one is one small file and one line here."""

from __future__ import annotations

from shoal.errors import ShoalError, unknown
from shoal.study.strategies.full import Full
from shoal.study.strategies.halving import Halving, Hyperband
from shoal.study.strategies.pbt import PBT
from shoal.study.strategies.strategy import Bracket, Strategy

__all__ = [
    "PBT",
    "STRATEGIES",
    "Bracket",
    "Full",
    "Halving",
    "Hyperband",
    "Strategy",
    "make_strategy",
]

STRATEGIES: dict[str, type[Full | Halving | Hyperband | PBT]] = {
    "halving": Halving,
    "hyperband": Hyperband,
    "full": Full,
    "pbt": PBT,
}
"""By the names that `shoal.search(strategy=...)` takes."""


def make_strategy(strategy: str | Strategy) -> Strategy:
    """A strategy by its name, or one that was made with settings of its own.

    Raises:
        ShoalError: no such name, or something that is no strategy.
    """
    if isinstance(strategy, str):
        if strategy not in STRATEGIES:
            raise unknown("strategy", strategy, STRATEGIES)
        return STRATEGIES[strategy]()
    if isinstance(strategy, type):
        raise ShoalError(
            f"strategy={strategy.__name__} is a class; give one of it: {strategy.__name__}()"
        )
    if not hasattr(strategy, "brackets"):
        raise ShoalError(f"strategy={strategy!r} must be a strategy, such as 'halving'")
    return strategy
