"""The command line: results on standard output, all else on standard error, a mistake in a line."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.cli import main
from shoal.cli.asked import claim

ARMS = """
[defaults]
network = { hidden = [4] }
batch_size = 16

[arms.SGD]
optimizer = { kind = "SGD", lr = 0.1 }

[arms.Adam]
optimizer = { kind = "Adam", lr = 0.01 }
"""


def csv(rows=60, label=lambda i: "ab"[i % 2], **columns):
    """The text of a small table."""
    columns = {"size": lambda i: i % 7, "age": lambda i: i % 2 + 0.1 * (i % 5), "kind": label} | (
        columns
    )
    lines = [",".join(str(value(i)) for value in columns.values()) for i in range(rows)]
    return "\n".join([",".join(columns), *lines, ""])


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A folder to work in, with recipes and tables; no data set but digits is at hand."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    Path("r.toml").write_text(ARMS)
    Path("t.csv").write_text(csv())
    return tmp_path


@pytest.fixture
def run(home, capfd):
    """Runs the command line here; gives status, standard output and standard error."""

    def run(*arguments):
        status = main(arguments)
        return status, *capfd.readouterr()

    return run


@pytest.fixture(scope="module")
def finished_once(tmp_path_factory):
    """A finished run, for copies."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "r.toml").write_text(ARMS)
    (folder / "t.csv").write_text(csv())
    arguments = ["compare", *TABLE, "--out", str(folder / "run")]
    arguments[1:4] = [str(folder / "r.toml"), "--data", str(folder / "t.csv")]
    assert main(arguments) == 0
    return folder


@pytest.fixture
def finished(finished_once, home):
    """The folder of a finished run, in our folder."""
    run = home / "run"
    shutil.copytree(finished_once / "run", run)
    asked = (run / "asked.json").read_text()
    (run / "asked.json").write_text(asked.replace(str(finished_once), str(home)))
    return run


QUICK = ("--steps", "4", "--seeds", "2")
TABLE = ("r.toml", "--data", "t.csv", "--target", "kind", *QUICK)


# --- comparing --------------------------------------------------------------------------------


def test_a_comparison_writes_its_results_into_a_folder(run, home):
    status, out, err = run("compare", *TABLE, "--out", "new/run")
    assert status == 0
    assert "Test accuracy, pair by pair:" in out
    assert err.splitlines() == [
        "comparing 4 networks, 4 steps each, on "
        "<Dataset t: classification, 36 + 12 + 12 rows, inputs (2,), 2 classes>",
        "report: new/run/report.html",
    ]
    folder = home / "new" / "run"
    assert sorted(path.name for path in folder.iterdir()) == [
        "asked.json", "curves.png", "final", "recipes.toml", "report.html", "result.json",
    ]  # fmt: skip
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (folder / "report.html").read_text("utf-8")
    result = json.loads((folder / "result.json").read_text("utf-8"))
    assert result["headline"] == out.splitlines()[0]
    assert (folder / "recipes.toml").read_text() == ARMS
    assert result["facts"]["command"] == (
        "shoal compare r.toml --data t.csv --target kind --steps 4 --seeds 2 --out new/run"
    )


def test_json_is_all_that_is_printed(run):
    status, out, err = run("compare", *TABLE, "--out", "run", "--json")
    assert status == 0
    result = json.loads(out, parse_constant=pytest.fail)
    assert out == Path("run/result.json").read_text("utf-8") + "\n"
    assert result["seeds"] == [0, 1]
    assert {arm["name"] for arm in result["arms"]} == {"SGD", "Adam"}
    assert err.splitlines()[-1] == "report: run/report.html"


def test_without_recipes_the_books_optimizers_are_compared(run):
    status, out, _ = run("compare", "--data", "digits", "--steps", "2", "--seeds", "1", "--json")
    assert status == 0
    result = json.loads(out)
    assert [arm["name"] for arm in result["arms"]] == [
        "SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam",
    ]  # fmt: skip
    [folder] = Path("runs").iterdir()
    assert folder.name.endswith("-digits")
    # as in the library
    again = shoal.compare(
        {name: shoal.Recipe.from_dict(plain) for name, plain in result["recipes"].items()},
        shoal.load("digits"),
        steps=2,
        seeds=1,
    )
    assert [a.final.mean for a in again.arms] == [a["final"]["mean"] for a in result["arms"]]


def test_without_data_what_is_at_hand_is_taken_and_named(run):
    status, _, err = run("compare", "r.toml", *QUICK, "--out", "run")
    assert status == 0
    assert "<Dataset digits:" in err
    command = json.loads(Path("run/result.json").read_text())["facts"]["command"]
    assert command == "shoal compare r.toml --steps 4 --seeds 2 --out run --data digits"


def test_recipes_may_begin_with_a_byte_order_mark(run):
    Path("r.toml").write_text(ARMS, "utf-8-sig")
    assert run("compare", *TABLE, "--out", "run")[0] == 0


def test_regression(run):
    Path("t.csv").write_text(csv(label=lambda i: i % 2 + i / 7))
    status, out, _ = run("compare", *TABLE, "--out", "run")
    assert status == 0
    assert "has the best mean test RMSE" in out.splitlines()[0]


def test_gaps_and_levels_and_a_test_file(run):
    Path("t.csv").write_text(csv(town=lambda i: ["Kiel", "", "Köln"][i % 3]), "utf-8")
    Path("more.csv").write_text(csv(rows=20, town=lambda i: "Bonn"), "utf-8")
    status, _, err = run("compare", *TABLE, "--test-file", "more.csv", "--out", "run")
    assert status == 0
    assert "48 + 12 + 20 rows, inputs (5,), 2 classes" in err


def test_several_targets_and_a_task_that_is_asked_for(run):
    Path("t.csv").write_text(csv(label=lambda i: i % 3, more=lambda i: i % 4))
    status, _, err = run(
        "compare", "r.toml", "--data", "t.csv", "--target", "kind,more", "--task", "regression",
        *QUICK, "--out", "run",
    )  # fmt: skip
    assert status == 0
    assert "regression" in err
    assert "2 targets" in err


@pytest.mark.parametrize(
    ("names", "target", "targets"),
    [
        ("a|b|c, d", "c, d", ["c, d"]),
        ("a|b|c", "b,c", ["b", "c"]),
        ("a|b, c|d", '"b, c",d', ["b, c", "d"]),
        ("a|b|c|b,c", "b,c", ["b,c"]),  # the very name of a column comes first
    ],
)
def test_a_comma_in_the_name_of_a_target(run, names, target, targets):
    names = names.split("|")
    rows = [",".join(str((i + k) % 7) for k in range(len(names))) for i in range(40)]
    header = ",".join(f'"{name}"' for name in names)
    Path("t.csv").write_text("\n".join([header, *rows, ""]))
    status, out, err = run("data", "t.csv", "--target", target, "--task", "regression", "--json")
    assert (status, err) == (0, "")
    told = json.loads(out)
    assert [t["name"] for t in told["targets"]] == targets
    assert [c["name"] for c in told["columns"]] == [n for n in names if n not in targets]


@pytest.mark.parametrize("ending", ["tsv", "tab", "tsv.gz", "pq", "parquet"])
def test_other_files_work_as_csv_does(run, ending):
    frame = pd.read_csv("t.csv")
    if ending.startswith("p"):
        frame.to_parquet(f"u.{ending}")
    else:
        frame.to_csv(f"u.{ending}", sep="\t", index=False)
    told = [
        json.loads(run("data", file, "--target", "kind", "--json")[1])
        for file in ("t.csv", f"u.{ending}")
    ]
    assert told[0]["fingerprint"] == told[1]["fingerprint"]


def test_columns_can_be_left_out_and_stay_so_when_resumed(run):
    Path("t.csv").write_text(csv(day=lambda i: f"{i + 1}.1.2024", who=lambda i: f"n{i}"))
    status, _, err = run("compare", *TABLE, "--out", "run", "--drop", "day", "--drop", "who")
    assert status == 0
    assert "inputs (2,)" in err
    assert run("compare", "--resume", "run")[0] == 0


def test_the_name_of_a_data_set_goes_before_a_file_of_that_name(run):
    Path("digits").write_text("nothing")
    assert run("data", "digits")[0] == 0


def test_tuning_from_the_command_line(run):
    status, out, err = run(
        "compare", *TABLE, "--out", "run", "--tune-seeds", "1",
        "--tune", "optimizer.lr=0.001:0.1:3", "--tune", "init=he,lecun",
        "--tune", "network.hidden=[2],[3,3]",
    )  # fmt: skip
    assert status == 0
    budget, chosen, *_ = err.splitlines()
    assert budget == "tuning each arm with 12 trainings, 4 steps each, on other seeds"
    assert chosen.startswith("chosen by validation accuracy: SGD optimizer.lr = ")
    assert "Each arm was tuned with 12 trainings on validation accuracy" in out


def test_the_recipes_file_may_say_what_to_tune(run):
    Path("r.toml").write_text(ARMS + "[tune]\noptimizer.lr = { log_grid = [0.01, 0.1, 2] }\n")
    _, _, err = run("compare", *TABLE, "--out", "run")
    assert err.startswith("tuning each arm with 4 trainings, 4 steps each")


def test_settings_reach_the_comparison(run):
    status, out, _ = run(
        "compare", "r.toml", "--data", "t.csv", "--target", "kind", "--out", "run", "--json",
        "--epochs", "2", "--seeds", "3", "--batch-size", "9", "--metric", "valid_loss",
        "--margin", "100", "--threads", "1",
    )  # fmt: skip
    assert status == 0
    result = json.loads(out)
    assert result["seeds"] == [0, 1, 2]
    assert result["metric"] == "valid_loss"
    assert result["facts"]["steps"] == 8
    assert {recipe["batch_size"] for recipe in result["recipes"].values()} == {9}
    assert [pair["verdict"] for pair in result["pairs"]["valid_loss"]] == ["tied"]


def test_where_all_diverge_the_results_are_written_and_the_status_is_2(run):
    Path("r.toml").write_text(ARMS.replace("0.1 }", "1e30 }").replace("0.01 }", "1e30 }"))
    status, out, err = run("compare", *TABLE[:-3], "20", "--seeds", "2", "--out", "run")
    assert status == 2
    assert out.startswith("Every member of every arm diverged; lower the learning rates.")
    assert err.splitlines()[-1] == (
        "shoal: every member of every arm diverged; lower the learning rates, "
        "or let --tune optimizer.lr=1e-5:0.1:9 find them"
    )
    assert Path("run/report.html").exists()
    assert json.loads(Path("run/result.json").read_text())["arms"][0]["diverged"] == 2


# --- going on ---------------------------------------------------------------------------------


def test_a_finished_run_can_be_asked_again_from_any_folder(run, finished, monkeypatch):
    first = json.loads((finished / "result.json").read_text())
    (finished.parent / "elsewhere").mkdir()
    monkeypatch.chdir(finished.parent / "elsewhere")
    status, out, _ = run("compare", "--resume", "../run", "--json", "--threads", "1")
    assert status == 0
    again = json.loads(out)
    assert again["arms"] == first["arms"]  # the seconds too: nothing was trained again
    assert again["pairs"] == first["pairs"]


def test_a_mistake_can_be_mended_in_the_same_folder(run):
    status, _, _ = run("compare", *TABLE, "--out", "run", "--batch-size", "99")
    assert status == 2
    assert not Path("run").exists()
    assert run("compare", *TABLE, "--out", "run")[0] == 0


def test_runs_of_the_same_second_get_folders_of_their_own(run, monkeypatch):
    monkeypatch.setattr("time.strftime", lambda form: form.replace("%Y%m%d-%H%M%S", "now"))
    for folder in ("now-t", "now-t-2", "now-t-3"):
        status, _, err = run("compare", *TABLE)
        assert status == 0
        assert err.splitlines()[-1] == f"report: runs/{folder}/report.html"
    held = sorted(Path("runs").rglob("*"))
    assert run("compare", *TABLE, "--batch-size", "99")[0] == 2
    assert sorted(Path("runs").rglob("*")) == held


def test_a_folder_is_claimed_by_one_alone(home):
    with ThreadPoolExecutor(8) as pool:
        claimed = list(pool.map(lambda _: claim(home / "a" / "run"), range(40)))
    assert len(set(claimed)) == 40
    assert all(folder.is_dir() for folder in claimed)


def test_where_no_folder_can_be_made_another_is_asked_for(run):
    Path("runs").write_text("")
    status, out, err = run("compare", *TABLE)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: cannot make runs/")
    assert err.endswith("give --out DIR\n")


def test_an_empty_folder_that_was_there_stays(run):
    Path("run").mkdir()
    assert run("compare", *TABLE, "--out", "run", "--batch-size", "99")[0] == 2
    assert Path("run").is_dir()
    assert not list(Path("run").iterdir())


def test_a_run_is_not_written_over(run, finished):
    held = {p: p.read_bytes() for p in finished.rglob("*") if p.is_file()}
    status, out, err = run("compare", *TABLE, "--out", "run")
    assert (status, out) == (2, "")
    assert err == ("shoal: --out=run holds a run; go on with it by --resume run, or give another\n")
    assert {p: p.read_bytes() for p in finished.rglob("*") if p.is_file()} == held


@pytest.mark.parametrize(
    ("more", "option"),
    [
        (["--seeds", "5"], "--seeds"),
        (["--data", "digits"], "--data"),
        (["--out", "other"], "--out"),
        (["--tune", "optimizer.lr=1,2"], "--tune"),
        (["r.toml"], "recipes"),
    ],
)
def test_what_was_asked_for_stays_when_a_run_is_resumed(run, more, option):
    assert run("compare", "--resume", "run", *more) == (
        2, "", f"shoal: --resume=run goes on with what was asked; leave out {option}\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lambda run: (run / "asked.json").unlink(), "--resume=run holds no run of `shoal compare`"),
        (lambda run: (run / "asked.json").write_text("{"), "run/asked.json is damaged"),
        (lambda run: (run / "asked.json").write_text("[]"), "run/asked.json is damaged"),
        (lambda run: (run / "asked.json").write_text("{}"), "run/asked.json is damaged"),
        (lambda run: (run / "asked.json").write_bytes(b"\xff"), "run/asked.json is damaged"),
        (lambda run: (run / "final/state.safetensors").write_bytes(b"x" * 99), "is damaged"),
        (
            lambda run: (run.parent / "t.csv").write_text(csv(rows=50)),
            "holds a run with other data",
        ),
        (lambda run: (run.parent / "t.csv").unlink(), "there is no file"),
        (
            lambda run: (run / "asked.json").write_text(
                (run / "asked.json").read_text().replace('"steps": 4', '"steps": 5')
            ),
            "holds a run with other settings",
        ),
    ],
)
def test_a_damaged_run_says_what_is_wrong_with_it(run, finished, damage, text):
    damage(finished)
    status, out, err = run("compare", "--resume", "run")
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert err.count("\n") == 1
    assert text in err


@pytest.mark.parametrize("folder", ["nowhere", "t.csv", "."])
def test_there_must_be_a_run_to_resume(run, folder):
    status, out, err = run("compare", "--resume", folder)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert err.count("\n") == 1


# --- mistakes ---------------------------------------------------------------------------------


def arms(change, to):
    return lambda: Path("r.toml").write_text(ARMS.replace(change, to))


def table(*args, **columns):
    return lambda: Path("t.csv").write_text(csv(*args, **columns))


def nothing():
    pass


MISTAKES = {
    # data
    "unknown data": (
        nothing,
        ["r.toml", "--data", "mnits"],
        "unknown data set 'mnits': did you mean 'mnist'? (known: digits, mnist, signs)",
    ),
    "no target": (
        nothing,
        ["--data", "t.csv"],
        "t.csv is to be predicted? It has size, age, kind",
    ),
    "target misspelt": (
        nothing,
        ["r.toml", "--data", "t.csv", "--target", "knid"],
        "unknown target column 'knid': did you mean 'kind'? (known: size, age, kind)",
    ),
    "target for a name": (
        nothing,
        ["--data", "digits", "--target", "y"],
        "--target=y goes with a file; the data set 'digits' has its own",
    ),
    "task for a name": (
        nothing,
        ["--data", "digits", "--task", "regression"],
        "--task=regression goes with a file; the data set 'digits' has its own",
    ),
    "test file for a name": (
        nothing,
        ["--data", "digits", "--test-file", "t.csv"],
        "--test-file=",
    ),
    "unknown task": (nothing, [*TABLE, "--task", "regresion"], "did you mean 'regression'?"),
    "another kind of file": (
        nothing,
        ["--data", "t.xlsx", "--target", "kind"],
        "must be a file .csv, .tsv or .tab (each also .gz), .parquet or .pq; save its sheet as CSV",
    ),
    "another kind of file, no target": (nothing, ["--data", "t.xlsx"], "save its sheet as CSV"),
    "a file without an ending": (
        lambda: Path("table").write_text(csv()),
        ["--data", "table", "--target", "kind"],
        "rename it to .csv or .tsv",
    ),
    "a column to drop for a name": (
        nothing,
        ["--data", "digits", "--drop", "x"],
        "--drop=x goes with a file; the data set 'digits' has its own",
    ),
    "column to drop misspelt": (
        nothing,
        [*TABLE, "--drop", "agee"],
        "unknown column to drop 'agee': did you mean 'age'?",
    ),
    "row numbers": (
        lambda: Path("t.csv").write_text("," + csv().replace("\n", "\n1,")[:-2]),
        TABLE,
        "leave it out with --drop 'Unnamed: 0', or name it",
    ),
    "several labels": (
        table(more=lambda i: "cd"[i % 2]),
        [*TABLE[:4], "kind,more"],
        "but has text such as 'a'; give one column of labels, or turn each into 0 and 1",
    ),
    "missing file": (nothing, ["--data", "no.csv", "--target", "y"], "there is no file "),
    "missing test file": (nothing, [*TABLE, "--test-file", "no.csv"], "there is no file "),
    "a folder": (lambda: Path("d.csv").mkdir(), ["--data", "d.csv", "--target", "y"],
                 "must be a file, but is a folder"),
    "an empty file": (lambda: Path("t.csv").write_text(""), TABLE, "t.csv is empty"),
    "a header only": (table(0), TABLE, "has column names but no rows"),
    "not UTF-8": (lambda: Path("t.csv").write_bytes(b"a,kind\n\xff\xfe,b\n"), TABLE,
                  "t.csv must be UTF-8 text"),
    "no Parquet": (lambda: Path("t.parquet").write_text("no"),
                   ["--data", "t.parquet", "--target", "kind"], "must be a Parquet file"),
    "no gzip": (lambda: Path("t.csv.gz").write_text("a,b\n1,2\n"),
                ["--data", "t.csv.gz", "--target", "b"], "t.csv.gz cannot be read"),
    "one class": (table(label=lambda i: "a"), TABLE, "must have at least two classes"),
    "one value": (table(label=lambda i: 1.5), TABLE, "vary"),
    "infinity": (table(size=lambda i: "inf" if i == 7 else i), TABLE,
                 "column 'size' must be finite or empty, but row 7 (counted from 0) has inf"),
    "labels missing": (table(label=lambda i: "" if i % 9 == 5 else "ab"[i % 2]), TABLE,
                       "target 'kind' must have a value in every row, but is missing in 7 rows"),
    "ragged rows": (lambda: Path("t.csv").write_text("a,kind\n1,x\n1,2,3\n"), TABLE, "t.csv"),
    "batch too large": (nothing, [*TABLE, "--batch-size", "37"],
                        "batch_size=37 must be at most the number of training rows, 36"),
    # recipes
    "missing recipes": (nothing, ["no.toml"],
                        "cannot read recipes from no.toml: No such file or directory"),
    "recipes are a folder": (lambda: Path("d").mkdir(), ["d"],
                             "cannot read recipes from d: Is a directory"),
    "recipes are not UTF-8": (lambda: Path("r.toml").write_bytes(b"\xff"), TABLE,
                              "cannot read recipes from r.toml: it is not UTF-8 text"),
    "broken TOML": (arms("[arms.Adam]", "[arms.Adam"), TABLE, "r.toml is not TOML: "),
    "no arms": (lambda: Path("r.toml").write_text("# later\n"), TABLE,
                "r.toml has no arms; write a table [arms.NAME] for each"),
    "optimizer misspelt": (arms('"Adam"', '"Adma"'), TABLE,
                           "unknown kind in r.toml: arms.Adam.optimizer: 'Adma': did you mean 'Ad"),
    "key misspelt": (arms("batch_size", "bach_size"), TABLE, "did you mean 'batch_size'?"),
    "wrong type": (arms("0.01", '"0.01"'), TABLE,
                   "r.toml: arms.Adam.optimizer: lr='0.01' must be a number > 0"),
    "out of range": (arms("0.01", "-0.01"), TABLE,
                     "r.toml: arms.Adam.optimizer: lr=-0.01 must be a number > 0"),
    "wrong loss": (arms("batch_size = 16", 'loss = "mean_squared_error"'), TABLE,
                   "loss='mean_squared_error' does not fit classification"),
    # settings
    "no steps": (nothing, [*TABLE[:5], "--steps", "0"], "steps=0 must be a whole number >= 1"),
    "no epochs": (nothing, [*TABLE[:5], "--epochs", "0"], "epochs=0 must be a whole number >= 1"),
    "half a step": (nothing, [*TABLE[:5], "--steps", "1.5"], "Invalid value for '--steps'"),
    "steps and epochs": (nothing, [*TABLE, "--epochs", "2"],
                         "give --steps=4 or --epochs=2, not both"),
    "no seeds": (nothing, [*TABLE, "--seeds", "0"], "seeds=0 must be a whole number >= 1"),
    "no threads": (nothing, [*TABLE, "--threads", "0"], "threads=0 must be a whole number >= 1"),
    "negative margin": (nothing, [*TABLE, "--margin", "-1"], "margin=-1.0 must be a number > 0"),
    "margin that is none": (nothing, [*TABLE, "--margin", "nan"], "margin=nan must be a number"),
    "unknown metric": (nothing, [*TABLE, "--metric", "acuracy"],
                       "unknown metric 'acuracy': did you mean 'test_accuracy'?"),
    "metric of another task": (nothing, [*TABLE, "--metric", "test_rmse"], "unknown metric"),
    # tuning
    "tune without values": (nothing, [*TABLE, "--tune", "optimizer.lr"],
                            "--tune optimizer.lr must be SETTING=LOW:HIGH:COUNT, such as"),
    "tune without count": (nothing, [*TABLE, "--tune", "optimizer.lr=1:2"],
                           "--tune optimizer.lr=1:2 must be SETTING=LOW:HIGH:COUNT"),
    "tune downwards": (nothing, [*TABLE, "--tune", "optimizer.lr=2:1:3"],
                       "--tune optimizer.lr=2:1:3: high=1.0 must be a number > 2"),
    "tune half a time": (nothing, [*TABLE, "--tune", "optimizer.lr=1:2:2.5"],
                         "--tune optimizer.lr=1:2:2.5 must be SETTING=LOW:HIGH:COUNT"),
    "tune nothing": (nothing, [*TABLE, "--tune", "optimizer.lr="],
                     "tune['optimizer.lr']=[] must be a list"),
    "tune without end": (nothing, [*TABLE, "--tune", "optimizer.lr=1:2:100000000"],
                         "count=100000000 must be a whole number >= 2 and <= 10000"),
    "too wide": (arms("hidden = [4]", "hidden = [100_000_000_000]"), TABLE, "not enough memory"),
    "tune words": (nothing, [*TABLE, "--tune", "optimizer.lr=low,high"],
                   "tune: arm 'SGD' cannot take {'optimizer.lr': 'low'}"),
    "tune a bare name": (nothing, [*TABLE, "--tune", "lr=0.1,0.2"],
                         "'lr' is no setting of a recipe: did you mean 'optimizer.lr'?"),
    "tune what is not there": (nothing, [*TABLE, "--tune", "optimizer.lrr=1,2"],
                               "'lrr': did you mean 'lr'?"),
    "tune for some arms": (nothing, [*TABLE, "--tune", "optimizer.beta1=0.9,0.8"],
                           "tune: arm 'SGD' cannot take"),
    "tune with no seed": (nothing, [*TABLE, "--tune", "init=he,lecun", "--tune-seeds", "0"],
                          "tune_seeds=0 must be a whole number >= 1"),
    # where to
    "out below a file": (nothing, [*TABLE, "--out", "t.csv/run"], "cannot write t.csv/run/asked.j"),
    "out is a file": (nothing, [*TABLE, "--out", "t.csv"], "--out=t.csv is a file; give a folder"),
    # the command line itself
    "unknown option": (nothing, ["--stpes", "4"], "No such option: --stpes"),
    "too much": (nothing, ["r.toml", "more.toml"], "Got unexpected extra argument(s) (more.toml)"),
    "option without value": (nothing, ["--steps"], "requires an argument"),
}  # fmt: skip


def test_a_reader_who_has_seen_enough_gets_no_traceback():
    shell = f"{sys.executable} -c 'from shoal.cli import run; run()' data; echo $? >&2"
    done = subprocess.run(
        ["bash", "-c", f"({shell}) | true"], capture_output=True, text=True, timeout=60
    )
    assert done.stderr == "1\n"


def test_a_name_that_the_system_refuses_is_one_line(run):
    status, out, error = run("data", "a" * 300 + ".csv")
    assert (status, out) == (2, "")
    assert error.startswith("shoal: the system says: File name too long (aaa")
    assert error.count("\n") == 1


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_and_status_2_and_leaves_nothing_behind(run, home, mistake):
    prepare, arguments, text = MISTAKES[mistake]
    prepare()
    before = sorted(home.rglob("*"))
    status, out, err = run("compare", *arguments)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert text in err
    assert "Traceback" not in err
    assert [path for path in sorted(home.rglob("*")) if path.name != "runs"] == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["comapre"], "No such command 'comapre'. Did you mean 'compare'?"),
        (["--versoin"], "No such option: --versoin"),
        (["data", "nope"], "unknown data set 'nope'"),
        (["data", "t.csv"], "--target is missing: which column of t.csv is to be predicted?"),
        (["data", "t.csv", "--target", "x"], "unknown target column 'x'"),
        (["data", "mnist.csv", "--target", "x"], "there is no file 'mnist.csv'"),
        (["data", "digits", "--seeds", "3"], "No such option: --seeds"),
    ],
)
def test_mistakes_elsewhere(run, arguments, text):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("shoal: ")
    assert err.count("\n") == 1
    assert text in err


# --- data -------------------------------------------------------------------------------------


def test_data_lists_what_there_is(run):
    status, out, err = run("data")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[:3]] == ["digits", "mnist", "signs"]
    assert "1,797 rows" in out
    assert out.splitlines()[-1] == "Or a file of your own: shoal data FILE.csv --target COLUMN"


def test_data_lists_for_machines(run):
    status, out, err = run("data", "--json")
    assert (status, err) == (0, "")
    digits, mnist, _ = json.loads(out)
    assert (digits["name"], digits["rows"], digits["at_hand"]) == ("digits", 1797, True)
    assert (mnist["name"], mnist["at_hand"]) == ("mnist", False)


def test_data_describes_one(run):
    status, out, err = run("data", "digits")
    assert (status, err) == (0, "")
    assert out == f"{shoal.load('digits').describe()}\n"
    status, out, _ = run("data", "digits", "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert (told["name"], told["rows"]["train"], told["inputs"]["shape"]) == (
        "digits",
        1079,
        [8, 8],
    )


def test_data_describes_a_file(run):
    status, out, err = run("data", "t.csv", "--target", "kind")
    assert (status, err) == (0, "")
    assert "classification" in out
    status, out, _ = run("data", "t.csv", "--target", "size", "--task", "regression", "--json")
    assert status == 0
    told = json.loads(out, parse_constant=pytest.fail)
    assert told["task"] == "regression"
    sizes = shoal.Dataset.from_csv("t.csv", "size", task="regression")
    sizes = sizes.values(sizes.train.y)
    [age, _] = told["columns"]
    assert (age["low"], age["high"], age["missing_rows"]) == (0.0, 1.4, 0)
    assert told["targets"][0]["mean"] == pytest.approx(np.mean(sizes))


# --- help -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [[], ["--help"], ["compare", "--help"], ["data", "--help"]])
def test_help_goes_to_standard_output(run, arguments):
    status, out, err = run(*arguments)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: shoal")


def test_the_version(run):
    assert run("--version") == (0, f"{shoal.__version__}\n", "")


# --- as a program -----------------------------------------------------------------------------


def program(*arguments, **environment):
    """The finished process of `shoal ...` in this folder."""
    return subprocess.run(
        [sys.executable, "-c", "from shoal.cli import run; run()", *arguments],
        env=os.environ | environment,
        capture_output=True,
        timeout=60,
    )


def test_the_program_is_quiet_where_nobody_watches(home):
    done = program("compare", *TABLE, "--out", "run")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stderr.decode().splitlines()] == [
        "comparing", "report:",
    ]  # fmt: skip


def test_a_mistake_in_the_program_shows_no_traceback(home):
    done = program("compare", "--data", "mnits")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"shoal: unknown data set 'mnits'")
    assert done.stderr.count(b"\n") == 1


def test_the_package_can_be_run_as_a_module(home):
    done = subprocess.run(
        [sys.executable, "-m", "shoal", "data", "nope"], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("shoal: unknown data set 'nope'")


def test_a_terminal_that_knows_no_plus_minus_gets_a_question_mark(home):
    done = program("data", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"8?8 grey" in done.stdout


# --- real tables ------------------------------------------------------------------------------

REAL = [
    ("titanic.csv", "survived", None),
    ("abalone.csv", "rings", None),
    ("wine_quality_white.csv", "quality", "regression"),
    ("california_housing.csv.gz", "median_house_value", None),
]


@pytest.mark.parametrize(("name", "target", "task"), REAL, ids=[name for name, *_ in REAL])
def test_real_tables(tmp_path, capfd, name, target, task):
    folder = os.environ.get("SHOAL_DATA")
    if not folder or not Path(folder, "tables", name).exists():
        pytest.skip("SHOAL_DATA has no such table")
    recipes = tmp_path / "r.toml"
    recipes.write_text(ARMS)
    status = main(
        ["compare", str(recipes), "--data", str(Path(folder, "tables", name)), "--target", target,
         *(["--task", task] if task else []), *QUICK, "--out", str(tmp_path / "run"), "--json"]
    )  # fmt: skip
    out, err = capfd.readouterr()
    assert (status, "Traceback" in err) == (0, False)
    finals = [arm["final"]["mean"] for arm in json.loads(out)["arms"]]
    assert np.isfinite(finals).all()


@pytest.mark.parametrize(
    "command",
    [
        ("compare", "--steps", "4", "--seeds", "2"),
        ("search", "--epochs", "2", "--trials", "3", "--finalists", "0"),
        ("lr-range", "--steps", "10"),
    ],
    ids=lambda command: command[0],
)
def test_defaults_fit_a_small_table(command, run):
    Path("t.csv").write_text(csv(rows=20))
    verb, *options = command
    status, _, err = run(verb, "--data", "t.csv", "--target", "kind", "--out", "f", *options)
    assert status == 0, err
    chosen = Path("f", "result.json" if verb != "lr-range" else "best.toml").read_text()
    assert re.search(r'batch_size"?[ :=]+3\b', chosen)  # a quarter of 12 rows
