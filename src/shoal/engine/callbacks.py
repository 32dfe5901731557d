"""Callbacks: being told how training goes, and being able to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shoal.engine.trainer import Trainer


class Callback:
    """Base of the callbacks; override what you need.

    How often a callback wants to be called decides how far all members run between two calls.
    """

    def on_start(self, trainer: Trainer) -> None:
        """Before the first step of `Trainer.run`."""

    def on_step(self, trainer: Trainer) -> None:
        """After every step of all members (slow: members then wait for each other every step)."""

    def on_epoch(self, trainer: Trainer) -> None:
        """After every epoch of all members."""

    def on_round(self, trainer: Trainer) -> None:
        """After every round: as many steps as take about a second."""

    def on_end(self, trainer: Trainer) -> None:
        """When training ends: after the last step, when it was stopped, or when it failed."""


def overrides(callback: Callback, method: str) -> bool:
    """Whether a callback has its own version of a method."""
    return getattr(type(callback), method) is not getattr(Callback, method)
