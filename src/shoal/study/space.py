"""The search space: a recipe with distributions in it, seen as dimensions.

A recipe's plain form (that of TOML) is a tree; every distribution in it is a dimension, named by
its path, such as "optimizer.lr". What lies inside an option of a choice exists only where that
option is chosen: "optimizer[Momentum].momentum" needs optimizer = "Momentum". So conditions follow
from the structure, and nobody has to write them down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from shoal.distributions import (
    DISTRIBUTIONS,
    Choice,
    Distribution,
    Repeat,
    holds_distribution,
    is_distribution,
)
from shoal.engine import Recipe
from shoal.errors import ShoalError

Values = dict[str, Any]
Needs = tuple[tuple[str, Any], ...]
Visit = Callable[[str, Distribution, Needs], Any]


@dataclass(frozen=True)
class Dimension:
    """One thing that is searched.

    Attributes:
        path: its name.
        distribution: of a choice, over the labels of its options.
        needs: the (path, label) of every choice that it lies inside.
    """

    path: str
    distribution: Distribution
    needs: tuple[tuple[str, Any], ...] = ()

    def exists(self, values: Mapping[str, Any]) -> bool:
        """Whether it exists where these values are chosen."""
        return all(values.get(path) == label for path, label in self.needs)


class Space:
    """The dimensions of a recipe, and the way from values back to a recipe.

    Attributes:
        recipe: with distributions in it.
        dimensions: in the order of the recipe; a choice before what lies inside it.

    Raises:
        ShoalError: there is no distribution in the recipe.

    >>> import shoal
    >>> space = Space(shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0))))
    >>> [dimension.path for dimension in space.dimensions]
    ['optimizer.lr']
    >>> space.build({"optimizer.lr": 0.1}).optimizer
    SGD(lr=0.1)
    """

    def __init__(self, recipe: Recipe) -> None:
        if not isinstance(recipe, Recipe):
            raise ShoalError(f"space={recipe!r} must be a Recipe with distributions in it")
        self.recipe = recipe
        self._plain = recipe.to_dict()
        if not holds_distribution(recipe.network):  # it need not be made for every trial
            self._plain["network"] = recipe.network
        found: dict[str, Dimension] = {}

        def collect(path: str, distribution: Distribution, needs: Needs) -> Any:
            found[path] = Dimension(path, distribution, needs)
            return None

        _walk(self._plain, "", (), collect, every=True)
        self.dimensions = tuple(found.values())
        if not self.dimensions:
            raise ShoalError(
                "the recipe has no distribution in it, so there is nothing to search; "
                "give one, such as lr=shoal.log_uniform(1e-4, 1)"
            )

    def __getitem__(self, path: str) -> Dimension:
        for dimension in self.dimensions:
            if dimension.path == path:
                return dimension
        raise KeyError(path)

    def sample(self, draw: Callable[[Dimension], Any]) -> Values:
        """Values for all dimensions that exist, each drawn when its conditions are known.

        Args:
            draw: gives a value for a dimension.
        """
        values: Values = {}
        for dimension in self.dimensions:
            if dimension.exists(values):
                values[dimension.path] = draw(dimension)
        return values

    def at(self, point: Mapping[str, float]) -> Values:
        """The values at a point of the unit cube: a u in [0, 1] for each path."""
        return self.sample(lambda dimension: dimension.distribution.value(point[dimension.path]))

    def corners(self) -> Iterator[Values]:
        """Values to try a space by: all at their middle, smallest and largest, and each dimension
        at each of its ends with all others at their middle; of a choice, every option.
        """
        for u in (0.5, 0.0, 1.0):
            yield self.at({d.path: u for d in self.dimensions})
        for dimension in self.dimensions:
            for end in dimension.distribution.ends:
                yield self._around({**dict(dimension.needs), dimension.path: end})

    def _around(self, fixed: Values) -> Values:
        """These values, and the middle of every other dimension."""
        return self.sample(
            lambda d: fixed[d.path] if d.path in fixed else d.distribution.value(0.5)
        )

    def build(self, values: Mapping[str, Any]) -> Recipe:
        """The recipe with these values in place of its distributions.

        Raises:
            ShoalError: a value missing or out of range.
        """

        def look(path: str, distribution: Distribution, needs: Needs) -> Any:
            if path not in values:
                raise ShoalError(f"a value for {path} is missing; it is drawn from {distribution}")
            return values[path]

        return Recipe.from_dict(_walk(self._plain, "", (), look, every=False))


def _walk(plain: Any, path: str, needs: Needs, visit: Visit, *, every: bool) -> Any:
    """The plain form with every distribution replaced by what `visit` says.

    Args:
        plain: a part of a recipe's plain form.
        path: where it lies.
        needs: the choices it lies inside.
        visit: called for each distribution.
        every: go into all options of a choice, not only the chosen one.
    """
    if is_distribution(plain):
        return _visit(plain, path, needs, visit, every=every)
    if isinstance(plain, Mapping):
        return {
            key: _walk(value, f"{path}.{key}" if path else key, needs, visit, every=every)
            for key, value in plain.items()
        }
    if isinstance(plain, list | tuple):
        return [
            _walk(value, f"{path}[{i}]", needs, visit, every=every) for i, value in enumerate(plain)
        ]
    return plain


def _visit(plain: Mapping[str, Any], path: str, needs: Needs, visit: Visit, *, every: bool) -> Any:
    """What one distribution is replaced by."""
    ((name, arguments),) = plain.items()
    if name == Repeat.name:
        width = _walk(arguments[0], f"{path}.width", needs, visit, every=every)
        times = _walk(arguments[1], f"{path}.times", needs, visit, every=every)
        return None if every else [width] * times
    if name != Choice.name:
        return visit(path, DISTRIBUTIONS[name](*arguments), needs)
    options = labelled(arguments)
    chosen = visit(path, Choice(tuple(options)), needs)
    if not every and chosen not in options:
        raise ShoalError(f"{path}={chosen!r} is no option; known: {', '.join(map(str, options))}")
    for label, option in options.items():
        if every or label == chosen:
            result = _walk(option, f"{path}[{label}]", (*needs, (path, label)), visit, every=every)
            if not every:
                return result
    return None


def labelled(options: list[Any]) -> dict[Any, Any]:
    """The options of a choice by short labels: numbers and names themselves, tables by their kind.

    >>> labelled([{"kind": "SGD", "lr": 0.1}, {"kind": "Adam"}])
    {'SGD': {'kind': 'SGD', 'lr': 0.1}, 'Adam': {'kind': 'Adam'}}
    >>> labelled([[100], [100, 100]])
    {'[100]': [100], '[100, 100]': [100, 100]}
    >>> list(labelled([{"hidden": [9]}, {"filters": [8]}, {"filters": [4]}]))
    ['mlp', 'convnet 1', 'convnet 2']
    """
    labels = [_label(option) for option in options]
    numbered = [
        f"{label} {labels[: i + 1].count(label)}" if labels.count(label) > 1 else label
        for i, label in enumerate(labels)
    ]
    return dict(zip(numbered, options, strict=True))


def _label(option: Any) -> Any:
    if is_distribution(option):
        ((name, arguments),) = option.items()
        return f"{name}({', '.join(map(str, map(_label, arguments)))})"
    if isinstance(option, Mapping):
        makers = {"filters": "convnet", "hidden": "mlp", "layers": "Network", "equal": "Equal"}
        return option.get("kind") or next(name for key, name in makers.items() if key in option)
    if isinstance(option, list | tuple):
        return f"[{', '.join(map(str, map(_label, option)))}]"
    return option
