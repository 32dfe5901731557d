"""A study: what a search found, and how sure that is."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.comparison.result import Comparison
from shoal.comparison.words import number
from shoal.data import Dataset
from shoal.engine import Ensemble, Recipe, Trainer
from shoal.errors import ShoalError, counted
from shoal.study import words
from shoal.study.finals import OnTest, Rival, rivals
from shoal.study.importance import LEAST, Importance, comparable_scores, importance
from shoal.study.ranking import rows_judged, tied_with_best
from shoal.study.runner import Plan
from shoal.study.space import Space
from shoal.study.trial import Trial

if TYPE_CHECKING:
    import pandas as pd

PRINTED = 10
"""Trials in the table when printed."""
WIDTH = 120
"""Characters in a line of it."""


@dataclass(frozen=True)
class Rung:
    """One judging of a wave of trials.

    Attributes:
        budget: epochs (or steps) the trials had been trained.
        spent: member-epochs (or steps) of the whole search by then.
        reached: trials that came here.
        kept: of them that went on, or were at the end.
        trial: number of the best of them; None if all diverged.
        score: its score; higher is better.
        way: what had been spent at every evaluation since the last rung, and the best score then.
    """

    budget: int
    spent: int
    reached: int
    kept: int
    trial: int | None
    score: float
    way: tuple[tuple[int, float], ...] = ()


@dataclass
class Study:
    """What `shoal.search` returns.

    Attributes:
        space: that was searched.
        trials: all of them, in the order in which they were tried.
        plan: how long, judged when.
        data: they were trained on.
        complete: False if the search was interrupted.
        facts: settings, versions, machine and so on.
        final: the comparison of the finalists on fresh seeds, or None.
        test: what the winner's networks score on the test part, looked at once; or None.
        rungs: every judging, in the order in which they were.

    >>> import shoal
    >>> space = shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)))
    >>> study = shoal.search(space, shoal.load("digits"), trials=8, epochs=3, finalists=0)
    >>> shoal.Recipe.from_toml(study.best.to_toml()) == study.best
    True
    >>> study.to_frame().shape, study.spent < study.full
    ((8, 4), True)
    """

    space: Space
    trials: list[Trial]
    plan: Plan
    data: Dataset
    complete: bool = True
    facts: dict[str, Any] = field(default_factory=dict)
    final: Comparison | None = None
    test: OnTest | None = None
    rungs: list[Rung] = field(default_factory=list)

    @property
    def ranked(self) -> list[Trial]:
        """Trials from best to worst: those trained longer first, then by score.

        A trial that was dropped lost to those that went on; its score is one of fewer epochs, so
        that it cannot be held against theirs. Diverged ones are left out.
        """
        alive = [t for t in self.trials if t.state != "diverged" and t.curve]
        return sorted(alive, key=lambda t: (-t.budget, *(-part for part in t.key), t.number))

    @property
    def tied(self) -> list[Trial]:
        """Trials that the validation part cannot tell from the best of the search; best first.

        The truly best is among them with 95 % certainty, as far as one seed can say.
        """
        return tied_with_best(self)

    @property
    def winner(self) -> Trial:
        """The best trial: of the finalists on fresh seeds, where there were any.

        Raises:
            ShoalError: no trial came through.
        """
        ranked = self.ranked
        if not ranked:
            raise ShoalError("no trial came through, so there is no best one")
        if self.final is None:
            return ranked[0]
        return self.trials[int(self.final.ranking[0].removeprefix("trial "))]

    @property
    def best(self) -> Recipe:
        """The recipe of the winner; `best.to_toml()` is ready to paste."""
        return self.recipe(self.winner)

    def recipe(self, trial: Trial) -> Recipe:
        """The recipe of a trial."""
        return self.space.build(trial.values)

    @property
    def spent(self) -> int:
        """Epochs (or steps) that all trials of the search were trained together."""
        return sum(trial.budget for trial in self.trials)

    @property
    def full(self) -> int:
        """What training all of them to the end would have taken."""
        return self.plan.budget * len(self.trials)

    @property
    def rivals(self) -> list[Rival]:
        """Every finalist but the first, and whether the first is better than it."""
        return [] if self.final is None else rivals(self.final)

    @cached_property
    def importance(self) -> Importance | None:
        """How much each dimension matters; None with too few trials. Computed once."""
        trials, scores = comparable_scores(self.trials)
        if sum(map(math.isfinite, scores)) < LEAST:
            return None
        return importance(self.space, trials, scores, self.plan.seed)

    @property
    def headline(self) -> str:
        """The verdict in a sentence: who is best, and who cannot be told from it."""
        return words.headline(self)

    @property
    def warnings(self) -> list[str]:
        """What the reader should know before believing the verdict."""
        return words.warnings(self)

    def ensemble(self, best: int | None = None) -> Ensemble:
        """The finalists' networks, answering together: the best k by validation, or all.

        Args:
            best: so many networks, over all finalists and their seeds.

        Raises:
            ShoalError: there are no finalists, or fewer networks.
        """
        if any(trial.lineage for trial in self.trials):
            raise ShoalError(
                "a population has no finalists; study.retrace().shoal.ensemble() trains its "
                "winner's schedule anew"
            )
        if self.final is None:
            raise ShoalError(
                "the networks of a search are not kept; search with finalists=5, whose are"
            )
        return self.final.ensemble(best=best)

    def retrace(
        self, trial: Trial | None = None, seeds: int | Sequence[int] = 5, **settings: Any
    ) -> Trainer:
        """Train what a trial of a population lived through anew, on seeds of its own.

        Args:
            trial: None for the winner.
            seeds: how many fresh ones, or which.
            settings: for `Trainer`, such as `threads`.
        """
        from shoal.study.population import retrace

        first = self.plan.seed + 1
        listed = range(first, first + seeds) if isinstance(seeds, int) else seeds
        return retrace(self, trial or self.winner, listed, **settings)

    def table(self, most: int | None = None) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the best trials, in words; the finalists in their order first.

        Args:
            most: so many rows; None for all trials, the diverged last.
        """
        dimensions = [d.path for d in self.space.dimensions]
        header = ["trial", *dimensions, self.plan.unit, self.plan.metric.label, "state"]
        ranked, anew = self.ranked, {}
        if self.final is not None:
            header.insert(-1, "on fresh seeds")
            anew = {arm.name: number(arm.final, self.final.metric) for arm in self.final.arms}
            names = [int(name.removeprefix("trial ")) for name in self.final.ranking]
            first = [self.trials[k] for k in names]
            taken = set(names)
            ranked = first + [t for t in ranked if t.number not in taken]
        if most is None or most > len(ranked):
            listed = {t.number for t in ranked}
            ranked = ranked + [t for t in self.trials if t.number not in listed]
        rows = []
        for trial in ranked[:most]:
            settings = [
                words.setting(trial.values[path]) if path in trial.values else "–"
                for path in dimensions
            ]
            state = f"{trial.state}, kept by lot" if trial.lucky else trial.state
            score = words.score_words(self, trial, error=True)
            fresh = [] if self.final is None else [anew.get(f"trial {trial.number}", "–")]
            rows.append([str(trial.number), *settings, str(trial.budget), score, *fresh, state])
        return header, rows

    def to_frame(self) -> pd.DataFrame:
        """A tidy table: one row per trial, one column per dimension."""
        import pandas as pd

        rows = [
            {
                "trial": t.number,
                "state": t.state,
                self.plan.unit: t.budget,
                self.plan.metric.name: t.metrics.get(self.plan.metric.name, math.nan),
                **{d.path: t.values.get(d.path) for d in self.space.dimensions},
            }
            for t in self.trials
        ]
        return pd.DataFrame(rows).set_index("trial")

    def to_dict(self) -> dict[str, Any]:
        """All results as plain data; what is not finite becomes None."""
        found = self.importance
        plain = {
            "headline": self.headline,
            "metric": self.plan.metric.name,
            "complete": self.complete,
            "warnings": self.warnings,
            "best": self.best.to_dict() if self.ranked else None,
            "winner": self.winner.number if self.ranked else None,
            "tied": [trial.number for trial in self.tied],
            "finalists": [asdict(rival) for rival in self.rivals],
            "test": None
            if self.test is None
            else asdict(self.test) | {"metric": self.test.metric.name},
            "spent": self.spent,
            "full": self.full,
            "unit": self.plan.unit,
            "rows": rows_judged(self),
            "importance": None
            if found is None
            else asdict(found)
            | {"pairs": [[*paths, share] for paths, share in found.pairs.items()]},
            "space": self.space.recipe.to_dict(),
            "trials": [trial.to_dict() for trial in self.trials],
            "rungs": [asdict(rung) for rung in self.rungs],
            "final": None if self.final is None else self.final.to_dict(),
            "facts": self.facts,
        }
        cleaned: dict[str, Any] = _finite(plain)
        return cleaned

    def to_json(self, path: str | Path | None = None) -> str:
        """All results as JSON; written to `path` too if one is given."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        if path is not None:
            from shoal.engine.checkpoint import write_whole

            write_whole(Path(path), text.encode())
        return text

    def to_optuna(self, storage: Any, name: str) -> None:
        """Write the study into a storage of Optuna, for optuna-dashboard and its other tools.

        Args:
            storage: such as "sqlite:///studies.db", or a storage of Optuna.
            name: of the study there.

        Raises:
            ShoalError: the storage cannot be opened, or has a study of that name.
        """
        from shoal.study.optuna_storage import write

        write(self, storage, name)

    def plot(
        self,
        path: str | Path | None = None,
        kind: str | None = None,
        dimensions: Sequence[str] | None = None,
    ) -> Any:
        """Draw the study: one picture, or all of them into a folder.

        Args:
            path: of a file, .png, .svg or .pdf; or of a folder, which gets a picture of each kind.
            kind: "progress", "isolation", "phase", "parallel" or "importance"; None for
                "isolation", or for a folder all of them that there are.
            dimensions: to draw, by path, instead of those that matter most; of "phase" the
                horizontal and the vertical one, or one against the learning rates.

        Returns:
            A matplotlib Figure; of a folder the paths of the pictures.

        Raises:
            ShoalError: no such kind or dimension, nothing to draw, or a file that cannot be
                written.
        """
        from shoal.plot.study import plot_study

        return plot_study(self, path, kind, dimensions)

    def report(self, path: str | Path) -> Path:
        """Write the report: one HTML file that opens offline.

        Raises:
            ShoalError: the file cannot be written.
        """
        from shoal.report.study import write_study

        return write_study(self, path)

    def __str__(self) -> str:
        text = [self.headline]
        if self.ranked:
            text += ["", f"Best recipe (trial {self.winner.number}):"]
            text += [f"  {line}" for line in self.best.to_toml().splitlines()]
            text += ["", *(_sentence(line) for line in words.scored(self)), ""]
            text += self._lines()
        if len(self.rivals):
            text += ["", "Finalists, on fresh seeds:", *(f"  {r.words}" for r in self.rivals)]
        text += ["", *words.money(self), words.importance_line(self)]
        if self.warnings:
            text += ["", *(f"Note: {line}." for line in self.warnings)]
        return "\n".join(text)

    def _lines(self) -> list[str]:
        """The table of the best trials, set in columns."""
        header, rows = self.table(PRINTED)
        widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
        shown = self._columns(widths)
        lines = [
            "  ".join(row[i].rjust(widths[i]) for i in shown).rstrip() for row in (header, *rows)
        ]
        lines.insert(1, "─" * max(map(len, lines)))
        hidden = [
            counted(count, f"more {noun}")
            for count, noun in (
                (len(self.trials) - len(rows), "trial"),
                (len(header) - len(shown), "dimension"),
            )
            if count
        ]
        if hidden:
            lines.append(f"… {' and '.join(hidden)}; see to_frame() or the report")
        return lines

    def _columns(self, widths: Sequence[int]) -> list[int]:
        """Columns of the table that fit a line: all but some dimensions, those that matter most."""
        paths = [d.path for d in self.space.dimensions]
        if sum(widths) + 2 * len(widths) <= WIDTH:
            return list(range(len(widths)))
        shown = [0, *range(1 + len(paths), len(widths))]
        known = [] if self.importance is None else list(self.importance.main)
        for path in sorted(paths, key=lambda p: known.index(p) if p in known else len(paths)):
            more = [*shown, 1 + paths.index(path)]
            if sum(widths[i] + 2 for i in more) <= WIDTH:
                shown = more
        return sorted(shown)

    def __repr__(self) -> str:
        dimensions = counted(len(self.space.dimensions), "dimension")
        return (
            f"<Study of {counted(len(self.trials), 'trial')} in {dimensions} on {self.data.name}>"
        )

    def _repr_html_(self) -> str:
        """The verdict and the table, for notebooks."""
        from html import escape

        if not self.ranked:
            return f"<p><b>{escape(self.headline)}</b></p>"
        header, rows = self.table(PRINTED)
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        notes = "".join(f"<p>Note: {escape(line)}.</p>" for line in self.warnings)
        return (
            f"<p><b>{escape(self.headline)}</b></p><pre>{escape(self.best.to_toml())}</pre>"
            f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{notes}"
        )


def finalists_of(study: Study, count: int) -> list[Trial]:
    """The best trials that were trained to the end, at most so many, each of another recipe."""
    chosen: list[Trial] = []
    for trial in study.ranked:
        alike = any(trial.values == other.values for other in chosen)
        if trial.state == "done" and not alike and len(chosen) < count:
            chosen.append(trial)
    return chosen


def rungs_of_log(lines: Sequence[Mapping[str, Any]]) -> list[Rung]:
    """Every judging that a study's log tells of, with what had been spent by then.

    Args:
        lines: of `Store`.
    """
    found: list[Rung] = []
    trained: dict[int, int] = {}
    spent = 0
    for line in lines:
        if "rung" not in line:
            continue
        trials = [Trial.from_dict(plain) for plain in (*line["ended"], *line["running"])]
        way = _way(trials, trained, spent)
        for trial in trials:
            spent += trial.budget - trained.get(trial.number, 0)
            trained[trial.number] = trial.budget
        alive = [trial for trial in trials if trial.state != "diverged" and trial.curve]
        best = max(alive, key=lambda trial: trial.key, default=None)
        found.append(
            Rung(
                max((trial.budget for trial in alive or trials), default=0),
                spent,
                len(trials),
                sum(trial.state in ("running", "done") for trial in trials),
                None if best is None else best.number,
                -math.inf if best is None else best.score,
                way,
            )
        )
    return found


def _way(
    trials: Sequence[Trial], trained: Mapping[int, int], spent: int
) -> tuple[tuple[int, float], ...]:
    """Spent budget and best score at every evaluation of trials that train side by side.

    Args:
        trials: that came to a rung.
        trained: what each had been trained before, by number.
        spent: by all trials before.
    """
    best: dict[int, float] = {}
    for trial in trials:
        for at, score, _ in trial.curve if trial.state != "diverged" else ():
            if trained.get(trial.number, 0) < at <= trial.budget:
                best[at] = max(score, best.get(at, -math.inf))
    since = [(trained.get(trial.number, 0), trial.budget) for trial in trials]
    return tuple(
        (spent + sum(max(0, min(at, end) - begun) for begun, end in since), best[at])
        for at in sorted(best)
    )


def _sentence(line: str) -> str:
    return f"{line[:1].upper()}{line[1:]}."


def _finite(value: Any) -> Any:
    match value:
        case dict():
            return {key: _finite(v) for key, v in value.items()}
        case list() | tuple():
            return [_finite(v) for v in value]
        case float():
            return value if math.isfinite(value) else None
    return value
