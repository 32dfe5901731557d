"""Quasi-random search: points that leave no large gaps (Sobol 1967)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from shoal.study.samplers.sampler import Told
from shoal.study.space import Space, Values


class SobolSampler:
    """Scrambled Sobol points of the unit cube, one axis for each dimension.

    In few dimensions n of them cover a space more evenly than n random draws. Dimensions inside
    an option of a choice have an axis of their own, which is not looked at where they do not exist.
    """

    batch = None

    def __init__(self, space: Space, seed: int = 0) -> None:
        from scipy.stats import qmc

        self.space = space
        self._points: Any = qmc.Sobol(len(space.dimensions), scramble=True, rng=seed)

    def ask(self, count: int) -> list[Values]:
        import warnings

        with warnings.catch_warnings():
            # it recommends powers of two, for integrals; any number covers a space
            warnings.filterwarnings("ignore", message="The balance properties of Sobol")
            points = self._points.random(count)
        paths = [dimension.path for dimension in self.space.dimensions]
        return [self.space.at(dict(zip(paths, us, strict=True))) for us in points.tolist()]

    def tell(self, results: Sequence[Told]) -> None:
        """Nothing is learned."""
