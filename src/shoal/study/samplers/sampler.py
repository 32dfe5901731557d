"""What a sampler is: it is asked for values to try, and told how they did.

Anything with these two methods is a sampler; `shoal.search(..., sampler=mine)` takes it. A sampler
is asked for whole batches, because a shoal trains whole batches. One that learns is asked for the
next batch when it was told of the last; an attribute `batch` may say for how many trials at once
(`BATCH` otherwise). `batch = None` says that it learns nothing, and can be asked at any time. A
method `learn(results)` lets it know trials of another study before it is asked for its first
(`shoal.search(past=...)`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from shoal.engine import Recipe
from shoal.errors import ShoalError, unknown
from shoal.study.space import Dimension, Space, Values

BATCH = 16
"""Trials that a sampler which learns is asked for at once, unless it says otherwise."""


@dataclass(frozen=True)
class Told:
    """How one trial did.

    Attributes:
        number: of the trial, in the order asked.
        values: by path, as asked.
        score: higher is better; -inf if it diverged.
        share: of a full training that it got: 1.0 to the end, less if it was dropped.
    """

    number: int
    values: Values
    score: float
    share: float = 1.0


@runtime_checkable
class Sampler(Protocol):
    """Chooses what to try."""

    def ask(self, count: int) -> list[Values]:
        """Values for so many trials, each by path; fewer where there is nothing left to try.

        Values of dimensions that do not exist beside the others are left out.
        """

    def tell(self, results: Sequence[Told]) -> None:
        """How trials did, once each, when they ended."""


MakeSampler = Callable[[Space, int], Sampler]
"""A sampler for a space and a seed."""


def checked(answer: Any, count: int, space: Space) -> list[tuple[Values, Recipe]]:
    """What a sampler gave for `ask(count)`, as a study takes it down, and the recipes it makes.

    Numbers of NumPy become Python's, which can be written down and read back, and values of
    dimensions that do not exist are left out.

    Raises:
        ShoalError: too many, something else than values by path, or values that make no recipe.
    """
    single = isinstance(answer, Mapping | str) or not isinstance(answer, Iterable)
    given = [answer] if single else list(answer)
    for each in given:
        if single or not isinstance(each, Mapping):
            raise ShoalError(
                f"the sampler gave {each!r:.60} when asked for {count} trials; ask(count) must "
                "give a list with a dict of values by path for each"
            )
    if len(given) > count:
        raise ShoalError(
            f"the sampler gave {len(given)} trials when asked for {count}; "
            "ask(count) must give that many, or fewer where nothing is left"
        )
    paths = [dimension.path for dimension in space.dimensions]
    found = []
    for each in given:
        for path in each:
            if path not in paths:
                raise unknown("dimension that the sampler gave:", path, paths)
        values = {k: v.item() if hasattr(v, "item") else v for k, v in each.items()}
        kept = {d.path: values[d.path] for d in space.dimensions if _has(d, values)}
        found.append((kept, space.build(kept)))
    return found


def _has(dimension: Dimension, values: Values) -> bool:
    return dimension.path in values and dimension.exists(values)
