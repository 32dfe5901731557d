"""Studies that were never trained: scores come from a formula, so there can be ten thousand."""

from __future__ import annotations

import math

import numpy as np

import shoal
from shoal.comparison import Metric
from shoal.study import Halving, Study, Trial
from shoal.study.result import Rung
from shoal.study.runner import Plan
from shoal.study.space import Space

WAVE = 100
BUDGET = 18


def wide_space() -> shoal.Recipe:
    """Seven dimensions, some of which exist only under one optimizer."""
    rate = shoal.log_uniform(1e-4, 10.0)
    return shoal.Recipe(
        shoal.mlp([32], dropout=shoal.uniform(0.0, 0.5)),
        shoal.choice(
            [
                shoal.SGD(lr=rate),
                shoal.Momentum(lr=rate, momentum=shoal.one_minus_log_uniform(0.5, 0.99)),
            ]
        ),
        weight_decay=shoal.log_uniform(1e-8, 1e-2),
        batch_size=shoal.int_range(16, 256, True),
    )


def narrow_space() -> shoal.Recipe:
    return shoal.Recipe(shoal.mlp([32]), shoal.SGD(lr=shoal.log_uniform(1e-4, 10.0)))


def rate_of(values: dict) -> float:
    """The learning rate that the formula goes by: momentum counts for a longer step."""
    if "optimizer.lr" in values:
        return values["optimizer.lr"]
    if values["optimizer"] == "Momentum":
        momentum = values["optimizer[Momentum].momentum"]
        return values["optimizer[Momentum].lr"] / (1 - momentum)
    return values["optimizer[SGD].lr"]


def accuracy(values: dict, noise: float) -> float:
    """Best at a rate of 0.3; diverges (NaN) above 5."""
    rate = rate_of(values)
    if rate > 5:
        return math.nan
    away = math.log10(rate / 0.3)
    height = 0.97 - 0.5 * values.get("network.dropout", 0.0) ** 2 - 0.12 * away**2
    return float(np.clip(height + 0.01 * noise, 0.1, 0.99))


def study_of(
    trials: int = 120,
    *,
    space: shoal.Recipe | None = None,
    metric: str = "valid_accuracy",
    strategy: str = "halving",
    seed: int = 0,
) -> Study:
    """A study as a search would leave it, waves of a hundred, without finalists."""
    found = Space(wide_space() if space is None else space)
    data = shoal.load("digits")
    random = np.random.default_rng(seed)
    (bracket,) = Halving().brackets(BUDGET) if strategy == "halving" else [None]
    rungs = bracket.rungs if bracket else (BUDGET,)
    plan = Plan(
        trials, "epochs", BUDGET, [bracket] if bracket else [], [1.0], WAVE, WAVE,
        Metric(metric), 0,
    )  # fmt: skip
    sign = 1 if plan.metric.higher_is_better else -1
    every: list[Trial] = []
    judged: list[Rung] = []
    spent = 0
    for first in range(0, trials, WAVE):
        wave = []
        for number in range(first, min(first + WAVE, trials)):
            us = random.random(len(found.dimensions))
            point = dict(zip([d.path for d in found.dimensions], us, strict=True))
            wave.append(Trial(number, found.at(point)))
        ends = {t.number: accuracy(t.values, random.standard_normal()) for t in wave}
        alive, before = list(wave), 0
        for k, rung in enumerate(rungs):
            for trial in list(alive):
                end = ends[trial.number]
                if math.isnan(end):
                    trial.state, trial.budget = "diverged", max(1, rung // 2)
                    alive.remove(trial)
                    spent += trial.budget
                    continue
                value = end * (1 - 0.25 * math.exp(-4 * rung / BUDGET))
                value = value if sign > 0 else 1.05 - value
                trial.curve.append((rung, sign * value, 1 - abs(value) / 2))
                trial.metrics = {metric: value}
                trial.budget = rung
                spent += rung - before
            before = rung
            alive.sort(key=lambda t: t.key, reverse=True)
            best = alive[0] if alive else None
            reached = len(alive)
            last = k == len(rungs) - 1
            kept = alive if last else alive[: math.ceil(len(wave) * bracket.keep ** (k + 1))]
            for trial in alive:
                if last:
                    trial.state = "done"
                elif trial not in kept:
                    trial.state = "dropped"
            judged.append(
                Rung(rung, spent, reached, len(kept), best and best.number,
                     best.score if best else -math.inf)
            )  # fmt: skip
            alive = list(kept)
        every += wave
    facts = {
        "settings": {"trials": trials, "epochs": BUDGET, "evaluate_rows": 10_000, "seed": 0,
                     "strategy": strategy, "sampler": "random", "metric": metric},
        "data": {"name": data.name, "source": data.source, "fingerprint": data.fingerprint},
        "date": "2026-01-01",
    }  # fmt: skip
    return Study(found, every, plan, data, facts=facts, rungs=judged)
