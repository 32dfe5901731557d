"""Random search: every trial an independent draw (Bergstra and Bengio 2012)."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.rng import generator
from shoal.study.samplers.sampler import Told
from shoal.study.space import Space, Values


class RandomSampler:
    """Draws every value from its distribution, whatever came before.

    The k-th trial depends on the seed and k alone, not on how many are asked for at once.
    """

    batch = None

    def __init__(self, space: Space, seed: int = 0) -> None:
        self.space, self.seed = space, seed
        self.asked = 0

    def ask(self, count: int) -> list[Values]:
        first, self.asked = self.asked, self.asked + count
        return [self._draw(number) for number in range(first, self.asked)]

    def _draw(self, number: int) -> Values:
        us = generator(self.seed, "trials", number).random(len(self.space.dimensions))
        paths = [dimension.path for dimension in self.space.dimensions]
        return self.space.at(dict(zip(paths, us.tolist(), strict=True)))

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing is learned."""
