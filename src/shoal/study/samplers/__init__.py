"""Samplers: what to try next. A new one is one small file and one line in `SAMPLERS`."""

from __future__ import annotations

from shoal.errors import ShoalError, unknown
from shoal.study.samplers.bayesian import OptunaSampler, gp, tpe
from shoal.study.samplers.grid import GridSampler
from shoal.study.samplers.narrowing import ROUND, NarrowingSampler
from shoal.study.samplers.random import RandomSampler
from shoal.study.samplers.sampler import BATCH, MakeSampler, Sampler, Told, checked
from shoal.study.samplers.sobol import SobolSampler
from shoal.study.space import Space

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
    "checked",
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


def make_sampler(
    sampler: str | Sampler, space: Space, seed: int, batch: int | None = None
) -> Sampler:
    """A sampler by its name, or the user's own.

    Args:
        sampler: a name of `SAMPLERS`, or anything with `ask` and `tell`.
        space, seed: what to search, and of the draws.
        batch: trials that it will be asked for at once; a round of narrowing has no fewer.

    Raises:
        ShoalError: no such name, or something without `ask` and `tell`.
    """
    if isinstance(sampler, str):
        if sampler not in SAMPLERS:
            raise unknown("sampler", sampler, SAMPLERS)
        if sampler == "narrowing" and batch is not None:
            return NarrowingSampler(space, seed, round_size=max(batch, ROUND))
        return SAMPLERS[sampler](space, seed)
    if isinstance(sampler, type):
        raise ShoalError(
            f"sampler={sampler.__name__} is a class; give one of it: {sampler.__name__}(...)"
        )
    if not isinstance(sampler, Sampler):
        raise ShoalError(f"sampler={sampler!r} must have the methods ask(count) and tell(results)")
    return sampler
