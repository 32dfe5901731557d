"""Optuna with PyTorch: its study drives the eager loop of `with_torch`, its pruner drops losers.

- the trials are enqueued, so that they are the same as everyone's;
- networks, optimizers and batches are ready before the clock runs, as in `with_torch`;
- after every epoch the accuracy is reported and the pruner asked, as Optuna's own examples do it;
- one process keeps its study in memory, the fastest storage; several share a journal file, which
  Optuna recommends for processes on one machine, so that every pruner knows all trials.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from weakref import finalize

import numpy as np

from benchmarks import with_torch
from benchmarks.harness import Contestant, Timed
from benchmarks.machine import has, named, processors, thread_counts
from benchmarks.processes import team
from benchmarks.work import Outcome, Training, contestant, counted, keys

PEER = "Optuna + PyTorch"
SETTINGS = f"Optuna's RandomSampler, its trials enqueued; PyTorch {with_torch.SETTINGS}"
LR, DECAY = "lr", "weight_decay"


def pruners(rungs: Sequence[int], keep: float) -> dict[str, Callable[[], Any]]:
    """Pruners of Optuna, each as its users have it, and halving with Shoal's rungs besides.

    Optuna's halving is asynchronous: a trial is judged against those that came before it. The
    median rule judges after every epoch; it is what Optuna takes where nobody says.

    Args:
        rungs: of Shoal, in epochs.
        keep: the share of trials that goes on from each.
    """
    from optuna.pruners import MedianPruner, SuccessiveHalvingPruner

    alike = {"min_resource": rungs[0], "reduction_factor": round(1 / keep)}
    return {
        "median": MedianPruner,
        "halving": SuccessiveHalvingPruner,
        "halving at our rungs": partial(SuccessiveHalvingPruner, **alike),
    }


def start(
    training: Training,
    threads: int,
    pruner: Callable[[], Any],
    whole: Training | None = None,
    journal: str | None = None,
) -> Timed:
    """Make the study and the networks ready; the timed part optimizes.

    Args:
        training: the trials that this process enqueues, and as many as it trains.
        threads: of PyTorch.
        pruner: makes the pruner.
        whole: all trials; others may take ours, and we theirs.
        journal: file of the study that several processes share; None for one in memory.
    """
    import optuna
    import torch

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    torch.set_num_threads(threads)
    every = whole or training
    loop = _Loop(torch, every)
    study = optuna.create_study(
        storage=None if journal is None else _storage(journal),
        study_name="search",
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=pruner(),
    )
    for member in training.members:
        recipe = member.recipe
        study.enqueue_trial({LR: recipe.optimizer.numbers["lr"], DECAY: recipe.weight_decay})

    def run() -> Outcome:
        torch.set_num_threads(threads)
        study.optimize(loop.objective, n_trials=len(training.members))
        return loop.outcome()

    return run


def _storage(journal: str) -> Any:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return JournalStorage(JournalFileBackend(journal))


class _Loop:
    """The training loop, with a report to Optuna after every epoch."""

    def __init__(self, torch: Any, training: Training) -> None:
        self.torch, self.training = torch, training
        self.x, self.y = with_torch.tensors(torch, *training.flat("train"))
        self.valid = with_torch.tensors(torch, *training.flat("valid"))
        seed = training.members[0].seed
        batches = [torch.tensor(rows) for rows in training.batches(seed)]
        self.ready = {
            member.recipe.optimizer.numbers["lr"]: (
                row,
                with_torch.network_of(torch, training, member, batches),
            )
            for row, member in enumerate(training.members)
        }
        shape = (len(training.members), len(training.evaluated_at))
        self.accuracy, self.loss = np.full(shape, np.nan), np.full(shape, np.nan)
        self.steps = [0] * len(training.members)

    def objective(self, trial: Any) -> float:
        """Train one trial to its end, or until the pruner drops it."""
        import optuna

        lr = trial.suggest_float(LR, 1e-6, 1e-2, log=True)
        trial.suggest_float(DECAY, 1e-8, 1e-4, log=True)
        row, one = self.ready[lr]
        cross_entropy = self.torch.nn.functional.cross_entropy
        model, optimizer = one.model, one.optimizer
        epoch, step = self.training.evaluated_at[0], 0
        for column in range(len(self.training.evaluated_at)):
            model.train()
            for rows in one.batches[column * epoch : (column + 1) * epoch]:
                optimizer.zero_grad(set_to_none=True)
                loss = cross_entropy(model(self.x[rows]), self.y[rows])
                loss.backward()
                optimizer.step()
                step += 1
            model.eval()
            valid_loss, accuracy = with_torch.evaluate(self.torch, model, *self.valid)
            self.accuracy[row, column], self.loss[row, column] = accuracy, valid_loss
            self.steps[row] = step
            trial.report(accuracy, column + 1)
            if not np.isfinite(valid_loss) or trial.should_prune():
                raise optuna.TrialPruned
        return accuracy

    def outcome(self) -> Outcome:
        """Of the trials that were trained here."""
        done = [row for row, steps in enumerate(self.steps) if steps]
        every = keys(self.training.members)
        return Outcome(
            tuple(every[row] for row in done),
            {"valid_accuracy": self.accuracy[done], "valid_loss": self.loss[done]},
            tuple(self.steps[row] for row in done),
        )


def contestants(
    training: Training, rungs: Sequence[int], keep: float, quick: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """All pruners, with each thread count, and with a process per processor; or why not."""
    missing = [name for name in ("optuna", "torch") if not has(name)]
    if missing:
        return [], {PEER: f"{' and '.join(missing)} not installed"}
    made = []
    for name, pruner in pruners(rungs, keep).items():
        settings = f"{SETTINGS}; {called(pruner)}"
        for threads in thread_counts(quick):
            begin = partial(start, threads=threads, pruner=pruner)
            made.append(contestant(named(f"{PEER}, {name}", threads), settings, begin, training))
        if processors() > 1:
            made.append(_in_processes(name, settings, training, pruner))
    return made, {}


def called(pruner: Callable[[], Any]) -> str:
    """What a pruner is called, with the settings that are not its defaults."""
    given = getattr(pruner, "keywords", {})
    kind = getattr(pruner, "func", pruner).__name__
    return f"{kind}({', '.join(f'{key}={value}' for key, value in given.items())})"


def _in_processes(
    name: str, settings: str, training: Training, pruner: Callable[[], Any]
) -> Contestant:
    """A process for each processor, all on one study."""
    folder = tempfile.mkdtemp(prefix="shoal-benchmark-")

    def ready(work: Training) -> Timed:
        _, journal = tempfile.mkstemp(dir=folder, suffix=".log")
        Path(journal).unlink()
        begin = partial(start, threads=1, pruner=pruner, whole=work, journal=journal)
        return team().prepare(begin, work)

    made = Contestant(
        f"{PEER}, {name}, {processors()} processes",
        f"{settings}; a journal file; each process has one thread; "
        f"{counted(len(training.members))} a round",
        prepare=lambda: ready(training),
        warm_up=lambda: _run(ready(training.short())),
        processes=lambda: team().numbers,
    )
    finalize(made, shutil.rmtree, folder, ignore_errors=True)
    return made


def _run(timed: Timed) -> None:
    timed()
