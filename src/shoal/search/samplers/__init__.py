"""Samplers: what to try next. A new one is one small file and one line in `SAMPLERS`."""

from __future__ import annotations

from shoal.errors import ShoalError, unknown
from shoal.search.samplers.bayesian import OptunaSampler, gp, tpe
from shoal.search.samplers.grid import GridSampler
from shoal.search.samplers.narrowing import NarrowingSampler
from shoal.search.samplers.random import RandomSampler
from shoal.search.samplers.sampler import BATCH, MakeSampler, Sampler, Told
from shoal.search.samplers.sobol import SobolSampler
from shoal.search.space import Space

__all__ = [
    "BATCH",
    "SAMPLERS",
    "GridSampler",
    "NarrowingSampler",
    "OptunaSampler",
    "RandomSampler",
    "Sampler",
    "SobolSampler",
    "Told",
    "make_sampler",
]

SAMPLERS: dict[str, MakeSampler] = {
    "random": RandomSampler,
    "grid": GridSampler,
    "sobol": SobolSampler,
    "tpe": tpe,
    "gp": gp,
    "narrowing": NarrowingSampler,
}
"""By the names that `shoal.search(sampler=...)` takes."""


def make_sampler(sampler: str | Sampler, space: Space, seed: int) -> Sampler:
    """A sampler by its name, or the user's own.

    Raises:
        ShoalError: no such name, or something without `ask` and `tell`.
    """
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise unknown("sampler", sampler, SAMPLERS)
        return SAMPLERS[sampler](space, seed)
    if not isinstance(sampler, Sampler):
        raise ShoalError(f"sampler={sampler!r} must have the methods ask(count) and tell(results)")
    return sampler
