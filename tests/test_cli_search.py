"""`shoal search`: a folder with everything in it, resumed by its name alone, mistakes in a line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import shoal
from shoal import Recipe
from shoal.cli import main

SPACE = """
network = { hidden = [4] }
optimizer = { kind = "SGD", lr = { log_uniform = [1e-3, 1.0] } }
batch_size = 16
"""
QUICK = ("--trials", "6", "--epochs", "3", "--finalists", "2", "--final-seeds", "2")
TABLE = ("s.toml", "--data", "t.csv", "--target", "kind", *QUICK)


def table(rows=90):
    lines = [f"{i % 7},{i % 2 + 0.1 * (i % 5)},{'ab'[i % 2]}" for i in range(rows)]
    return "\n".join(["size,age,kind", *lines, ""])


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    Path("s.toml").write_text(SPACE)
    Path("t.csv").write_text(table())
    return tmp_path


@pytest.fixture
def run(home, capfd):
    def run(*arguments):
        status = main(["search", *arguments])
        return status, *capfd.readouterr()

    return run


def test_a_study_writes_its_results_into_a_folder(run, home):
    status, out, err = run(*TABLE, "--out", "new/study")
    assert status == 0
    assert err.splitlines()[-1] == "report: new/study/report.html"
    folder = home / "new" / "study"
    assert {path.name for path in folder.iterdir()} == {
        "asked.json", "best.toml", "finalists", "log.jsonl", "pictures", "report.html",
        "result.json", "space.toml", "study.json", "waves",
    }  # fmt: skip
    result = json.loads((folder / "result.json").read_text("utf-8"))
    assert result["headline"] == out.splitlines()[0]
    best = Recipe.from_toml((folder / "best.toml").read_text("utf-8"))
    assert best == Recipe.from_dict(result["best"])
    assert (folder / "space.toml").read_text() == SPACE
    assert (folder / "pictures" / "isolation.png").read_bytes().startswith(b"\x89PNG")
    assert result["facts"]["command"] == (
        "shoal search s.toml --data t.csv --target kind --trials 6 --epochs 3 --finalists 2 "
        "--final-seeds 2 --out new/study"
    )
    assert "looked at once, at the end, for the winner only" in out


def test_json_is_all_that_is_printed_and_the_library_says_the_same(run):
    status, out, _ = run(*TABLE, "--out", "r", "--json")
    assert status == 0
    assert out == Path("r/result.json").read_text("utf-8") + "\n"
    result = json.loads(out, parse_constant=pytest.fail)
    data = shoal.Dataset.from_file("t.csv", "kind")
    again = shoal.search(
        Recipe.from_toml(SPACE), data, trials=6, epochs=3, finalists=2, final_seeds=2
    )
    assert json.loads(again.to_json())["trials"] == result["trials"]
    assert again.best.to_dict() == result["best"]
    assert again.test.interval.mean == result["test"]["interval"]["mean"]


def test_a_finished_study_says_the_same_when_resumed(run, home, monkeypatch):
    _, out, _ = run(*TABLE, "--out", "r")
    (home / "elsewhere").mkdir()
    monkeypatch.chdir(home / "elsewhere")  # data and target are written down
    status, again, _ = run("--resume", "../r")
    assert status == 0
    assert again == out


def test_without_a_space_the_learning_rate_is_searched(run):
    arguments = ("--data", "digits", "--trials", "3", "--steps", "30", "--finalists", "0")
    status, out, _ = run(*arguments, "--json")
    assert status == 0
    result = json.loads(out)
    assert set(result["trials"][0]["values"]) == {"optimizer.lr", "weight_decay"}
    assert result["unit"] == "steps"
    [folder] = Path("runs").iterdir()
    assert folder.name.endswith("-digits")


def test_regression_from_a_file(run):
    arguments = ("s.toml", "--data", "t.csv", "--target", "age", *QUICK, "--strategy", "full")
    status, out, _ = run(*arguments, "--task", "regression", "--out", "r")
    assert status == 0
    assert "Test RMSE" in out


def shoal_search(*arguments, **settings):
    code = "import sys; from shoal.cli import run; sys.argv[0] = 'shoal'; run()"
    return subprocess.Popen(
        [sys.executable, "-c", code, "search", *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **settings,
    )  # fmt: skip


LONG = ("s.toml", "--data", "digits", "--trials", "12", "--epochs", "40", "--finalists", "2",
        "--final-seeds", "2", "--threads", "1")  # fmt: skip


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The result of a study that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "s.toml").write_text(SPACE)
    assert main(["search", str(folder / "s.toml"), *LONG[1:], "--out", str(folder / "r")]) == 0
    return json.loads((folder / "r" / "result.json").read_text("utf-8"))


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_and_resumed_is_as_never_stopped(run, home, how, whole):
    process = shoal_search(*LONG, "--out", "r", "--checkpoint-seconds", "0")
    log = home / "r" / "log.jsonl"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if log.exists() and '"rung"' in log.read_text():
            break
        time.sleep(0.02)
    os.kill(process.pid, how)
    _, err = process.communicate(timeout=60)
    if how == signal.SIGINT and process.returncode != 0:
        assert process.returncode == 130
        assert err.splitlines()[-1] == "interrupted; go on with: shoal search --resume r"
    status, out, _ = run("--resume", "r", "--json")
    assert status == 0
    stopped = json.loads(out)
    for key in ("trials", "best", "headline", "spent", "test", "rungs"):
        assert stopped[key] == whole[key]
    assert stopped["final"]["arms"][0]["final"] == whole["final"]["arms"][0]["final"]


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--trials", "0"), "trials=0 must be a whole number >= 1"),
        (("--sampler", "randm"), "unknown sampler 'randm': did you mean 'random'?"),
        (("--strategy", "halvin"), "unknown strategy 'halvin': did you mean 'halving'?"),
        (("--metric", "valid_acuracy"), "unknown metric 'valid_acuracy': did you mean"),
        (("--finalists", "-1"), "finalists=-1 must be a whole number >= 0"),
        (("--epochs", "1"), "leave no rung before the end of a training of 1"),
        (("--epochs", "3", "--steps", "4"), "give --steps=4 or --epochs=3, not both"),
        (("--trials", "many"), "Invalid value for '--trials'"),
    ],
)
def test_a_mistake_is_one_line(run, arguments, line):
    status, out, err = run("s.toml", "--data", "t.csv", "--target", "kind", *arguments)
    assert (status, out) == (2, "")
    assert line in err
    assert err.startswith("shoal: ")
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (SPACE.replace("[1e-3, 1.0]", "[1.0, 1e-3]"), "the range is empty; give the lower end"),
        (SPACE.replace("1e-3", "0.0"), "a log range cannot reach 0"),
        (SPACE.replace("{ log_uniform = [1e-3, 1.0] }", "0.1"), "so there is nothing to search"),
        (SPACE.replace("log_uniform", "log_unifrm"), "optimizer"),
        ("network = [", "is not TOML"),
        ("batch_size = 3", "network is missing"),
    ],
)
def test_a_mistake_in_the_space_is_one_line(run, text, line):
    Path("s.toml").write_text(text)
    status, out, err = run(*TABLE, "--out", "r")
    assert (status, out) == (2, "")
    assert line in err
    assert "s.toml" in err
    assert len(err.splitlines()) == 1
    assert not Path("r").exists()


def test_files_and_folders_that_do_not_fit(run, home):
    assert "cannot read a space from no.toml: No such file" in run("no.toml", *TABLE[1:])[2]
    Path("file").write_text("")
    assert "--out=file is a file; give a folder" in run(*TABLE, "--out", "file")[2]
    assert "--resume=nowhere holds no run of `shoal search`" in run("--resume", "nowhere")[2]
    assert run(*TABLE, "--out", "r")[0] == 0
    assert "--out=r holds a run; go on with it by --resume r" in run(*TABLE, "--out", "r")[2]
    assert "leave out --trials" in run("--resume", "r", "--trials", "9")[2]
    asked = Path("r/asked.json")
    asked.write_text("{}")
    assert "asked.json is damaged" in run("--resume", "r")[2]


def test_a_folder_of_another_verb(run, home, capfd):
    main(["compare", "--data", "digits", "--steps", "1", "--seeds", "1", "--out", "c"])
    capfd.readouterr()
    assert "holds a run of `shoal compare`; go on with it by that verb" in run("--resume", "c")[2]
    assert run(*TABLE, "--out", "r")[0] == 0
    assert main(["compare", "--resume", "r"]) == 2
    assert "holds a run of `shoal search`" in capfd.readouterr().err


def test_other_data_is_refused(run, home):
    run(*TABLE, "--out", "r")
    Path("t.csv").write_text(table(80))
    status, _, err = run("--resume", "r")
    assert status == 2
    assert "holds a study of other data; give another folder" in err


def test_every_trial_diverged(run):
    text = SPACE.replace("[1e-3, 1.0]", "[1e30, 1e35]")
    Path("s.toml").write_text(text)
    status, out, err = run(*TABLE, "--out", "r")
    assert (status, out) == (2, "")
    assert "every trial diverged; lower the upper ends of the ranges" in err


def test_a_mistake_that_shows_late_leaves_nothing_behind(run):
    Path("s.toml").write_text(SPACE.replace("batch_size = 16", "batch_size = 5000"))
    status, _, _ = run(*TABLE, "--out", "r")
    if status == 2:
        assert not Path("r").exists()
