"""Driving a shoal: to the end or in steps, told by callbacks, stopped, killed and resumed."""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import (
    SGD,
    Adam,
    Callback,
    Cosine,
    Dataset,
    Equal,
    Member,
    Momentum,
    Network,
    Progress,
    Recipe,
    ShoalError,
    Trainer,
    mlp,
)
from shoal.engine import checkpoint
from shoal.engine.cohort import Cohort
from shoal.engine.kept import packed
from shoal.engine.trainer import STATE

PLAIN = Recipe(mlp([5]), SGD(lr=0.1), batch_size=16)
ARMS = {
    "plain": PLAIN,
    "all of it": Recipe(
        mlp([6, 4], batch_norm=True, dropout=0.2),
        Adam(lr=0.01),
        schedule=Cosine(),
        weight_decay=0.01,
        clip_norm=1.0,
        batch_size=10,
    ),
    "wild": PLAIN.replace({"optimizer.lr": 1e30}),
    "momentum": Recipe(mlp([5]), Momentum(lr=0.05), batch_size=16),
}


class Diary(Callback):
    """Notes the steps done at every event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def on_start(self, trainer: Trainer) -> None:
        self.events.append(("start", trainer.steps_done))

    def on_end(self, trainer: Trainer) -> None:
        self.events.append(("end", trainer.steps_done))


class StepDiary(Diary):
    def on_step(self, trainer: Trainer) -> None:
        self.events.append(("step", trainer.steps_done))


class EpochDiary(Diary):
    def on_epoch(self, trainer: Trainer) -> None:
        self.events.append(("epoch", trainer.steps_done))


class RoundDiary(Diary):
    def on_round(self, trainer: Trainer) -> None:
        self.events.append(("round", trainer.steps_done))


# How far


def test_an_epoch_is_a_whole_number_of_steps(data, all_bits):
    epochs, steps = (Trainer(PLAIN, data, **far).run() for far in ({"epochs": 4}, {"steps": 12}))
    assert epochs.total_steps == steps.total_steps == epochs.steps_done == 12
    assert epochs.epochs_done == 4
    assert all_bits(epochs) == all_bits(steps)


def test_members_with_other_batch_sizes_share_epochs_or_steps(data):
    arms = {"16": PLAIN, "8": PLAIN.replace({"batch_size": 8})}
    trainer = Trainer(arms, data, epochs=2)
    assert trainer.total_steps == 10
    trainer.epoch()
    assert [len(trainer.history.curve(i, "loss").steps) for i in (0, 1)] == [3, 5]
    assert trainer.run().done
    assert [len(trainer.history.curve(i, "loss").steps) for i in (0, 1)] == [6, 10]
    trainer = Trainer(arms, data, steps=7).run()
    assert [len(trainer.history.curve(i, "loss").steps) for i in (0, 1)] == [7, 7]


def test_steps_and_epochs_end_with_the_run(data, bits):
    trainer = Trainer(PLAIN, data, epochs=2).step(4)
    assert not trainer.done
    trainer.step(100)
    assert trainer.done
    assert trainer.steps_done == 6
    done = bits(trainer)
    assert bits(trainer.step().epoch().run()) == done


def test_a_run_can_end_in_the_middle_of_an_epoch(data):
    trainer = Trainer(PLAIN, data, steps=4).epoch().epoch()
    assert trainer.done
    assert trainer.epochs_done == 1


# Callbacks


def test_on_step_is_told_of_every_step(data):
    diary = StepDiary()
    Trainer(ARMS, data, epochs=2, callbacks=[diary]).run()
    assert diary.events == [("start", 0), *(("step", s) for s in range(1, 9)), ("end", 8)]


def test_on_epoch_is_told_of_every_epoch(data):
    diary = EpochDiary()
    Trainer(PLAIN, data, steps=8, callbacks=[diary]).run()
    assert diary.events == [("start", 0), ("epoch", 3), ("epoch", 6), ("end", 8)]


def test_on_epoch_waits_for_every_member(data):
    arms = {"16": PLAIN, "8": PLAIN.replace({"batch_size": 8})}
    seen = []

    class Look(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            lengths = (len(trainer.history.curve(i, "loss").steps) for i in (0, 1))
            seen.append((trainer.epochs_done, *lengths))

    Trainer(arms, data, epochs=3, callbacks=[Look()]).run()
    assert [epoch for epoch, *_ in seen] == [1, 2, 3]
    for epoch, sixteen, eight in seen:
        assert sixteen >= 3 * epoch
        assert eight >= 5 * epoch


def test_on_round_is_told_at_least_once_and_rounds_grow(data, monkeypatch):
    def rounds():
        diary = RoundDiary()
        Trainer(PLAIN, data, steps=200, callbacks=[diary]).run()
        return [step for event, step in diary.events if event == "round"]

    assert rounds() == [200]  # so little is done at once
    monkeypatch.setattr("shoal.engine.trainer.FIRST_ROUND", {"compiled": 1, "reference": 1})
    grown = rounds()
    assert grown[0] == 1
    assert grown[-1] == 200
    assert len(grown) < 50


def test_a_run_that_goes_on_need_not_begin_with_small_rounds(data, monkeypatch):
    monkeypatch.setattr("shoal.engine.trainer.FIRST_ROUND", {"compiled": 1, "reference": 1})
    diary = RoundDiary()
    trainer = Trainer(PLAIN, data, steps=400, callbacks=[diary]).run(until=200)
    before = len(diary.events)
    trainer.run()
    first = next(step for event, step in diary.events[before:] if event == "round")
    assert first > 201


def test_members_of_one_seed_and_init_are_drawn_once(data, monkeypatch):
    drawn, init = [], Network.init

    def note(network, seed, in_shape, rule):
        drawn.append((seed, rule))
        return init(network, seed, in_shape, rule)

    monkeypatch.setattr(Network, "init", note)
    network = mlp([4], batch_norm=True)
    recipes = [
        Recipe(network, Adam(lr=lr), init=init, batch_size=8)
        for lr in (0.1, 0.2)
        for init in ("he", 0.5, Equal(0.1))
    ]
    members = [Member(recipe, seed) for recipe in recipes for seed in (3, 4)]
    rows = Trainer(members, data, steps=1).rows
    assert sorted(map(str, drawn)) == sorted(
        str((seed, init)) for seed in (3, 4) for init in ("he", 0.5, Equal(0.1))
    )
    for i, member in enumerate(members):
        alone = Trainer([member], data, steps=1).rows
        np.testing.assert_array_equal(rows.theta[i], alone.theta[0])
        np.testing.assert_array_equal(rows.running[i], alone.running[0])


def chunks_of(recipe, data, monkeypatch, **settings):
    """How many members each task has, of a run of one epoch."""
    from shoal.engine import executor

    sizes, run = [], executor.train
    monkeypatch.setattr(executor, "train", lambda t: sizes.append(len(t.rows.theta)) or run(t))
    Trainer(recipe, data, epochs=1, threads=2, **settings).run()
    return sizes


def test_members_with_little_to_do_share_a_chunk_the_others_are_spread(data, monkeypatch):
    tiny, large = Recipe(mlp([4]), Adam(), batch_size=8), Recipe(mlp([4000, 1000]), Adam())
    large = large.replace({"batch_size": 8})
    assert chunks_of(tiny, data, monkeypatch, seeds=6, engine="compiled") == [3, 3]
    assert set(chunks_of(large, data, monkeypatch, seeds=4, engine="compiled")) == {1}


def test_step_and_epoch_tell_callbacks_too(data):
    class Both(StepDiary, EpochDiary):
        pass

    diary = Both()
    Trainer(PLAIN, data, epochs=2, callbacks=[diary]).step(2).epoch().epoch()
    assert diary.events == [("step", 2), ("step", 3), ("epoch", 3), ("step", 6), ("epoch", 6)]


def test_callbacks_change_no_bit(data, all_bits):
    quiet = all_bits(Trainer(ARMS, data, epochs=3).run())
    for diary in (StepDiary(), EpochDiary(), RoundDiary()):
        assert all_bits(Trainer(ARMS, data, epochs=3, callbacks=[diary]).run()) == quiet


def test_a_callback_can_stop_the_run_which_can_go_on(data, all_bits):
    class Stop(EpochDiary):
        def on_epoch(self, trainer: Trainer) -> None:
            super().on_epoch(trainer)
            if trainer.epochs_done == 2:
                trainer.stop()

    diary = Stop()
    trainer = Trainer(PLAIN, data, epochs=4, callbacks=[diary]).run()
    assert diary.events == [("start", 0), ("epoch", 3), ("epoch", 6), ("end", 6)]
    assert not trainer.done
    assert not trainer.interrupted
    assert all_bits(trainer.run()) == all_bits(Trainer(PLAIN, data, epochs=4).run())


def test_a_callback_is_told_of_the_end_even_if_the_run_fails(data):
    class Oops(StepDiary):
        def on_step(self, trainer: Trainer) -> None:
            raise ZeroDivisionError

    diary = Oops()
    with pytest.raises(ZeroDivisionError):
        Trainer(PLAIN, data, epochs=4, callbacks=[diary]).run()
    assert diary.events == [("start", 0), ("end", 1)]


# Resume


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    sampling=st.sampled_from(["epochs", "replacement"]),
    threads=st.integers(1, 3),
    chunk=st.none() | st.integers(1, 3),
)
def test_a_run_resumed_at_any_steps_is_the_run_itself(
    data, all_bits, cuts, sampling, threads, chunk
):
    run: dict[str, Any] = {"epochs": 3, "seeds": 2, "sampling": sampling}
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(ARMS, data, folder=folder, **run)
        for count in cuts:
            trainer.step(count).save(folder)
            trainer = Trainer.resume(folder, data, threads=threads, chunk=chunk)
        resumed = trainer.run()
        assert resumed.members == trainer.members
        assert resumed.done
        uninterrupted = all_bits(Trainer(ARMS, data, **run).run())
        assert all_bits(resumed) == uninterrupted
        assert all_bits(Trainer.resume(folder, data)) == uninterrupted  # saved at the end


def test_regression_resumes_too(data_of, all_bits, tmp_path):
    data = data_of("regression")
    arms = {name: ARMS[name] for name in ("plain", "all of it")}
    Trainer(arms, data, epochs=3, folder=tmp_path).step(5).save(tmp_path)
    resumed = Trainer.resume(tmp_path, data).run()
    assert all_bits(resumed) == all_bits(Trainer(arms, data, epochs=3).run())


def test_resume_true_begins_or_goes_on(data, all_bits, tmp_path):
    folder = tmp_path / "new" / "run"
    first = Trainer(ARMS, data, epochs=3, folder=folder, resume=True)
    assert first.steps_done == 0
    first.step(4).save(folder)
    second = Trainer(ARMS, data, epochs=3, folder=folder, resume=True)
    assert second.steps_done == 4
    assert all_bits(second.run()) == all_bits(Trainer(ARMS, data, epochs=3).run())


def test_seeds_and_recipes_of_numpy_can_be_saved(data, tmp_path):
    members = [
        Member(PLAIN.replace({"optimizer.lr": lr}), seed, f"lr {lr}")
        for lr in np.logspace(-3, -1, 3)
        for seed in np.arange(2)
    ]
    trainer = Trainer(members, data, epochs=np.int64(2), folder=tmp_path).run()
    assert Trainer.resume(tmp_path, data).members == trainer.members


def test_a_run_is_saved_now_and_then(data, tmp_path):
    saved = []

    class Look(Callback):
        def on_step(self, trainer: Trainer) -> None:
            saved.append(Trainer.resume(tmp_path, data).steps_done)

    run = {"steps": 6, "callbacks": [Look()]}
    Trainer(PLAIN, data, folder=tmp_path, checkpoint_seconds=0, **run).run()
    assert saved == [0, 1, 2, 3, 4, 5]
    saved.clear()
    (tmp_path / STATE).unlink()
    Trainer(PLAIN, data, folder=tmp_path, checkpoint_seconds=1000, **run).run()
    assert saved == [0] * 6
    assert Trainer.resume(tmp_path, data).steps_done == 6


def test_a_run_killed_before_its_first_step_begins_again(data, tmp_path, all_bits):
    Trainer(PLAIN, data, steps=6, folder=tmp_path)
    assert (tmp_path / STATE).stat().st_size < 4000  # first weights follow from the recipe
    assert all_bits(Trainer.resume(tmp_path, data).run()) == all_bits(
        Trainer(PLAIN, data, steps=6).run()
    )


def test_a_run_may_leave_saving_to_who_asked(data, tmp_path):
    trainer = Trainer(PLAIN, data, steps=6, folder=tmp_path).run(until=3, save=False)
    assert Trainer.resume(tmp_path, data).steps_done == 0
    trainer.run()
    assert Trainer.resume(tmp_path, data).steps_done == 6


@pytest.fixture
def saved(data, tmp_path) -> Path:
    """The folder of a run that has made five steps."""
    Trainer(PLAIN, data, epochs=3, folder=tmp_path).step(5).save(tmp_path)
    return tmp_path


def test_a_folder_that_holds_a_run_is_not_overwritten(data, saved):
    before = (saved / STATE).read_bytes()
    with pytest.raises(ShoalError, match=r"^folder=.* holds a run; resume it, or give another"):
        Trainer(PLAIN, data, epochs=3, folder=saved)
    assert (saved / STATE).read_bytes() == before


@pytest.mark.parametrize(
    ("what", "changed"),
    [
        ("other settings", {"epochs": 4}),
        ("other settings", {"epochs": None, "steps": 9}),
        ("other settings", {"sampling": "replacement"}),
        ("other settings", {"evaluate_every": 2}),
        ("other settings", {"evaluate_rows": 5}),
        ("other settings", {"evaluate_parts": ["valid"]}),
        ("other arms or seeds", {"seeds": 2}),
        ("other arms or seeds", {"recipes": {"renamed": PLAIN}}),
        ("other recipes", {"recipes": PLAIN.replace({"optimizer.lr": 0.2})}),
    ],
)
def test_another_run_is_not_resumed(data, saved, what, changed):
    before = (saved / STATE).read_bytes()
    run = {"recipes": PLAIN, "epochs": 3, "folder": saved, "resume": True} | changed
    with pytest.raises(ShoalError, match=rf"^folder=.* holds a run with {what}; give another"):
        Trainer(run.pop("recipes"), data, **run)
    assert (saved / STATE).read_bytes() == before


def test_a_run_is_not_resumed_on_other_data(data, data_of, saved):
    other = replace(data, train=type(data.train)(data.train.x + 1e-6, data.train.y))
    for different in (other, data_of("classes", 34), data_of("images")):
        with pytest.raises(ShoalError, match=r"^folder=.* holds a run with other data; give"):
            Trainer.resume(saved, different)


def test_a_folder_without_a_run_is_not_resumed(data, tmp_path):
    for folder in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ShoalError, match=r"^no checkpoint at .*; give the folder of a run$"):
            Trainer.resume(folder, data)


def test_a_damaged_checkpoint_is_one_clear_error(data, saved):
    whole = (saved / STATE).read_bytes()
    flipped = bytearray(whole)
    flipped[-100] ^= 1
    for content in (whole[:-1], whole[:100], b"", b"something else", bytes(flipped)):
        (saved / STATE).write_bytes(content)
        for again in (
            lambda: Trainer.resume(saved, data),
            lambda: Trainer(PLAIN, data, epochs=3, folder=saved, resume=True),
        ):
            with pytest.raises(ShoalError, match=r"is damaged .*; start anew$"):
                again()


def test_a_checkpoint_of_another_version_is_refused(data, saved):
    arrays, facts = checkpoint.load(saved / STATE)
    checkpoint.save(saved / STATE, arrays, facts | {"format": 99})
    with pytest.raises(ShoalError, match=r"has format 99, this version of shoal reads format 4"):
        Trainer.resume(saved, data)


def test_an_unwritable_folder_is_found_out_before_training(data, tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ShoalError, match=r"^cannot write .*: .* is no folder$"):
            Trainer(PLAIN, data, epochs=3, folder=folder)


def test_what_a_kill_left_behind_does_not_matter(data, saved, all_bits):
    (saved / f".{STATE}-abc123").write_bytes((saved / STATE).read_bytes()[:50])
    resumed = Trainer.resume(saved, data).run()
    assert all_bits(resumed) == all_bits(Trainer(PLAIN, data, epochs=3).run())


# Killed and interrupted: real processes, real signals

SETUP = """
import sys
import time
from pathlib import Path
import numpy as np
from shoal import *

rng = np.random.default_rng(0)
x = rng.standard_normal((60, 12))
data = Dataset.from_arrays(x, (x[:, 0] > 0) + (x[:, 1] > 0), valid=8, test=7)
arms = {
    "SGD": Recipe(mlp([16]), SGD(lr=0.1), batch_size=16),
    "wild": Recipe(mlp([16]), SGD(lr=1e30), batch_size=16),
    "Adam": Recipe(mlp([150, 100], batch_norm=True, dropout=0.2), Adam(), batch_size=16),
}
STEPS = 120
"""
PROGRAM = (
    SETUP
    + """
class Say(Callback):
    def on_step(self, trainer):
        print(trainer.steps_done, flush=True)
        while trainer.steps_done == 5 and not go.exists():
            time.sleep(0.001)

go = Path(sys.argv[2])
trainer = Trainer(arms, data, steps=STEPS, seeds=2, folder=sys.argv[1], resume=True,
                  checkpoint_seconds=0, callbacks=[Say()])
trainer.run()
print("interrupted" if trainer.interrupted else "done", trainer.steps_done)
"""
)
IN_PROCESSES = """
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from program_setup import *

if __name__ == "__main__":
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        class Say(Callback):
            def on_round(self, trainer):
                print(trainer.steps_done, flush=True)

        trainer = Trainer(arms, data, steps=100_000, folder=sys.argv[1], executor=pool,
                          callbacks=[Say()])
        trainer.run()
        print("interrupted" if trainer.interrupted else "done", trainer.steps_done)
"""


@pytest.fixture(scope="module")
def uninterrupted(all_bits) -> tuple[Dataset, list[dict[str, str]]]:
    """The data of the program above, and the bits at the end of its run."""
    names: dict[str, Any] = {}
    exec(SETUP, names)
    trainer = Trainer(names["arms"], names["data"], steps=names["STEPS"], seeds=2).run()
    assert (trainer.history.diverged >= 0).sum() == 2
    return names["data"], all_bits(trainer)


def wait_for_step(process: Any) -> None:
    assert process.stdout.readline(), process.stderr.read()


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_with_the_same_bits(
    python, tmp_path, uninterrupted, all_bits
):
    data, expected = uninterrupted
    killed_at: list[int] = []
    go = tmp_path / "go"
    chance = random.Random()  # another moment on every run of the tests
    while len(killed_at) < 5:
        process = python(PROGRAM, tmp_path / "run", go)  # held at step 5 until it is killed once
        wait_for_step(process)
        time.sleep(chance.uniform(0, 0.15))
        process.kill()
        out, err = process.communicate()
        go.touch()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        killed_at.append(Trainer.resume(tmp_path / "run", data).steps_done)
    assert killed_at
    assert killed_at == sorted(killed_at), "a kill lost steps that had been saved"
    out, err = python(PROGRAM, tmp_path / "run", go).communicate()
    assert out.endswith("done 120\n"), err
    assert all_bits(Trainer.resume(tmp_path / "run", data)) == expected, killed_at


@pytest.mark.slow
def test_ctrl_c_saves_and_the_run_can_be_resumed(python, tmp_path, uninterrupted, all_bits):
    data, expected = uninterrupted
    process = python(PROGRAM, tmp_path / "run", tmp_path / "go")
    wait_for_step(process)
    process.send_signal(signal.SIGINT)
    (tmp_path / "go").touch()  # it is held until the signal is on its way
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    word, step = out.split("\n")[-2].split()
    assert word == "interrupted"
    assert int(step) < 120
    resumed = Trainer.resume(tmp_path / "run", data)
    assert resumed.steps_done == int(step)
    assert all_bits(resumed.run()) == expected


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a terminal's Ctrl-C is a signal to a group")
def test_ctrl_c_is_heard_by_the_trainer_and_not_by_its_processes(python, tmp_path, uninterrupted):
    data, _ = uninterrupted
    (tmp_path / "program_setup.py").write_text(SETUP)
    process = python(IN_PROCESSES, tmp_path / "run")
    for _ in range(6):  # from then on a round takes long, and the signal comes in its midst
        wait_for_step(process)
    time.sleep(0.1)
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert err == ""
    word, step = out.split("\n")[-2].split()
    assert word == "interrupted"
    assert Trainer.resume(tmp_path / "run", data).steps_done == int(step) < 100_000


def test_where_ctrl_c_is_ignored_it_stays_so(data, tmp_path):
    """As under nohup, and in a shell's background jobs."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        callback = CtrlC(2)
        trainer = Trainer(PLAIN, data, epochs=3, callbacks=[callback]).run()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert trainer.done
    assert not trainer.interrupted


class CtrlC(StepDiary):
    """Presses Ctrl-C on some steps."""

    def __init__(self, *steps: int) -> None:
        super().__init__()
        self.steps = steps

    def on_step(self, trainer: Trainer) -> None:
        super().on_step(trainer)
        for _ in range(self.steps.count(trainer.steps_done)):
            signal.raise_signal(signal.SIGINT)


def test_the_first_ctrl_c_ends_the_run_after_the_step(data, tmp_path, all_bits):
    before = signal.getsignal(signal.SIGINT)
    callback = CtrlC(4)
    trainer = Trainer(PLAIN, data, epochs=3, callbacks=[callback], folder=tmp_path).run()
    assert trainer.interrupted
    assert callback.events[-2:] == [("step", 4), ("end", 4)]
    assert signal.getsignal(signal.SIGINT) is before
    assert len(trainer.history.curve(0, "loss").values) == 4
    resumed = Trainer.resume(tmp_path, data)
    assert resumed.steps_done == 4
    assert all_bits(resumed.run()) == all_bits(Trainer(PLAIN, data, epochs=3).run())
    assert not trainer.run().interrupted
    assert trainer.done


def test_the_second_ctrl_c_raises_at_once(data):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        Trainer(PLAIN, data, epochs=3, callbacks=[CtrlC(4, 4)]).run()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.parametrize(("threads", "chunks"), [(1, 3), (2, 4)])
def test_ctrl_c_twice_while_a_result_is_taken_over_changes_no_bit(
    data, monkeypatch, all_bits, threads, chunks
):
    """Above all in the last chunk of a round: nothing is left then, and yet it is not over."""
    monkeypatch.setattr("shoal.engine.trainer.CHUNK_WORTH", 0)  # of three, two workers cut one
    run: dict[str, Any] = {"epochs": 3, "seeds": 3, "chunk": 1, "threads": threads}
    expected = all_bits(Trainer(PLAIN, data, **run).run())
    theirs = Cohort.absorb
    for chunk in range(chunks):
        taken = []

        def absorb(cohort, *result, chunk=chunk, taken=taken):
            theirs(cohort, *result)
            taken.append(result)
            if len(taken) == chunk + 1:
                signal.raise_signal(signal.SIGINT)
                signal.raise_signal(signal.SIGINT)

        monkeypatch.setattr(Cohort, "absorb", absorb)
        trainer = Trainer(PLAIN, data, **run)
        with pytest.raises(KeyboardInterrupt):
            trainer.run()
        assert all_bits(trainer.run()) == expected
        assert len(taken) == chunks


def test_ctrl_c_waits_until_members_are_dropped(data, monkeypatch, bits):
    """Rows are moved where they lie: those of some arrays alone would be nobody's."""
    run: dict[str, Any] = {"epochs": 3, "seeds": 5, "keep_best": "valid_loss"}
    expected = Trainer(ARMS["all of it"], data, **run).epoch().drop([0, 2]).run()

    def pressed(*given):
        moved = packed(*given)
        signal.raise_signal(signal.SIGINT)
        return moved

    trainer = Trainer(ARMS["all of it"], data, **run).epoch()
    monkeypatch.setattr("shoal.engine.task.packed", pressed)
    with pytest.raises(KeyboardInterrupt):
        trainer.drop([0, 2])
    trainer.run()
    for member in (1, 3, 4):
        assert bits(trainer, member) == bits(expected, member)


def test_a_run_in_another_thread_leaves_signals_alone(data, all_bits):
    trainer = Trainer(PLAIN, data, epochs=3)
    handlers = []

    class Look(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            handlers.append(signal.getsignal(signal.SIGINT))

    trainer.callbacks.append(Look())
    thread = threading.Thread(target=trainer.run)
    thread.start()
    thread.join()
    assert handlers == [signal.getsignal(signal.SIGINT)] * 3
    assert all_bits(trainer) == all_bits(Trainer(PLAIN, data, epochs=3).run())


# Errors


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({}, "give steps or epochs, one of the two (steps=None, epochs=None)"),
        ({"steps": 3, "epochs": 3}, "give steps or epochs, one of the two (steps=3, epochs=3)"),
        ({"steps": 0}, "steps=0 must be a whole number >= 1"),
        ({"steps": 2.0}, "steps=2.0 must be a whole number >= 1"),
        ({"epochs": "3"}, "epochs='3' must be a whole number >= 1"),
        ({"epochs": 0.5}, "epochs=0.5 must be a whole number >= 1"),
        ({"steps": 3, "seeds": 0}, "seeds=0 must be a whole number >= 1"),
        (
            {"steps": 3, "sampling": "replacment"},
            "unknown sampling 'replacment': did you mean 'replacement'?",
        ),
        ({"steps": 3, "evaluate_every": 0}, "evaluate_every=0 must be a whole number >= 1"),
        ({"steps": 3, "evaluate_rows": 0}, "evaluate_rows=0 must be a whole number >= 1"),
        ({"steps": 3, "evaluate_parts": ["vald"]}, "unknown part 'vald': did you mean 'valid'?"),
        ({"steps": 3, "threads": 0}, "threads=0 must be a whole number >= 1"),
        ({"steps": 3, "chunk": 1.5}, "chunk=1.5 must be a whole number >= 1"),
        ({"steps": 3, "checkpoint_seconds": -1}, "checkpoint_seconds=-1 must be a number >= 0"),
        (
            {"steps": 3, "executor": "threads"},
            "executor='threads' must be a concurrent.futures executor",
        ),
        (
            {"steps": 3, "callbacks": [Progress]},
            "callbacks: <class 'shoal.engine.progress.Progress'> must be a Callback",
        ),
        ({"steps": 3, "recipes": {}}, "recipes={} is empty; give at least one"),
        (
            {"steps": 3, "recipes": PLAIN.replace({"batch_size": 34})},
            "batch_size=34 must be at most the number of training rows, 33",
        ),
        (
            {"steps": 3, "recipes": PLAIN.replace({"loss": "mean_squared_error"})},
            "loss='mean_squared_error' does not fit classification",
        ),
    ],
)
def test_settings_that_do_not_fit_are_refused(data, wrong, message):
    wrong = {"recipes": PLAIN} | wrong
    with pytest.raises(ShoalError) as error:
        Trainer(wrong.pop("recipes"), data, **wrong)
    assert str(error.value).startswith(message)


def test_a_step_count_must_be_whole(data):
    with pytest.raises(ShoalError, match="count=0 must be a whole number >= 1"):
        Trainer(PLAIN, data, steps=3).step(0)


def test_training_can_reach_a_goal(data_of):
    """Not only consistent: it learns."""
    data = data_of("classes", 300)
    recipe = Recipe(mlp([32]), Adam(lr=0.01), batch_size=32)
    history = Trainer(recipe, data, epochs=60, seeds=3).run().history
    assert (history.final("train_accuracy") > 0.97).all()
    assert (history.final("valid_accuracy") > 0.6).all()


# Stopping on the way, and dropping


def test_until_counts_from_the_start_in_the_unit_of_the_run(data):
    arms = {f"batch {b}": PLAIN.replace({"batch_size": b}) for b in (8, 16)}
    trainer = Trainer(arms, data, epochs=5).run(until=2)
    assert [len(trainer.history.curve(i, "loss").steps) for i in (0, 1)] == [2 * 5, 2 * 3]
    assert not trainer.done
    assert trainer.run(until=1).epochs_done == 2  # it has been there
    assert trainer.run(until=99).done
    steps = Trainer(arms, data, steps=12).run(until=7)
    assert [len(steps.history.curve(i, "loss").steps) for i in (0, 1)] == [7, 7]


@pytest.mark.parametrize("until", [0, -1, 1.5, "2", True])
def test_until_must_be_a_whole_number(data, until):
    with pytest.raises(ShoalError, match=r"^until=.* must be a whole number >= 1$"):
        Trainer(PLAIN, data, epochs=2).run(until=until)


def test_a_dropped_member_stops_where_it_is(data):
    trainer = Trainer(PLAIN, data, epochs=4, seeds=3).run(until=2)
    trainer.drop([1]).run()
    history = trainer.history
    assert history.dropped.tolist() == [-1, 6, -1]
    assert np.isfinite(history.curve(1, "loss").values[:6]).all()
    assert np.isnan(history.curve(1, "loss").values[6:]).all()
    assert np.isnan(history.final("valid_accuracy")).tolist() == [False, True, False]
    assert (history.diverged < 0).all()
    trainer.drop([1])  # twice is once
    assert history.dropped.tolist() == [-1, 6, -1]


MANY = {f"batch {b}": Recipe(mlp([64]), Adam(), batch_size=b) for b in (8, 16)}


def test_what_was_dropped_takes_no_memory(data):
    trainer = Trainer(MANY, data, epochs=4, seeds=40).run(until=1)
    gone = [i for i in range(80) if i % 8]
    row = 3 * 4 * trainer.shoal.weights(0)[1]["W"].size  # and two slots; biases are little
    tracemalloc.start()
    try:
        before = [cohort.rows.copy() for cohort in trainer._cohorts]
        for cohort, rows in zip(trainer._cohorts, before, strict=True):
            cohort.rows = rows  # now it is known where they were made
        del before, cohort, rows
        at_first = tracemalloc.get_traced_memory()[0]
        trainer.drop(gone)
        freed = at_first - tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert freed > 0.95 * 70 * row
    assert [len(cohort.rows.theta) for cohort in trainer._cohorts] == [5, 5]


def test_the_others_have_their_weights_and_the_dropped_their_history(data, bits):
    whole = Trainer(MANY, data, epochs=4, seeds=3).run()
    trainer = Trainer(MANY, data, epochs=4, seeds=3, chunk=1).run(until=1).drop([0, 4])
    trainer.run(until=2).drop([2, 4]).run()
    for i in (1, 3, 5):
        assert bits(trainer, i) == bits(whole, i)
    x, kept = data.valid.x, [1, 3, 5]
    outputs = trainer.shoal.outputs(x)
    np.testing.assert_array_equal(outputs[kept], whole.shoal.outputs(x)[kept])
    assert np.isnan(outputs[[0, 2, 4]]).all()
    assert trainer.shoal.ensemble().members == tuple(trainer.members[i] for i in kept)
    first = whole.history.curve(2, "valid_loss").values
    np.testing.assert_array_equal(trainer.history.curve(2, "valid_loss").values[:2], first[:2])


def test_weights_of_a_dropped_member_are_one_clear_error(data):
    trainer = Trainer(PLAIN, data, epochs=2, seeds=3).run(until=1).drop([1])
    gone = r"^member=1 was dropped, and its weights with it; its history is still there$"
    with pytest.raises(ShoalError, match=gone):
        trainer.shoal.weights(1)
    with pytest.raises(ShoalError, match=gone):
        _ = trainer.rows
    for ask in (
        lambda: trainer.shoal.ensemble([1]),
        lambda: trainer.drop([0, 2]).shoal.outputs(data.valid.x),
    ):
        with pytest.raises(ShoalError, match=r"^all members.* were dropped, and their weights"):
            ask()


def test_copies_and_bests_go_where_they_belong_after_a_drop(data, bits):
    settings = {"epochs": 4, "seeds": 4, "keep_best": "valid_loss"}
    whole = Trainer(PLAIN, data, **settings).run(until=2).copy(1, 3).run()
    trainer = Trainer(PLAIN, data, **settings).run(until=1).drop([0]).run(until=2).copy(1, 3)
    trainer.run(until=3).drop([2]).run()
    for i in (1, 3):
        assert bits(trainer, i) == bits(whole, i)
        for ours, theirs in zip(
            trainer.best_shoal.weights(i), whole.best_shoal.weights(i), strict=True
        ):
            for name, array in theirs.items():
                np.testing.assert_array_equal(ours[name], array)


def test_when_all_are_dropped_the_run_ends(data):
    trainer = Trainer(PLAIN, data, epochs=50, seeds=2).run(until=1).drop([0, 1]).run()
    assert trainer.done
    assert np.isnan(trainer.history.final("train_loss")).all()
    assert [len(cohort.rows.theta) for cohort in trainer._cohorts] == [0]


@pytest.mark.parametrize("member", [-1, 2])
def test_only_members_can_be_dropped(data, member):
    with pytest.raises(ShoalError, match=rf"^member={member} must be from 0 to 1$"):
        Trainer(PLAIN, data, epochs=1, seeds=2).drop([0, member])


def test_who_was_dropped_is_known_after_a_resume(data, tmp_path, bits):
    def trainer(**chosen):
        return Trainer(PLAIN, data, epochs=4, seeds=3, **chosen)

    whole = trainer().run(until=2).drop([0]).run()
    trainer(folder=tmp_path).run(until=2).drop([0]).run(until=3)
    again = trainer(folder=tmp_path, resume=True)
    assert again.history.dropped.tolist() == [6, -1, -1]
    again.drop([1]).run()
    assert bits(again, 2) == bits(whole, 2)
    last = trainer(folder=tmp_path, resume=True)
    assert last.history.dropped.tolist() == [6, 9, -1]
    for i, steps in ((0, 6), (1, 9)):
        ours, theirs = (t.history.curve(i, "loss").values[:steps] for t in (last, whole))
        np.testing.assert_array_equal(ours, theirs)
    assert bits(last, 2) == bits(whole, 2)


def test_a_recipe_with_distributions_is_not_trained(data):
    space = PLAIN.replace({"optimizer.lr": shoal.log_uniform(0.1, 1.0)})
    for recipes in (space, {"space": space}):
        with pytest.raises(
            ShoalError, match=r"has distributions in it, so it is a search space; g"
        ):
            Trainer(recipes, data, epochs=1)
    with pytest.raises(ShoalError, match=r"arm 'space' has distributions in it"):
        shoal.compare({"space": space}, data, epochs=1)


@pytest.mark.parametrize("at", [0, 2.5, "3"])
def test_evaluate_at_must_be_numbers_of_steps(data, at):
    with pytest.raises(ShoalError, match=r"^evaluate_at=.* must be a whole number >= 1$"):
        Trainer(PLAIN, data, epochs=2, evaluate_at=[at])


def test_evaluations_beyond_the_end_are_left_out(data):
    trainer = Trainer(PLAIN, data, steps=4, evaluate_at=[1, 3, 4, 99]).run()
    assert trainer.history.curve(0, "valid_loss").steps.tolist() == [1, 3, 4]


def test_a_callback_that_makes_rounds_short_does_not_let_them_grow_without_end(data):
    class Watch(Callback):
        def on_epoch(self, trainer):
            pass

    # rounds far shorter than a second, more of them than doublings that a float can take
    trainer = Trainer(PLAIN, data, epochs=1200, evaluate_every=1200, callbacks=[Watch()]).run()
    assert trainer.done
