"""dask.distributed as an executor: the same bits, whoever trains them and whoever dies."""

from __future__ import annotations

import gc
import importlib.metadata
import os
import signal
import sys
import time
from concurrent.futures import CancelledError, Executor, Future
from threading import Thread, Timer
from types import SimpleNamespace

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import shoal
from shoal import SGD, Callback, Dataset, Recipe, ShoalError, Trainer, mlp
from shoal.engine import dask_workers
from shoal.engine.dask_workers import ATTEMPTS, DaskWorkers, Parcel, is_dask
from shoal.engine.executor import OnDisk, Workers

distributed = pytest.importorskip("distributed")
cloudpickle = pytest.importorskip("cloudpickle")

RECIPES = {
    "plain": Recipe(mlp([5]), SGD(lr=0.2), batch_size=7),
    "all": Recipe(
        mlp([6, 4], batch_norm=True, dropout=0.3),
        shoal.Adam(lr=0.01),
        batch_size=7,
        weight_decay=1e-3,
    ),
}


@pytest.fixture(scope="module", autouse=True)
def environment():
    """Dask sets variables for its workers, and leaves them behind."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def client(cluster):
    """A cluster whose two workers are both there: one that was killed takes a second to come."""
    cluster.wait_for_workers(2, timeout=60)
    return cluster


@pytest.fixture(scope="module")
def cluster(environment):
    """A cluster of two worker processes of one thread each."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def pids(client) -> list[int]:
    return list(client.run(os.getpid).values())


class Kill(Callback):
    """Kills worker processes as the first epochs end: one, then all."""

    def __init__(self, client, **at: int) -> None:
        self.client, self.at, self.epochs, self.killed = client, at, 0, []

    def on_epoch(self, trainer: Trainer) -> None:
        self.epochs += 1
        count = {self.at.get("one"): 1, self.at.get("all"): None}.get(self.epochs, 0)
        if count != 0:
            for pid in pids(self.client)[:count]:
                os.kill(pid, signal.SIGKILL)
                self.killed.append(pid)


# --- the same bits ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["classes", "regression", "colour images"])
def test_a_cluster_gives_the_bits_of_this_process(client, data_of, all_bits, kind):
    data = data_of(kind)
    here = Trainer(RECIPES, data, epochs=3, seeds=2).run()
    there = Trainer(RECIPES, data, epochs=3, seeds=2, executor=client.get_executor()).run()
    assert all_bits(there) == all_bits(here)


def test_a_round_without_anybody_left_is_nothing_to_do(client, data):
    wild = RECIPES["plain"].replace({"optimizer.lr": 1e30})
    trainer = Trainer(wild, data, steps=20, executor=client.get_executor()).step(10)
    assert (trainer.history.diverged >= 0).all()
    assert trainer.run().done


def test_killed_workers_change_no_bit(client, data, all_bits):
    here = Trainer(RECIPES, data, epochs=8, seeds=3).run()
    kill = Kill(client, one=2, all=4)
    trainer = Trainer(
        RECIPES, data, epochs=8, seeds=3, executor=client.get_executor(), callbacks=[kill]
    )
    assert all_bits(trainer.run()) == all_bits(here)
    assert len(kill.killed) >= 2


def test_a_search_goes_on_when_a_worker_is_killed(client, data):
    space = Recipe(mlp([5]), SGD(lr=shoal.log_uniform(1e-3, 1.0)), batch_size=7)
    settings = {"trials": 9, "epochs": 9, "finalists": 2, "final_seeds": 2}
    here = shoal.search(space, data, **settings)
    kill = Kill(client, one=3)
    there = shoal.search(space, data, **settings, executor=client.get_executor(), callbacks=[kill])
    assert len(kill.killed) == 1
    assert [t.to_dict() for t in there.trials] == [t.to_dict() for t in here.trials]
    assert there.winner.number == here.winner.number
    assert there.test == here.test


class BusyKill(Callback):
    """Kills a worker while it works: a moment after a round began."""

    def __init__(self, client) -> None:
        self.client, self.rounds = client, 0

    def on_round(self, trainer: Trainer) -> None:
        self.rounds += 1
        if self.rounds == 1:
            address, pid = next(iter(self.client.run(os.getpid).items()))
            self.client.submit(die, workers=[address], allow_other_workers=True, pure=False)
            self.pid = pid


def die() -> None:
    """Runs on a worker: its process dies a moment later, in the middle of whatever it does."""
    Timer(0.05, lambda: os.kill(os.getpid(), signal.SIGKILL)).start()


def test_a_worker_that_dies_over_its_work_changes_no_bit(client, all_bits):
    data = shoal.load("digits").take(600)
    recipe = Recipe(mlp([64, 64]), SGD(lr=0.1), batch_size=16)
    # by the slower engine, so that the worker still works when it dies
    settings = {"epochs": 30, "seeds": 6, "engine": "reference"}
    here = Trainer(recipe, data, **settings).run()
    kill = BusyKill(client)
    executor = client.get_executor()
    there = Trainer(recipe, data, **settings, executor=executor, callbacks=[kill]).run()
    assert all_bits(there) == all_bits(here)
    assert kill.pid not in pids(client)


def test_work_that_waits_for_lost_data_is_done_again(client, data, monkeypatch, all_bits):
    here = Trainer(RECIPES, data, epochs=2, seeds=2).run()
    submit, waiting, there_again = DaskWorkers._submit, [Future()], iter([True, False])
    monkeypatch.setattr(dask_workers, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(DaskWorkers, "_data_is_there", lambda self: next(there_again, True))
    monkeypatch.setattr(
        DaskWorkers, "_submit", lambda self, task: waiting.pop() if waiting else submit(self, task)
    )
    there = Trainer(RECIPES, data, epochs=2, seeds=2, executor=client.get_executor()).run()
    assert all_bits(there) == all_bits(here)
    assert not waiting
    assert next(there_again, None) is None


def test_a_cluster_knows_whether_the_data_is_there(client, data):
    workers = DaskWorkers(client.get_executor(), data)
    assert workers._data_is_there()
    dask_workers._SENT[client][data].cancel(force=True)
    for _ in range(100):
        if not workers._data_is_there():
            break
        client.run(os.getpid)
    assert not workers._data_is_there()
    workers.send()


def test_threads_of_one_process_leave_blas_as_it_was(data, all_bits):
    def blas():
        return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

    here = all_bits(Trainer(RECIPES, data, epochs=3, seeds=4).run())
    with (
        threadpool_limits(2, user_api="blas"),
        distributed.LocalCluster(
            processes=False,
            n_workers=1,
            threads_per_worker=3,
            dashboard_address=":0",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = blas()
        executor = client.get_executor()
        assert Workers(data, None, executor).count == 3
        there = Trainer(RECIPES, data, epochs=3, seeds=4, chunk=1, executor=executor).run()
        assert all_bits(there) == here
        assert blas() == before


# --- the data ---------------------------------------------------------------------------------


def test_the_data_travels_once_and_goes_with_the_dataset(client, monkeypatch):
    sent = []
    pack = Parcel.of.__func__
    monkeypatch.setattr(Parcel, "of", classmethod(lambda cls, d: sent.append(1) or pack(cls, d)))
    data = Dataset.from_arrays(np.eye(40), np.arange(40) % 2)
    # the reference engine is there at once; after two seconds dask thins out what lies twice
    settings = {"engine": "reference", "executor": client.get_executor()}
    trainer = Trainer(RECIPES["plain"], data, epochs=3, **settings)
    trainer.step().epoch().run()
    Trainer(RECIPES["plain"], data, epochs=1, **settings).run()
    assert sent == [1]
    key = dask_workers._SENT[client][data].key
    assert len(client.who_has()[key]) == 2  # both workers
    del data, trainer
    gc.collect()
    for _ in range(100):
        if key not in client.who_has():
            return
        client.run(os.getpid)
    pytest.fail("the cluster keeps data that nobody can ask for")


@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_a_parcel_holds_the_data_however_it_lies(data_of, kind):
    data = data_of(kind)
    parcel = Parcel.of(data)
    # as it may come out of a buffer of a network: not aligned
    for name, arrays in parcel.parts.items():
        shifted = []
        for array in arrays:
            if array is None:
                shifted.append(None)
                continue
            raw = np.zeros(array.nbytes + 1, np.uint8)[1:].view(array.dtype)
            raw = raw.reshape(array.shape)
            raw[...] = array
            assert not raw.flags.aligned
            shifted.append(raw)
        parcel.parts[name] = tuple(shifted)
    there = parcel.get()
    for name in ("train", "valid", "test"):
        part = getattr(there, name)
        assert len(part) == len(data.part(name))
        assert part.x.flags.aligned
        np.testing.assert_array_equal(part.x, data.part(name).x)
        np.testing.assert_array_equal(part.y, data.part(name).y)
    np.testing.assert_array_equal(there.target_scale, getattr(data, "target_scale", None))


def test_wide_networks_are_sent_without_a_warning(client, data, all_bits):
    recipe = Recipe(mlp([1800, 1800]), shoal.Adam(), batch_size=7)  # 40 MB: dask would remark on it
    there = Trainer(recipe, data, steps=1, executor=client.get_executor()).run()
    assert all_bits(there) == all_bits(Trainer(recipe, data, steps=1).run())


def test_other_executors_keep_to_files(data, tmp_path):
    assert not is_dask(None)
    source = OnDisk.write(data, str(tmp_path))
    (tmp_path / "valid-x.npy").unlink()
    with pytest.raises(
        ShoalError, match=r"^a worker on .* cannot read .*; on several machines let"
    ):
        source.get()


def ignores_interrupts() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_ctrl_c_on_a_terminal_is_left_to_the_trainer(client):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    data = Dataset.from_arrays(np.eye(40), np.arange(40) % 2)
    Trainer(RECIPES["plain"], data, epochs=1, executor=client.get_executor()).step()
    assert all(client.run(ignores_interrupts).values())
    assert not ignores_interrupts()


# --- what a cluster lacks ---------------------------------------------------------------------


def without_shoal() -> None:
    """Runs on a worker: shoal is not installed there."""

    def version(package):
        if package == "shoal":
            raise importlib.metadata.PackageNotFoundError(package)
        return real(package)

    real, importlib.metadata.version = importlib.metadata.version, version
    importlib.metadata.real = real


def older_numpy() -> None:
    """Runs on a worker: NumPy is another one there."""
    real = importlib.metadata.version
    importlib.metadata.version = lambda p: "1.99" if p == "numpy" else real(p)
    importlib.metadata.real = real


def as_it_was() -> None:
    importlib.metadata.version = importlib.metadata.real


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (without_shoal, r"^the worker at tcp://\S+ lacks shoal; install shoal \d"),
        (older_numpy, r"^the worker at tcp://\S+ has numpy 1.99, here it is \d.*install the same"),
    ],
)
def test_workers_that_would_give_other_numbers_are_refused(client, change, words):
    fresh = Dataset.from_arrays(np.eye(40), np.arange(40) % 2)  # one that was not sent yet
    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers do not have our tests
    client.run(change)
    try:
        with pytest.raises(ShoalError, match=words):
            Trainer(RECIPES["plain"], fresh, epochs=1, executor=client.get_executor()).run()
    finally:
        client.run(as_it_was)


def test_a_client_is_no_executor_but_has_one(client, data):
    with pytest.raises(ShoalError, match=r"futures executor; give client.get_executor\(\)$"):
        Trainer(RECIPES["plain"], data, epochs=1, executor=client)


class Failing(Executor):
    """Every task ends with an error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def submit(self, function, *arguments, **names):
        future: Future = Future()
        future.set_exception(self.error)
        return future


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModuleNotFoundError("no", name="shoal"), r"^executor=Failing: its workers cannot import"),
        (ModuleNotFoundError("no", name="shoal.engine"), r"cannot import shoal; install it there"),
        (
            caused(RuntimeError("deserialization"), ModuleNotFoundError("no", name="shoal")),
            r"cannot import shoal",
        ),
        (
            distributed.KilledWorker("t", SimpleNamespace(address="tcp://a"), 3),
            r"^executor=Failing broke: .*; give a new one and",
        ),
        (
            distributed.comm.CommClosedError("gone"),
            r"^executor=Failing broke: gone; give a new one and",
        ),
    ],
)
def test_an_executor_that_cannot_is_one_clear_line(data, error, words):
    with pytest.raises(ShoalError, match=words):
        Trainer(RECIPES["plain"], data, epochs=1, executor=Failing(error)).run()


def test_other_errors_are_not_explained_away(data):
    with pytest.raises(ModuleNotFoundError, match="numba"):
        Trainer(
            RECIPES["plain"], data, epochs=1,
            executor=Failing(ModuleNotFoundError("no numba", name="numba")),
        ).run()  # fmt: skip


def test_a_cluster_that_dies_again_and_again_is_one_clear_line(client, data, monkeypatch):
    sent = []
    monkeypatch.setattr(DaskWorkers, "send", lambda self: sent.append(1))
    executor = client.get_executor()
    trainer = Trainer(RECIPES["plain"], data, epochs=1, executor=executor)
    workers = DaskWorkers(executor, data)
    monkeypatch.setattr(DaskWorkers, "_submit", lambda *_: Failing(CancelledError()).submit(die))
    with pytest.raises(
        ShoalError, match=rf"^workers of executor=ClientExecutor died {ATTEMPTS} times"
    ):
        workers.run([None])
    assert len(sent) >= ATTEMPTS
    assert trainer.steps_done == 0


def test_a_cluster_without_workers_is_one_clear_line(data, monkeypatch):
    class Empty:
        def wait_for_workers(self, count, timeout):
            raise TimeoutError

        def scatter(self, data, hash):
            raise TimeoutError

    with pytest.raises(ShoalError, match=r"^the cluster has no workers; start some"):
        dask_workers.check_versions(Empty())
    with pytest.raises(ShoalError, match=r"^the cluster has no workers; start some"):
        DaskWorkers._scatter(SimpleNamespace(client=Empty(), data=data))


class Dying:
    """A client whose workers die as they are asked something, so many times."""

    def __init__(self, deaths: int) -> None:
        self.deaths = deaths

    def wait_for_workers(self, count, timeout):
        assert count == 1

    def _dies(self) -> bool:
        self.deaths -= 1
        return self.deaths >= 0

    def scatter(self, data, hash):
        if self._dies():
            raise OSError("the stream is closed")
        return data

    def run(self, function, package, on_error):
        assert on_error == "return"
        found = OSError("timed out") if self._dies() else function(package)
        return {"tcp://a": found} | ({"tcp://b": OSError("gone")} if self.deaths < 0 else {})


def test_workers_that_die_as_they_are_asked_are_left_out(data):
    dask_workers.check_versions(Dying(0))
    dask_workers.check_versions(Dying(ATTEMPTS - 1))
    with pytest.raises(ShoalError, match=r"^the cluster has no workers"):
        dask_workers.check_versions(Dying(ATTEMPTS))


def test_the_data_is_sent_again_if_a_worker_dies_as_it_comes(data):
    def send(deaths):
        return DaskWorkers._scatter(
            SimpleNamespace(client=Dying(deaths), data=data, executor=Failing(OSError()))
        )

    np.testing.assert_array_equal(send(ATTEMPTS - 1).parts["train"][0], data.train.x)
    with pytest.raises(ShoalError, match=rf"^{ATTEMPTS} workers of executor=Failing died as the"):
        send(ATTEMPTS)


def test_a_worker_that_dies_before_it_has_the_data_holds_nobody_up(client):
    data = Dataset.from_arrays(np.ones((4000, 1000)), np.arange(4000) % 2)
    scheduler, killed = client.cluster.scheduler, []

    def kill() -> None:
        """As soon as one worker has the data, the other one dies."""
        while not killed and sending.is_alive():
            time.sleep(0.001)
            tasks = [ts for key, ts in [*scheduler.tasks.items()] if "Parcel" in str(key)]
            for having in [[ws.address for ws in ts.who_has or ()] for ts in tasks if not killed]:
                for nanny in client.cluster.workers.values():
                    if len(having) == 1 and nanny.worker_address not in having:
                        killed.append(nanny.process.pid)
                        os.kill(killed[0], signal.SIGKILL)
                        break

    sending = Thread(target=DaskWorkers, args=(client.get_executor(), data), daemon=True)
    killing = Thread(target=kill, daemon=True)
    sending.start()
    killing.start()
    sending.join(120)
    assert killed
    assert not sending.is_alive()
