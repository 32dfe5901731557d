"""A study in Optuna's storage: written, read by Optuna itself, and taken back."""

from __future__ import annotations

import math
import sqlite3
import time
from dataclasses import replace

import optuna
import pytest
from optuna.trial import TrialState

import shoal
from shoal import Past, Recipe, ShoalError
from shoal.study import optuna_storage
from shoal.study.samplers import RandomSampler
from shoal.study.space import Space
from shoal.study.trial import Trial

SPACE = Recipe(
    shoal.mlp(shoal.choice([[4], [8]]), batch_norm=shoal.choice([True, False])),
    shoal.choice(
        [
            shoal.SGD(lr=shoal.log_uniform(1e-3, 1e9)),
            shoal.Momentum(momentum=shoal.one_minus_log_uniform(0.5, 0.99)),
        ]
    ),
    batch_size=shoal.int_range(10, 20, log=True),
)


@pytest.fixture(scope="module")
def study(data):
    """Trials of all states."""
    study = shoal.search(SPACE, data, trials=24, epochs=9, finalists=0)
    assert {trial.state for trial in study.trials} == {"done", "dropped", "diverged"}
    return study


@pytest.fixture
def storage(tmp_path):
    return f"sqlite:///{tmp_path / 'studies.db'}"


def load(storage, name="digits"):
    return optuna.load_study(study_name=name, storage=storage)


def test_optuna_reads_what_the_study_knows(study, storage):
    study.to_optuna(storage, "digits")
    found = load(storage)
    assert found.direction.name == "MAXIMIZE"
    assert found.user_attrs["metric"] == "valid_accuracy"
    assert Recipe.from_dict(found.user_attrs["space"]) == SPACE
    assert found.best_value == max(t.score for t in study.trials if t.state == "done")
    assert [t.number for t in found.trials] == [t.number for t in study.trials]
    states = {"done": "COMPLETE", "dropped": "PRUNED", "diverged": "FAIL"}
    rungs = study.plan.brackets[0].rungs
    for theirs, ours in zip(found.trials, study.trials, strict=True):
        assert theirs.state.name == states[ours.state]
        assert theirs.params == ours.values
        assert theirs.user_attrs["epochs"] == ours.budget
        scores = {at: score for at, score, _ in ours.curve if at in rungs}
        assert theirs.intermediate_values == scores
        assert theirs.value == (None if ours.state == "diverged" else ours.score)
        if ours.state != "diverged":
            assert theirs.user_attrs["valid_loss"] == ours.metrics["valid_loss"]


def test_ranges_are_those_of_the_space(study, storage):
    study.to_optuna(storage, "digits")
    found = {}
    for trial in load(storage).trials:
        found |= trial.distributions
    assert set(found) == {dimension.path for dimension in study.space.dimensions}
    assert found["optimizer[SGD].lr"] == optuna.distributions.FloatDistribution(1e-3, 1e9, log=True)
    assert found["optimizer[Momentum].momentum"] == optuna.distributions.FloatDistribution(
        0.5, 0.99
    )
    assert found["batch_size"] == optuna.distributions.IntDistribution(10, 20, log=True)
    assert found["network.hidden"].choices == ("[4]", "[8]")
    assert found["network.batch_norm"].choices == (True, False)


def test_rows_written_at_once_are_those_that_optuna_writes_one_by_one(study, storage, monkeypatch):
    study.to_optuna(storage, "at once")
    monkeypatch.setattr(optuna_storage, "_write_rows", lambda *_: False)
    study.to_optuna(storage, "one by one")
    at_once, one_by_one = load(storage, "at once").trials, load(storage, "one by one").trials
    for ours, theirs in zip(at_once, one_by_one, strict=True):
        for name in (
            *("number", "state", "params", "distributions", "values"),
            *("intermediate_values", "user_attrs", "system_attrs"),
        ):
            assert getattr(ours, name) == getattr(theirs, name)
        assert ours.datetime_start is not None
        assert (ours.datetime_complete is None) == (theirs.datetime_complete is None)


def test_two_studies_live_in_one_storage_and_optuna_can_go_on_with_either(study, storage):
    study.to_optuna(storage, "a")
    study.to_optuna(storage, "b")
    theirs = load(storage, "a")
    trial = theirs.ask()
    assert trial.number == 24
    theirs.tell(trial, 0.5)
    assert len(load(storage, "b").trials) == 24


def test_a_storage_of_another_kind_is_written_too(study):
    memory = optuna.storages.InMemoryStorage()
    study.to_optuna(memory, "digits")
    assert [t.params for t in load(memory).trials] == [t.values for t in study.trials]


def test_tables_that_are_not_as_expected_are_left_to_optuna(study, tmp_path):
    address = f"sqlite:///{tmp_path / 'new.db'}"
    opened = optuna.storages.RDBStorage(address)
    with sqlite3.connect(tmp_path / "new.db") as connection:  # a later version may need more
        connection.execute("ALTER TABLE trial_params ADD COLUMN unit TEXT NOT NULL DEFAULT ''")
    connection.close()
    assert not optuna_storage._write_rows(opened, 1, optuna_storage.frozen_trials(study))
    assert opened.get_all_studies() == []
    study.to_optuna(address, "digits")
    assert len(load(address).trials) == 24


def test_regression_is_minimised(data_of, storage):
    space = Recipe(shoal.mlp([4]), shoal.SGD(lr=shoal.log_uniform(1e-3, 0.1)), batch_size=20)
    study = shoal.search(space, data_of("regression"), trials=4, epochs=2, strategy="full",
                         finalists=0)  # fmt: skip
    study.to_optuna(storage, "digits")
    found = load(storage)
    assert found.direction.name == "MINIMIZE"
    assert [t.value for t in found.trials] == [t.metrics["valid_rmse"] for t in study.trials]
    past = Past.from_optuna(storage, "digits", space)
    assert [told.score for told in past.told] == [t.score for t in study.trials]


def test_an_interrupted_study_and_values_beyond_the_range(study, storage):
    trials = [replace(trial) for trial in study.trials[:2]]
    trials[0].state = "running"
    trials[1].values = {**trials[1].values, "batch_size": 31}  # narrowing may grow a range
    replace(study, trials=trials, complete=False).to_optuna(storage, "digits")
    running, wide = load(storage).trials
    assert running.state == TrialState.RUNNING
    assert wide.distributions["batch_size"].high == 31


def test_the_lineage_of_a_population_goes_along(data, storage):
    space = Recipe(shoal.mlp([4]), shoal.Adam(lr=shoal.log_uniform(1e-4, 0.3)), batch_size=20)
    study = shoal.search(
        space, data, trials=6, epochs=4, strategy=shoal.PBT(interval=1), finalists=0
    )
    study.to_optuna(storage, "digits")
    for theirs, ours in zip(load(storage).trials, study.trials, strict=True):
        assert theirs.user_attrs.get("lineage", []) == ours.lineage


# --- there and back ---------------------------------------------------------------------------


def test_a_round_trip_keeps_values_scores_and_shares(study, storage):
    study.to_optuna(storage, "digits")
    back, direct = Past.from_optuna(storage, "digits", SPACE), Past.from_study(study)
    assert back == direct
    assert back.fingerprint == direct.fingerprint
    assert back.metric == "valid_accuracy"
    assert back.skipped == 0
    types = [{path: type(v) for path, v in told.values.items()} for told in back.told]
    assert types == [{path: type(v) for path, v in t.values.items()} for t in study.trials]
    shares = {t.state: [] for t in study.trials}
    for told, trial in zip(back.told, study.trials, strict=True):
        shares[trial.state].append(told.share)
        assert (told.score == -math.inf) == (trial.state == "diverged")
    assert set(shares["done"]) == {1.0}
    assert max(shares["dropped"]) < 1


def test_ten_thousand_trials_are_a_matter_of_seconds(study, tmp_path):
    values = RandomSampler(Space(SPACE), 1).ask(10_000)
    curve = [(at, 0.01 * at, 1.0) for at in range(1, 10)]
    trials = [
        Trial(i, v, 0, "done", 9, curve, {"valid_accuracy": 0.09}) for i, v in enumerate(values)
    ]
    address = f"sqlite:///{tmp_path / 'large.db'}"
    started = time.process_time()
    replace(study, trials=trials).to_optuna(address, "large")
    back = Past.from_optuna(address, "large", SPACE)
    assert time.process_time() - started < 20  # one by one it takes minutes
    assert [told.values for told in back.told] == values


# --- bad input --------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_one_clear_line(study, storage):
    study.to_optuna(storage, "digits")
    with pytest.raises(ShoalError, match=r"^storage='sqlite.*has a study 'digits' already; give a"):
        study.to_optuna(storage, "digits")


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("nothing", r"^storage='nothing' cannot be opened \(.*\); give one such as 'sqlite:///"),
        ("sqlite:////no/such/folder/s.db", r"cannot be opened \(.*unable to open database file"),
        (7, r"^storage=7 must be an address, such as 'sqlite:///studies.db'$"),
    ],
)
def test_a_storage_that_is_none_is_one_clear_line(study, address, words):
    with pytest.raises(ShoalError, match=words):
        study.to_optuna(address, "digits")


def test_a_study_that_is_not_there_is_one_clear_line(study, storage):
    study.to_optuna(storage, "digits")
    with pytest.raises(ShoalError, match=r"has no study 'mnist'; it has digits$"):
        Past.from_optuna(storage, "mnist", SPACE)


def test_a_file_that_is_not_there_is_not_made_by_reading(tmp_path):
    file = tmp_path / "studies.db"
    with pytest.raises(ShoalError, match=r"there is no file '.*studies\.db'; check the address$"):
        Past.from_optuna(f"sqlite:///{file}", "digits", SPACE)
    assert not file.exists()


def test_many_objectives_are_one_clear_line(storage):
    optuna.create_study(storage=storage, study_name="two", directions=["minimize", "maximize"])
    with pytest.raises(ShoalError, match=r"^study 'two' has 2 objectives"):
        Past.from_optuna(storage, "two", SPACE)
