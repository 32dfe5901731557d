"""How weights start: the standard deviation of their normal draws, or one number for all.

A unit sums `fan_in` products. To keep the spread of activations the same from layer to layer the
weights need a variance of 1/fan_in; ReLU discards half of it and needs twice as much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoal.errors import check_choice, check_number, unknown

RULES = ("auto", "he", "xavier", "lecun", "zeros")


@dataclass(frozen=True)
class Equal:
    """All weights of a network start at one number, instead of at random.

    The units of a layer then get equal gradients, and stay copies of one another however long
    they are trained: this is here to show that. Biases start at 0 as always.

    Attributes:
        value: of every weight.

    >>> from shoal.nn import mlp
    >>> mlp([2]).bind((3,), 2).init(0, (3,), Equal(0.5))[-1]["W"]
    array([[0.5, 0.5],
           [0.5, 0.5]], dtype=float32)
    """

    value: float

    def __post_init__(self) -> None:
        check_number("value", self.value)


Init = str | float | Equal
"""A rule's name, a standard deviation, or `Equal`."""


def standard_deviation(rule: str | float, fan_in: int, fan_out: int) -> float:
    """Standard deviation of the weights between `fan_in` inputs and `fan_out` outputs.

    he:     √(2 / fan_in), for ReLU (He et al. 2015)
    xavier: √(2 / (fan_in + fan_out)), for sigmoid and tanh (Glorot and Bengio 2010)
    lecun:  √(1 / fan_in) (LeCun et al. 1998); some textbooks call this one Xavier
    zeros:  0, or any number given

    >>> standard_deviation("he", 200, 50)
    0.1
    """
    match rule:
        case "he":
            return math.sqrt(2 / fan_in)
        case "xavier":
            return math.sqrt(2 / (fan_in + fan_out))
        case "lecun":
            return math.sqrt(1 / fan_in)
        case "zeros":
            return 0.0
        case str():
            raise unknown("init", rule, RULES[1:])  # "auto" is the network's to resolve
    return float(rule)


def check_init(rule: object) -> None:
    """Require a rule's name, a standard deviation >= 0, or `Equal`.

    >>> check_init("hee")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: unknown init 'hee': did you mean 'he'? (known: auto, he, xavier, ...
    """
    for each in getattr(rule, "ends", (rule,)):  # a distribution: all its values
        if isinstance(each, str):
            check_choice("init", each, RULES)
        elif not isinstance(each, Equal):
            check_number("init", each, least=0)
