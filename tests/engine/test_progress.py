"""Progress on a terminal, and silence elsewhere."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from shoal import SGD, Callback, Dataset, Progress, Recipe, Trainer, mlp
from shoal.engine.progress import state_of

PLAIN = Recipe(mlp([5]), SGD(lr=0.1), batch_size=16)
ARMS = {"plain": PLAIN, "wild": PLAIN.replace({"optimizer.lr": 1e30})}


def test_nothing_is_written_where_there_is_no_terminal(data, capsys):
    Trainer(ARMS, data, epochs=2, callbacks=[Progress()]).run()
    assert capsys.readouterr() == ("", "")


def test_a_line_on_standard_error_shows_how_far_it_is(data, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    Trainer(ARMS, data, epochs=2, seeds=3, callbacks=[Progress("learning", show=True)]).run()
    out, line = capsys.readouterr()
    assert out == ""
    assert "learning" in line
    assert "6/6 steps" in line
    assert "3 members · 3 diverged · best valid accuracy 0." in line


def test_progress_starts_where_a_run_goes_on(data, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    seen = []

    class Look(Progress):
        def on_start(self, trainer: Trainer) -> None:
            super().on_start(trainer)
            seen.append(self._bar.tasks[0].completed)

    Trainer(PLAIN, data, epochs=2, callbacks=[Look(show=True)]).step(4).run()
    assert seen == [4]


def test_the_line_ends_when_the_run_fails(data, capsys):
    class Oops(Callback):
        def on_epoch(self, trainer: Trainer) -> None:
            raise ZeroDivisionError

    before = set(threading.enumerate())
    with pytest.raises(ZeroDivisionError):
        Trainer(PLAIN, data, epochs=2, callbacks=[Progress(show=True), Oops()]).run()
    for thread in set(threading.enumerate()) - before:  # a line that goes on has a thread
        thread.join(timeout=5)
        assert not thread.is_alive()


def test_the_state_in_words(data):
    trainer = Trainer(ARMS, data, epochs=2, seeds=2)
    assert state_of(trainer) == "4 members"
    trainer.step(2)
    assert state_of(trainer) == "2 members · 2 diverged"
    trainer.run()
    best = max(trainer.history.curve(i, "valid_accuracy").values.max() for i in (0, 1))
    assert state_of(trainer) == f"2 members · 2 diverged · best valid accuracy {best:.3f}"


def test_members_that_stopped_are_counted(data):
    trainer = Trainer(PLAIN, data, epochs=60, seeds=3, keep_best="valid_loss", patience=1).run()
    stopped = int((trainer.history.stopped >= 0).sum())
    assert stopped
    assert state_of(trainer).startswith(f"3 members · {stopped} stopped · best valid accuracy")


def test_the_best_of_a_regression_is_its_lowest_loss(data_of):
    trainer = Trainer(PLAIN, data_of("regression"), epochs=3).run()
    best = trainer.history.curve(0, "valid_loss").values.min()
    assert state_of(trainer) == f"1 member · best valid loss {best:.3f}"


def test_without_validation_the_best_is_of_the_training_part():
    x = np.random.default_rng(0).standard_normal((40, 3))
    data = Dataset.from_arrays(x, np.arange(40) % 2, valid=0, test=0)
    assert "best train loss" in state_of(Trainer(PLAIN, data, epochs=1).run())
