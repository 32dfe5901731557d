"""`shoal.search`: try many recipes of a space, drop losers early, judge the best on fresh seeds."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.comparison.compare import compare
from shoal.comparison.metrics import Metric, choose_metric
from shoal.comparison.result import Comparison, machine_facts
from shoal.data import Dataset
from shoal.data.batching import steps_per_epoch
from shoal.engine import Callback, Member, Progress, Recipe, Trainer
from shoal.engine.evaluate import METRICS
from shoal.engine.layout import layout_of
from shoal.engine.member import check_batches, program_of
from shoal.errors import ShoalError, check_choice, check_number, counted
from shoal.study.finals import score_on_test, winner_on_test
from shoal.study.past import Past, misfit
from shoal.study.population import Population
from shoal.study.progress import SearchProgress
from shoal.study.result import Study, finalists_of, rungs_of_log
from shoal.study.runner import Plan, Runner
from shoal.study.samplers import BATCH, GridSampler, Sampler, make_sampler
from shoal.study.space import Space
from shoal.study.store import Store
from shoal.study.strategies import PBT, Strategy, make_strategy

if TYPE_CHECKING:
    from concurrent.futures import Executor

MEMORY = 2**30
"""Bytes of weights and slots in training at once, unless a capacity is given."""


def search(
    space: Recipe,
    data: Dataset,
    *,
    trials: int = 100,
    epochs: int | None = None,
    steps: int | None = None,
    sampler: str | Sampler = "random",
    strategy: str | Strategy = "halving",
    past: Past | None = None,
    metric: str | None = None,
    seed: int = 0,
    finalists: int = 5,
    final_seeds: int = 5,
    batch: int | None = None,
    capacity: int | None = None,
    sampling: str = "epochs",
    evaluate_rows: int | None = 10_000,
    engine: str = "auto",
    threads: int | None = None,
    executor: Executor | None = None,
    callbacks: Sequence[Callback] = (),
    out: str | Path | None = None,
    resume: bool = False,
    checkpoint_seconds: float = 30.0,
    progress: bool | None = None,
    say: Callable[[str], None] | None = None,
) -> Study:
    """Search a space of recipes: many trials side by side, the worse dropped early.

    The validation part alone decides: at every rung, between trials, and between the finalists,
    which are trained anew on seeds that the search has not used. The test part is looked at once,
    at the end, for the winner.

    Args:
        space: a Recipe with distributions in it, such as `lr=shoal.log_uniform(1e-4, 1)`.
        data: a Dataset with a validation part.
        trials: how many recipes to try.
        epochs: passes over the training part in a full training; or
        steps: updates.
        sampler: what to try next: "random", "grid", "sobol", "tpe", "gp", "narrowing", or anything
            with `ask(count)` and `tell(results)`.
        strategy: how long each may train: "halving" drops the worse part at rungs, "hyperband"
            does so from several starts, "full" trains all to the end, "pbt" lets losers copy
            winners while they train; or one with settings, such as `shoal.Halving(eta=3, grace=5)`.
        past: trials of another study over the same space that the sampler knows from the start;
            for samplers that learn, such as "tpe".
        metric: what trials are judged by: valid_accuracy (valid_rmse) unless given.
        seed: of the sampler, of weights and of batches; all trials share it, so they are paired.
        finalists: how many of the best are trained on fresh seeds; 1 to test the winner without
            comparing it, 0 for none: then the test part is not looked at.
        final_seeds: so many.
        batch: trials that the sampler is asked for at once; None to choose: as many as there is
            room for if it learns nothing from results, else as it says (`BATCH`). A round of
            "narrowing" has so many, if they are more than 32.
        capacity: trials in training at once; None to choose: as many as fit a gigabyte, or one
            batch if the sampler learns, so that it knows all of a batch before the next.
        sampling, evaluate_rows, engine, threads, executor, callbacks, checkpoint_seconds: see
            `Trainer`.
        out: folder of the study, so that it can be killed at any moment and resumed.
        resume: go on with the study in `out`.
        progress: show progress; None to show it on a terminal.
        say: called with a line now and then.

    Returns:
        A Study. After Ctrl-C, one of what was reached, with `complete` False.

    Raises:
        ShoalError: a space without distributions, data without a validation part, settings that
            do not fit, a folder of another study, or every trial diverged.

    >>> import shoal
    >>> space = shoal.Recipe(shoal.mlp([16]), shoal.SGD(lr=shoal.log_uniform(1e-4, 1.0)))
    >>> study = shoal.search(space, shoal.load("digits"), trials=9, epochs=3, finalists=0)
    >>> study.best.optimizer.lr > 0.01
    True
    """
    say = say or (lambda line: None)
    found = Space(space)
    _check(data, trials, epochs, steps, seed, finalists, final_seeds, resume, out)
    for name, value in (("batch", batch), ("capacity", capacity)):
        if value is not None:
            check_number(name, value, least=1, whole=True)
    unit, budget = ("steps", steps) if epochs is None else ("epochs", epochs)
    assert budget is not None
    judged = _metric(metric, data)
    plan_of = make_strategy(strategy)
    chooser = make_sampler(sampler, found, seed, batch)
    if past is not None:
        _learn(chooser, past, found, judged, sampler)
    settings: dict[str, Any] = {
        "sampling": sampling,
        "evaluate_rows": evaluate_rows,
        "engine": engine,
        "threads": threads,
        "checkpoint_seconds": checkpoint_seconds,
    }
    largest = _rehearse(found, data, unit, budget, settings | {"executor": executor}, callbacks)
    several, room = _sizes(chooser, trials, batch, capacity, max(8, MEMORY // largest))
    if isinstance(plan_of, PBT):
        several, room = _population(trials, batch, capacity)
    plan = Plan(
        trials=trials,
        unit=unit,
        budget=budget,
        brackets=plan_of.brackets(budget),
        shares=plan_of.shares(budget),
        batch=several,
        capacity=room,
        metric=judged,
        seed=seed,
        least=max(1, finalists),
    )
    folder = None if out is None else Path(out)
    asked = {
        "space": space.to_dict(),
        "data": data.fingerprint,
        "settings": {
            "trials": trials,
            unit: budget,
            "sampler": sampler if isinstance(sampler, str) else type(sampler).__name__,
            "past": None if past is None else past.fingerprint,
            "strategy": strategy if isinstance(strategy, str) else repr(strategy),
            # what a name stands for may be another in a later version
            "rungs": [list(bracket.rungs) for bracket in plan.brackets],
            "metric": judged.name,
            "seed": seed,
            "batch": plan.batch,
            "capacity": plan.capacity,
            "sampling": sampling,
            "evaluate_rows": evaluate_rows,
            "finalists": finalists,
            "final_seeds": final_seeds,
        },
    }
    started = time.monotonic()
    watch = SearchProgress(progress)
    store = Store(folder, asked, resume=resume)
    driver = partial(Population, strategy=plan_of) if isinstance(plan_of, PBT) else Runner
    runner = driver(
        found,
        data,
        chooser,
        plan,
        store,
        settings=settings,
        watch=watch.show,
        callbacks=[watch, *callbacks],
        executor=executor,
    )
    dimensions = counted(len(found.dimensions), "dimension")
    say(f"searching {dimensions} with {counted(trials, 'trial')} of {budget} {unit}")
    with watch:
        runner.run()
    study = Study(
        space=found,
        trials=runner.trials,
        plan=plan,
        data=data,
        complete=not runner.interrupted,
        facts={
            "settings": asked["settings"],
            "data": {"name": data.name, "source": data.source, "fingerprint": data.fingerprint},
            "search_seconds": round(time.monotonic() - started, 2),
            "date": time.strftime("%Y-%m-%d"),
            **machine_facts(),
        },
    )
    if isinstance(chooser, GridSampler):
        study.facts["grid"] = len(chooser)
    if study.complete and not study.trials:
        raise ShoalError("the sampler gave nothing to try; ask(count) must give values")
    if study.complete and not study.ranked:
        raise ShoalError(
            "every trial diverged; lower the upper ends of the ranges, the learning rate's first"
        )
    study.rungs = rungs_of_log(store.lines)
    if study.complete and finalists and isinstance(plan_of, PBT):
        say(f"training the winner's schedule anew on {final_seeds} fresh seeds")
        anew = study.retrace(
            seeds=final_seeds,
            sampling=sampling,
            evaluate_rows=evaluate_rows,
            engine=engine,
            threads=threads,
            executor=executor,
            evaluate_parts=("valid",),
            callbacks=[Progress("schedule", progress)],
            folder=None if folder is None else folder / "finalists",
            checkpoint_seconds=checkpoint_seconds,
        )
        study.complete = not anew.interrupted
        _retraced(study, anew)
    elif study.complete and finalists and finalists_of(study, finalists):
        study.final = _final(
            study,
            finalists,
            final_seeds,
            unit,
            budget,
            sampling,
            evaluate_rows,
            engine,
            threads,
            executor,
            folder,
            resume,
            checkpoint_seconds,
            progress,
            say,
        )
        study.complete = study.final.complete
        if study.complete and len(data.test):  # the only look that is ever taken at it
            study.test = winner_on_test(study.final, study.final.ranking[0])
    study.facts["wall_seconds"] = round(time.monotonic() - started, 2)
    return study


def _learn(chooser: Sampler, past: Past, space: Space, metric: Metric, name: Any) -> None:
    """Let a sampler know the trials of another study."""
    if not isinstance(past, Past):
        raise ShoalError(f"past={past!r:.60} must be a Past, such as shoal.Past.from_study(study)")
    learn = getattr(chooser, "learn", None)
    if learn is None:
        raise ShoalError(
            f"sampler={name!r} learns nothing from the past; take 'tpe' or 'narrowing'"
        )
    if past.metric not in (None, metric.name):
        raise ShoalError(f"past has scores of {past.metric}, the search of {metric.name}")
    wrong = next(filter(None, (misfit(space, told.values) for told in past.told)), "")
    if wrong:
        raise ShoalError(f"past has trials of another space: {wrong}")
    learn(past.told)


def _retraced(study: Study, anew: Trainer) -> None:
    """Take down what the winner's schedule did on fresh seeds; the test part is looked at once."""
    values = anew.history.final(study.plan.metric.name)
    alive = values[anew.history.diverged < 0].tolist()
    if not study.complete or not alive:
        return
    study.facts["retraced"] = {"values": alive, "diverged": len(values) - len(alive)}
    if len(study.data.test):
        study.test = score_on_test(anew.shoal.ensemble(), study.plan.metric.measure)


def _population(trials: int, batch: int | None, capacity: int | None) -> tuple[int, int]:
    """All trials at once: they copy one another."""
    for name, value in (("batch", batch), ("capacity", capacity)):
        if value is not None and value < trials:
            raise ShoalError(
                f"{name}={value} splits a population of {trials} trials, which trains at once; "
                f"leave it out, or take trials={value}"
            )
    return trials, trials


def _final(
    study: Study,
    finalists: int,
    final_seeds: int,
    unit: str,
    budget: int,
    sampling: str,
    evaluate_rows: int | None,
    engine: str,
    threads: int | None,
    executor: Executor | None,
    folder: Path | None,
    resume: bool,
    checkpoint_seconds: float,
    progress: bool | None,
    say: Callable[[str], None],
) -> Comparison:
    """Train the best trials anew, on seeds that the search has not used."""
    best = finalists_of(study, finalists)
    seed = study.plan.seed
    say(f"training the best {counted(len(best), 'trial')} anew on {final_seeds} fresh seeds")
    length: dict[str, Any] = {unit: budget}
    return compare(
        {f"trial {trial.number}": study.recipe(trial) for trial in best},
        study.data,
        **length,
        seeds=[seed + 1 + k for k in range(final_seeds)],
        metric=study.plan.metric.name,
        evaluate_parts=("train", "valid"),
        sampling=sampling,
        evaluate_rows=evaluate_rows,
        engine=engine,
        threads=threads,
        executor=executor,
        out=None if folder is None else folder / "finalists",
        resume=resume and folder is not None,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )


def _check(
    data: Dataset,
    trials: int,
    epochs: int | None,
    steps: int | None,
    seed: int,
    finalists: int,
    final_seeds: int,
    resume: bool,
    out: str | Path | None,
) -> None:
    if not isinstance(data, Dataset):
        raise ShoalError(f"data={data!r:.60} must be a Dataset, such as shoal.load('digits')")
    if not len(data.valid):
        raise ShoalError(
            "the data has no validation part, which is what a search chooses by; "
            "load it with valid=0.2, say"
        )
    check_number("trials", trials, least=1, whole=True)
    if (steps is None) == (epochs is None):
        raise ShoalError(f"give steps or epochs, one of the two (steps={steps}, epochs={epochs})")
    check_number(*(("steps", steps) if epochs is None else ("epochs", epochs)), least=1, whole=True)
    check_number("seed", seed, least=0, whole=True)
    check_number("finalists", finalists, least=0, whole=True)
    check_number("final_seeds", final_seeds, least=1, whole=True)
    if resume and out is None:
        raise ShoalError("resume=True needs the folder of the study: out=...")


def _metric(name: str | None, data: Dataset) -> Metric:
    """What to judge by: of the validation part alone."""
    if name is None:
        name = f"valid_{METRICS[data.task][1]}"
    check_choice("metric", name, [f"valid_{measure}" for measure in METRICS[data.task]])
    return choose_metric(name, data.task, ["valid"])


def _rehearse(
    space: Space,
    data: Dataset,
    unit: str,
    budget: int,
    settings: Mapping[str, Any],
    callbacks: Sequence[Callback],
) -> int:
    """Find what does not fit before a folder is made: settings, and the ends of every dimension.

    Returns:
        Bytes of weights, gradients and slots of the largest network.
    """
    length: dict[str, Any] = {unit: budget}
    sizes: list[int] = []
    for values in space.corners():
        recipe = space.build(values)
        if not sizes:
            Trainer([Member(recipe, 0)], data, **length, **settings, callbacks=callbacks)
        program = program_of(recipe, data.in_shape, data.outputs, data.task)
        steps = budget * (
            1 if unit == "steps" else steps_per_epoch(len(data.train), program.batch_size)
        )
        check_batches(program, len(data.train), steps, settings["sampling"] == "replacement")
        size = layout_of(program.network, program.in_shape).size
        sizes.append(4 * size * (2 + len(program.rule.slots)))
    return max(sizes)


def _sizes(
    sampler: Sampler, trials: int, batch: int | None, capacity: int | None, fitting: int
) -> tuple[int, int]:
    """How many trials are asked for at once, and how many train at once."""
    learned_from = getattr(sampler, "batch", BATCH)
    room = min(trials, fitting if capacity is None else capacity)
    if batch is None and learned_from is None:
        batch = room if room == trials else max(1, room // 2)  # refilled when half of it is free
    several = min(batch or learned_from, room)
    return several, several if capacity is None and learned_from is not None else room


__all__ = ["Metric", "search"]
