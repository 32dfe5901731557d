"""A population of trials that copy one another: what is copied, written down and taken up again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal import PBT, Recipe, ShoalError, search
from shoal.engine.member import program_of
from shoal.study.space import Space
from shoal.study.store import Store

SPACE = Recipe(
    shoal.mlp([6], dropout=shoal.uniform(0.05, 0.5)),
    shoal.choice(
        [
            shoal.SGD(lr=shoal.log_uniform(1e-3, 3.0)),
            shoal.Adam(lr=shoal.log_uniform(1e-4, 0.3), beta1=shoal.uniform(0.5, 0.95)),
        ]
    ),
    batch_size=20,
)


class Killed(BaseException):
    """Nobody catches it: the program is gone."""


SETTINGS = {"trials": 12, "epochs": 6, "strategy": PBT(interval=1, share=0.25), "finalists": 0}


@pytest.fixture(scope="module")
def study(data):
    return search(SPACE, data, **SETTINGS)


@pytest.fixture(scope="module")
def log(data, tmp_path_factory):
    """The lines of the same study's log."""
    folder = tmp_path_factory.mktemp("population") / "study"
    search(SPACE, data, **SETTINGS, out=folder)
    return lines_of(folder)


def lines_of(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def plain(study: shoal.Study) -> list[dict]:
    return [trial.to_dict() for trial in study.trials]


# --- what happens -----------------------------------------------------------------------------


def test_everybody_trains_to_the_end(study):
    assert [trial.state for trial in study.trials] == ["done"] * 12
    assert [trial.budget for trial in study.trials] == [6] * 12
    assert study.spent == study.full == 72
    assert all([at for at, *_ in trial.curve] == [1, 2, 3, 4, 5, 6] for trial in study.trials)


def test_every_network_is_what_its_lineage_makes_of_it(study):
    # the strongest statement: trained alone, with its values changed when its lineage says so,
    # a network comes out the same to the bit, wherever it lived and whatever was copied over it
    assert sum(bool(trial.lineage) for trial in study.trials) >= 6
    for trial in study.trials:
        alone = study.retrace(trial, seeds=[study.plan.seed], evaluate_parts=("valid",))
        for name, value in trial.metrics.items():
            assert alone.history.final(name).tolist() == [value]
        losses = alone.history.curve(0, "valid_loss").values
        assert losses.tolist() == [loss for *_, loss in trial.curve]


def test_a_lineage_says_where_a_network_lived_and_by_what(study, log):
    asked = next(line for line in log if "asked" in line)["asked"]
    for trial in study.trials:
        if not trial.lineage:
            assert trial.values == asked[trial.number]
            continue
        first, *others = trial.lineage
        assert first["from"] == 0
        assert first["values"] == asked[first["trial"]]
        assert others[-1]["trial"] == trial.number
        assert others[-1]["values"] == trial.values
        times = [life["from"] for life in trial.lineage]
        assert times == sorted(set(times))
        assert all(0 < time < 6 for time in times[1:])


def test_the_worst_quarter_copies_the_best_of_its_own_structure(log, data):
    space = Space(SPACE)
    values = dict(enumerate(log[0]["asked"]))
    for line in log[1:]:
        kinds = {
            number: program_of(space.build(v), data.in_shape, data.outputs, data.task)
            for number, v in values.items()
        }
        sizes = {kind: list(kinds.values()).count(kind) for kind in kinds.values()}
        copied: dict = {}
        for copy in line["copies"]:
            kind = kinds[copy["source"]]
            assert kinds[copy["target"]] == kind
            copied.setdefault(kind, []).append(copy["target"])
            values[copy["target"]] = copy["values"]
        for kind, targets in copied.items():
            assert len(set(targets)) == len(targets) <= max(1, sizes[kind] // 4)
        # what the log says of a trial after the rung is what it goes on with
        for trial in line["running"]:
            assert trial["values"] == values[trial["number"]]
    assert log[-1]["copies"] == []  # at the end nobody needs to learn


def test_no_two_trials_go_by_the_same_values(log):
    for line in log[1:]:
        given = [json.dumps(trial["values"], sort_keys=True) for trial in line["running"]]
        assert len(set(given)) == len(given)


def test_a_diverged_trial_is_given_another_life(data):
    space = Recipe(shoal.mlp([6]), shoal.SGD(lr=shoal.log_uniform(1e-2, 1e9)), batch_size=20)
    full = search(space, data, trials=8, epochs=4, strategy="full", finalists=0)
    assert sum(trial.state == "diverged" for trial in full.trials) > 3
    study = search(space, data, trials=8, epochs=4, strategy=PBT(interval=1), finalists=0)
    assert [trial.state for trial in study.trials].count("done") > 5
    assert study.winner.score >= max(t.score for t in full.trials if t.state == "done") - 0.1


def test_regression_and_steps(data_of):
    space = Recipe(
        shoal.mlp([6]),
        shoal.Adam(lr=shoal.log_uniform(1e-4, 0.1)),
        batch_size=shoal.choice([8, 20]),
    )
    study = search(
        space, data_of("regression"), trials=8, steps=35, strategy=PBT(interval=10), finalists=0
    )
    assert all(trial.state == "done" and trial.budget == 35 for trial in study.trials)
    for trial in study.trials:
        alone = study.retrace(trial, seeds=[0], evaluate_parts=("valid",))
        assert alone.history.final("valid_rmse").tolist() == [trial.metrics["valid_rmse"]]


def test_threads_and_chunks_change_nothing(study, data):
    assert plain(search(SPACE, data, **SETTINGS, threads=1)) == plain(study)


def test_a_schedule_that_is_trained_anew_can_be_killed_too(study, tmp_path, monkeypatch, data):
    trial = max(study.trials, key=lambda trial: len(trial.lineage))
    assert len(trial.lineage) > 2
    whole = study.retrace(trial, seeds=2).history
    run, calls = shoal.Trainer.run, []

    def dies(trainer, until=None):
        calls.append(until)
        if len(calls) == 3:
            trainer.save(tmp_path)
            raise Killed
        return run(trainer, until)

    monkeypatch.setattr(shoal.Trainer, "run", dies)
    with pytest.raises(Killed):
        study.retrace(trial, seeds=2, folder=tmp_path)
    monkeypatch.setattr(shoal.Trainer, "run", run)
    again = study.retrace(trial, seeds=2, folder=tmp_path).history
    assert again.copies == whole.copies
    for name in ("loss", "valid_loss", "test_accuracy"):
        for member in range(2):
            np.testing.assert_array_equal(
                again.curve(member, name).values, whole.curve(member, name).values
            )


def test_seeds_that_diverge_on_the_way_are_left_as_they_are(data):
    space = Recipe(shoal.mlp([6]), shoal.SGD(lr=shoal.log_uniform(1e-2, 1e9)), batch_size=20)
    study = search(space, data, trials=8, epochs=4, strategy=PBT(interval=1), finalists=0)
    trial = next(trial for trial in study.trials if trial.lineage)
    trial = replace(trial, lineage=[{"from": 0, "trial": 0, "values": {"optimizer.lr": 9e8}},
                                    {"from": 2, "trial": 1, "values": trial.values}])  # fmt: skip
    again = study.retrace(trial, seeds=2)
    assert (again.history.diverged > 0).all()
    assert again.history.copies == []


# --- what is said -----------------------------------------------------------------------------


def test_the_winners_schedule_is_trained_anew_and_tested_once(data):
    settings = SETTINGS | {"finalists": 5, "final_seeds": 3}
    study = search(SPACE, data, **settings)
    assert study.final is None
    assert study.test is not None
    assert study.test.networks == 3
    again = study.retrace(seeds=3, evaluate_parts=("test",))
    np.testing.assert_array_equal(study.test.values, again.history.final("test_accuracy"))
    text = str(study)
    assert "on 3 fresh seeds, its schedule trained anew" in text
    assert "Training the winner's schedule anew took 18 more." in text
    changes = len(study.winner.lineage) - 1
    if changes > 0:
        assert "study.retrace() repeats this one" in text


def test_a_population_has_no_networks_to_join_but_those_of_its_schedule(study):
    with pytest.raises(ShoalError, match=r"no finalists; study\.retrace\(\)\.shoal\.ensemble\(\)"):
        study.ensemble()
    assert len(study.retrace(seeds=2).shoal.ensemble()) == 2


def test_the_best_recipe_is_said_to_be_the_last_of_a_schedule(study):
    study = replace(study, trials=deepcopy(study.trials))
    moved = next(trial for trial in study.ranked if trial.lineage)
    for trial in study.trials:
        if trial is not moved:
            trial.curve = [(at, score / 2, loss) for at, score, loss in trial.curve]
    assert study.winner is moved
    [line] = [line for line in study.warnings if "study.retrace()" in line]
    assert f"its network changed them {len(moved.lineage) - 1} time" in line


# --- killed and taken up again ----------------------------------------------------------------


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("line", [1, 2, 4, 6])
def test_a_kill_around_a_line_of_the_log_changes_nothing(
    data, log, study, tmp_path, monkeypatch, line, when
):
    append = Store.append

    def dies(store, decided):
        if when == "before" and len(store.lines) == line:
            raise Killed
        append(store, decided)
        if when == "after" and len(store.lines) == line + 1:
            raise Killed

    monkeypatch.setattr(Store, "append", dies)
    with pytest.raises(Killed):
        search(SPACE, data, **SETTINGS, out=tmp_path / "s")
    monkeypatch.setattr(Store, "append", append)
    again = search(SPACE, data, **SETTINGS, out=tmp_path / "s", resume=True)
    assert plain(again) == plain(study)
    assert lines_of(tmp_path / "s") == log


def test_a_kill_after_the_copies_were_saved_does_not_copy_twice(data, log, tmp_path, monkeypatch):
    run, calls = shoal.Trainer.run, []

    def dies(trainer, until=None):
        calls.append(until)
        if len(calls) == 3:
            trainer.save(trainer._folder)  # as a checkpoint within the next epoch does
            raise Killed
        return run(trainer, until)

    monkeypatch.setattr(shoal.Trainer, "run", dies)
    with pytest.raises(Killed):
        search(SPACE, data, **SETTINGS, out=tmp_path / "s")
    monkeypatch.setattr(shoal.Trainer, "run", run)
    search(SPACE, data, **SETTINGS, out=tmp_path / "s", resume=True)
    assert lines_of(tmp_path / "s") == log


PROGRAM = """
    import sys
    import numpy as np
    import shoal
    from shoal import Dataset, PBT, Recipe

    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 5))
    data = Dataset.from_arrays(x, (x @ rng.standard_normal((5, 3))).argmax(axis=1), valid=40)
    space = Recipe(shoal.mlp([16]), shoal.Adam(lr=shoal.log_uniform(1e-5, 1.0)), batch_size=4)
    print("ready", flush=True)
    study = shoal.search(
        space, data, trials=10, epochs=8, strategy=PBT(interval=1), finalists=1, final_seeds=2,
        out=sys.argv[1], resume=True, checkpoint_seconds=0.0,
    )
    print(sorted(study.test.values), [trial.to_dict() for trial in study.trials])
"""


def test_a_study_killed_at_any_moment_ends_as_one_that_was_not(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(textwrap.dedent(PROGRAM))

    def start(folder: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, file, tmp_path / folder],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        )

    whole = start("whole")
    assert whole.stdout.readline() == "ready\n"
    ready = time.monotonic()
    expected = whole.communicate(timeout=120)[0]
    assert expected
    seconds = time.monotonic() - ready
    for share in (0.2, 0.4, 0.6):
        killed = start("killed")
        killed.stdout.readline()
        time.sleep(share * seconds)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
    last = start("killed")
    assert last.stdout.readline() == "ready\n"
    assert last.communicate(timeout=120)[0] == expected


# --- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("space", "settings", "words"),
    [
        (
            Recipe(shoal.mlp(shoal.choice([[4], [8]])), shoal.SGD(), batch_size=8),
            {},
            r"^strategy='pbt' changes numbers while networks train, and the space has none",
        ),
        (
            Recipe(shoal.mlp([4]), shoal.SGD(), batch_size=8, init=shoal.log_uniform(1e-3, 1.0)),
            {},
            r"the space has none that can change then",
        ),
        (
            Recipe(shoal.mlp([4]), shoal.SGD(), batch_size=shoal.int_range(8, 64)),
            {},
            r"the space has none that can change then",
        ),
        (SPACE, {"batch": 4}, r"^batch=4 splits a population of 12 trials"),
        (SPACE, {"capacity": 4}, r"^capacity=4 splits a population of 12 trials"),
    ],
)
def test_bad_input_is_one_clear_line(data, space, settings, words):
    with pytest.raises(ShoalError, match=words):
        search(space, data, **SETTINGS, **settings)


def test_a_folder_of_another_population_is_refused(data, tmp_path):
    search(SPACE, data, **SETTINGS, out=tmp_path)
    other = SETTINGS | {"strategy": PBT(interval=2)}
    with pytest.raises(
        ShoalError, match=r"holds a study with strategy=.* \(asked: 'PBT\(interval=2"
    ):
        search(SPACE, data, **other, out=tmp_path, resume=True)
