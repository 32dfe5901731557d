"""Optuna's storage: a study written for optuna-dashboard to show, and one read from there.

Every dimension is a parameter by its path, with the range it was given. A trial that was trained to
the end is COMPLETE, one that was dropped PRUNED, one that diverged FAIL; its scores at the rungs
are intermediate values, and what else is known of it stands in user attributes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.distributions import Choice, IntRange, LogUniform
from shoal.errors import ShoalError
from shoal.study.space import Dimension, Values
from shoal.study.trial import Trial

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage, RDBStorage
    from optuna.trial import FrozenTrial

    from shoal.study.result import Study

STATES = {"done": "COMPLETE", "dropped": "PRUNED", "diverged": "FAIL", "running": "RUNNING"}
TABLES = (
    *("trials", "trial_params", "trial_values"),
    *("trial_intermediate_values", "trial_user_attributes"),
)


def write(study: Study, storage: Any, name: str) -> None:
    """Write a study into a storage of Optuna.

    Args:
        study: of shoal.
        storage: such as "sqlite:///studies.db", or a storage of Optuna.
        name: of the study there.

    Raises:
        ShoalError: the storage cannot be opened, or has a study of that name.
    """
    import optuna
    from optuna.study import StudyDirection

    opened = _opened(storage)
    metric = study.plan.metric
    direction = StudyDirection.MAXIMIZE if metric.higher_is_better else StudyDirection.MINIMIZE
    with _quiet():
        try:
            number = opened.create_new_study([direction], name)
        except optuna.exceptions.DuplicatedStudyError:
            raise ShoalError(
                f"storage={storage!r} has a study {name!r} already; give another name"
            ) from None
        about = {
            "metric": metric.name,
            "unit": study.plan.unit,
            "budget": study.plan.budget,
            "data": study.data.fingerprint,
            "space": study.space.recipe.to_dict(),
        }
        for key, value in about.items():
            opened.set_study_user_attr(number, key, value)
        trials = frozen_trials(study)
        if not _write_rows(opened, number, trials):
            theirs = optuna.load_study(study_name=name, storage=opened)
            theirs.add_trials(trials)


def frozen_trials(study: Study) -> list[FrozenTrial]:
    """The trials of a study as Optuna's."""
    from optuna.trial import TrialState, create_trial

    ranges = {d.path: _range(d, study.trials) for d in study.space.dimensions}
    sign = 1.0 if study.plan.metric.higher_is_better else -1.0
    made = []
    for trial in study.trials:
        rungs = study.plan.brackets[trial.bracket].rungs
        scores = {at: sign * score for at, score, _ in trial.curve if math.isfinite(score)}
        last = max(scores, default=0)
        state = STATES[trial.state]
        made.append(
            create_trial(
                state=TrialState[state],
                params=trial.values,
                distributions={path: ranges[path] for path in trial.values},
                value=scores[last] if state in ("COMPLETE", "PRUNED") else None,
                intermediate_values={at: scores[at] for at in scores if at in rungs or at == last},
                user_attrs={
                    study.plan.unit: trial.budget,
                    "share": trial.budget / study.plan.budget,
                    **{k: v for k, v in trial.metrics.items() if math.isfinite(v)},
                    **({"kept by lot": True} if trial.lucky else {}),
                    **({"lineage": trial.lineage} if trial.lineage else {}),
                },
            )
        )
    return made


def _range(dimension: Dimension, trials: Sequence[Trial]) -> BaseDistribution:
    """A dimension as Optuna's, wide enough for all values that were tried."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        return CategoricalDistribution(distribution.options)
    tried = [t.values[dimension.path] for t in trials if dimension.path in t.values]
    low, high = min([distribution.ends[0], *tried]), max([distribution.ends[1], *tried])
    if isinstance(distribution, IntRange):
        return IntDistribution(low, high, log=distribution.log)
    return FloatDistribution(low, high, log=isinstance(distribution, LogUniform))


# --- all rows at once ---------------------------------------------------------------------------


def _write_rows(storage: BaseStorage, study: int, trials: Sequence[FrozenTrial]) -> bool:
    """Write trials straight into the tables; false where these are not as they are known to be.

    Optuna writes a trial in some twenty statements, 10,000 of them in minutes.
    """
    from optuna.storages import RDBStorage

    if not isinstance(storage, RDBStorage):
        return False
    from sqlalchemy import MetaData, select

    metadata = MetaData()
    metadata.reflect(storage.engine, only=lambda table, _: table in TABLES)
    if not set(TABLES) <= set(metadata.tables):
        return False
    tables = [metadata.tables[table] for table in TABLES]
    now = datetime.now()
    rows = [
        {
            "number": i,
            "study_id": study,
            "state": trial.state.name,
            "datetime_start": trial.datetime_start or now,
            "datetime_complete": trial.datetime_complete,
        }
        for i, trial in enumerate(trials)
    ]
    if not trials or not _fits(tables[0], rows[0]):
        return False
    with storage.engine.connect() as connection:
        connection.execute(tables[0].insert(), rows)
        found = connection.execute(
            select(tables[0].c.number, tables[0].c.trial_id).where(tables[0].c.study_id == study)
        )
        ids = dict(tuple(row) for row in found)
        for table, wanted in zip(tables[1:], _parts(trials, ids), strict=True):
            if wanted and not _fits(table, wanted[0]):
                return False  # leaving the block without a commit takes all back
            if wanted:
                connection.execute(table.insert(), wanted)
        connection.commit()
    return True


def _fits(table: Any, row: dict[str, Any]) -> bool:
    """Whether a table has these columns, and needs no other."""
    needed = {c.name for c in table.columns if not (c.nullable or c.primary_key or c.default)}
    return needed <= set(row) <= {column.name for column in table.columns}


def _parts(trials: Sequence[FrozenTrial], ids: dict[int, int]) -> list[list[dict[str, Any]]]:
    """Rows of the tables after the first, in the order of `TABLES`."""
    from optuna.distributions import distribution_to_json

    texts: dict[int, str] = {}
    params, values, intermediate, attributes = [], [], [], []
    for i, trial in enumerate(trials):
        key = {"trial_id": ids[i]}
        for path, value in trial.params.items():
            distribution = trial.distributions[path]
            text = texts.setdefault(id(distribution), "") or distribution_to_json(distribution)
            texts[id(distribution)] = text
            inner = distribution.to_internal_repr(value)
            param = {"param_name": path, "param_value": inner, "distribution_json": text}
            params.append(key | param)
        if trial.values is not None:
            given = {"objective": 0, "value": trial.values[0], "value_type": "FINITE"}
            values.append(key | given)
        for step, score in trial.intermediate_values.items():
            given = {"step": step, "intermediate_value": score}
            intermediate.append(key | given | {"intermediate_value_type": "FINITE"})
        attributes += [
            key | {"key": name, "value_json": json.dumps(attribute)}
            for name, attribute in trial.user_attrs.items()
        ]
    return [params, values, intermediate, attributes]


# --- the way back -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What was read from a storage.

    Attributes:
        trials: values by name, score (higher is better) and share of a full training.
        metric: of a study of shoal; else None.
        unfinished: trials that are running, waiting, or have no score.
    """

    trials: list[tuple[Values, float, float]]
    metric: str | None
    unfinished: int


def read(storage: Any, name: str) -> Found:
    """Read a study of one objective from a storage of Optuna.

    Raises:
        ShoalError: the storage cannot be opened, or has no such study, or one of many objectives.
    """
    import optuna
    from optuna.study import StudyDirection

    _check_there(storage)
    opened = _opened(storage)
    with _quiet():
        try:
            study = optuna.load_study(study_name=name, storage=opened)
        except KeyError:
            listed = [known.study_name for known in opened.get_all_studies()]
            raise ShoalError(
                f"storage={storage!r} has no study {name!r}; it has {', '.join(listed) or 'none'}"
            ) from None
        if len(study.directions) > 1:
            raise ShoalError(
                f"study {name!r} has {len(study.directions)} objectives; give one of one"
            )
        sign = 1.0 if study.direction == StudyDirection.MAXIMIZE else -1.0
        trials = study.get_trials(deepcopy=False)
        metric = study.user_attrs.get("metric")
    longest = max((t.last_step or 0 for t in trials), default=0)
    rows = [_row(trial, sign, longest) for trial in trials]
    kept = [row for row in rows if row is not None]
    return Found(kept, metric if isinstance(metric, str) else None, len(rows) - len(kept))


def _row(trial: FrozenTrial, sign: float, longest: int) -> tuple[Values, float, float] | None:
    """Values, score and share of a trial; None if there is no score."""
    from optuna.trial import TrialState

    if trial.state == TrialState.FAIL:
        return trial.params, -math.inf, _share(trial, longest)
    if trial.state not in (TrialState.COMPLETE, TrialState.PRUNED):
        return None
    score = trial.values[0] if trial.values else None
    if score is None and trial.last_step is not None:
        score = trial.intermediate_values[trial.last_step]
    if score is None:
        return None
    score = sign * score if math.isfinite(score) else -math.inf
    share = 1.0 if trial.state == TrialState.COMPLETE else _share(trial, longest)
    return trial.params, score, share


def _share(trial: FrozenTrial, longest: int) -> float:
    """The share of a full training: as noted, or by the steps that were reported."""
    noted = trial.user_attrs.get("share")
    if isinstance(noted, float):
        return noted
    return (trial.last_step or 0) / longest if longest else 0.0


def _opened(storage: Any) -> BaseStorage:
    """A storage of Optuna, from its address if it is one."""
    from optuna.storages import BaseStorage

    if isinstance(storage, BaseStorage):
        return storage
    if not isinstance(storage, str):
        raise ShoalError(f"storage={storage!r} must be an address, such as 'sqlite:///studies.db'")
    return _database(storage)


def _check_there(storage: Any) -> None:
    """Refuse the file of a database that does not exist: opening it would make an empty one."""
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(storage)
    except ArgumentError:  # no address, or none that can be read: said when it is opened
        return
    file = url.database if url.drivername.startswith("sqlite") else None
    named = file and file != ":memory:" and not file.startswith("file:")  # those are URIs
    if named and not Path(str(file)).exists():
        raise ShoalError(f"storage={storage!r}: there is no file {file!r}; check the address")


def _database(address: str) -> RDBStorage:
    from optuna.storages import RDBStorage
    from sqlalchemy.exc import SQLAlchemyError

    try:
        with _quiet():
            return RDBStorage(address)
    except (SQLAlchemyError, ImportError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise ShoalError(
            f"storage={address!r} cannot be opened ({reason}); give one such as "
            "'sqlite:///studies.db'"
        ) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna without its notes on standard error."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
