"""scikit-learn's HalvingRandomSearchCV over its MLPClassifier, at settings that suit it best here.

- Its resource is `max_iter`, the epochs, and not `n_samples`: 400 images are few to take fewer of,
  and with all of them the last rung is a full training, as everyone's. An estimator starts anew at
  every rung, for that is how this search works.
- Its factor is chosen so that the rungs are nearly everyone's and the last one is the whole budget.
- The candidates are everyone's trials; the draws of the first weights (He's) and the batches are
  its own, of one seed.
- One split, the validation part; no refit at the end; a process per processor (`n_jobs`), or one
  process with as many threads as PyTorch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.harness import Contestant, Timed
from benchmarks.machine import has, named, processors, thread_counts
from benchmarks.work import Outcome, Training, contestant, keys
from shoal.nn import as_mlp

PEER = "scikit-learn"
SETTINGS = "HalvingRandomSearchCV over MLPClassifier, max_iter as resource, He, float32"


def schedule(rungs: Sequence[int]) -> tuple[int, float, int]:
    """min_resources, factor and max_resources for as many rungs, from the first to the last.

    It takes min · factor^k, rounded down, while that is at most max; so max lies a little above
    the budget, and is not reached.

    >>> least, factor, most = schedule((2, 6, 18, 50))
    >>> [int(least * factor**k) for k in range(4)], most
    ([2, 5, 17, 50], 53)
    """
    least, budget = rungs[0], rungs[-1]
    return least, ((budget + 0.5) / least) ** (1 / (len(rungs) - 1)), budget + 3


def start(training: Training, threads: int | None, jobs: int, rungs: Sequence[int]) -> Timed:
    """Arrays and the search are ready; the timed part fits it."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV, PredefinedSplit

    from benchmarks.he_classifier import HeClassifier

    data, members = training.data, training.members
    x = np.concatenate([part.x.reshape(len(part), -1) for part in (data.train, data.valid)])
    y = np.concatenate([data.train.y, data.valid.y])
    least, factor, most = schedule(rungs)
    classifier = HeClassifier(
        hidden_layer_sizes=(as_mlp(members[0].recipe.network) or {})["hidden"],
        solver="sgd",
        momentum=0.0,
        nesterovs_momentum=False,
        batch_size=training.batch_size,
        n_iter_no_change=10**9,
        random_state=members[0].seed,
    )
    search = HalvingRandomSearchCV(
        classifier,
        [
            {
                "learning_rate_init": [member.recipe.optimizer.numbers["lr"]],
                # it divides α by the rows of the batch
                "alpha": [member.recipe.weight_decay * training.batch_size],
            }
            for member in members
        ],
        n_candidates=len(members),
        factor=factor,
        resource="max_iter",
        min_resources=least,
        max_resources=most,
        cv=PredefinedSplit([-1] * len(data.train) + [0] * len(data.valid)),
        scoring="accuracy",
        refit=False,
        random_state=0,
        n_jobs=jobs,
    )

    def run() -> Outcome:
        with threadpool_limits(threads):  # of several jobs joblib gives each its share itself
            search.fit(x, y)
        return outcome(training, search.cv_results_)

    return run


def outcome(training: Training, found: Any) -> Outcome:
    """Accuracy of every candidate at the rungs that it came to; losses are not told.

    Args:
        training: whose members were the candidates.
        found: `cv_results_`, a row for every candidate and rung.
    """
    epoch, members = training.evaluated_at[0], training.members
    row = {member.recipe.optimizer.numbers["lr"]: i for i, member in enumerate(members)}
    accuracy = np.full((len(members), len(training.evaluated_at)), np.nan)
    steps = [0] * len(members)
    for params, at, score in zip(
        found["params"], found["n_resources"], found["mean_test_score"], strict=True
    ):
        trial = row[params["learning_rate_init"]]
        accuracy[trial, at - 1] = score
        steps[trial] += epoch * int(at)
    metrics = {"valid_accuracy": accuracy, "valid_loss": np.full(accuracy.shape, np.nan)}
    return Outcome(keys(members), metrics, tuple(steps))


def contestants(
    training: Training, rungs: Sequence[int], quick: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """With each thread count, and with a process per processor; or why not."""
    if not has("sklearn"):
        return [], {PEER: "not installed"}
    made = []
    for threads in thread_counts(quick):
        begin = partial(start, threads=threads, jobs=1, rungs=rungs)
        made.append(contestant(named(f"{PEER}, halving", threads), SETTINGS, begin, training))
    if processors() > 1:
        begin = partial(start, threads=None, jobs=processors(), rungs=rungs)
        several = contestant(
            f"{PEER}, halving, {processors()} processes",
            f"{SETTINGS}; n_jobs, each process has one thread",
            begin,
            training,
        )
        made.append(replace(several, processes=_jobs))
    return made, {}


def _jobs() -> list[int]:
    """The processes of joblib, which live on from one search to the next."""
    from joblib.externals.loky import reusable_executor

    executor = reusable_executor._executor  # asking for one would make one of another kind
    return [] if executor is None else [process.pid for process in executor._processes.values()]
