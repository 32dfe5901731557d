"""A comparison: which arm is better, by how much, and how sure that is."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.comparison.curves import (
    best_values,
    final_values,
    loss_curve,
    slowest_end,
    steps_to,
)
from shoal.comparison.metrics import Metric
from shoal.comparison.statistics import (
    Difference,
    Interval,
    Verdict,
    judge,
    mean_interval,
    paired_differences,
)
from shoal.comparison.tuning import Tuning
from shoal.comparison.words import (
    diagnosis_lines,
    listing,
    number,
    pair_lines,
    pair_words,
    seeds_words,
)
from shoal.engine import Ensemble, History, Recipe, Shoal
from shoal.engine.diagnosis import Finding
from shoal.errors import check_choice, counted, unknown

if TYPE_CHECKING:
    import pandas as pd


_MOST_ARMS = 40  # rows of the table when printed


@dataclass(frozen=True)
class Arm:
    """One row of the table of a comparison; intervals are over seeds, without diverged members.

    Attributes:
        name: of the arm.
        final: the metric at the end.
        best: the metric at the evaluation that the validation part would choose.
        loss: smoothed training loss at the end.
        best_loss: its lowest value.
        steps_to_target: steps until the smoothed training loss was at most the target.
        reached: members that reached the target.
        diverged, members: so many of so many diverged.
        seconds: processor seconds for one member, measured in company.
    """

    name: str
    final: Interval
    best: Interval
    loss: Interval
    best_loss: Interval
    steps_to_target: Interval
    reached: int
    diverged: int
    members: int
    seconds: float


@dataclass(frozen=True)
class Pair:
    """Two arms, and what can be said of a compared with b."""

    a: str
    b: str
    difference: Difference
    margin: float
    verdict: Verdict
    words: str


class Comparison:
    """What `shoal.compare` returns: a table, verdicts, pictures and a report.

    Attributes:
        recipes: the recipe of each arm; after tuning, with the values that were chosen.
        seeds: seeds that every arm was trained with.
        metric: what verdicts go by, unless another is asked for.
        history: everything that was recorded.
        shoal: the trained networks.
        tuning: how each arm was tuned, or None.
        target: training loss of `steps_to_target`.
        facts: data, steps, versions, machine and so on.
        complete: False if training was interrupted.
    """

    def __init__(
        self,
        recipes: Mapping[str, Recipe],
        seeds: Sequence[int],
        metric: Metric,
        history: History,
        shoal: Shoal,
        *,
        tuning: Tuning | None = None,
        margin: float | None = None,
        target: float | None = None,
        facts: Mapping[str, Any] | None = None,
        complete: bool = True,
    ) -> None:
        self.recipes = dict(recipes)
        self.seeds = tuple(seeds)
        self.metric = metric
        self.history = history
        self.shoal = shoal
        self.tuning = tuning
        self.margin = margin
        self.complete = complete
        self.facts = dict(facts or {})
        arms = [self.members(name) for name in self.names]
        self.target = slowest_end(history, arms) if target is None else target
        self._judged: dict[tuple[Metric, float | None, float], list[Pair]] = {}

    @property
    def names(self) -> list[str]:
        """Names of the arms, in the order given."""
        return list(self.recipes)

    def members(self, arm: str) -> NDArray[np.int64]:
        """Numbers of an arm's members in the history, in the order of the seeds."""
        return np.array([i for i, m in enumerate(self.history.members) if m.arm == arm])

    def values(self, metric: str | Metric) -> dict[str, NDArray[np.float64]]:
        """A metric at the end of every member, by arm, in the order of the seeds."""
        values = final_values(self.history, self._metric(metric))
        return {name: values[self.members(name)] for name in self.names}

    def steps_to(self, target: float) -> dict[str, NDArray[np.float64]]:
        """Steps of every member until its smoothed training loss was at most `target`, by arm.

        In the order of the seeds; NaN for one that never was, or diverged.
        """
        steps = steps_to(self.history, target)
        return {name: steps[self.members(name)] for name in self.names}

    def losses(self, arm: str) -> NDArray[np.float64]:
        """Smoothed training loss of an arm over training, (seeds, steps); NaN from divergence on.

        Smoothed as everywhere in a comparison: the mean of the batches of the last steps.

        Raises:
            ShoalError: no such arm.
        """
        check_choice("arm", arm, self.names)
        curves = [loss_curve(self.history, int(i)) for i in self.members(arm)]
        steps = len(self.history.curve(int(self.members(arm)[0]), "loss").steps)
        return np.array([np.pad(c, (0, steps - len(c)), constant_values=np.nan) for c in curves])

    @property
    def arms(self) -> list[Arm]:
        """The table, one row per arm; computed once."""
        return list(self._arms)

    @cached_property
    def _arms(self) -> tuple[Arm, ...]:
        final = final_values(self.history, self.metric)
        best = best_values(self.history, self.metric)
        loss = final_values(self.history, Metric("loss"))
        best_loss = best_values(self.history, Metric("loss"))
        steps = steps_to(self.history, self.target)
        diverged, seconds = self.history.diverged, self.history.seconds
        rows = []
        for name in self.names:
            at = self.members(name)
            rows.append(
                Arm(
                    name,
                    mean_interval(final[at]),
                    mean_interval(best[at]),
                    mean_interval(loss[at]),
                    mean_interval(best_loss[at]),
                    mean_interval(steps[at]),
                    int(np.isfinite(steps[at]).sum()),
                    int((diverged[at] >= 0).sum()),
                    len(at),
                    float(seconds[at].mean()),
                )
            )
        return tuple(rows)

    def pairs(self, metric: str | Metric | None = None) -> list[Pair]:
        """Every pair of arms: paired difference, adjusted for all pairs, and the verdict.

        The arm with the better mean comes first. Computed once for each metric.

        Args:
            metric: such as "test_accuracy" or "loss"; None for the comparison's own.

        Raises:
            ShoalError: no such metric.
        """
        chosen = self.metric if metric is None else self._metric(metric)
        key = chosen, self.margin, self._step(chosen)
        if key not in self._judged:
            self._judged[key] = self._judge(chosen)
        return list(self._judged[key])

    def _judge(self, chosen: Metric) -> list[Pair]:
        values = self.values(chosen)
        combos = list(itertools.combinations(_ranked(values, chosen), 2))
        differences = paired_differences(
            [(values[a], values[b]) for a, b in combos], self._step(chosen)
        )
        diverged = self.history.diverged
        means = {name: mean_interval(values[name]).mean for name in self.names}
        gone = {name: bool((diverged[self.members(name)] >= 0).all()) for name in self.names}
        return [
            self._pair(a, b, difference, chosen, (means[a], means[b]), (gone[a], gone[b]))
            for (a, b), difference in zip(combos, differences, strict=True)
        ]

    def _pair(
        self,
        a: str,
        b: str,
        difference: Difference,
        metric: Metric,
        means: tuple[float, float],
        dead: tuple[bool, bool],
    ) -> Pair:
        margin = self.margin if self.margin is not None and metric == self.metric else None
        margin = metric.margin(*means) if margin is None else margin
        verdict: Verdict = judge(difference, margin, metric.higher_is_better)
        if dead[0] != dead[1]:  # nothing to subtract, and nothing to doubt
            verdict = "worse" if dead[0] else "better"
        words = pair_words(a, b, difference, margin, verdict, metric, dead, len(self.seeds))
        return Pair(a, b, difference, margin, verdict, words)

    @property
    def ranking(self) -> list[str]:
        """Arms from best to worst mean; diverged ones last. Neighbours may be tied."""
        return _ranked(self.values(self.metric), self.metric)

    @property
    def headline(self) -> str:
        """The verdict in one sentence: who is best, and who cannot be told from it."""
        first, *others = self.ranking
        if all(arm.diverged == arm.members for arm in self.arms):
            return "Every member of every arm diverged; lower the learning rates."
        best = next(arm for arm in self.arms if arm.name == first)
        if not best.final.n:
            return f"Nothing can be said yet: no {self.metric.label} was measured."
        if not others:
            return f"{first} is the only arm; there is nothing to compare."
        against = {pair.b: pair.verdict for pair in self.pairs() if pair.a == first}
        groups = {
            kind: [name for name in others if against[name] == kind]
            for kind in ("better", "tied", "undecided", "worse")
        }
        parts = []
        if groups["better"]:
            parts.append(f"better than {listing(groups['better'])}")
        if groups["tied"]:
            parts.append(f"tied with {listing(groups['tied'])}")
        if groups["undecided"]:
            parts.append(f"not distinguished from {listing(groups['undecided'])} by these seeds")
        if groups["worse"]:  # its mean is better only because bad seeds diverged
            parts.append(
                f"yet worse than {listing(groups['worse'])} on the seeds that both finished"
            )
        lead = f"{first} has the best mean {self.metric.label} ({number(best.final, self.metric)})"
        return f"{lead}: {'; '.join(parts)}."

    @property
    def warnings(self) -> list[str]:
        """What the reader should know before believing the table."""
        lines = []
        if not self.complete:
            lines.append("training was interrupted; these are the values reached so far")
        for arm in self.arms:
            if arm.diverged:
                steps = self.history.diverged[self.members(arm.name)]
                lines.append(
                    f"{arm.name}: diverged {arm.diverged}/{arm.members} (first at step "
                    f"{steps[steps >= 0].min()}); left out of its means"
                )
        if (
            len({any(layer.random for layer in r.network.layers) for r in self.recipes.values()})
            > 1
        ):
            lines.append(
                "some arms have dropout: their training loss, measured with units dropped, looks "
                "worse than it is"
            )
        if len(self.seeds) < 3:
            lines.append(f"{seeds_words(self.seeds)} can hardly decide anything; take 5")
        if self.tuning is None and len({type(r.optimizer) for r in self.recipes.values()}) > 1:
            lines.append(
                "different optimizers at fixed learning rates: this compares these settings, "
                "not the optimizers; tune= gives each its own best"
            )
        return lines + (self.tuning.warnings if self.tuning else [])

    @property
    def diagnosis(self) -> list[Finding]:
        """What went wrong in training: layer, step, how many seeds, and what to try.

        Empty if nothing did. See `History.diagnose` and docs/diagnosis.md.
        """
        return self.history.diagnose()

    def to_frame(self) -> pd.DataFrame:
        """The table as pandas: one row per arm, columns such as final, final_low, final_high."""
        import pandas as pd

        rows = []
        for arm in self.arms:
            row: dict[str, Any] = {"arm": arm.name}
            for name in ("final", "best", "loss", "best_loss", "steps_to_target"):
                interval: Interval = getattr(arm, name)
                row |= {
                    name: interval.mean,
                    f"{name}_low": interval.low,
                    f"{name}_high": interval.high,
                }
            row |= {"reached": arm.reached, "diverged": arm.diverged, "members": arm.members}
            rows.append(row | {"seconds": arm.seconds})
        return pd.DataFrame(rows).set_index("arm")

    def to_dict(self) -> dict[str, Any]:
        """All results as plain data; NaN becomes None."""
        tuning = None
        if self.tuning is not None:
            tuning = asdict(self.tuning) | {"metric": self.tuning.metric.name}
        plain = {
            "metric": self.metric.name,
            "seeds": list(self.seeds),
            "complete": self.complete,
            "headline": self.headline,
            "ranking": self.ranking,
            "warnings": self.warnings,
            "diagnosis": [asdict(f) | {"words": str(f)} for f in self.diagnosis],
            "target_loss": self.target,
            "arms": [asdict(arm) for arm in self.arms],
            "pairs": {
                name: [asdict(pair) for pair in self.pairs(name)]
                for name in dict.fromkeys((self.metric.name, "loss"))
            },
            "tuning": tuning,
            "recipes": {name: recipe.to_dict() for name, recipe in self.recipes.items()},
            "facts": self.facts,
        }
        cleaned: dict[str, Any] = _without_nan(plain)
        return cleaned

    def to_json(self, path: str | Path | None = None) -> str:
        """All results as JSON; written to `path` too if one is given."""
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False)
        if path is not None:
            from shoal.engine.checkpoint import write_whole

            write_whole(Path(path), text.encode())
        return text

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Header and rows of the table in words, for terminals, notebooks and reports."""
        label = self.metric.label
        target = f" {self.target:.3g}" if math.isfinite(self.target) else ""
        loss = [] if self.metric.name == "loss" else ["training loss, final"]
        header = ["arm", f"{label}, final", f"{label}, best", *loss]
        header += [f"steps to loss{target}", "diverged", "seconds"]
        rows = []
        by_name = {arm.name: arm for arm in self.arms}
        for name in self.ranking:
            arm = by_name[name]
            absent = "diverged" if arm.diverged == arm.members else "–"
            rows.append(
                [
                    arm.name,
                    number(arm.final, self.metric, absent),
                    number(arm.best, self.metric, absent),
                    *([number(arm.loss, Metric("loss"), absent)] if loss else []),
                    _steps(arm),
                    f"{arm.diverged}/{arm.members}",
                    f"{arm.seconds:.2f}",
                ]
            )
        return header, rows

    def __str__(self) -> str:
        header, rows = self.table()
        hidden = len(rows[_MOST_ARMS:])
        rows = rows[:_MOST_ARMS]
        widths = [max(len(row[i]) for row in (header, *rows)) for i in range(len(header))]
        lines = [
            "  ".join(
                cell.ljust(w) if i == 0 else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in (header, *rows)
        ]
        lines.insert(1, "─" * len(lines[0]))
        if hidden:
            lines.append(f"… {counted(hidden, 'more arm')}; see to_frame() or the report")
        text = [self.headline, "", *lines, ""]
        spread = " ± half of the 95 % interval" if len(self.seeds) > 1 else ""
        text += [f"Mean over {seeds_words(self.seeds)}{spread}."]
        if self.tuning is not None:
            text.append(
                f"Each arm was tuned with {self.tuning.budget} trainings on "
                f"{self.tuning.metric.label} before, on other seeds."
            )
        for metric in dict.fromkeys((self.metric, Metric("loss"))):
            if len(self.names) > 1:
                text += ["", f"{metric.label[0].upper()}{metric.label[1:]}, pair by pair:"]
                text += [f"  {line}" for line in pair_lines(self.pairs(metric))]
        if self.warnings:
            text += ["", *(f"Note: {line}." for line in self.warnings)]
        text += diagnosis_lines(self.diagnosis)
        return "\n".join(text)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.names)} on {len(self.seeds)} seeds>"

    def _repr_html_(self) -> str:
        """The table and the headline, for notebooks."""
        from html import escape

        header, rows = self.table()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        notes = "".join(f"<p>Note: {escape(line)}.</p>" for line in self.warnings)
        return (
            f"<p><b>{escape(self.headline)}</b></p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{notes}"
        )

    def ensemble(
        self,
        members: Sequence[int] | None = None,
        *,
        arms: str | Sequence[str] | None = None,
        best: int | None = None,
        size: int | None = None,
    ) -> Ensemble:
        """Members that answer together; see `Shoal.ensemble`.

        Where diversity comes from, five members each time: `ensemble(arms="Adam", size=5)` differ
        in their seeds, `ensemble(arms=["he", "xavier"], size=5)` in what the arms differ in too.

        Args:
            members: by number in the history; or
            arms: one arm or several; None for all.
            best: only so many, the best on the validation part.
            size: only so many, equally many of each arm, with different seeds where possible.

        Raises:
            ShoalError: no such member or arm, fewer members than asked for, no validation part.
        """
        return self.shoal.ensemble(members, arms=arms, best=best, size=size)

    def plot(self, path: str | Path | None = None) -> Any:
        """Learning curves with seed bands, and the differences; saved to `path` if one is given.

        Returns:
            A matplotlib Figure.
        """
        from shoal.plot import plot_comparison

        return plot_comparison(self, path)

    def report(self, path: str | Path) -> Path:
        """Write the report: one HTML file that opens offline.

        Raises:
            ShoalError: the file cannot be written.
        """
        from shoal.report import write_report

        return write_report(self, path)

    def _metric(self, metric: str | Metric) -> Metric:
        if isinstance(metric, Metric):
            return metric
        known = ("loss", *self.history.metrics)
        if metric not in known:
            raise unknown("metric", metric, known)
        return Metric(metric)

    def _step(self, metric: Metric) -> float:
        """The smallest difference that can be: of an accuracy one row, of the others none."""
        rows = self.facts.get("data", {}).get("rows", {}).get(metric.name.split("_")[0])
        if metric.measure != "accuracy" or not rows:
            return 0.0
        return 1 / int(min(rows, self.facts.get("evaluate_rows") or rows))


def machine_facts() -> dict[str, str]:
    """Versions and machine, for reports."""
    import platform

    import numpy

    import shoal
    from shoal.engine.executor import available_threads

    return {
        "shoal": shoal.__version__,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "machine": f"{platform.system()} {platform.machine()}, {available_threads()} processors",
    }


def _ranked(values: Mapping[str, NDArray[np.float64]], metric: Metric) -> list[str]:
    """Arms from best to worst mean; those without any value last."""
    sign = -1 if metric.higher_is_better else 1
    means = {name: mean_interval(v) for name, v in values.items()}
    return sorted(values, key=lambda name: sign * means[name].mean if means[name].n else math.inf)


def _steps(arm: Arm) -> str:
    if not arm.reached:
        return "never"
    text = f"{arm.steps_to_target.mean:.0f}"
    return text if arm.reached == arm.members else f"{text} ({arm.reached}/{arm.members})"


def _without_nan(value: Any) -> Any:
    match value:
        case dict():
            return {key: _without_nan(v) for key, v in value.items()}
        case list() | tuple():
            return [_without_nan(v) for v in value]
        case float():
            return value if math.isfinite(value) else None
        case np.generic():
            return _without_nan(value.item())
    return value
