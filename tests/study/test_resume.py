"""A study's folder: killed at any moment, interrupted, taken up again, and what it refuses."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import textwrap
import time
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import shoal
from shoal import SGD, Callback, Recipe, ShoalError, Trainer, log_uniform, mlp
from shoal.engine import checkpoint
from shoal.engine.trainer import STATE
from shoal.study.samplers import RandomSampler
from shoal.study.space import Space
from shoal.study.store import ASKED, LOG, Store

SETTINGS: dict[str, Any] = {"trials": 20, "epochs": 9, "batch": 5, "capacity": 10, "finalists": 0}


def plain(study: shoal.Study) -> list[dict[str, Any]]:
    """All that is known of the trials."""
    return [trial.to_dict() for trial in study.trials]


class Stop(Callback):
    """Ends the run at one of its rounds, as a kill would: between two writes, anywhere."""

    def __init__(self, after: int) -> None:
        self.left = after

    def on_round(self, trainer: Trainer) -> None:
        self.left -= 1
        if self.left < 0:
            raise Killed

    on_start = on_end = on_round


class Killed(Exception):
    """The end of a process."""


@pytest.fixture(scope="module")
def uninterrupted(space, data):
    """What a study comes to if nobody stops it, by sampler."""
    known: dict[str, list[dict[str, Any]]] = {}

    def uninterrupted(sampler: str) -> list[dict[str, Any]]:
        if sampler not in known:
            known[sampler] = plain(shoal.search(space, data, sampler=sampler, **SETTINGS))
        return known[sampler]

    return uninterrupted


def test_a_folder_changes_nothing(space, data, tmp_path, uninterrupted):
    study = shoal.search(space, data, out=tmp_path / "study", **SETTINGS)
    assert plain(study) == uninterrupted("random")
    again = shoal.search(space, data, out=tmp_path / "study", resume=True, **SETTINGS)
    assert plain(again) == uninterrupted("random")
    assert not list((tmp_path / "study" / "waves").iterdir())  # nothing is left behind


@pytest.mark.parametrize("sampler", ["random", "tpe", "narrowing", "grid"])
@pytest.mark.parametrize("every", [1, 4, 7, 12])
def test_a_study_stopped_again_and_again_is_the_study_itself(
    space, data, tmp_path, uninterrupted, sampler, every
):
    asked = SETTINGS | {"sampler": sampler, "out": tmp_path / "study", "resume": True}
    stops = 0
    while True:
        try:
            study = shoal.search(
                space, data, callbacks=[Stop(every + stops)], checkpoint_seconds=0, **asked
            )
            break
        except Killed:
            stops += 1
    assert stops >= 2
    assert plain(study) == uninterrupted(sampler)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_cut_off_in_any_line_is_the_study_itself(
    space, data, tmp_path, uninterrupted, sampler
):
    """No checkpoint is there any more: what was decided stays, and survivors train again."""
    out = tmp_path / "study"
    asked = SETTINGS | {"sampler": sampler, "out": out, "resume": True}
    shoal.search(space, data, **asked)
    lines = (out / LOG).read_bytes().splitlines(keepends=True)
    assert len(lines) > 8
    for kept, cut in enumerate(lines):
        (out / LOG).write_bytes(b"".join(lines[:kept]) + cut[: len(cut) * kept // len(lines)])
        assert plain(shoal.search(space, data, **asked)) == uninterrupted(sampler)
        assert (out / LOG).read_bytes() == b"".join(lines)


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_killed_before_survivors_are_saved_is_the_study_itself(
    space, data, tmp_path, uninterrupted, sampler, monkeypatch
):
    """The log knows of a rung that no checkpoint has: who passed it trains to it again."""
    asked = SETTINGS | {"sampler": sampler, "out": tmp_path / "study", "resume": True}
    save, left = Trainer.save, 0

    def killed(trainer: Trainer, folder: Path) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise Killed
        save(trainer, folder)

    monkeypatch.setattr(Trainer, "save", killed)
    for kills in range(20):
        left = kills
        try:
            study = shoal.search(space, data, **asked)
            break
        except Killed:
            continue
    assert kills >= 2
    assert plain(study) == uninterrupted(sampler)


def test_only_those_who_go_on_are_saved(space, data, tmp_path):
    saved = []

    class Look(Callback):
        def on_start(self, trainer: Trainer) -> None:
            for path in sorted((tmp_path / "study" / "waves").iterdir()):
                arrays, facts = checkpoint.load(path / STATE)
                rows = [len(array) for name, array in arrays.items() if name.endswith("/theta")]
                saved.append((max(facts["steps"]), sum(rows)))

    asked = SETTINGS | {"batch": 20, "capacity": 20, "out": tmp_path / "study"}
    study = shoal.search(space, data, callbacks=[Look()], **asked)
    kept = [rung.kept for rung in study.rungs]
    assert [rows for _, rows in saved] == [0, *kept[:-1]]  # first weights follow from the recipes
    rungs = study.plan.brackets[0].rungs[:-1]
    assert [steps for steps, _ in saved] == [0, *(5 * rung for rung in rungs)]


PROGRAM = """
import json, sys
import shoal

data = shoal.load("digits")
space = shoal.Recipe(
    shoal.mlp([16]),
    shoal.SGD(lr=shoal.log_uniform(1e-4, 3)),
    weight_decay=shoal.log_uniform(1e-8, 1e-2),
    batch_size=shoal.choice([32, 64]),
)
study = shoal.search(
    space, data, trials=20, epochs=9, batch=8, capacity=8, finalists=2, final_seeds=1,
    sampler=sys.argv[2], out=sys.argv[1], resume=True, checkpoint_seconds=0.05, progress=False,
    say=lambda line: print(line, flush=True),
)
if study.complete:
    print(json.dumps([t.to_dict() for t in study.trials]), list(study.final.ranking))
else:
    print("interrupted")
"""


def start(folder: Path, sampler: str) -> subprocess.Popen[str]:
    """The program, as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), str(folder), sampler],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the program says in the end if nobody stops it, by sampler."""

    @cache
    def printed(sampler: str) -> str:
        out, err = start(tmp_path_factory.mktemp("whole") / "study", sampler).communicate()
        assert not err
        return out.splitlines()[-1]

    return printed


@pytest.mark.slow
@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_study_killed_at_random_moments_ends_the_same(tmp_path, sampler, printed):
    log = tmp_path / "killed" / LOG
    kills, chance = 0, random.Random()  # another moment on every run of the tests
    while True:
        before = log.stat().st_size if log.exists() else 0
        process = start(tmp_path / "killed", sampler)
        while process.poll() is None and (not log.exists() or log.stat().st_size == before):
            time.sleep(0.002)
        time.sleep(chance.uniform(0, 0.2))
        if kills < 2:
            process.kill()
        out, err = process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        kills += 1
    assert kills
    assert out.splitlines()[-1] == printed(sampler), kills


@pytest.mark.slow
def test_ctrl_c_gives_what_was_reached_and_the_rest_can_follow(tmp_path, printed):
    process = start(tmp_path / "study", "random")
    log = tmp_path / "study" / LOG
    while not log.exists() or b'"ended"' not in log.read_bytes():
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert out.splitlines()[-1] == "interrupted"
    rest, err = start(tmp_path / "study", "random").communicate()
    assert rest.splitlines()[-1] == printed("random"), err


def test_ctrl_c_in_this_process(space, data, tmp_path, uninterrupted):
    class CtrlC(Callback):
        count = 0

        def on_round(self, trainer: Trainer) -> None:
            self.count += 1
            if self.count == 4:
                signal.raise_signal(signal.SIGINT)

    out = tmp_path / "study"
    part = shoal.search(space, data, out=out, callbacks=[CtrlC()], **SETTINGS)
    assert not part.complete
    assert part.final is None
    assert 0 < part.spent < sum(t["budget"] for t in uninterrupted("random"))
    whole = shoal.search(space, data, out=out, resume=True, **SETTINGS)
    assert plain(whole) == uninterrupted("random")


def test_ctrl_c_between_two_waves_is_heard_too(space, data, tmp_path, uninterrupted):
    class CtrlC(RandomSampler):
        def tell(self, results: Any) -> None:
            signal.raise_signal(signal.SIGINT)

    out = tmp_path / "study"
    part = shoal.search(space, data, out=out, sampler=CtrlC(Space(space), 0), **SETTINGS)
    assert not part.complete
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# What a folder refuses


@pytest.fixture
def held(space, data, tmp_path):
    """The folder of a study."""
    shoal.search(space, data, out=tmp_path / "study", **SETTINGS)
    return tmp_path / "study"


def test_a_study_is_not_overwritten(space, data, held):
    with pytest.raises(ShoalError, match=r"holds a study; resume it, or give another folder$"):
        shoal.search(space, data, out=held, **SETTINGS)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        (
            {"space": Recipe(mlp([6]), SGD(lr=log_uniform(1e-3, 1.0)), batch_size=16)},
            "with another space",
        ),
        ({"data": None}, "of other data"),
        ({"trials": 21}, r"with trials=20 \(asked: 21\)"),
        ({"epochs": 12}, r"with epochs=9 \(asked: 12\)"),
        ({"sampler": "sobol"}, r"with sampler='random' \(asked: 'sobol'\)"),
        ({"strategy": "full"}, r"with strategy='halving' \(asked: 'full'\)"),
        ({"strategy": shoal.Halving(eta=4)}, r"with strategy='halving' \(asked: 'Halving\(eta=4"),
        ({"metric": "valid_loss"}, r"with metric='valid_accuracy' \(asked: 'valid_loss'\)"),
        ({"seed": 1}, r"with seed=0 \(asked: 1\)"),
        ({"batch": 6}, r"with batch=\d+ \(asked: 6\)"),
        ({"capacity": 20}, r"with capacity=\d+ \(asked: 20\)"),
        ({"sampling": "replacement"}, r"with sampling='epochs' \(asked: 'replacement'\)"),
        ({"evaluate_rows": 10}, r"with evaluate_rows=10000 \(asked: 10\)"),
    ],
    ids=str,
)
def test_another_study_is_not_resumed(space, data, data_of, held, changed, what):
    if "data" in changed:
        changed = {"data": data_of("classes", 1)}
    asked = {"space": space, "data": data, "out": held, "resume": True, **SETTINGS} | changed
    with pytest.raises(ShoalError, match=rf"holds a study {what}.*; give another folder$"):
        shoal.search(**asked)


def test_a_study_of_a_version_that_knew_other_settings_is_not_resumed(space, data, held):
    path = held / "study.json"
    asked = json.loads(path.read_text())
    del asked["settings"]["rungs"]
    path.write_text(json.dumps(asked))
    with pytest.raises(ShoalError, match="holds a study of another version of shoal; give another"):
        shoal.search(space, data, out=held, resume=True, **SETTINGS)
    steps = {key: value for key, value in SETTINGS.items() if key != "epochs"} | {"steps": 45}
    with pytest.raises(ShoalError, match=r"holds a study with steps=None \(asked: 45\)"):
        shoal.search(space, data, out=held, resume=True, **steps)


def test_threads_may_be_others(space, data, held, uninterrupted):
    study = shoal.search(space, data, out=held, resume=True, threads=1, **SETTINGS)
    assert plain(study) == uninterrupted("random")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [b"{nonsense\n", *lines],
        lambda lines: [lines[0], b"\xff\xfe\n", *lines[1:]],
        lambda lines: [*lines, b"3\n"],
        lambda lines: [*lines, b"{}\n"],
        lambda lines: [*lines, b"\n"],
    ],
)
def test_a_damaged_log_is_one_clear_error(space, data, held, spoil):
    lines = (held / LOG).read_bytes().splitlines(keepends=True)
    (held / LOG).write_bytes(b"".join(spoil(lines)))
    with pytest.raises(ShoalError, match=r"log\.jsonl is damaged; start anew in another folder$"):
        shoal.search(space, data, out=held, resume=True, **SETTINGS)


def test_a_damaged_description_is_one_clear_error(space, data, held):
    (held / ASKED).write_text("{")
    with pytest.raises(ShoalError, match=r"study\.json is damaged; start anew in another folder$"):
        shoal.search(space, data, out=held, resume=True, **SETTINGS)


def test_a_folder_that_cannot_be_is_found_out_before_training(space, data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShoalError, match=r"cannot write .*: .*file is no folder$"):
        shoal.search(space, data, out=tmp_path / "file", **SETTINGS)


def test_a_log_that_cannot_be_written_is_one_clear_error(tmp_path):
    store = Store(tmp_path / "study", {"a": 1}, resume=False)
    (tmp_path / "study" / LOG).mkdir()
    with pytest.raises(ShoalError, match=r"cannot write .*log\.jsonl: Is a directory$"):
        store.append({"asked": []})


def test_resume_true_begins_where_there_is_nothing(space, data, tmp_path, uninterrupted):
    study = shoal.search(space, data, out=tmp_path / "new" / "study", resume=True, **SETTINGS)
    assert plain(study) == uninterrupted("random")


def test_ten_thousand_trials_are_quick_to_write_and_read(tmp_path):
    store = Store(tmp_path, {}, resume=False)
    curve = [[e, 0.5, 0.5] for e in range(3)]
    started = time.perf_counter()
    for wave in range(100):
        ended = [{"number": 100 * wave + i, "curve": curve} for i in range(100)]
        store.append({"wave": wave, "rung": 0, "ended": ended, "running": []})
    assert len(Store(tmp_path, {}, resume=True).lines) == 100
    assert time.perf_counter() - started < 10
