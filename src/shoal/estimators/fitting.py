"""From checked rows to a trained model: preparation, training, choice of weights, calibration."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from shoal.data import Dataset
from shoal.data.part import Part
from shoal.data.preparation import ArrayPreparation
from shoal.data.scaling import Pixels
from shoal.engine import Member, Progress, Recipe, Trainer
from shoal.engine.evaluate import METRICS
from shoal.engine.layout import layout_of
from shoal.engine.member import program_of
from shoal.engine.task import Rows as State
from shoal.engine.trainer import whole_runs
from shoal.errors import ShoalError, check_choice, check_number, counted
from shoal.estimators.history import FitHistory
from shoal.estimators.inputs import rows_of
from shoal.estimators.losses import check_counts, check_custom, scaling_of
from shoal.estimators.model import Model, model_of
from shoal.estimators.parameters import embedded_columns
from shoal.estimators.preparing import fit_preparation
from shoal.estimators.targets import Target
from shoal.estimators.weights import Weights, combined


@dataclass(frozen=True, eq=False)
class Rows:
    """Some rows as they came: inputs, targets, and weights (None where all count alike)."""

    x: Any
    target: Target
    weights: Weights | None

    def take(self, which: NDArray[np.int64]) -> Rows:
        """Some of them."""
        weights = None if self.weights is None else self.weights[which]
        target = replace(self.target, y=self.target.y[which])
        return Rows(rows_of(self.x, which), target, weights)


@dataclass(frozen=True)
class Course:
    """How long to train, and who watches.

    Attributes:
        epochs: at most.
        patience: epochs without a better validation `monitor` after which a member stops, or None.
        monitor: what is better: "loss", or another metric of the task.
        engine, threads: see `Trainer`.
        verbose: show progress on a terminal.
    """

    epochs: int
    patience: int | None
    monitor: str
    engine: str
    threads: int | None
    verbose: bool


@dataclass(frozen=True, eq=False)
class Fit:
    """What came of a fit.

    Attributes:
        model: with the best weights.
        target: what was learnt.
        recipe: by which.
        history: of those who came through.
        alive: who they are, among the members.
        slots: what their update rule remembers.
        updates: steps that were taken.
    """

    model: Model
    target: Target
    recipe: Recipe
    history: FitHistory
    alive: list[int]
    slots: dict[str, NDArray[np.float32]]
    updates: int


class Learner(Protocol):
    """What the steps of a fit ask an estimator."""

    def _class_factors(self, target: Target, weights: Weights | None) -> Weights | None: ...

    @property
    def _calibrates(self) -> bool: ...

    def _calibrated(self, model: Model, judge: Rows, weights: Weights | None) -> Model: ...


def fit_networks(
    learner: Learner,
    learn: Rows,
    judge: Rows,
    recipe: Recipe,
    settled: Mapping[str, Any],
    seeds: Sequence[int],
    course: Course,
    before: Model | None = None,
    slots: Mapping[str, NDArray[np.float32]] | None = None,
    updates: int = 0,
) -> Fit:
    """Prepare, train, take the best weights, and calibrate them.

    Args:
        learner: whose fit it is.
        learn: the training rows.
        judge: the validation rows; may be none.
        recipe: of all members.
        settled: the settings.
        seeds: one for each member.
        course: how long.
        before: the model to go on from; its preparation and scaling stay.
        slots, updates: what its update rule remembers.
    """
    started = time.monotonic()
    target = learn.target
    data, factors = dataset_of(learner, learn, judge, recipe, settled, before)
    prepared: Any = data.preprocessing
    recipe = embedded_columns(recipe, prepared)
    steps = -(-len(data.train) // recipe.batch_size)
    start, passes = None, -(-updates // steps)
    if before is not None:
        start = state_of_model(before, recipe, data, len(seeds), slots or {})
    trainer = train(data, recipe, seeds, course, start, passes)
    alive = np.flatnonzero(trainer.history.diverged < 0).tolist()
    best = trainer.best_shoal if len(data.valid) else trainer.shoal
    names = target.names if before is None or not before.targets else before.targets
    model = model_of(best, data, alive, targets=names, engine=course.engine)
    if len(data.valid) and learner._calibrates:
        model = learner._calibrated(model, judge, combined(judge.weights, factors, judge.target.y))
    history = history_of(trainer, passes, time.monotonic() - started)
    kept = {name: slot[alive] for name, slot in trainer.rows.slots.items()}
    return Fit(model, target, recipe, history, alive, kept, steps * course.epochs)


def dataset_of(
    learner: Learner,
    learn: Rows,
    judge: Rows,
    recipe: Recipe,
    settled: Mapping[str, Any],
    before: Model | None = None,
) -> tuple[Dataset, Weights | None]:
    """What the engine trains on, prepared by the training rows; and the factors of the classes."""
    target = learn.target
    if before is None:
        preparation = fit_preparation(learn.x, learn.weights, settled["scale"], settled["unseen"])
    else:
        preparation = before.preparation
    scaling: tuple[Weights, Weights] | None = None
    if target.task == "regression":
        scaling = scaling_of(target.y, learn.weights, recipe.loss_for(target.task))
        check_counts(recipe.loss_for(target.task), judge.target.y, "the validation part of y")
        if before is not None and before.target_mean is not None:
            assert before.target_scale is not None
            scaling = before.target_mean, before.target_scale
    factors = learner._class_factors(target, learn.weights)

    def part(rows: Rows) -> Part:
        y = rows.target.y
        weights = combined(rows.weights, factors, y) if len(y) else None
        if scaling is not None:
            y = ((y - scaling[0]) / scaling[1]).astype(np.float32)
        pixels = _pixels(rows.x, preparation)
        if pixels is not None:
            x = rows.x
        elif len(y):
            x = preparation.transform(rows.x)
        else:
            x = np.empty((0, *preparation.in_shape), np.float32)
        w = None if weights is None else weights.astype(np.float32)
        return Part(x, y, w, pixels)

    mean, spread = (None, None) if scaling is None else scaling
    data = Dataset(
        name="X",
        source="arrays",
        task=target.task,
        train=part(learn),
        valid=part(judge),
        test=part(judge.take(np.arange(0))),
        classes=None if target.classes is None else tuple(target.classes.tolist()),
        features=preparation.features,
        target_mean=mean,
        target_scale=spread,
        preprocessing=preparation,
    )
    check_custom(recipe.loss_for(target.task), data)
    return data, factors


def _pixels(x: Any, preparation: Any) -> Pixels | None:
    """What images of bytes go through as they are used; None for all that is made ready before."""
    images = isinstance(preparation, ArrayPreparation) and isinstance(x, np.ndarray)
    if not images or x.dtype != np.uint8 or x.shape[1:] != preparation.shape:
        return None
    return preparation.scaling if isinstance(preparation.scaling, Pixels) else None


def course_of(
    settled: Mapping[str, Any], task: str, threads: int | None, engine: str, verbose: bool
) -> Course:
    """How long to train, checked.

    Raises:
        ShoalError: a value of the wrong type or out of range.
    """
    check_number("epochs", settled["epochs"], least=1, whole=True)
    if settled["patience"] is not None:
        check_number("patience", settled["patience"], least=1, whole=True)
    check_choice("monitor", settled["monitor"], METRICS[task])
    check_choice("engine", engine, ("auto", "reference", "compiled"))
    return Course(
        int(settled["epochs"]), settled["patience"], settled["monitor"], engine, threads, verbose
    )


def state_of_model(
    model: Model,
    recipe: Recipe,
    data: Dataset,
    members: int,
    slots: Mapping[str, NDArray[np.float32]],
) -> State:
    """The state to go on from: the weights of a model, and slots, 0 where there are none.

    Raises:
        ShoalError: the recipe's network is another, or the number of members.
    """
    program = program_of(recipe, data.in_shape, data.outputs, data.task)
    plain = program_of(
        replace(recipe, network=model.network), data.in_shape, data.outputs, data.task
    )
    if program.network != plain.network or members != model.members:
        raise ShoalError(
            f"training goes on from {counted(model.members, 'member')} of {model.network!r}, so "
            "network and members must stay as they are; take warm_start=False to begin anew"
        )
    layout = layout_of(program.network, program.in_shape)
    state = State(
        np.zeros((members, layout.size), np.float32),
        np.zeros((members, layout.running_size), np.float32),
        {
            name: slots.get(name, np.zeros((members, layout.size), np.float32))
            for name in program.rule.slots
        },
    )
    layout.join(model.params, state.theta)
    layout.join_running(model.params, state.running)
    return state


def seeds_of(entropy: int, members: int) -> list[int]:
    """Different seeds for the members; those of few are the first of those of many.

    >>> seeds_of(7, 3)[:2] == seeds_of(7, 2)
    True
    """
    seeds: list[int] = []
    for drawn in np.random.SeedSequence(entropy).generate_state(members).tolist():
        while drawn in seeds:
            drawn += 1
        seeds.append(drawn)
    return seeds


def train(
    data: Dataset,
    recipe: Recipe,
    seeds: Sequence[int],
    course: Course,
    start: State | None = None,
    passes: int = 0,
) -> Trainer:
    """Train members that differ in their seed, and return the trainer at the end.

    Args:
        data: with a validation part or without.
        recipe: of all.
        seeds: one for each member.
        course: how long.
        start: state to go on from, instead of first weights.
        passes: epochs that this state has seen with its slots.

    Raises:
        ShoalError: all members diverged.
    """
    steps = -(-len(data.train) // recipe.batch_size)
    every = evaluate_every(steps, course.patience) if len(data.valid) else course.epochs
    options: dict[str, Any] = {}
    if len(data.valid):
        options["keep_best"] = f"valid_{course.monitor}"
        if course.patience is not None:
            options["patience"] = max(1, round(course.patience / every))
    if course.engine != "auto":
        options["engine"] = course.engine
    trainer = Trainer(
        [Member(recipe, seed, "member") for seed in seeds],
        data,
        epochs=course.epochs + passes,
        evaluate_every=every + passes,
        evaluate_rows=None,
        evaluate_parts=("valid",) if len(data.valid) else (),
        threads=course.threads,
        callbacks=[Progress("fit")] if course.verbose else [],
        **options,
    )
    if start is not None:
        trainer.go_on_from(start, passes)
    with whole_runs():
        trainer.run()
    _check_diverged(trainer, recipe)
    return trainer


def evaluate_every(steps: int, patience: int | None) -> int:
    """Epochs between two looks at the validation part: one, unless epochs are of a few steps.

    >>> evaluate_every(100, 10), evaluate_every(2, 50), evaluate_every(2, 5)
    (1, 5, 1)
    """
    few = max(1, 10 // steps)
    return few if patience is None else min(few, max(1, patience // 5))


def _check_diverged(trainer: Trainer, recipe: Recipe) -> None:
    """Refuse a fit in which nobody came through; warn if some did not."""
    diverged = trainer.history.diverged
    lost = diverged >= 0
    if not lost.any():
        return
    lr = recipe.optimizer.numbers["lr"]
    advice = f"try lr={lr / 10:g}" + (" or clip_norm=1" if recipe.clip_norm is None else "")
    first = int(diverged[lost].min())
    if lost.all():
        raise ShoalError(
            f"training diverged at step {first} of {trainer.total_steps} with lr={lr:g}: the loss "
            f"is no longer finite; {advice}"
        )
    from sklearn.exceptions import ConvergenceWarning

    warnings.warn(
        f"{int(lost.sum())} of {len(diverged)} members diverged with lr={lr:g}, the first at step "
        f"{first}, and are left out; {advice}",
        ConvergenceWarning,
        stacklevel=4,
    )


def history_of(trainer: Trainer, passes: int, seconds: float) -> FitHistory:
    """The curves of those who came through, by epochs, without the passes before this fit."""
    history, data = trainer.history, trainer.data
    alive = np.flatnonzero(history.diverged < 0).tolist()
    steps = int(history.steps_per_epoch[0])
    batch = trainer.members[0].recipe.batch_size
    sizes = np.full(steps, batch, np.float64)
    sizes[-1] = len(data.train) - batch * (steps - 1)
    losses = [history.curve(m, "loss").values[passes * steps :].astype(float) for m in alive]
    # a run in which everybody has stopped may end within an epoch
    by_epoch = np.stack([loss[: len(loss) // steps * steps].reshape(-1, steps) for loss in losses])
    train_loss = by_epoch @ sizes / sizes.sum()
    stopped = history.stopped[alive]
    last = np.where(stopped >= 0, stopped // steps, train_loss.shape[1])
    train_loss = train_loss[:, : last.max()]
    valid: dict[str, NDArray[np.float64]] = {}
    evaluated, best = np.arange(0), last
    if len(data.valid):
        best = history.best_step[alive] // steps
        for name in history.metrics:
            curves = [history.curve(m, name) for m in alive]
            evaluated = curves[0].steps // steps
            values = np.stack([curve.values for curve in curves])
            valid[name.removeprefix("valid_")] = values[:, evaluated <= last.max()]
        evaluated = evaluated[evaluated <= last.max()]
    return FitHistory(
        epochs=np.arange(1, train_loss.shape[1] + 1),
        train_loss=train_loss,
        evaluated=evaluated,
        valid=valid,
        best_epoch=best,
        stopped_epoch=last,
        seconds=seconds,
    )
