"""A network that is still to be chosen: what `mlp` makes when it is given distributions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from inspect import signature
from typing import Any, ParamSpec

from shoal.distributions import holds_distribution, variants
from shoal.errors import ShoalError
from shoal.nn.arrays import Shape
from shoal.nn.network import Network

P = ParamSpec("P")


@dataclass(frozen=True, repr=False)
class NetworkSpace(Network):
    """The arguments of `mlp` or `convnet`, with distributions among them.

    Attributes:
        maker: "mlp" or "convnet".
        settings: its arguments by name, those that it was given; lists as tuples.
    """

    layers: tuple[Any, ...] = ()
    maker: str = "mlp"
    settings: tuple[tuple[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """There are no layers yet, so there is nothing to check."""
        object.__setattr__(self, "settings", _each(tuple, self.settings))

    def __repr__(self) -> str:
        first, *others = ((name, repr(_each(list, value))) for name, value in self.settings)
        return f"{self.maker}({', '.join([first[1], *(f'{k}={v}' for k, v in others)])})"

    def bind(self, in_shape: Shape, outputs: int) -> Network:
        """Refuse: somebody has to choose first."""
        raise ShoalError(f"{self!r} is a search space; shoal.search chooses from it")


def _each(kind: type, value: Any) -> Any:
    """A value with all its lists as tuples, or the other way round."""
    return kind(_each(kind, each) for each in value) if isinstance(value, list | tuple) else value


def searchable(make: Callable[P, Network]) -> Callable[P, Network]:
    """Let a function that makes networks take distributions; it then makes a `NetworkSpace`.

    Every distribution is tried at its ends, so that a bad one is found at once.
    """

    @wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> Network:
        if not holds_distribution([*args, *kwargs.values()]):
            return make(*args, **kwargs)
        bound = signature(make).bind(*args, **kwargs)
        sizes = next(iter(bound.signature.parameters.values()))  # by it a maker is known in TOML
        settings = {sizes.name: sizes.default, **bound.arguments}
        first = {name: variants(value)[0] for name, value in settings.items()}
        for name, value in settings.items():
            for variant in variants(value):
                make(**{**first, name: variant})  # type: ignore[call-arg]
        return NetworkSpace(maker=make.__name__, settings=tuple(settings.items()))

    return made
