"""Where chunks run: threads of this process, or any executor; and how the data gets there."""

from __future__ import annotations

import os
import pkgutil
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary, WeakSet, finalize

import numpy as np
from numpy.typing import NDArray

from shoal.data.part import PARTS, Part, PartName
from shoal.data.scaling import Transformer
from shoal.engine.chunk import train
from shoal.engine.dask_workers import (
    SAME,
    DaskWorkers,
    OnTheWay,
    is_dask,
    leave_interrupts_to_us,
)
from shoal.engine.kept import keep_freed_memory
from shoal.engine.task import DataSource, Result, Task
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from concurrent.futures import Executor

Tasks = Iterable[tuple[int, Task] | None]
"""With their numbers; None for one that has to wait until one more result was taken."""
CACHE_BYTES = 4 * 2**20
"""Parameters and activations of a chunk that stay near a core; measured flat from 2 to 8 MiB."""


@lru_cache(maxsize=1)
def _controller() -> Any:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


_TURN = threading.RLock()


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS with one thread: members are what runs in parallel, and bits must not depend on it.

    The setting belongs to the whole process, and whoever enters first would restore it under the
    feet of the others; so runs in several threads take turns, a round each.
    """
    with _TURN, _limited_blas():
        yield


def _limited_blas() -> AbstractContextManager[Any]:
    limits: AbstractContextManager[Any] = _controller().limit(limits=1, user_api="blas")
    return limits


class _Shared:
    """BLAS with one thread while any task runs in this process, which may run several at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limit = ExitStack()

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._limit.enter_context(_limited_blas())
            self._inside += 1

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limit.close()


_SHARED = _Shared()


def _new_locks() -> None:
    """In a child that was born in the middle of a round: who holds the locks is not there."""
    global _TURN, _SHARED
    _TURN, _SHARED = threading.RLock(), _Shared()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_new_locks)


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class SameProcess:
    """The data itself, for workers in this process."""

    data: Any

    def get(self) -> Any:
        """The dataset."""
        return self.data


@dataclass(frozen=True)
class OnDisk:
    """The data as files that workers map into memory, so that a task stays small."""

    folder: str
    task: str
    stored: dict[PartName, str] = field(compare=False)
    scalings: dict[PartName, Transformer | None] = field(compare=False)

    @classmethod
    def write(cls, data: Any, folder: str) -> OnDisk:
        """Put the parts of `data` into a folder; an array that they share, once."""
        stored: dict[PartName, str] = {}
        written: dict[Any, str] = {}
        for name in PARTS:
            part = data.part(name)
            for what in ("y", "weights", "at"):
                array = getattr(part, what)
                if array is not None:
                    np.save(Path(folder, f"{name}-{what}.npy"), array)
            array = part.stored
            place = (array.__array_interface__["data"][0], array.shape, array.dtype)
            if place not in written:
                written[place] = f"{name}-x.npy"
                np.save(Path(folder, written[place]), array)
            stored[name] = written[place]
        if data.task == "regression":
            np.save(Path(folder, "target-scale.npy"), data.target_scale)
        return cls(folder, data.task, stored, {name: data.part(name).scaling for name in PARTS})

    def get(self) -> Any:
        """Something with the parts of the dataset, mapped once in every process."""
        return _mapped(self)


_WRITTEN: WeakKeyDictionary[Any, OnDisk] = WeakKeyDictionary()
_WRITING = threading.Lock()


def on_disk(data: Any) -> OnDisk:
    """The data as files, written once, and deleted when the dataset is gone or the program ends."""
    with _WRITING:
        written = _WRITTEN.get(data)
        if written is None or not Path(written.folder).exists():  # somebody may tidy up
            import shutil
            import tempfile

            folder = tempfile.mkdtemp(prefix="shoal-data-")
            finalize(data, shutil.rmtree, folder, ignore_errors=True)
            _WRITTEN[data] = written = OnDisk.write(data, folder)
        return written


@lru_cache(maxsize=2)
def _mapped(source: OnDisk) -> Any:
    def read(name: str) -> NDArray[Any]:
        try:
            array: NDArray[Any] = np.load(Path(source.folder, name), mmap_mode="r")
        except FileNotFoundError:
            raise ShoalError(
                f"a worker on {socket.gethostname()} cannot read {source.folder}; on several "
                "machines let TMPDIR be a folder that all of them share, or take dask as executor"
            ) from None
        return array

    def part(name: PartName) -> Part:
        def known(what: str) -> NDArray[Any] | None:
            file = f"{name}-{what}.npy"
            return read(file) if Path(source.folder, file).exists() else None

        x, y, scaling = read(source.stored[name]), read(f"{name}-y.npy"), source.scalings[name]
        return Part(x, y, known("weights"), scaling, known("at"))

    parts = {name: part(name) for name in PARTS}
    scale = read("target-scale.npy") if source.task == "regression" else None
    return SimpleNamespace(**parts, task=source.task, target_scale=scale)


class Workers:
    """The workers of a run.

    Args:
        data: the dataset.
        threads: how many threads; None for one per processor. A pool has its own number.
        executor: used instead of threads; its workers must be able to import shoal and, unless
            they are threads or those of dask, to read this machine's temporary folder.

    Raises:
        ShoalError: workers of dask that lack shoal; of others `run` says so.
    """

    def __init__(self, data: Any, threads: int | None, executor: Executor | None) -> None:
        from concurrent.futures import ThreadPoolExecutor

        keep_freed_memory()
        # a pool knows how many workers it has; other executors do not say
        pool = getattr(executor, "_max_workers", None)
        self.count = pool if isinstance(pool, int) else threads or available_threads()
        self._close = ExitStack()
        self.source: DataSource = SameProcess(data)
        self._run = train
        self._dask = DaskWorkers(executor, data) if is_dask(executor) else None
        if self._dask is not None:
            self.source, self.count = OnTheWay(), self._dask.count
        elif executor is None:
            executor = self._close.enter_context(
                ThreadPoolExecutor(self.count, thread_name_prefix="shoal")
            )
        elif not isinstance(executor, ThreadPoolExecutor):
            self.source = on_disk(data)
            self._run = train_elsewhere
        assert executor is not None
        self.executor: Executor = executor

    def close(self) -> None:
        """Stop the threads that are ours."""
        self._close.close()

    @property
    def in_turn(self) -> bool:
        """Whether tasks are made one after another, so that one may wait for what another found."""
        return self._dask is None

    def run(self, tasks: Tasks, count: int, take: Callable[[int, Result], None]) -> None:
        """Do tasks. Only some are under way at a time, so that not all need memory at once.

        Args:
            tasks: each is made when it is its turn.
            count: how many.
            take: called with the number of a task and its result as soon as it is there.

        Raises:
            ShoalError: workers that lack shoal, or an executor that broke. No result is lost that
                was taken before.
        """
        from concurrent.futures import BrokenExecutor, ProcessPoolExecutor

        spare = self.count // max(1, count)
        if spare > 1 and self._run is train:  # in this process several may work on one network
            tasks = (one and (one[0], replace(one[1], threads=spare)) for one in tasks)
        # worker processes have a BLAS of their own, and see to it themselves
        elsewhere = isinstance(self.executor, ProcessPoolExecutor)
        with nullcontext() if elsewhere else one_blas_thread():
            try:
                if self._dask is not None:
                    numbered = list(filter(None, tasks))
                    results = self._dask.run([task for _, task in numbered])
                    for (i, _), result in zip(numbered, results, strict=True):
                        take(i, result)
                    return
                if self._run is train_elsewhere:
                    ask_a_worker(self.executor)
                self._in_turn(tasks, take)
            except Exception as error:
                name = f"executor={type(self.executor).__name__}"
                if _lacks_shoal(error):
                    raise ShoalError(
                        f"{name}: its workers cannot import shoal; install it there, of the same "
                        "version (for dask where the scheduler runs, too)"
                    ) from error
                if isinstance(error, BrokenExecutor) or type(error).__name__ in _BROKEN:
                    raise ShoalError(
                        f"{name} broke: {error or 'a worker died'}; "
                        "give a new one and resume from the last checkpoint"
                    ) from error
                raise

    def _in_turn(self, tasks: Tasks, take: Callable[[int, Result], None]) -> None:
        """Keep every worker busy, with one task more for each to go on with."""
        from concurrent.futures import FIRST_COMPLETED, Future, wait

        under_way: dict[Future[Result], int] = {}

        def collect(most: int) -> None:
            while len(under_way) > most:
                done = wait(under_way, return_when=FIRST_COMPLETED).done
                while done:
                    future = done.pop()
                    take(under_way.pop(future), future.result())
                    del future  # and its rows with it

        try:
            for one in tasks:
                if one is None:
                    collect(len(under_way) - 1)
                    continue
                i, task = one
                under_way[self.executor.submit(self._run, task)] = i
                collect(2 * self.count - 1)
            collect(0)
        finally:
            for future in under_way:
                future.cancel()


_BROKEN = ("KilledWorker", "CommClosedError")
"""What dask calls it if a task kills whoever does it, and if the scheduler is gone."""
_ASKED: WeakSet[Executor] = WeakSet()


def ask_a_worker(executor: Executor) -> None:
    """Ask a worker of an executor once for its versions, by a task that needs nothing of ours.

    A worker process that cannot read a task dies of it, and its pool only says that it broke.

    Raises:
        ImportError: it lacks shoal.
        ShoalError: it has another version of it, or of NumPy.
    """
    if executor in _ASKED:
        return
    for package in SAME:
        question = f"{package}:__version__"
        ours = pkgutil.resolve_name(question)
        theirs = executor.submit(pkgutil.resolve_name, question).result()
        if theirs != ours:
            raise ShoalError(
                f"executor={type(executor).__name__}: its workers have {package} {theirs}, here it "
                f"is {ours}: numbers would differ; install the same everywhere"
            )
    _ASKED.add(executor)


def _lacks_shoal(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, is of an import of shoal that failed."""
    while error is not None:
        if isinstance(error, ImportError) and (error.name or "").partition(".")[0] == "shoal":
            return True
        error = error.__cause__
    return False


def train_elsewhere(task: Task) -> Result:
    """Train a chunk in a process that is not ours."""
    leave_interrupts_to_us()
    keep_freed_memory()
    with _SHARED:
        return train(task)


def chunk_size(row_bytes: int) -> int:
    """Members in a chunk: as many as fit the cache, from 1 to 256.

    >>> chunk_size(500_000)
    8
    """
    return max(1, min(256, CACHE_BYTES // row_bytes))


def cut(rows: NDArray[np.int64], size: int, workers: int) -> list[NDArray[np.int64]]:
    """Rows in chunks of at most `size`, as many for each worker if there are enough.

    >>> [len(chunk) for chunk in cut(np.arange(20), 8, 2)]
    [5, 5, 5, 5]
    """
    if not len(rows):
        return []
    chunks = -(-len(rows) // size)
    chunks = min(len(rows), -(-chunks // workers) * workers)
    return [np.array(chunk) for chunk in np.array_split(rows, chunks)]
