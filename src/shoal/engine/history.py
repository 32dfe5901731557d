"""The history of a run: what each member did, as arrays and as a tidy table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.cohort import Cohort
from shoal.engine.member import Member
from shoal.errors import ShoalError, unknown

if TYPE_CHECKING:
    import pandas as pd

PER_STEP = ("loss", "gradient_norm")


@dataclass(frozen=True)
class Curve:
    """One quantity of one member over training.

    Attributes:
        steps: updates done at each value.
        values: NaN where the member was frozen.
    """

    steps: NDArray[np.int64]
    values: NDArray[Any]


class History:
    """What each member of a run did so far.

    Every step: "loss" (of the batch, before the update, in training mode) and "gradient_norm".
    Every evaluation: "train_loss", "valid_accuracy" and so on, in evaluation mode.
    """

    def __init__(self, members: Sequence[Member], cohorts: Sequence[Cohort]) -> None:
        self.members = tuple(members)
        self._place = {
            int(member): (cohort, row)
            for cohort in cohorts
            for row, member in enumerate(cohort.index)
        }
        self._cohorts = cohorts

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what is measured at evaluations."""
        names = (name for cohort in self._cohorts for name in cohort.record.metrics)
        return tuple(dict.fromkeys(names))

    @property
    def diverged(self) -> NDArray[np.int64]:
        """Step at which each member diverged, or -1."""
        return np.array([c.record.diverged[row] for c, row in self._each()])

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Processor seconds spent on each member."""
        return np.array([c.record.seconds[row] for c, row in self._each()])

    def curve(self, member: int, name: str) -> Curve:
        """One quantity of one member, up to where training has come.

        Args:
            member: number of the member in `members`.
            name: "loss", "gradient_norm", or one of `metrics`.

        Raises:
            ShoalError: no such member or quantity.
        """
        if member not in self._place:
            raise ShoalError(f"member={member} must be a number from 0 to {len(self.members) - 1}")
        cohort, row = self._place[member]
        record = cohort.record
        if name in PER_STEP:
            # the value before an update belongs to the weights that `step` updates have made
            return Curve(np.arange(cohort.step), getattr(record, name)[row, : cohort.step])
        if name not in record.metrics:
            raise unknown("quantity", name, [*PER_STEP, *record.metrics])
        done = record.evaluated_at <= cohort.step
        return Curve(record.evaluated_at[done], record.metrics[name][row, done])

    def final(self, name: str) -> NDArray[np.float64]:
        """The last value of a metric for each member; NaN for a diverged one."""
        values = np.full(len(self.members), np.nan)
        for i in np.flatnonzero(self.diverged < 0).tolist():
            curve = self.curve(i, name).values
            if len(curve):
                values[i] = curve[-1]
        return values

    def to_frame(self, names: Sequence[str] | None = None) -> pd.DataFrame:
        """A tidy table: one row per member, step and quantity.

        Args:
            names: which quantities; None for all.

        Returns:
            Columns arm, seed, member, step, epoch, name, value.
        """
        import pandas as pd

        names = (*PER_STEP, *self.metrics) if names is None else names
        keys = [(i, name) for i in range(len(self.members)) for name in names]
        curves = [self.curve(i, name) for i, name in keys]

        def column(values: Iterable[Any]) -> NDArray[Any]:
            return np.repeat(np.array(list(values)), [len(curve.steps) for curve in curves])

        steps = np.concatenate([curve.steps for curve in curves])
        return pd.DataFrame(
            {
                "arm": column(self.members[i].arm for i, _ in keys),
                "seed": column(self.members[i].seed for i, _ in keys),
                "member": column(i for i, _ in keys),
                "step": steps,
                "epoch": steps / column(self._place[i][0].steps_per_epoch for i, _ in keys),
                "name": column(name for _, name in keys),
                "value": np.concatenate([curve.values for curve in curves], dtype=np.float64),
            }
        )

    def _each(self) -> Iterator[tuple[Cohort, int]]:
        return (self._place[i] for i in range(len(self.members)))
