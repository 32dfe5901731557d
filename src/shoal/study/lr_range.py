"""The learning-rate finder: a ladder of learning rates, each trained by itself.

The usual finder (Smith 2017) raises the learning rate of one network while it trains, so that what
it shows at one rate depends on all rates before. Here every rung of the ladder is a network of its
own that starts from the same weights and sees the same batches: a shoal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.data import Dataset
from shoal.engine import Member, Progress, Recipe, Trainer
from shoal.engine.member import seed_list
from shoal.errors import ShoalError, check_number, counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Values = NDArray[np.float64]

SAFETY = 3.0
"""A learning rate is suggested at most so many times below the edge of divergence."""
LEARNED = 0.9
"""A rate at which the loss is below this share of the start has learned something."""


@dataclass(frozen=True)
class LrRange:
    """What a ladder of learning rates did.

    Attributes:
        recipe: that was trained, but for its learning rate.
        lr: the rates (points,), rising.
        loss: mean training loss over the last tenth of the steps (points, seeds); NaN if diverged.
        diverged: step of divergence (points, seeds), or -1.
        start: loss before training, the mean over seeds.
        steps: that each was trained.
    """

    recipe: Recipe
    lr: Values
    loss: Values
    diverged: NDArray[np.int64]
    start: float
    steps: int

    @property
    def edge(self) -> float:
        """The lowest rate above the best at which a seed diverged or learned nothing; or inf."""
        if not np.isfinite(self.mean).any():
            return float(self.lr[0])
        with np.errstate(invalid="ignore"):
            broken = ((self.diverged >= 0) | (self.loss > LEARNED * self.start)).any(axis=1)
        broken &= np.arange(len(self.lr)) > np.nanargmin(self.mean)
        return float(self.lr[broken][0]) if broken.any() else float("inf")

    @property
    def mean(self) -> Values:
        """Mean loss over seeds at each rate; NaN where one diverged."""
        return np.asarray(self.loss.mean(axis=1))

    @property
    def suggestion(self) -> float:
        """The rate with the lowest loss, but well below the edge of divergence.

        Raises:
            ShoalError: no rate learned anything, or all diverged.
        """
        if not np.isfinite(self.mean).any():
            raise ShoalError(
                f"every learning rate from {self.lr[0]:g} to {self.lr[-1]:g} diverged; "
                "give a lower range"
            )
        allowed = (self.lr <= self.edge / SAFETY) & np.isfinite(self.mean)
        if not allowed.any() or self.mean[allowed].min() > LEARNED * self.start:
            raise ShoalError(
                f"no learning rate from {self.lr[0]:g} to {self.lr[-1]:g} learned anything in "
                f"{self.steps} steps; give more steps or another range"
            )
        return float(self.lr[allowed][np.argmin(self.mean[allowed])])

    @property
    def last(self) -> int:
        """Steps at the end over which the loss is averaged."""
        return max(1, self.steps // 10)

    @property
    def best(self) -> Recipe:
        """The recipe with the suggested learning rate.

        Raises:
            ShoalError: there is none to suggest.
        """
        return self.recipe.replace({"optimizer.lr": self.suggestion})

    def to_dict(self) -> dict[str, Any]:
        """Plain data; None stands for what is not finite, and where nothing can be suggested."""
        try:
            suggestion: float | None = self.suggestion
        except ShoalError:
            suggestion = None
        return {
            "suggestion": suggestion,
            "edge": self.edge if math.isfinite(self.edge) else None,
            "start": self.start if math.isfinite(self.start) else None,
            "steps": self.steps,
            "lr": self.lr.tolist(),
            "loss": [[v if math.isfinite(v) else None for v in row] for row in self.loss.tolist()],
            "diverged": self.diverged.tolist(),
            "recipe": self.recipe.to_dict(),
        }

    def plot(self, path: str | Path | None = None) -> Figure:
        """Loss against learning rate, with the edge of divergence and the suggestion."""
        from shoal.plot.lr_range import plot_lr_range

        return plot_lr_range(self, path)

    def __str__(self) -> str:
        edge = (
            "no rate broke it"
            if np.isinf(self.edge)
            else f"training breaks from {self.edge:.2g} on"
        )
        try:
            lead = f"suggested learning rate: {self.suggestion:.2g}"
            if self.suggestion == self.lr[-1]:
                edge += "; the best is the highest tried, so give a larger high"
        except ShoalError as error:
            lead = str(error)
        return (
            f"{lead} ({edge}; {len(self.lr)} rates from {self.lr[0]:.2g} to {self.lr[-1]:.2g}, "
            f"{self.steps} steps, {counted(self.loss.shape[1], 'seed')})"
        )


def lr_range(
    recipe: Recipe,
    data: Dataset,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    points: int = 36,
    steps: int = 200,
    seeds: int | Sequence[int] = 3,
    threads: int | None = None,
    progress: bool | None = None,
) -> LrRange:
    """Train a ladder of learning rates at once, and say which to take.

    Args:
        recipe: to train; its own learning rate is not used, its schedule runs over the steps.
        data: a Dataset.
        low, high: ends of the ladder, > 0.
        points: rates between them, evenly on a log scale.
        steps: updates of each.
        seeds: repetitions of each rate.
        threads, progress: see `Trainer` and `compare`.

    Raises:
        ShoalError: an inverted range, a recipe with distributions in it.

    >>> import shoal
    >>> found = lr_range(shoal.Recipe(shoal.mlp([16]), shoal.SGD()), shoal.load("digits"), seeds=1)
    >>> 0.01 < found.suggestion < found.edge
    True
    """
    check_number("low", low, above=0)
    check_number("high", high, above=low)
    check_number("points", points, least=2, whole=True)
    check_number("steps", steps, least=10, whole=True)
    if not isinstance(recipe, Recipe):
        raise ShoalError(f"recipe={recipe!r} must be a Recipe")
    if not isinstance(data, Dataset):
        raise ShoalError(f"data={data!r:.60} must be a Dataset, such as shoal.load('digits')")
    rates = np.geomspace(low, high, points)
    listed = seed_list(seeds)
    members = [
        Member(recipe.replace({"optimizer.lr": float(lr)}), seed, f"{lr:.3g}")
        for lr in rates
        for seed in listed
    ]
    callbacks: list[Any] = [Progress("learning rates", progress)]
    trainer = Trainer(
        members, data, steps=steps, evaluate_parts=(), threads=threads, callbacks=callbacks
    ).run()
    if trainer.interrupted:
        raise KeyboardInterrupt
    history = trainer.history
    last = max(1, steps // 10)
    curves = np.array([history.curve(i, "loss").values for i in range(len(members))], np.float64)
    shape = (points, len(listed))
    loss = curves[:, -last:].mean(axis=1)
    loss[history.diverged >= 0] = np.nan
    return LrRange(
        recipe,
        rates,
        loss.reshape(shape),
        history.diverged.reshape(shape),
        float(curves[:, 0].mean()),
        steps,
    )
