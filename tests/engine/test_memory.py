"""Memory: what a run says it takes, what it takes, and arrays larger than it may have."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest

import shoal
from shoal import SGD, Adam, Dataset, Momentum, Recipe, Trainer, mlp
from shoal.engine.engines import cannot_compile
from shoal.engine.memory import CHUNK_BYTES, Memory, chunk_of

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
ENGINES = ("reference", "compiled")


def in_a_process(script: str, *arguments: object) -> list[float]:
    """Numbers that a script prints in a process of its own."""
    if cannot_compile() is None:
        from shoal.engine.compiled.library import library

        library()  # compiled before, not there
    script = textwrap.dedent(SCRIPT) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [float(word) for word in done.stdout.split()]


def write(path, piece, times):
    """An array in a file: a piece of it so many times, one after another."""
    shape = (times * len(piece), *piece.shape[1:])
    x = np.lib.format.open_memmap(path, "w+", piece.dtype, shape)
    for first in range(0, len(x), len(piece)):
        x[first : first + len(piece)] = piece
    x.flush()


SCRIPT = """
    import resource, sys
    import numpy as np
    import shoal
    from shoal import SGD, Adam, Dataset, Recipe, Trainer, mlp

    def status(what):
        with open("/proc/self/status") as lines:
            return 1024 * int(next(line for line in lines if line.startswith(what)).split()[1])

    def warm(engine):  # all that is imported, compiled or kept at the first training
        small = Dataset.from_arrays(np.zeros((20, 2, 2), np.uint8), np.arange(20) % 2)
        Trainer(Recipe(mlp([3]), Adam(), batch_size=4), small, steps=1, engine=engine).run()
"""


@linux
@pytest.mark.slow
@pytest.mark.parametrize(("layers", "rule", "slots"), [(5, "SGD", 0), (6, "Adam", 2)])
def test_1000_members_train_in_less_than_2_gib(layers, rule, slots):
    script = """
        layers, rule = int(sys.argv[1]), sys.argv[2]
        x = np.random.default_rng(0).integers(0, 256, (600, 28, 28), dtype=np.uint8)
        data = Dataset.from_arrays(x, np.arange(600) % 10, valid=50, test=50)
        warm("auto")
        before = status("VmHWM")
        recipe = Recipe(mlp([100] * layers), getattr(shoal, rule)(), batch_size=100)
        trainer = Trainer(recipe, data, steps=3, seeds=1000)
        memory = trainer.memory
        trainer.step(2).run()
        assert np.isfinite(trainer.history.final("valid_loss")).all()
        print(before, status("VmHWM"), memory.state, memory.in_flight, memory.history)
    """
    before, peak, state, in_flight, history = in_a_process(script, layers, rule)
    weights = 4 * 1000 * (784 * 100 + (layers - 1) * 100 * 100 + 100 * 10 + layers * 100 + 10)
    assert state == (1 + slots) * weights
    assert peak < 2 * 2**30
    assert peak - before <= (2 + slots) * weights + in_flight + history


@linux
@pytest.mark.parametrize("engine", ENGINES)
def test_an_array_in_a_file_needs_no_memory_of_its_size(engine, tmp_path):
    """235 MB of bytes, 940 MB of float32, where no more than 150 MB may be had for all."""
    piece = np.random.default_rng(0).integers(0, 256, (20_000, 28, 28), np.uint8)
    write(tmp_path / "x.npy", piece, times=15)
    script = """
        file, engine = sys.argv[1:]
        warm(engine)
        most = 150 * 10**6  # OpenBLAS alone wants some 32 MB for every thread
        limit = status("VmData") + most
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        x = np.load(file, mmap_mode="r")
        data = Dataset.from_arrays(x, np.arange(len(x)) % 10)
        recipe = Recipe(mlp([20]), SGD(lr=0.01), batch_size=100)
        settings = {"evaluate_rows": 2000, "engine": engine, "threads": 2}
        trainer = Trainer(recipe, data, steps=30, seeds=2, **settings).run()
        assert np.isfinite(trainer.history.final("valid_loss")).all()
        data.fingerprint, data.describe()
        trainer.shoal.ensemble().predictions("test")
        try:
            np.ones(x.size, np.uint8)
        except MemoryError:
            print(x.nbytes, most)
    """
    size, most = in_a_process(script, tmp_path / "x.npy", engine)
    assert size > 1.5 * most  # the array itself would not have fitted


@linux
@pytest.mark.parametrize("engine", ENGINES)
def test_standardised_columns_of_a_file_are_made_as_they_are_used(engine, tmp_path):
    piece = np.random.default_rng(0).standard_normal((20_000, 100), np.float32)
    write(tmp_path / "x.npy", 3 * piece + 1, times=20)
    script = """
        file, engine = sys.argv[1:]
        warm(engine)
        import sklearn.preprocessing
        most = 120 * 10**6
        limit = status("VmData") + most
        resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        x = np.load(file, mmap_mode="r")
        data = Dataset.from_arrays(x, np.arange(len(x)) % 5)
        recipe = Recipe(mlp([20]), SGD(lr=0.01), batch_size=100)
        settings = {"evaluate_rows": 2000, "engine": engine, "threads": 2}
        trainer = Trainer(recipe, data, steps=30, seeds=2, **settings).run()
        sample = data.train.inputs(slice(0, 5000))
        print(x.nbytes, most, sample.mean(), sample.std(), trainer.history.final("loss").max())
    """
    size, most, mean, std, loss = in_a_process(script, tmp_path / "x.npy", engine)
    assert size > 1.3 * most
    assert abs(mean) < 0.01
    assert abs(std - 1) < 0.01
    assert np.isfinite(loss)


def test_what_a_run_says_it_takes(data):
    recipe = Recipe(mlp([7], batch_norm=True), Adam(), batch_size=7)
    trainer = Trainer(recipe, data, epochs=2, seeds=5, keep_best="valid_loss", threads=2, chunk=2)
    layers = trainer.shoal.weights(0)
    size = sum(array.size for layer in layers for array in layer.values()) - 2 * 7  # all trained
    memory = trainer.memory
    assert memory.state == 4 * 5 * (3 * size + 2 * 7)
    assert memory.best == 4 * 5 * (size + 2 * 7)
    assert memory.history == 5 * (2 * 4 * 2 * 5 + 8 * 2 * 6)  # 10 steps; 2 evaluations of 6
    arrays = [(p.x, p.y) for p in (data.train, data.valid, data.test)]
    assert memory.data == sum(x.nbytes + y.nbytes for x, y in arrays)
    assert memory.in_flight >= 2 * 2 * 4 * (3 * size + 2 * 7)
    parts = memory.state, memory.best, memory.history, memory.data, memory.in_flight
    assert memory.total == sum(parts)
    trainer.drop([0, 1])  # the others lie in the memory of all
    assert (trainer.memory.state, trainer.memory.best) == (memory.state, memory.best)
    trainer.drop([2, 3])  # one of five is less than a quarter
    assert 5 * trainer.memory.state == memory.state
    assert 5 * trainer.memory.best == memory.best


def test_memory_in_words():
    text = str(Memory(10, 10 * 2**20, 0, 3 * 2**10, 2**30, 100))
    assert text == (
        "1.0 GiB: members 10 MiB (1.0 MiB each), history 3.0 KiB, in flight 1.0 GiB, data 100 bytes"
    )


@pytest.mark.parametrize("rule", [SGD(), Momentum(), Adam()])
def test_chunks_of_many_members_are_a_small_part_of_them(rule):
    data = shoal.load("digits").take(50)
    trainer = Trainer(Recipe(mlp([100]), rule, batch_size=10), data, steps=1, seeds=3000)
    (cohort,) = trainer._cohorts
    row = trainer.memory.state // 3000
    assert chunk_of(cohort, 1) * row <= max(CHUNK_BYTES, row)
    wide = Trainer(Recipe(mlp([3000, 3000]), rule, batch_size=10), data, steps=1, seeds=1)
    assert chunk_of(wide._cohorts[0], 2) == 1


class Falters(ThreadPoolExecutor):
    """An executor that breaks at one task, and is mended after."""

    def __init__(self, at: int) -> None:
        super().__init__(2)
        self.at = at

    def submit(self, function, /, *arguments, **names):
        self.at -= 1
        if self.at == 0:
            future: Future = Future()
            future.set_exception(OSError("the machine is gone"))
            return future
        return super().submit(function, *arguments, **names)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("at", [1, 4, 9])  # in the first round, or in the second
@pytest.mark.parametrize("then", ["run", "step", "save", "rows"])
def test_a_round_that_broke_off_is_finished_first(data, all_bits, engine, at, then, tmp_path):
    recipe = Recipe(mlp([5], dropout=0.1), Adam(), batch_size=8)
    settings = {"epochs": 3, "seeds": 6, "chunk": 1, "engine": engine}
    wanted = all_bits(Trainer(recipe, data, **settings).run())
    with Falters(at) as executor:
        trainer = Trainer(recipe, data, executor=executor, **settings)
        with pytest.raises(OSError, match="gone"):
            trainer.step(2).run()
        assert trainer._left
        if then == "save":
            trainer.save(tmp_path)
            trainer = Trainer.resume(tmp_path, data)
        elif then == "rows":
            assert np.isfinite(trainer.rows.theta).all()
        elif then == "step":
            trainer.step()
        assert not trainer._left or then == "run"
        assert all_bits(trainer.run()) == wanted


def test_data_in_a_file_counts_for_nothing(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((40, 3, 3), np.uint8))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    data = Dataset.from_arrays(x, np.arange(40) % 2, valid=0, test=0)
    trainer = Trainer(Recipe(mlp([2]), SGD(), batch_size=4), data, steps=1)
    assert trainer.memory.data == 8 * 40  # the labels
