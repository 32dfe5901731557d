"""Schedules: how the learning rate changes during a run.

A schedule is a pure function of the step: the factor that the optimizer's `lr` is multiplied by.
`step` counts from 0 and may be an array; `total` is the length of the run in steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_number

Factors = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """Base of the schedules."""

    def factor(self, step: Any, total: int) -> Factors:
        """What the learning rate is multiplied by at `step` of `total`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Constant(Schedule):
    """factor = 1."""

    def factor(self, step: Any, total: int) -> Factors:
        return np.ones_like(step, np.float64)


@dataclass(frozen=True)
class StepDecay(Schedule):
    """factor = γ^⌊step / every⌋.

    Attributes:
        every: steps between two drops.
        gamma: what each drop multiplies by, in (0, 1].

    >>> StepDecay(every=10, gamma=0.5).factor([0, 9, 10, 20], total=30)
    array([1.  , 1.  , 0.5 , 0.25])
    """

    every: int
    gamma: float = 0.1

    def __post_init__(self) -> None:
        check_number("every", self.every, least=1, whole=True)
        check_number("gamma", self.gamma, above=0, most=1)

    def factor(self, step: Any, total: int) -> Factors:
        drops = np.asarray(step) // self.every
        return np.asarray(np.power(float(self.gamma), drops))


@dataclass(frozen=True)
class Exponential(Schedule):
    """factor = γ^(step / every).

    Attributes:
        gamma: in (0, 1].
        every: steps in which the factor falls by γ.
    """

    gamma: float
    every: int = 1

    def __post_init__(self) -> None:
        check_number("gamma", self.gamma, above=0, most=1)
        check_number("every", self.every, least=1, whole=True)

    def factor(self, step: Any, total: int) -> Factors:
        return np.asarray(np.power(self.gamma, np.asarray(step, np.float64) / self.every))


@dataclass(frozen=True)
class InverseTime(Schedule):
    """factor = 1 / (1 + rate · step / every).

    Attributes:
        rate: > 0.
        every: steps that count as one unit of time (one epoch, say).
    """

    rate: float
    every: int = 1

    def __post_init__(self) -> None:
        check_number("rate", self.rate, above=0)
        check_number("every", self.every, least=1, whole=True)

    def factor(self, step: Any, total: int) -> Factors:
        return np.asarray(1 / (1 + self.rate * np.asarray(step, np.float64) / self.every))


@dataclass(frozen=True)
class Cosine(Schedule):
    """factor = end + (1 - end) · (1 + cos(π step / total)) / 2.

    Loshchilov and Hutter 2017, arXiv:1608.03983, without restarts.

    Attributes:
        end: factor at the end of the run, in [0, 1].

    >>> Cosine().factor([0, 50, 100], total=100).round(6)
    array([1. , 0.5, 0. ])
    """

    end: float = 0.0

    def __post_init__(self) -> None:
        check_number("end", self.end, least=0, most=1)

    def factor(self, step: Any, total: int) -> Factors:
        progress = np.clip(np.asarray(step, np.float64) / total, 0, 1)
        return np.asarray(self.end + (1 - self.end) * (1 + np.cos(math.pi * progress)) / 2)


@dataclass(frozen=True)
class WarmUp(Schedule):
    """factor = (step + 1) / (steps + 1) · f for `steps` steps, then another schedule for the rest.

    f is the first factor of the schedule that follows, so that there is no jump where they meet.
    It is 1 for all but `OneCycle`, which rises by itself and needs no warm-up.

    Attributes:
        steps: length of the rise; shorter than the run.
        then: what follows; its step 0 is the end of the rise.

    >>> WarmUp(steps=3).factor([0, 1, 2, 3, 4], total=10)
    array([0.25, 0.5 , 0.75, 1.  , 1.  ])
    """

    steps: int
    then: Schedule = field(default_factory=Constant)

    def __post_init__(self) -> None:
        check_number("steps", self.steps, least=0, whole=True)
        for each in getattr(self.then, "ends", (self.then,)):  # a distribution: all its values
            if not isinstance(each, Schedule):
                raise ShoalError(f"then={each!r} must be a schedule, such as Cosine()")

    def factor(self, step: Any, total: int) -> Factors:
        step = np.asarray(step)
        length = max(total - self.steps, 1)
        rise = (step + 1) / (self.steps + 1) * self.then.factor(0, length)
        rest = self.then.factor(np.maximum(step - self.steps, 0), length)
        return np.where(step < self.steps, rise, rest)


@dataclass(frozen=True)
class OneCycle(Schedule):
    """A cosine rise from `start` to 1, then a cosine fall to `end`.

    The recipe's `lr` is the peak. Smith and Topin 2018, arXiv:1708.07120.

    Attributes:
        peak: where in the run the factor is 1, in (0, 1).
        start: first factor, in [0, 1].
        end: last factor, in [0, 1].

    >>> OneCycle(peak=0.5, start=0.04, end=0.0).factor([0, 50, 100], total=100).round(6)
    array([0.04, 1.  , 0.  ])
    """

    peak: float = 0.3
    start: float = 0.04
    end: float = 4e-6

    def __post_init__(self) -> None:
        check_number("peak", self.peak, above=0, below=1)
        check_number("start", self.start, least=0, most=1)
        check_number("end", self.end, least=0, most=1)

    def factor(self, step: Any, total: int) -> Factors:
        progress = np.clip(np.asarray(step, np.float64) / total, 0, 1)
        rise = np.minimum(progress / self.peak, 1)
        fall = np.maximum(progress - self.peak, 0) / (1 - self.peak)
        up = self.start + (1 - self.start) * (1 - np.cos(math.pi * rise)) / 2
        down = self.end + (1 - self.end) * (1 + np.cos(math.pi * fall)) / 2
        return np.where(progress < self.peak, up, down)


SCHEDULES: dict[str, type[Schedule]] = {
    kind.__name__: kind
    for kind in (Constant, StepDecay, Exponential, InverseTime, Cosine, WarmUp, OneCycle)
}
"""The names that TOML files use."""
