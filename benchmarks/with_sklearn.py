"""scikit-learn's MLPClassifier, where it can do the same work: plain networks; SGD and Adam.

`partial_fit` takes one epoch at a time, with `shuffle=False` on rows already in their order, so
that it sees the same batches (and copies rows once an epoch, its fastest way). Its first weights
are put in before the clock runs. Evaluations are `predict_proba`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import shoal
from benchmarks.harness import Contestant, Timed
from benchmarks.machine import has, named, thread_counts
from benchmarks.processes import in_processes
from benchmarks.work import Outcome, Training, contestant, keys, rates
from shoal import Member
from shoal.nn import as_mlp

SETTINGS = "MLPClassifier, one network after another, partial_fit by the epoch, float32"


def why_not(member: Member) -> str | None:
    """Why it cannot train a member, or None."""
    sizes = as_mlp(member.recipe.network) or {"batch_norm": True}
    if sizes.get("batch_norm") or sizes.get("dropout"):
        return "cannot do batch norm or dropout"
    if not isinstance(member.recipe.optimizer, shoal.SGD | shoal.Momentum | shoal.Adam):
        return f"cannot do {type(member.recipe.optimizer).__name__}"
    if member.recipe.schedule is not None and not isinstance(member.recipe.optimizer, shoal.Adam):
        return "schedules are not set here but for Adam"
    return None


def start(training: Training, threads: int) -> Timed:
    """Make estimators and arrays ready; the timed part trains one after another."""
    (x, y), parts = training.flat("train"), training.evaluated
    models = [_model(training, member) for member in training.members]
    epochs = {seed: _by_evaluation(training, seed) for seed in {m.seed for m in training.members}}

    def run() -> Outcome:
        metrics: dict[str, Any] = {
            f"{part}_{what}": np.full((len(models), len(training.evaluated_at)), np.nan)
            for part in parts
            for what in ("loss", "accuracy")
        }
        steps = []
        with threadpool_limits(threads):
            for row, (member, model) in enumerate(zip(training.members, models, strict=True)):
                lr = rates(member.recipe, training.steps)
                for column, rows in enumerate(epochs[member.seed]):
                    if column and training.evaluated_at[column - 1] in lr:
                        model._optimizer.learning_rate_init = lr[training.evaluated_at[column - 1]]
                    model.partial_fit(x[rows], y[rows])
                    for part, (px, py) in parts.items():
                        p = model.predict_proba(px)
                        own, accuracy = p[np.arange(len(py)), py], (p.argmax(1) == py).mean()
                        # it does not say log p, which is -inf where p rounds to 0
                        metrics[f"{part}_loss"][row, column] = -np.log(own + 1e-38).mean()
                        metrics[f"{part}_accuracy"][row, column] = accuracy
                    if training.reached(accuracy):
                        break
                steps.append(training.evaluated_at[column])
        return Outcome(keys(training.members), metrics, tuple(steps))

    return run


def _by_evaluation(training: Training, seed: int) -> list[Any]:
    """The rows between two evaluations, in the order of their batches."""
    batches, done = training.batches(seed), 0
    pieces = []
    for at in training.evaluated_at:
        pieces.append(np.concatenate(batches[done:at]))
        done = at
    return pieces


def _model(training: Training, member: Member) -> Any:
    from sklearn.neural_network import MLPClassifier

    recipe, data = member.recipe, training.data
    rule: Any = recipe.optimizer
    if isinstance(rule, shoal.Adam):
        numbers = {"beta_1": rule.beta1, "beta_2": rule.beta2, "epsilon": rule.eps}
    else:
        numbers = {
            "momentum": getattr(rule, "momentum", 0.0),
            "nesterovs_momentum": isinstance(rule, shoal.Nesterov),
        }
    model = MLPClassifier(
        hidden_layer_sizes=(as_mlp(recipe.network) or {})["hidden"],
        solver="adam" if isinstance(rule, shoal.Adam) else "sgd",
        learning_rate_init=rule.lr,
        alpha=recipe.weight_decay * recipe.batch_size,  # it divides α by the rows of the batch
        batch_size=recipe.batch_size,
        shuffle=False,
        n_iter_no_change=10**9,
        random_state=0,
        **numbers,
    )
    few, labels = training.flat("train", recipe.batch_size)
    model.partial_fit(few, labels, classes=np.arange(data.outputs))
    # now it has weights; give it ours, and an optimizer that remembers nothing
    bound = recipe.network.bind(data.in_shape, data.outputs)
    values = [v for v in bound.init(member.seed, data.in_shape, recipe.init) if v]
    for layer, arrays in enumerate(values):
        model.coefs_[layer][...] = arrays["W"]
        model.intercepts_[layer][...] = arrays["b"]
    del model._optimizer
    return model


def contestants(training: Training, quick: bool) -> tuple[list[Contestant], dict[str, str]]:
    """scikit-learn with each thread count, and with a process per processor; or why not."""
    if not has("sklearn"):
        return [], {"scikit-learn": "not installed"}
    reasons = [why_not(member) for member in training.members]
    absent = "; ".join(sorted({reason for reason in reasons if reason}))
    can = [m for m, reason in zip(training.members, reasons, strict=True) if reason is None]
    if not can:
        return [], {"scikit-learn": absent}
    work = training.only(can)
    made = []
    for threads in thread_counts(quick):
        name = named("scikit-learn", threads)
        made.append(contestant(name, SETTINGS, partial(start, threads=threads), work))
    made += in_processes("scikit-learn", SETTINGS, partial(start, threads=1), work)
    return made, {"scikit-learn, in part": absent} if absent else {}
