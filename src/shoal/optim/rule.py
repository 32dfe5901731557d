"""What every update rule is: a few numbers, and one pure function.

A rule turns the gradient into the change of the parameters. What it remembers between steps
(velocities, second moments) lies in named slots of the parameters' shape. Its numbers may be
Python floats, or float64 columns (members, 1) with one value per member.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from numbers import Real
from typing import Any, ClassVar, TypeAlias

from array_api_compat import array_namespace

Array: TypeAlias = Any
Slots: TypeAlias = Mapping[str, Array]


@dataclass(frozen=True)
class Optimizer:
    """Base of the update rules: θ ← θ + δ, with δ from `update`."""

    slots: ClassVar[tuple[str, ...]] = ()
    """What is remembered, each an array of the parameters' shape that starts at 0."""
    decoupled_decay: ClassVar[bool] = False
    """Whether weight decay shrinks the weights beside the rule, not through the gradient."""

    @property
    def numbers(self) -> dict[str, float]:
        """The hyperparameters by name; each may differ from member to member."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    @staticmethod
    def update(*arguments: Any, **numbers: Any) -> tuple[Array, dict[str, Array]]:
        """The change δ of the parameters, and the new slots; `update(g, slots, t, **numbers)`.

        Args:
            arguments: the gradient g, (parameters,) or (members, parameters); the slots, of g's
                shape; and t, the number of this update from 1.
            numbers: the rule's hyperparameters, floats or columns.
        """
        raise NotImplementedError

    def step(
        self, theta: Array, g: Array, slots: Slots | None = None, t: int = 1
    ) -> tuple[Array, dict[str, Array]]:
        """One update by hand: the new parameters and slots.

        >>> from shoal.optim import SGD
        >>> import numpy as np
        >>> SGD(lr=0.1).step(np.array([1.0]), np.array([2.0]))[0]
        array([0.8])
        """
        if slots is None:
            slots = {name: array_namespace(g).zeros_like(g) for name in self.slots}
        delta, slots = self.update(g, slots, t, **self.numbers)
        return theta + delta, slots


def cast(like: Array) -> Callable[[Any], Any]:
    """How a number enters an expression with `like`: a column in its type, a number as it is.

    Numbers are combined in float64 first (1 - β₂ = 0.001 loses digits in float32).
    """
    xp = array_namespace(like)
    return lambda number: (
        float(number) if isinstance(number, Real) else xp.astype(number, like.dtype)
    )


def sqrt(x: Array) -> Array:
    """√x, by the namespace of x."""
    return array_namespace(x).sqrt(x)
