"""dask.distributed as an executor: other machines, and workers that come and go.

The data travels once to every worker, over the cluster's own network; tasks carry rows alone. A
worker that dies takes nothing with it that cannot be done again: dask gives its tasks to others,
and data that was lost with the last worker that had it is sent anew.
"""

from __future__ import annotations

import signal
import threading
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from shoal.data.part import PARTS, Part, PartName
from shoal.engine.task import Result, Task
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

SAME = ("shoal", "numpy")
"""Packages that must be of one version everywhere, or numbers would depend on who trains whom."""
ATTEMPTS = 5
"""How often a round is tried that workers died under."""
LOOK_SECONDS = 5.0
"""Time between two looks at whether the data of a round that is under way still lies somewhere."""
COME_SECONDS = 30.0
"""Time that a cluster without workers gets: who was killed, or only just asked for, may come."""


def is_dask(executor: Executor | None) -> bool:
    """Whether an executor is one of dask.distributed (which need not be installed to know)."""
    return type(executor).__module__.partition(".")[0] == "distributed"


@dataclass
class Parcel:
    """The data as it travels: plain arrays."""

    parts: dict[PartName, tuple[Any, ...]]
    scalings: dict[PartName, Any]
    task: str
    target_scale: Any

    @classmethod
    def of(cls, data: Any) -> Parcel:
        """Pack a dataset."""
        parts: dict[PartName, tuple[Any, ...]] = {}
        for name in PARTS:
            part = data.part(name)
            stored = part.stored if part.at is None else part.stored[part.at]
            weights = () if part.weights is None else (part.weights,)
            parts[name] = (stored, part.y, *weights)
        scale = data.target_scale if data.task == "regression" else None
        return cls(parts, {name: data.part(name).scaling for name in PARTS}, data.task, scale)

    def get(self) -> Any:
        """Something with the parts of the dataset; what came over a network may lie anywhere."""
        parts: dict[str, Part] = {}
        for name in PARTS:
            x, y, *w = (np.require(array, requirements=["A"]) for array in self.parts[name])
            parts[name] = Part(x, y, w[0] if w else None, self.scalings[name])
        return SimpleNamespace(**parts, task=self.task, target_scale=self.target_scale)


@dataclass(frozen=True)
class OnTheWay:
    """Stands for the data in a task until it meets the parcel on a worker."""

    def get(self) -> Any:
        """Nothing: `train_there` puts the parcel in its place."""
        raise AssertionError


def train_there(task: Task, parcel: Parcel) -> Result:
    """On a worker: train a chunk on the data that lies there."""
    from shoal.engine.executor import train_elsewhere

    return train_elsewhere(replace(task, data=parcel))


def has(parcel: Parcel) -> None:
    """On a worker: nothing, but now it has the data."""


_SENT: WeakKeyDictionary[Any, WeakKeyDictionary[Any, Any]] = WeakKeyDictionary()


class DaskWorkers:
    """The workers of a cluster.

    Args:
        executor: `Client(...).get_executor()`.
        data: the dataset.

    Raises:
        ShoalError: a worker lacks shoal, or has another version of it or of NumPy.
    """

    def __init__(self, executor: Any, data: Any) -> None:
        self.executor, self.client, self.data = executor, executor._client, data
        sent = _SENT.setdefault(self.client, WeakKeyDictionary())
        if data not in sent:
            check_versions(self.client)
            self.send()

    @property
    def count(self) -> int:
        """Threads of all workers."""
        threads: dict[str, int] = self.client.nthreads()
        return max(1, sum(threads.values()))

    def send(self) -> None:
        """Send the data to one worker, and let the others ask for it.

        (`scatter(broadcast=True)` never returns if a worker dies under it: dask goes on and on to
        copy to who is gone.)

        Raises:
            ShoalError: there is no worker and none came, or one after another died.
        """
        parcel = self._scatter()
        _SENT[self.client][self.data] = parcel
        if type(self.client.cluster).__name__ == "LocalCluster":
            self.client.run(leave_interrupts_to_us, on_error="ignore")
        self._spread(parcel)

    def _scatter(self) -> Any:
        for _ in range(ATTEMPTS):
            try:
                [parcel] = self.client.scatter([Parcel.of(self.data)], hash=False)
            except TimeoutError:
                raise ShoalError("the cluster has no workers; start some, and resume") from None
            except OSError:  # it died as the data came
                continue
            return parcel
        raise ShoalError(
            f"{ATTEMPTS} workers of executor={type(self.executor).__name__} died as the data came, "
            "for lack of memory perhaps; give more, and resume from the last checkpoint"
        )

    def _spread(self, parcel: Any) -> None:
        """Let every worker ask for the data now, so that none has a start on the others."""
        from concurrent.futures import wait

        asked = [
            self.executor.submit(
                has, parcel, workers=[address], allow_other_workers=True, pure=False
            )
            for address in self.client.nthreads()
        ]
        wait(asked, timeout=LOOK_SECONDS)  # who has it not by then gets it with its first task

    def run(self, tasks: list[Task]) -> list[Result]:
        """Do all tasks; results in the order of the tasks.

        Raises:
            ShoalError: workers died under a task again and again.
        """
        from concurrent.futures import CancelledError, wait

        done: dict[int, Result] = {}
        for _ in range(ATTEMPTS):
            futures = {i: self._submit(tasks[i]) for i in range(len(tasks)) if i not in done}
            while wait(futures.values(), timeout=LOOK_SECONDS).not_done and self._data_is_there():
                pass
            lost = False
            for i, future in futures.items():
                if not future.done():  # it would wait for data that nobody has
                    future.cancel()
                    lost = True
                    continue
                try:
                    done[i] = future.result()
                except CancelledError:
                    lost = True
            if not lost:
                return [done[i] for i in range(len(tasks))]
            self.send()  # the last worker that had the data is gone
        raise ShoalError(
            f"workers of executor={type(self.executor).__name__} died {ATTEMPTS} times over the "
            "same work, for lack of memory perhaps; give more, and resume from the last checkpoint"
        )

    def _data_is_there(self) -> bool:
        """Whether a worker has the data; what died with the last that had it never comes back."""
        parcel = _SENT[self.client][self.data]
        return not parcel.cancelled() and bool(self.client.who_has().get(parcel.key))

    def _submit(self, task: Task) -> Future[Result]:
        import dask.config

        # rows are large for a task of dask, and it would say so every time
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}):
            parcel = _SENT[self.client][self.data]
            future: Future[Result] = self.executor.submit(train_there, task, parcel, pure=False)
            return future


def leave_interrupts_to_us() -> None:
    """On a worker: a terminal sends Ctrl-C to all of us; how to end is the trainer's to decide."""
    import multiprocessing

    in_main_thread = threading.current_thread() is threading.main_thread()
    if multiprocessing.parent_process() is not None and in_main_thread:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def check_versions(client: Any) -> None:
    """Require that every worker and the scheduler have what we have.

    Raises:
        ShoalError: one lacks a package, or has another version.
    """
    from importlib import metadata

    for package in SAME:
        ours = metadata.version(package)
        for address, version in _ask(client, package).items():
            if isinstance(version, Exception):
                raise ShoalError(
                    f"the worker at {address} lacks {package}; install {package} {ours}"
                )
            if version != ours:
                raise ShoalError(
                    f"the worker at {address} has {package} {version}, here it is {ours}: numbers "
                    "would differ; install the same everywhere"
                )


def _ask(client: Any, package: str) -> dict[str, Any]:
    """The version of a package, or an error, from every worker that lives to tell."""
    from importlib import metadata

    for _ in range(ATTEMPTS):
        try:
            client.wait_for_workers(1, timeout=COME_SECONDS)
        except TimeoutError:
            break
        answers = client.run(metadata.version, package, on_error="return")
        told = {a: answer for a, answer in answers.items() if not isinstance(answer, OSError)}
        if told:
            return told
    raise ShoalError("the cluster has no workers; start some, or wait for them")
