"""What a study says in words: the verdict, the money, the warnings; the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.comparison.statistics import Interval, mean_interval
from shoal.comparison.words import number
from shoal.distributions import Choice
from shoal.errors import counted
from shoal.study.finals import headline as final_headline
from shoal.study.importance import Importance
from shoal.study.ranking import LEVEL, at_edge, rows_judged, standard_error, within_reach

if TYPE_CHECKING:
    from shoal.study.result import Study
    from shoal.study.trial import Trial

FEW = 5
"""Trials for each dimension; with fewer the space has hardly been looked at."""
MANY_DIVERGED = 1 / 3
MANY_REPEATED = 0.1
NOTHING_EXPLAINED = 0.1
NOISY = 5
"""Trials that must have been judged together before one says that their scores are chance."""
BEST = 10
"""Trials that are looked at for an optimum at the edge, at most."""


def headline(study: Study) -> str:
    """The verdict in a sentence or two."""
    ranked = study.ranked
    if not ranked:
        return "No trial came through: there is no best recipe."
    if study.final is not None and study.final.complete and len(study.final.names) > 1:
        return final_headline(study.final)
    tied = study.tied
    rows = f"{rows_judged(study):,} validation rows and one seed"
    first = f"trial {ranked[0].number}"
    lead = f"{first} is the best of {counted(len(study.trials), 'trial')}, with one seed"
    if len(tied) > 1:
        lead = f"The best {len(tied)} trials cannot be told apart by {rows}; {first} scored best"
    return f"{lead}."


def scored(study: Study) -> list[str]:
    """What the winner scored: on fresh seeds, in the search, on the test part; a line each."""
    if not study.ranked:
        return []
    winner, metric = study.winner, study.plan.metric
    lines = []
    if study.final is not None:
        arm = next(a for a in study.final.arms if a.name == study.final.ranking[0])
        seeds = counted(len(study.final.seeds), "fresh seed")
        half = ", ± half of the 95 % interval over them" if arm.final.n > 1 else ""
        lines.append(f"{metric.label}: {number(arm.final, metric)} on {seeds}{half}")
    if "retraced" in study.facts:
        values = study.facts["retraced"]["values"]
        anew = number(mean_interval(np.array(values)), metric)
        seeds = counted(len(values), "fresh seed")
        lines.append(f"{metric.label}: {anew} on {seeds}, its schedule trained anew")
    lines.append(
        f"{metric.label} in the search: {score_words(study, winner, error=True)} "
        f"(± what {rows_judged(study):,} rows leave open), after {winner.budget} "
        f"{study.plan.unit}, one seed"
    )
    lines.append(on_test(study))
    return lines


def on_test(study: Study) -> str:
    """What the test part said, and that it was looked at once."""
    test = study.test
    if test is None:
        if not len(study.data.test):
            return "test: the data has no test part"
        if study.final is None:
            return (
                "test: not looked at; the networks of a search are not kept. finalists=1 trains "
                "the winner anew and tests it"
            )
        return "test: not looked at"
    label, metric = test.metric.label, test.metric
    together = ""
    if test.networks > 1:
        all_ = "both" if test.networks == 2 else f"all {test.networks}"
        together = f"; {all_} together {number(_exactly(test.ensemble), metric)}"
    networks = counted(test.networks, "network")
    return (
        f"{label}: {number(test.interval, metric)}, mean of the winner's {networks} on "
        f"{test.rows:,} rows{together}; looked at once, at the end, for the winner only"
    )


def money(study: Study) -> list[str]:
    """What the search cost, and what training all trials to the end would have."""
    unit = study.plan.unit
    spent, full = study.spent, study.full
    share = 100 * spent / full if full else 0.0
    states = [trial.state for trial in study.trials]
    ended = ", ".join(
        f"{states.count(state):,} {words}"
        for state, words in (
            ("done", "trained to the end"),
            ("dropped", "dropped early"),
            ("diverged", "diverged"),
            ("running", "still in training"),
        )
        if state in states
    )
    all_ = f"all {len(states):,} trials" if len(states) > 1 else "it"
    lines = [
        f"Spent: {spent:,} member-{unit}; training {all_} to the end "
        f"takes {full:,} ({share:.0f} % of that was spent). {ended[:1].upper()}{ended[1:]}."
    ]
    if "retraced" in study.facts:
        more = len(study.facts["retraced"]["values"]) * study.plan.budget
        lines.append(f"Training the winner's schedule anew took {more:,} more.")
    if study.final is not None:
        members = len(study.final.history.members)
        lines.append(
            f"The finalists took {members * study.plan.budget:,} more "
            f"({counted(len(study.final.names), 'trial')} × "
            f"{counted(len(study.final.seeds), 'seed')})."
        )
    return lines


def warnings(study: Study) -> list[str]:
    """What the reader should know before believing the verdict."""
    lines = []
    if not study.complete:
        lines.append("the search was interrupted; this is what was reached so far")
    if not study.ranked:
        return lines
    if any(trial.lineage for trial in study.trials):
        lines += lineage_lines(study)
    elif study.final is None:
        lines.append(
            "scores are of one seed, so that its luck is in them; finalists=5 trains the best anew"
        )
    dimensions = len(study.space.dimensions)
    if len(study.trials) < FEW * dimensions:
        lines.append(
            f"{counted(len(study.trials), 'trial')} for {counted(dimensions, 'dimension')} are "
            f"few; {FEW} for each are the least"
        )
    lines += grid_lines(study)
    lines += repeated_lines(study)
    noise = noise_lines(study)
    lines += noise or edge_lines(study)  # where all are equal the best lie anywhere
    lines += diverged_lines(study)
    found = study.importance
    if found is not None and found.explained < NOTHING_EXPLAINED and any(found.main.values()):
        lines.append(
            f"the forest explains next to nothing of the scores (R² {signed(found.explained)} on "
            "trials that it has not seen): the importance of dimensions means nothing"
        )
    return lines + dropped_lines(study)


def lineage_lines(study: Study) -> list[str]:
    """What the values of a population mean."""
    lines = [
        "scores are of one seed, trials that descend from one network resemble each other, and the "
        "importance is that of the values at the end"
    ]
    changes = len(study.winner.lineage) - 1
    if changes > 0:
        lines.append(
            "the best recipe has the values that the winner ended with; its network changed them "
            f"{counted(changes, 'time')} on the way (study.winner.lineage), so that training with "
            "them from the start is another training: study.retrace() repeats this one"
        )
    return lines


def grid_lines(study: Study) -> list[str]:
    """Whether a grid has more combinations than there were trials."""
    count, tried = study.facts.get("grid", 0), len(study.trials)
    if count <= tried:
        return []
    fixed = [
        d.path
        for d in study.space.dimensions
        if len({repr(trial.values.get(d.path)) for trial in study.trials}) == 1
    ]
    never = f", so that {', '.join(fixed)} never changed" if fixed else ""
    return [
        f"the grid has {count:,} combinations, of which the first {tried:,} were tried, the last "
        f"dimension fastest{never}; give as many trials, or take sampler='sobol'"
    ]


def repeated_lines(study: Study) -> list[str]:
    """Whether many trials are of the same recipe, which a small space of choices brings about."""
    if any(trial.lineage for trial in study.trials):
        return []
    tried = len(study.trials)
    different = len({repr(sorted(trial.values.items())) for trial in study.trials})
    if tried - different < MANY_REPEATED * tried:
        return []
    return [
        f"{tried - different:,} of {tried:,} trials repeat the values of others, and so their "
        "scores; take sampler='grid', fewer trials or a larger space"
    ]


def edge_lines(study: Study) -> list[str]:
    """Dimensions whose best values crowd at an end of their range."""
    ranked = study.ranked
    if len(ranked) < 8:  # two of so few lie at an end by chance
        return []
    # of scores that only rise, the best eighth lies in the last eighth of the range
    best = ranked[: min(BEST, max(2, len(ranked) // 8))]
    return [
        f"the best values of {path} crowd at the {which} end of its range, {setting(end)}: "
        f"search further {'down' if which == 'lower' else 'up'}"
        for path, which, end in at_edge(study, best)
    ]


def diverged_lines(study: Study) -> list[str]:
    """Whether many trials diverged, and at which end of which range."""
    gone = [trial for trial in study.trials if trial.state == "diverged"]
    if len(gone) < max(2, MANY_DIVERGED * len(study.trials)):
        return []
    lead = f"{len(gone)} of {counted(len(study.trials), 'trial')} diverged"
    path, above, best = "", math.nan, 0.75
    for dimension in study.space.dimensions:
        if isinstance(dimension.distribution, Choice):
            continue
        found = _parted(study.trials, dimension.path)
        if found is not None and found[0] > best:
            best, above, path = found[0], found[1], dimension.path
    if not path:
        return [f"{lead}; lower the upper ends of the learning rates"]
    return [f"{lead}, most of them with {path} above {setting(above)}: lower its upper end"]


def _parted(trials: Sequence[Trial], path: str) -> tuple[float, float] | None:
    """How well one value parts those that diverged (above) from the others, and the value.

    The first is a half for no better than chance and 1 for a clean cut: the mean of the share of
    the diverged above and of the share of the others below.
    """
    at = [(t.values[path], t.state == "diverged") for t in trials if path in t.values]
    gone = sum(diverged for _, diverged in at)
    if not gone or gone == len(at):
        return None
    at.sort(key=lambda pair: pair[0])
    best, value = 0.0, math.nan
    below_gone = below = 0
    for (here, diverged), (after, _) in pairwise(at):
        below_gone, below = below_gone + diverged, below + (not diverged)
        quality = ((gone - below_gone) / gone + below / (len(at) - gone)) / 2
        if quality > best and here < after:
            best, value = quality, here
    return best, value


def noise_lines(study: Study) -> list[str]:
    """Whether the scores differ no more than the chance of the rows makes equal ones differ.

    At every length of training at which trials ended: what shows late matters, too. The trials of
    a population copy one another and come to be alike, so of them nothing is said.
    """
    if any(trial.lineage for trial in study.trials):
        return []
    budgets = sorted({t.budget for t in study.trials if t.state in ("dropped", "done")})
    compared = [_reached(study, budget) for budget in budgets]
    most = max((len(scores) for scores in compared), default=0)
    if most < NOISY or most < len(study.trials) / 2:
        return []
    if any(_differ(study, scores, LEVEL / len(budgets)) for scores in compared if len(scores) > 2):
        return []
    return [
        f"nothing can be seen to matter: the scores differ no more than {rows_judged(study):,} "
        "rows make equal ones differ; take wider ranges, or more validation rows"
    ]


def _reached(study: Study, budget: int) -> NDArray[np.float64]:
    """The scores of all trials that were judged after so much training."""
    return np.array([s for t in study.trials for at, s, _ in t.curve if at == budget])


def _differ(study: Study, scores: NDArray[np.float64], level: float) -> bool:
    """Whether scores differ more than chance makes equal ones differ (a test of the variance)."""
    from scipy.stats import chi2

    metric = study.plan.metric
    sign = 1 if metric.higher_is_better else -1
    error = standard_error(metric, sign * float(np.median(scores)), rows_judged(study))
    most = error**2 * float(chi2.ppf(1 - level, len(scores) - 1)) / (len(scores) - 1)
    return float(scores.var(ddof=1)) > most


def dropped_lines(study: Study) -> list[str]:
    """Whether trials were dropped that their rung could not tell from its best."""
    dropped = [trial for trial in study.trials if trial.state == "dropped"]
    rungs = sorted({(trial.bracket, trial.budget) for trial in dropped})
    lines = []
    for bracket, budget in rungs:
        reached = [
            (trial, score)
            for trial in study.trials
            if trial.bracket == bracket and trial.state != "diverged"
            for at, score, _ in trial.curve
            if at == budget
        ]
        near = within_reach(
            study.plan.metric, np.array([score for _, score in reached]), rows_judged(study)
        )
        gone = sum(
            bool(close) and trial.state == "dropped" and trial.budget == budget
            for (trial, _), close in zip(reached, near, strict=True)
        )
        if gone:
            lines.append((gone, budget, len(reached)))
    if not lines:
        return []
    gone, budget, count = max(lines)
    unit = study.plan.unit.removesuffix("s")
    return [
        f"{gone} of {count} trials judged at {unit} {budget} {'was' if gone == 1 else 'were'} "
        "dropped although the rows could not tell them from the best there; a later first rung "
        "(grace) or strategy='full' keeps them"
    ]


def importance_line(study: Study, most: int = 4) -> str:
    """Which dimensions matter, in one line."""
    found = study.importance
    if found is None:
        return "Importance: too few trials to say anything."
    if not any(found.main.values()):
        return "Importance: all scores are equal, so nothing matters."
    if found.explained < NOTHING_EXPLAINED:
        return f"Importance: cannot be told (R² of the forest {signed(found.explained)})."
    if noise_lines(study):
        return "Importance: cannot be told; the scores differ no more than equal ones would."
    told = [
        f"{path} {100 * share:.0f} % ({_range(found, path)})"
        for path, share in list(found.main.items())[:most]
        if share >= 0.005
    ]
    pair = next(iter(found.pairs.items()), None)
    if pair is not None and pair[1] >= 0.05:
        told.append(f"{' with '.join(pair[0])} {100 * pair[1]:.0f} %")
    listed = ", ".join(told) or "none stands out"
    sure = f"R² of the forest {found.explained:.2f}"
    return f"Importance, of the variance of the score: {listed} ({sure})."


def signed(value: float) -> str:
    """Two digits, with the sign that other numbers have.

    >>> signed(-0.271), signed(0.5)
    ('−0.27', '0.50')
    """
    return f"{value:.2f}".replace("-", "−")


def _range(found: Importance, path: str) -> str:
    low, high = found.ranges.get(path, (math.nan, math.nan))
    return f"{100 * low:.0f} to {100 * high:.0f}"


def score_of(study: Study, trial: Trial) -> float:
    """A trial's last score in the unit of the metric; NaN if it has none."""
    if trial.state == "diverged" or not trial.curve:
        return math.nan
    return trial.score if study.plan.metric.higher_is_better else -trial.score


def score_words(study: Study, trial: Trial, *, error: bool = False) -> str:
    """A trial's score, with half of its 95 % interval over rows if asked."""
    value = score_of(study, trial)
    if not math.isfinite(value):
        return "diverged" if trial.state == "diverged" else "–"
    metric = study.plan.metric
    if not error:
        return number(_exactly(value), metric)
    half = 1.96 * standard_error(metric, value, rows_judged(study))
    return number(Interval(value, value - half, value + half, 1), metric)


def _exactly(value: float) -> Interval:
    return Interval(value, math.nan, math.nan, 1)


def setting(value: Any) -> str:
    """A value of a dimension, short.

    >>> setting(0.0123456), setting(3e-07), setting("relu"), setting(128)
    ('0.01235', '3e-07', 'relu', '128')
    """
    return f"{value:.4g}" if isinstance(value, float) else str(value)
