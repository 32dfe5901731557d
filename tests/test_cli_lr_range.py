"""`shoal lr-range`: the ladder of learning rates from the command line."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

import shoal
from shoal.cli import main

RECIPE = """
network = { hidden = [8] }
optimizer = { kind = "Momentum", lr = 5.0, momentum = 0.8 }
batch_size = 32
"""
QUICK = ("--data", "digits", "--steps", "20", "--seeds", "2", "--points", "6")


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Runs the command line in an empty folder; gives status, output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    Path("r.toml").write_text(RECIPE)

    def run(*arguments):
        status = main(("lr-range", *arguments))
        return status, *capfd.readouterr()

    return run


def test_the_ladder_writes_a_picture_its_numbers_and_the_recipe_to_take(run):
    status, out, err = run("r.toml", *QUICK, "--out", "lr", "--low", "1e-4", "--high", "1")
    assert status == 0
    assert out.startswith("suggested learning rate: ")
    assert err == "picture: lr/lr-range.png\n"
    folder = Path("lr")
    assert {path.name for path in folder.iterdir()} == {
        "best.toml", "lr-range.json", "lr-range.png",
    }  # fmt: skip
    assert (folder / "lr-range.png").read_bytes().startswith(b"\x89PNG")
    result = json.loads((folder / "lr-range.json").read_text())
    best = shoal.Recipe.from_toml((folder / "best.toml").read_text())
    asked = shoal.Recipe.from_toml(RECIPE)
    assert best == asked.replace({"optimizer.lr": result["suggestion"]})
    # as in the library
    found = shoal.lr_range(
        asked, shoal.load("digits"), low=1e-4, high=1, points=6, steps=20, seeds=2
    )
    assert result == found.to_dict()
    assert f"{found}\n" == out


def test_json_is_all_that_is_printed(run):
    status, out, _ = run("r.toml", *QUICK, "--out", "lr", "--json")
    assert status == 0
    assert json.loads(out, parse_constant=pytest.fail) == json.loads(
        Path("lr/lr-range.json").read_text()
    )


def test_who_closes_the_output_has_all_files(run, monkeypatch):
    def closed(*_):
        raise BrokenPipeError

    monkeypatch.setattr("shoal.cli.lr_range.print", closed, raising=False)
    status, _, _ = run("r.toml", *QUICK, "--out", "lr", "--json")
    assert status == 1
    assert Path("lr/best.toml").exists()


def test_without_a_recipe_there_is_a_default_one_and_a_folder(run):
    status, _, _ = run(*QUICK, "--seeds", "1")
    assert status == 0
    [folder] = Path("runs").iterdir()
    assert folder.name.endswith("-digits")
    plain = tomllib.loads((folder / "best.toml").read_text())
    assert plain["network"]["hidden"] == [100] * 4


def test_where_nothing_is_learned_there_is_a_picture_and_one_line(run):
    status, out, err = run("r.toml", *QUICK, "--out", "lr", "--low", "1e-9", "--high", "1e-8")
    assert (status, out) == (2, "")
    assert err.splitlines() == [
        "picture: lr/lr-range.png",
        "shoal: no learning rate from 1e-09 to 1e-08 learned anything in 20 steps; "
        "give more steps or another range",
    ]
    assert not Path("lr/best.toml").exists()


def test_ctrl_c_leaves_nothing_behind(run, monkeypatch):
    def stopped(*given, **names):
        raise KeyboardInterrupt

    monkeypatch.setattr(shoal, "lr_range", stopped)
    assert run("r.toml", *QUICK)[0] == 130
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("r.toml", "--low", "1", "--high", "0.1"), "high=0.1 must be a number > 1"),
        (("r.toml", "--points", "1"), "points=1 must be a whole number >= 2"),
        (("no.toml",), "cannot read recipes from no.toml: No such file or directory"),
        (("bad.toml",), "bad.toml: network is missing"),
        (("r.toml", "--out", "taken"), "--out=taken holds the results of another ladder"),
    ],
)
def test_bad_input_is_one_clear_line(run, arguments, words):
    Path("bad.toml").write_text('optimizer = "SGD"')
    Path("taken").mkdir()
    Path("taken/lr-range.json").write_text("{}")
    status, out, err = run(*arguments, "--data", "digits")
    assert (status, out) == (2, "")
    assert err.startswith(f"shoal: {words}")
    assert err.count("\n") == 1
