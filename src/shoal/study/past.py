"""Trials of another study over the same space: what a sampler can know before it is asked."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shoal.distributions import Choice, IntRange
from shoal.engine import Recipe
from shoal.errors import ShoalError
from shoal.study.samplers.sampler import Told
from shoal.study.space import Dimension, Space, Values

if TYPE_CHECKING:
    import pandas as pd

    from shoal.study.result import Study


@dataclass(frozen=True)
class Past:
    """Values that were tried before, and their scores; `shoal.search(past=...)` seeds a sampler.

    Attributes:
        told: each with values by path, as they are in the space; a higher score is better.
        metric: of the scores, such as "valid_accuracy"; None if nobody knows.
        skipped: trials that do not lie in the space, or have no score.

    >>> import pandas as pd
    >>> import shoal
    >>> space = shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)))
    >>> table = pd.DataFrame({"optimizer.lr": [0.01, 0.1], "accuracy": [0.7, 0.9]})
    >>> past = Past.from_table(table, space, score="accuracy")
    >>> len(past.told), past.skipped
    (2, 0)
    """

    told: tuple[Told, ...]
    metric: str | None = None
    skipped: int = 0

    @classmethod
    def from_study(cls, study: Study) -> Past:
        """The trials of a study of shoal that have ended, in the ranges that were given."""
        told = [
            Told(t.number, t.values, t.score, t.budget / study.plan.budget)
            for t in study.trials
            if t.state != "running" and not misfit(study.space, t.values)
        ]
        return cls(tuple(told), study.plan.metric.name, len(study.trials) - len(told))

    @classmethod
    def from_optuna(
        cls, storage: Any, name: str, space: Recipe, names: Mapping[str, str] | None = None
    ) -> Past:
        """The trials of a study in Optuna's storage, of shoal or of anybody.

        Complete trials count as trained to the end, pruned ones for the part they were trained,
        failed ones as diverged; those that lie outside of the space are left out and counted.

        Args:
            storage: such as "sqlite:///studies.db", or a storage of Optuna.
            name: of the study in it.
            space: a Recipe with distributions in it.
            names: paths of the space by the names of that study's parameters, where they differ:
                {"lr": "optimizer.lr"}.

        Raises:
            ShoalError: no such storage or study, or no trial of it lies in the space.
        """
        from shoal.study.optuna_storage import read

        found = read(storage, name)
        rows = [
            (_renamed(values, names or {}), score, share) for values, score, share in found.trials
        ]
        return cls._in_space(rows, space, found.metric, f"study {name!r}", found.unfinished)

    @classmethod
    def from_table(
        cls, table: pd.DataFrame, space: Recipe, score: str, *, higher_is_better: bool = True
    ) -> Past:
        """The trials of a table: a column for each dimension by its path, one row per trial.

        Args:
            table: NaN where a dimension does not exist; a score that is NaN is one that diverged.
            space: a Recipe with distributions in it.
            score: the column of the scores.
            higher_is_better: as for an accuracy.

        Raises:
            ShoalError: no such column, or no row lies in the space.
        """
        if score not in table.columns:
            raise ShoalError(f"score={score!r} is no column of the table; it has {_few(table)}")
        sign = 1.0 if higher_is_better else -1.0
        paths = [d.path for d in Space(space).dimensions if d.path in table.columns]
        rows = []
        for row in table[[*paths, score]].astype(object).itertuples(index=False):
            *given, last = (_python(value) for value in row)
            values = {p: v for p, v in zip(paths, given, strict=True) if v is not None}
            rows.append((values, -math.inf if last is None else sign * float(last), 1.0))
        return cls._in_space(rows, space, None, "the table", 0)

    @classmethod
    def _in_space(
        cls,
        rows: Iterable[tuple[Values, float, float]],
        space: Recipe,
        metric: str | None,
        what: str,
        skipped: int,
    ) -> Past:
        whole, outside = Space(space), ""
        told: list[Told] = []
        for values, score, share in rows:
            wrong = misfit(whole, values)
            if wrong:
                outside = outside or wrong
                skipped += 1
            else:
                exact = {d.path: _exactly(d, values) for d in whole.dimensions if d.path in values}
                told.append(Told(len(told), exact, score, share))
        if not told:
            reason = f"; the first because {outside}" if outside else ""
            raise ShoalError(f"{what} has no trial that lies in the space{reason}")
        return cls(tuple(told), metric, skipped)

    def __len__(self) -> int:
        return len(self.told)

    @property
    def fingerprint(self) -> str:
        """A short text that differs where any value or score does."""
        rows = [[t.values, repr(t.score), repr(t.share)] for t in self.told]
        return f"{zlib.crc32(json.dumps([self.metric, rows]).encode()):08x}"

    def to_frame(self) -> pd.DataFrame:
        """A tidy table: one row per trial, a column for each dimension, score and share."""
        import pandas as pd

        rows = [{**told.values, "score": told.score, "share": told.share} for told in self.told]
        return pd.DataFrame(rows)


def misfit(space: Space, values: Mapping[str, Any]) -> str:
    """Why values do not lie in a space; empty if they do."""
    known = {d.path for d in space.dimensions if d.exists(values)}
    for path in values:
        if path not in known:
            return f"{path} does not exist there"
    for path in sorted(known):
        distribution = space[path].distribution
        if path not in values:
            return f"{path} is missing"
        value = values[path]
        if isinstance(distribution, Choice):
            inside = value in distribution.options
        else:
            number = isinstance(value, int | float) and not isinstance(value, bool)
            whole = not isinstance(distribution, IntRange) or (number and value == int(value))
            low, high = distribution.ends
            inside = number and whole and low <= value <= high
        if not inside:
            return f"{path}={value!r} is not in {distribution}"
    return ""


def _exactly(dimension: Dimension, values: Values) -> Any:
    """A value as the space itself would give it: whole numbers as such, others as floats."""
    distribution, value = dimension.distribution, values[dimension.path]
    if isinstance(distribution, Choice):
        return distribution.options[distribution.options.index(value)]
    return int(value) if isinstance(distribution, IntRange) else float(value)


def _renamed(values: Values, names: Mapping[str, str]) -> Values:
    return {names.get(key, key): value for key, value in values.items()}


def _python(value: Any) -> Any:
    value = value.item() if hasattr(value, "item") else value
    missing = value is None or (isinstance(value, float) and math.isnan(value))
    return None if missing else value


def _few(table: pd.DataFrame) -> str:
    listed = [str(column) for column in table.columns]
    return ", ".join(listed[:12]) + (", …" if len(listed) > 12 else "")
