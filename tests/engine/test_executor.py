"""Where chunks run: how they are cut, how BLAS is kept to one thread, what is left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_info, threadpool_limits

from shoal import SGD, Callback, Dataset, Recipe, ShoalError, Trainer, mlp
from shoal import __version__ as VERSION
from shoal.engine.executor import (
    OnDisk,
    Workers,
    available_threads,
    chunk_size,
    cut,
    on_disk,
    one_blas_thread,
)

RECIPE = Recipe(mlp([5]), SGD(), batch_size=16)


@given(st.integers(0, 300), st.integers(1, 40), st.integers(1, 9))
def test_chunks_hold_every_row_once_and_in_order(rows, size, workers):
    chunks = cut(np.arange(rows), size, workers)
    assert [row for chunk in chunks for row in chunk] == list(range(rows))
    assert all(0 < len(chunk) <= size for chunk in chunks)


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 9))
def test_every_worker_gets_as_much_as_the_others(rows, size, workers):
    chunks = cut(np.arange(rows), size, workers)
    assert len(chunks) % workers == 0 or len(chunks) == rows  # one member each is all there is
    lengths = {len(chunk) for chunk in chunks}
    assert max(lengths) - min(lengths) <= 1


def test_chunks_fit_the_cache():
    assert chunk_size(1) == 256
    assert chunk_size(10**6) == 4
    assert chunk_size(10**9) == 1


def test_there_is_a_thread_for_every_processor_of_this_process():
    assert 1 <= available_threads() <= (os.cpu_count() or 1)


def blas_threads() -> list[int]:
    return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]


@pytest.fixture
def two_blas_threads():
    """BLAS as it is on most machines."""
    with threadpool_limits(2, user_api="blas"):
        if set(blas_threads()) != {2}:
            pytest.skip("this BLAS cannot be told how many threads to use")
        yield


class BlasThreads(Callback):
    """Notes the number of BLAS threads between rounds."""

    def on_start(self, trainer: Trainer) -> None:
        self.seen: list[int] = []

    def on_step(self, trainer: Trainer) -> None:
        self.seen += blas_threads()


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_has_one_thread_while_training_and_its_own_number_afterwards(data, monkeypatch):
    during: list[int] = []
    from shoal.engine import chunk, executor

    def spy(task):
        during.extend(blas_threads())
        return chunk.train(task)

    monkeypatch.setattr(executor, "train", spy)
    callback = BlasThreads()
    trainer = Trainer(RECIPE, data, epochs=2, callbacks=[callback]).run()
    trainer.shoal.outputs(data.test.x)
    assert set(during) == {1}
    assert set(callback.seen) == {2}
    assert set(blas_threads()) == {2}


@pytest.mark.usefixtures("two_blas_threads")
def test_blas_gets_its_threads_back_after_an_error():
    with pytest.raises(ZeroDivisionError), one_blas_thread():
        raise ZeroDivisionError
    assert set(blas_threads()) == {2}


def test_overlapping_runs_leave_blas_as_it_was(data):
    before = blas_threads()
    short = Trainer(RECIPE, data, epochs=3, callbacks=[BlasThreads()])
    long = Trainer(RECIPE, data, epochs=9, callbacks=[BlasThreads()])
    threads = [threading.Thread(target=trainer.run) for trainer in (short, long)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert short.done
    assert long.done
    assert blas_threads() == before


def test_no_thread_is_left_behind(data):
    before = set(threading.enumerate())
    Trainer(RECIPE, data, epochs=2, threads=3).run().shoal.outputs(data.test.x)
    Trainer(RECIPE, data, epochs=2, threads=3).step().epoch()
    assert set(threading.enumerate()) == before


def test_no_thread_is_left_behind_by_an_error(data):
    class Oops(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            raise ZeroDivisionError

    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        Trainer(RECIPE, data, epochs=2, threads=3, callbacks=[Oops()]).run()
    assert set(threading.enumerate()) == before


def test_a_given_executor_stays_open(data):
    with ThreadPoolExecutor(1) as pool:
        Trainer(RECIPE, data, epochs=1, executor=pool).run()
        assert pool.submit(lambda: 7).result() == 7


@pytest.mark.parametrize("kind", ["classes", "regression", "colour images"])
def test_data_on_disk_is_the_same_data(data_of, tmp_path, kind):
    data = data_of(kind)
    mapped = OnDisk.write(data, str(tmp_path)).get()
    assert mapped.task == data.task
    for part in ("train", "valid", "test"):
        for array in ("x", "y"):
            np.testing.assert_array_equal(
                getattr(getattr(mapped, part), array), getattr(data.part(part), array)
            )
        assert len(getattr(mapped, part)) == len(data.part(part))
    if kind == "regression":
        np.testing.assert_array_equal(mapped.target_scale, data.target_scale)


def test_empty_parts_can_be_on_disk(tmp_path):
    data = Dataset.from_arrays(np.eye(4), [0, 1, 0, 1], valid=0, test=0)
    assert len(OnDisk.write(data, str(tmp_path)).get().valid) == 0


def spawn(workers: int = 1) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


def test_files_for_other_processes_are_written_once_and_deleted_with_the_data():
    data = Dataset.from_arrays(np.eye(40), np.arange(40) % 2)
    with spawn() as pool:
        folders = {Workers(data, None, pool).source.folder for _ in range(3)}
        [folder] = map(Path, folders)
        written = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        trainer = Trainer(RECIPE, data, epochs=2, executor=pool).step().step().run()
        assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == written
    del data, trainer
    gc.collect()
    assert not folder.exists()


def test_files_that_somebody_deletes_are_written_again():
    data = Dataset.from_arrays(np.eye(40), np.arange(40) % 2)
    first = on_disk(data)
    shutil.rmtree(first.folder)
    assert len(on_disk(data).get().train) == len(data.train)


def test_a_pool_has_its_own_number_of_workers(data):
    with ThreadPoolExecutor(3) as threads, spawn(5) as processes:
        assert Workers(data, None, threads).count == 3
        assert Workers(data, 2, processes).count == 5
    own = Workers(data, 4, None)
    assert own.count == 4
    own.close()


def test_a_run_in_processes_of_its_own_takes_no_turn(data, all_bits):
    expected = all_bits(Trainer(RECIPE, data, epochs=1).run())
    done: list[Trainer] = []
    with spawn() as pool:
        other = Trainer(RECIPE, data, epochs=1, executor=pool)
        thread = threading.Thread(target=lambda: done.append(other.run()))
        with one_blas_thread():  # a run in threads that never ends
            thread.start()
            thread.join(timeout=120)
            assert done == [other]
    assert all_bits(other) == expected


class Broken(ThreadPoolExecutor):
    """Breaks at the third task."""

    count = 0

    def submit(self, *arguments, **names):
        self.count += 1
        if self.count == 3:
            raise BrokenProcessPool("a child was killed")
        return super().submit(*arguments, **names)


def test_an_executor_that_breaks_is_one_clear_error_and_loses_nothing(data, bits):
    with Broken(1) as pool:
        trainer = Trainer(RECIPE, data, epochs=2, executor=pool)
        trainer.step(2)
        with pytest.raises(ShoalError, match=r"^executor=Broken broke: a child was killed; give"):
            trainer.step(2).step(2)
    reference = Trainer(RECIPE, data, epochs=2).step(2)
    assert trainer.steps_done == 4
    assert bits(reference.step(2)) == bits(trainer)


def test_a_killed_process_is_one_clear_error(data):
    class Kill(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            for process in list(pool._processes.values()):
                process.kill()

    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        trainer = Trainer(RECIPE, data, epochs=4, executor=pool, callbacks=[Kill()])
        with pytest.raises(ShoalError, match=r"^executor=ProcessPoolExecutor broke: "):
            trainer.run()
    assert trainer.epochs_done == 1


@pytest.mark.parametrize(
    ("there", "words"),
    [
        (
            "import sys; sys.modules['shoal'] = None",
            r"^executor=ProcessPoolExecutor: its workers cannot import shoal; install it there",
        ),
        (
            "import sys, types; sys.modules['shoal'] = m = types.ModuleType('shoal');"
            "m.__version__ = '0.0.1'",
            rf"^executor=ProcessPoolExecutor: its workers have shoal 0.0.1, here it is {VERSION}",
        ),
        (
            "import numpy; numpy.__version__ = '1.0'",
            r"^executor=ProcessPoolExecutor: its workers have numpy 1.0, here it is 2",
        ),
    ],
)
def test_processes_that_lack_shoal_are_one_clear_line(data, there, words):
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, spawned, initializer=exec, initargs=(there,)) as pool:
        trainer = Trainer(RECIPE, data, epochs=1, executor=pool)
        with pytest.raises(ShoalError, match=words):
            trainer.run()
    assert trainer.steps_done == 0


def test_a_worker_is_asked_once(data):
    with spawn() as pool:
        asked: list[object] = []
        submit = pool.submit
        pool.submit = lambda function, *given: asked.append(function) or submit(function, *given)
        Trainer(RECIPE, data, epochs=1, executor=pool).step().step()
        Trainer(RECIPE, data, epochs=1, executor=pool).step()
    assert [function.__name__ for function in asked] == ["resolve_name"] * 2 + [
        "train_elsewhere"
    ] * 3
