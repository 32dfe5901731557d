"""How large the first weights are: the standard deviation of their normal draws.

A unit sums `fan_in` products. To keep the spread of activations the same from layer to layer the
weights need a variance of 1/fan_in; ReLU discards half of it and needs twice as much.
"""

from __future__ import annotations

import math

from shoal.errors import check_number, unknown

RULES = ("auto", "he", "xavier", "lecun", "zeros")


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
    """Require a rule's name or a standard deviation >= 0.

    >>> check_init("hee")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: unknown init 'hee': did you mean 'he'? (known: auto, he, xavier, ...
    """
    if isinstance(rule, str):
        if rule not in RULES:
            raise unknown("init", rule, RULES)
    else:
        check_number("init", rule, least=0)
