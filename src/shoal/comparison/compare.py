"""`shoal.compare`: train every arm with the same seeds, and judge."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.comparison.metrics import Metric, choose_metric
from shoal.comparison.result import Comparison, machine_facts
from shoal.comparison.tuning import Grid, Tuning, grids_of, judge_tuning, tuning_members
from shoal.data import PARTS, Dataset
from shoal.engine import Callback, Progress, Recipe, Trainer
from shoal.engine.member import make_members, seed_list
from shoal.errors import ShoalError, check_number

if TYPE_CHECKING:
    from concurrent.futures import Executor


def compare(
    recipes: Mapping[str, Recipe],
    data: Dataset,
    *,
    steps: int | None = None,
    epochs: int | None = None,
    seeds: int | Sequence[int] = 5,
    batch_size: int | None = None,
    tune: Mapping[str, Any] | None = None,
    tune_seeds: int = 2,
    metric: str | None = None,
    margin: float | None = None,
    target: float | None = None,
    sampling: str = "epochs",
    evaluate_every: int = 1,
    evaluate_rows: int | None = 10_000,
    evaluate_parts: Sequence[str] = PARTS,
    instruments: bool | Sequence[int] = True,
    engine: str = "auto",
    threads: int | None = None,
    chunk: int | None = None,
    executor: Executor | None = None,
    callbacks: Sequence[Callback] = (),
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: bool | None = None,
    say: Callable[[str], None] | None = None,
) -> Comparison:
    """Train every recipe with the same seeds, side by side, and say which is better.

    Arms are paired: with the same seed they share the draws of their first weights, their batches
    and their dropout masks. Verdicts come from paired differences over seeds (see `Comparison`).

    Args:
        recipes: one Recipe by the name of each arm.
        data: a Dataset.
        steps: updates of every network; or
        epochs: passes over the training part.
        seeds: how many, or which.
        batch_size: for all arms, instead of their own.
        tune: settings to tune before, such as {"optimizer.lr": shoal.log_grid(1e-4, 1, 13)}: every
            arm tries every combination, as long as the comparison itself, with `tune_seeds` other
            seeds; the validation part chooses. Grids of equal size may be given by arm.
        metric: what verdicts go by: accuracy (or rmse) on the test part unless given;
            "loss" is the smoothed loss of the training batches.
        margin: largest difference of the metric that does not matter; for "tied".
        target: training loss for "steps to target"; where the slowest arm ends unless given.
        instruments: read activations and gradients of every layer now and then, for
            `Comparison.diagnosis`; False for none, or the steps, counted from 0.
        sampling, evaluate_every, evaluate_rows, evaluate_parts: see `Trainer`.
        engine, threads, chunk, executor, callbacks: see `Trainer`.
        out: folder of the run: checkpoints, so that it can be resumed.
        resume: go on with the run in `out`.
        checkpoint_seconds: time between two checkpoints.
        progress: show progress; None to show it on a terminal.
        say: called with a line now and then (what is trained, the budget of tuning, what was
            chosen), first when everything was found to fit.

    Returns:
        A Comparison. After Ctrl-C, one of what was reached, with `complete` False.

    Raises:
        ShoalError: settings that do not fit, a folder of another run, nothing to tune on.
        KeyboardInterrupt: Ctrl-C while tuning; with `out`, what was reached is saved.

    >>> import shoal
    >>> recipes = {
    ...     "SGD": shoal.Recipe(shoal.mlp([32]), shoal.SGD(lr=0.01)),
    ...     "Adam": shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01)),
    ... }
    >>> comparison = shoal.compare(recipes, shoal.load("digits"), epochs=5, seeds=3)
    >>> comparison.ranking
    ['Adam', 'SGD']
    """
    say = say or (lambda line: None)
    check_number("tune_seeds", tune_seeds, least=1, whole=True)
    if isinstance(recipes, Recipe):
        raise ShoalError("recipes must be given by name, such as {'SGD': recipe}")
    if not isinstance(data, Dataset):
        raise ShoalError(f"data={data!r:.60} must be a Dataset, such as shoal.load('digits')")
    if resume and out is None:
        raise ShoalError("resume=True needs the folder of the run: out=...")
    seed_numbers = seed_list(seeds)
    make_members(recipes, seed_numbers)  # finds what is wrong before anything is trained
    if batch_size is not None:
        check_number("batch_size", batch_size, least=1, whole=True)
        recipes = {n: r.replace({"batch_size": batch_size}) for n, r in recipes.items()}
    if margin is not None:
        check_number("margin", margin, above=0)
    if target is not None:
        check_number("target", target)
    folder = None if out is None else Path(out)
    settings: dict[str, Any] = {
        "steps": steps,
        "epochs": epochs,
        "sampling": sampling,
        "evaluate_rows": evaluate_rows,
        "engine": engine,
        "threads": threads,
        "chunk": chunk,
        "executor": executor,
        "checkpoint_seconds": checkpoint_seconds,
        "resume": resume,
    }

    parts = [part for part in evaluate_parts if len(getattr(data, part))]
    judged = choose_metric(metric, data.task, parts)
    started = time.monotonic()
    tuning = None
    if tune:
        if not len(data.valid):
            raise ShoalError("tune= needs a validation part; load the data with valid=0.2, say")
        grids = grids_of(tune, list(recipes))
        chosen_by = Metric(f"valid_{judged.measure}")
        # seeds that the comparison does not use: a setting must not be chosen for its luck there
        others = [max(seed_numbers) + 1 + k for k in range(tune_seeds)]
        tuning = run_tuning(
            recipes,
            data,
            grids,
            others,
            chosen_by,
            settings | {"folder": folder and folder / "tune"},
            progress,
            say,
        )
        recipes = {
            s.arm: recipes[s.arm] if s.best is None else recipes[s.arm].replace(s.points[s.best])
            for s in tuning.arms
        }
        say(f"chosen by {chosen_by.label}: {tuning.chosen}")
    trainer = Trainer(
        recipes,
        data,
        seeds=seed_numbers,
        evaluate_every=evaluate_every,
        evaluate_parts=evaluate_parts,
        instruments=instruments,
        callbacks=[Progress("comparing", progress), *callbacks],
        folder=folder and folder / "final",
        **settings,
    )
    say(f"comparing {len(trainer.members)} networks, {_length(settings)} each, on {data!r}")
    trainer.run()
    facts = {
        "data": {
            "name": data.name,
            "source": data.source,
            "task": data.task,
            "rows": {part: len(getattr(data, part)) for part in ("train", "valid", "test")},
            "in_shape": list(data.in_shape),
            "outputs": data.outputs,
            "fingerprint": data.fingerprint,
        },
        "steps": trainer.steps_done,
        "total_steps": trainer.total_steps,
        "epochs": epochs,
        "sampling": sampling,
        "evaluate_rows": evaluate_rows,
        "evaluate_every": evaluate_every,
        "wall_seconds": round(time.monotonic() - started, 2),
        "date": time.strftime("%Y-%m-%d"),
        **machine_facts(),
    }
    return Comparison(
        recipes,
        seed_numbers,
        judged,
        trainer.history,
        trainer.shoal,
        tuning=tuning,
        margin=margin,
        target=target,
        facts=facts,
        complete=trainer.done,
    )


def run_tuning(
    recipes: Mapping[str, Recipe],
    data: Dataset,
    grids: Mapping[str, Grid],
    seeds: Sequence[int],
    metric: Metric,
    settings: Mapping[str, Any],
    progress: bool | None,
    say: Callable[[str], None],
) -> Tuning:
    """Train every point of every grid side by side, and choose by the validation part alone."""
    trainer = Trainer(
        tuning_members(recipes, grids, seeds),
        data,
        evaluate_parts=("train", "valid"),
        callbacks=[Progress("tuning", progress)],
        **settings,
    )
    budget = len(trainer.members) // len(recipes)
    say(f"tuning each arm with {budget} trainings, {_length(settings)} each, on other seeds")
    trainer.run()
    if trainer.interrupted:
        raise KeyboardInterrupt
    return judge_tuning(trainer.history, grids, seeds, metric)


def _length(settings: Mapping[str, Any]) -> str:
    epochs, steps = settings["epochs"], settings["steps"]
    return f"{steps} steps" if epochs is None else f"{epochs} epochs"
