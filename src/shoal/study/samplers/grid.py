"""Grid search: every combination of some values of each dimension."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from shoal.distributions import Choice, Distribution, IntRange
from shoal.errors import ShoalError, check_number
from shoal.study.samplers.sampler import Told
from shoal.study.space import Needs, Space, Values


class GridSampler:
    """Every combination, in the order of the recipe, the last dimension fastest.

    Args:
        space: what to search.
        seed: not used.
        points: values of each range, evenly in u and with both ends; of all, or by path.
            Choices and short ranges of whole numbers take all their values.

    Raises:
        ShoalError: fewer than two points.
    """

    batch = None

    def __init__(self, space: Space, seed: int = 0, points: int | Mapping[str, int] = 5) -> None:
        self.space = space
        counts = points if isinstance(points, Mapping) else {}
        for path, count in counts.items():
            check_number(f"points[{path!r}]", count, least=2, whole=True)
        if not isinstance(points, Mapping):
            check_number("points", points, least=2, whole=True)
        default = 5 if isinstance(points, Mapping) else points
        self._axes = {
            d.path: axis(d.distribution, counts.get(d.path, default)) for d in space.dimensions
        }
        for path in counts:
            if path not in self._axes:
                raise ShoalError(
                    f"points: {path!r} is no dimension; known: {', '.join(self._axes)}"
                )
        self._rest = self._combinations({}, 0)

    def __len__(self) -> int:
        """How many combinations there are.

        A product over the dimensions; of a choice, the sum over its options of the combinations of
        what lies inside each.
        """
        return self._count(())

    def _count(self, needs: Needs) -> int:
        """Combinations of the dimensions that lie inside these choices, and inside no other."""
        return math.prod(
            sum(self._count((*needs, (d.path, label))) for label in self._axes[d.path])
            if isinstance(d.distribution, Choice)
            else len(self._axes[d.path])
            for d in self.space.dimensions
            if d.needs == needs
        )

    def _combinations(self, values: Values, at: int) -> Iterator[Values]:
        if at == len(self.space.dimensions):
            yield dict(values)
            return
        dimension = self.space.dimensions[at]
        if not dimension.exists(values):
            yield from self._combinations(values, at + 1)
            return
        for value in self._axes[dimension.path]:
            yield from self._combinations({**values, dimension.path: value}, at + 1)

    def ask(self, count: int) -> list[Values]:
        return list(islice(self._rest, count))

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing is learned."""


def axis(distribution: Distribution, points: int) -> list[Any]:
    """The values of one dimension on the grid.

    >>> from shoal.distributions import int_range, log_uniform
    >>> [round(v, 6) for v in axis(log_uniform(1e-4, 1e-2), 3)], axis(int_range(1, 3), 5)
    ([0.0001, 0.001, 0.01], [1, 2, 3])
    """
    if isinstance(distribution, Choice):
        return list(distribution.options)
    if isinstance(distribution, IntRange):
        low, high = distribution.low, distribution.high
        points = min(points, high - low + 1)
        steps = [k / max(points - 1, 1) for k in range(points)]
        if distribution.log:
            at = [low * (high / low) ** u for u in steps]
        else:
            at = [low + u * (high - low) for u in steps]
        return sorted({math.floor(value + 0.5) for value in at})
    return [distribution.value(k / (points - 1)) for k in range(points)]
