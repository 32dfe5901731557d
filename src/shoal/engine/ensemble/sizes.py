"""How good ensembles of 1, 2, 3, … of the members are."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from shoal.engine.ensemble.predictions import Predictions
from shoal.engine.executor import one_blas_thread
from shoal.errors import check_choice, check_number
from shoal.rng import generator

if TYPE_CHECKING:
    import pandas as pd

Values = NDArray[np.float64]
Subsets = NDArray[np.bool_]

MOST_SIZES = 50


@dataclass(frozen=True, eq=False)
class Sizes:
    """A measure against the number of members, over subsets of the members of an ensemble.

    Subsets that share members resemble each other: of 50 members, any two subsets of 40 have 30 or
    more in common, so they would agree even if ensembles of 40 did not. `sd` therefore compares
    only subsets without a common member, and is not known beyond half of the members. `low` and
    `high` are over all subsets, which close in on each other for that reason alone. All of this is
    on one set of rows; how the measure varies with the rows drawn is not in it. Subsets are drawn
    without regard to arms and seeds.

    Attributes:
        part: of the data.
        measure: "accuracy", "loss", "rmse" or "r2".
        rows: how many the part has.
        members: the measure of each member (K,).
        sizes: 1 to K; of more than 50 members only 50 sizes, closer together where they are small.
        mean: over the subsets of each size; for sizes 1 and K, and wherever `exact`, over all.
        sd: standard deviation between ensembles of that size that share no member, from all pairs
            of such subsets: sd² = mean of (a - b)² / 2; NaN where there is no such pair.
        low, high: lowest and highest of the subsets.
        subsets: how many there were.
        exact: whether those were all.
    """

    part: str
    measure: str
    rows: int
    members: Values
    sizes: NDArray[np.int64]
    mean: Values
    sd: Values
    low: Values
    high: Values
    subsets: NDArray[np.int64]
    exact: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """Part and measure as elsewhere: "test_accuracy"."""
        return f"{self.part}_{self.measure}"

    def to_frame(self) -> pd.DataFrame:
        """A table with one row per size."""
        import pandas as pd

        columns = ("mean", "sd", "low", "high", "subsets", "exact")
        table = {"size": self.sizes} | {name: getattr(self, name) for name in columns}
        return pd.DataFrame(table).set_index("size")

    def __str__(self) -> str:
        lines = [f"{self.part} {self.measure} against the number of members", ""]
        lines.append(f"{'size':>4}  {'mean':>8}  {'sd':>8}  {'lowest':>8}  {'highest':>8}  subsets")
        for k, size in enumerate(self.sizes):
            values = (self.mean[k], self.sd[k], self.low[k], self.high[k])
            cells = "  ".join(f"{v:8.4f}" if math.isfinite(v) else f"{'–':>8}" for v in values)
            lines.append(f"{size:>4}  {cells}  {'all ' * bool(self.exact[k])}{self.subsets[k]}")
        return "\n".join([*lines, "", "sd: between ensembles that share no member."])


def sizes_of(
    predictions: Predictions, part: str, measure: str | None, most: int, seed: int
) -> Sizes:
    """A measure of subsets of every size; see `Ensemble.sizes`."""
    known = predictions.measures
    if measure is None:
        measure = known[1]
    check_choice("measure", measure, known)
    check_number("subsets", most, least=1, whole=True)
    check_number("seed", seed, least=0, whole=True)
    count = len(predictions.outputs)
    sizes = some_sizes(count)
    chosen = [subsets(count, size, most, seed) for size in sizes.tolist()]
    weights = np.concatenate([some / some.sum(axis=-1, keepdims=True) for some in chosen])
    values = predictions.of_averages_in(measure, weights)
    found = np.split(values, np.cumsum([len(some) for some in chosen])[:-1])
    return Sizes(
        part=part,
        measure=measure,
        rows=len(predictions.y),
        members=found[0],
        sizes=sizes,
        mean=np.array([values.mean() for values in found]),
        sd=np.array([disjoint_sd(some, v) for some, v in zip(chosen, found, strict=True)]),
        low=np.array([values.min() for values in found]),
        high=np.array([values.max() for values in found]),
        subsets=np.array([len(some) for some in chosen]),
        exact=np.array(
            [len(some) == math.comb(count, k) for k, some in zip(sizes, chosen, strict=True)]
        ),
    )


def some_sizes(count: int) -> NDArray[np.int64]:
    """Sizes from 1 to `count`: all up to 50 of them, else 50 or fewer in even ratios.

    >>> some_sizes(4), some_sizes(1000)[[0, 1, 2, -2, -1]]
    (array([1, 2, 3, 4]), array([   1,    2,    3,  869, 1000]))
    """
    if count <= MOST_SIZES:
        return np.arange(1, count + 1)
    return np.unique(np.geomspace(1, count, MOST_SIZES).round().astype(np.int64))


def subsets(count: int, size: int, most: int, seed: int) -> Subsets:
    """Subsets of so many members (subsets, members): all of them if they are few, else random ones.

    Random ones are cut from shuffled members, as many at a time as fit without overlap, so that
    there are subsets without a common member to be compared. Of size 1 there are always all.

    >>> subsets(3, 2, most=10, seed=0).astype(int)
    array([[1, 1, 0],
           [1, 0, 1],
           [0, 1, 1]])
    >>> subsets(50, 10, most=100, seed=0).sum(axis=0)  # each member as often as any other
    array([20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,
           20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20,
           20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20, 20])
    """
    if size == 1:
        return np.eye(count, dtype=bool)
    rows: Sequence[Sequence[int] | NDArray[np.int64]]
    if math.comb(count, size) <= most:
        rows = list(itertools.combinations(range(count), size))
    else:
        random = generator(seed, "sample", count, size)
        blocks = count // size
        shuffled = [random.permutation(count) for _ in range(-(-most // blocks))]
        rows = [order[at * size : (at + 1) * size] for order in shuffled for at in range(blocks)][
            :most
        ]
    chosen = np.zeros((len(rows), count), bool)
    np.put_along_axis(chosen, np.array(rows), True, axis=1)
    return chosen


def disjoint_sd(some: Subsets, values: Values) -> float:
    """Standard deviation between subsets that share no member; NaN if every two share one.

    Each pair gives (a - b)² / 2, whose expected value is the variance if a and b are independent.

    >>> disjoint_sd(np.eye(3, dtype=bool), np.array([1.0, 2.0, 3.0]))  # as of three numbers
    1.0
    """
    counts = some.astype(np.float64)
    with one_blas_thread():
        common = counts @ counts.T
    a, b = np.nonzero(np.triu(common == 0))
    if not len(a):
        return math.nan
    return math.sqrt(float(((values[a] - values[b]) ** 2).mean() / 2))
