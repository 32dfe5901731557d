"""The history of a run: what each member did, as arrays and as a tidy table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.best import Standing
from shoal.engine.cohort import Cohort, Copy
from shoal.engine.instruments import INSTRUMENTS
from shoal.engine.member import Member, Program
from shoal.engine.recipe import Recipe
from shoal.errors import ShoalError, unknown

if TYPE_CHECKING:
    import pandas as pd

    from shoal.engine.diagnosis import Finding

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
    With `instruments`, now and then, in every layer: "output_std", "dead_units", "gradient_norm"
    and so on; see `reading`.
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
        return self._gathered(lambda cohort: cohort.record.diverged)

    @property
    def steps_per_epoch(self) -> NDArray[np.int64]:
        """Steps in which each member sees every training row once."""
        return self._gathered(lambda cohort: cohort.steps_per_epoch)

    @property
    def dropped(self) -> NDArray[np.int64]:
        """Step after which each member was taken out by `Trainer.drop`, or -1."""
        return self._gathered(lambda cohort: cohort.record.dropped)

    @property
    def stopped(self) -> NDArray[np.int64]:
        """Steps each member had done when its patience ended before the run did, or -1."""
        return self._gathered(lambda cohort: cohort.record.stopped)

    @property
    def best_step(self) -> NDArray[np.int64]:
        """Steps each member had done at its best evaluation, or -1 if there was none yet.

        Raises:
            ShoalError: the run keeps no best.
        """
        return self._gathered(lambda cohort: _standing(cohort).step)

    def best(self, name: str) -> NDArray[np.float64]:
        """A metric of each member at its best evaluation, the one that `keep_best` chose.

        Also for one that diverged or was stopped or dropped later; NaN if there was none.

        Args:
            name: one of `metrics`: that by which it was chosen, or any other.

        Raises:
            ShoalError: no such metric, or the run keeps no best.
        """
        if name not in self.metrics:
            raise unknown("metric", name, self.metrics)
        values = np.full(len(self.members), np.nan)
        for i, step in enumerate(self.best_step.tolist()):
            if step >= 0:
                curve = self.curve(i, name)
                values[i] = curve.values[np.searchsorted(curve.steps, step)]
        return values

    @property
    def copies(self) -> list[Copy]:
        """Which member was laid over which and when (see `Trainer.copy`), in order of steps."""
        every = [copy for cohort in self._cohorts for copy in cohort.copies]
        return sorted(every, key=lambda copy: copy.step)  # stable: equal steps stay as made

    def recipe(self, member: int) -> Recipe:
        """The recipe a member goes by now; another than at the start if a copy changed it.

        Raises:
            ShoalError: no such member.
        """
        cohort, row = self._at(member)
        return cohort.members[row].recipe

    @property
    def seconds(self) -> NDArray[np.float64]:
        """Processor seconds spent on each member."""
        return self._gathered(lambda cohort: cohort.record.seconds)

    def curve(self, member: int, name: str) -> Curve:
        """One quantity of one member, up to where training has come.

        Args:
            member: number of the member in `members`.
            name: "loss", "gradient_norm", or one of `metrics`.

        Raises:
            ShoalError: no such member or quantity.
        """
        cohort, row = self._at(member)
        record = cohort.record
        if name in PER_STEP:
            # the value before an update belongs to the weights that `step` updates have made
            return Curve(np.arange(cohort.step), getattr(record, name)[row, : cohort.step])
        if name not in record.metrics:
            raise unknown("quantity", name, [*PER_STEP, *record.metrics])
        done = record.evaluated_at <= cohort.step
        return Curve(record.evaluated_at[done], record.metrics[name][row, done])

    def final(self, name: str) -> NDArray[np.float64]:
        """The last value of a metric for each member; NaN for one that diverged or was dropped.

        That of one whose patience ended is the value at which it did.
        """
        values, stopped = np.full(len(self.members), np.nan), self.stopped
        for i in np.flatnonzero((self.diverged < 0) & (self.dropped < 0)).tolist():
            curve = self.curve(i, name)
            known = curve.values if stopped[i] < 0 else curve.values[curve.steps <= stopped[i]]
            if len(known):
                values[i] = known[-1]
        return values

    @property
    def instruments(self) -> tuple[str, ...]:
        """Names of what was read in the layers; empty for a run without instruments."""
        read = (cohort for cohort in self._cohorts if len(cohort.record.read_at))
        found = {channel.name for cohort in read for channel in cohort.channels}
        return tuple(name for name in INSTRUMENTS if name in found)

    def layers(self, member: int) -> tuple[str, ...]:
        """Names of the layers of a member that instruments look at, such as "2 ReLU".

        Layers with parameters and activations are numbered from 1; those that only reshape, pool
        or drop are left out.

        Raises:
            ShoalError: no such member.
        """
        cohort, _ = self._at(member)
        return tuple(dict.fromkeys(channel.layer for channel in cohort.channels))

    def readable(self, member: int, layer: str) -> tuple[str, ...]:
        """Names of the instruments that suit a layer of a member.

        Raises:
            ShoalError: no such member or layer.
        """
        cohort, _ = self._at(member)
        if layer not in self.layers(member):
            raise unknown("layer", layer, self.layers(member))
        return tuple(channel.name for channel in cohort.channels if channel.layer == layer)

    def reading(self, member: int, layer: str, name: str) -> Curve:
        """What an instrument read in one layer of a member, up to where training has come.

        Args:
            member: number of the member in `members`.
            layer: one of `layers(member)`.
            name: one of `instruments`, if it suits the layer: "output_mean", "output_std",
                "batch_std" (over the batch, the mean of all units), "unit_std" (over units, the
                mean of all rows), "zeros" and "dead_units" (shares, after ReLU), "saturated" (a
                share, after sigmoid and tanh), "gradient_norm", "weight_norm" and "update_ratio"
                (of the layer's weights).

        Returns:
            Values by the number of updates that the weights had seen; NaN from divergence on.

        Raises:
            ShoalError: no such member or layer, or an instrument that does not suit the layer.
        """
        cohort, row = self._at(member)
        if not len(cohort.record.read_at):
            raise ShoalError("this run has no instruments; train with instruments=True")
        self.readable(member, layer)
        columns = {c.name: i for i, c in enumerate(cohort.channels) if c.layer == layer}
        if name not in columns:
            raise unknown(f"instrument of layer {layer!r}", name, columns)
        record = cohort.record
        done = record.read_at < cohort.step
        return Curve(record.read_at[done], record.readings[row, done, columns[name]])

    def instruments_frame(self) -> pd.DataFrame:
        """All readings as a tidy table: one row per member, step, layer and instrument.

        Returns:
            Columns arm, seed, member, step, layer, kind ("ReLU"), name, value.
        """
        import pandas as pd

        rows = []
        for i, member in enumerate(self.members):
            cohort, row = self._place[i]
            done = cohort.record.read_at < cohort.step
            steps, values = cohort.record.read_at[done], cohort.record.readings[row, done]
            rows += [
                (member.arm, member.seed, i, step, c.layer, c.kind, c.name, values[at, column])
                for column, c in enumerate(cohort.channels)
                for at, step in enumerate(steps)
            ]
        columns = ["arm", "seed", "member", "step", "layer", "kind", "name", "value"]
        return pd.DataFrame(rows, columns=columns)

    def diagnose(self) -> list[Finding]:
        """What went wrong, in which layers, since when, and what to try; empty if nothing did.

        Best with instruments; without them only losses and evaluations are looked at. The rules
        are in docs/diagnosis.md.
        """
        from shoal.engine.diagnosis import diagnose

        return diagnose(self)

    def program(self, member: int) -> Program:
        """What a member has in common with its cohort: network, loss and so on."""
        return self._at(member)[0].program

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

    def _at(self, member: int) -> tuple[Cohort, int]:
        """Where a member is."""
        if member not in self._place:
            raise ShoalError(f"member={member} must be a number from 0 to {len(self.members) - 1}")
        return self._place[member]

    def _gathered(self, of: Callable[[Cohort], Any]) -> NDArray[Any]:
        """A number of each member, from what the cohorts know of theirs."""
        parts = [np.broadcast_to(of(cohort), len(cohort.index)) for cohort in self._cohorts]
        values = np.empty(len(self.members), parts[0].dtype)
        for cohort, part in zip(self._cohorts, parts, strict=True):
            values[cohort.index] = part
        return values


def _standing(cohort: Cohort) -> Standing:
    """The best evaluations of a cohort."""
    if cohort.standing is None:
        raise ShoalError("this run keeps no best; train with keep_best='valid_loss', say")
    return cohort.standing
