"""`shoal claims` on the command line."""

from __future__ import annotations

import json

import pytest

from shoal.book.claims import CLAIMS
from shoal.cli import main


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    """Runs the command line in an empty folder; gives status, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = main(arguments)
        return status, *capfd.readouterr()

    return run


def test_the_list_names_every_claim(run):
    status, out, _ = run("claims", "--list")
    assert status == 0
    for each in CLAIMS.values():
        assert each.name in out
        assert each.statement["en"] in out
    assert CLAIMS["dropout"].statement["zh"] in run("claims", "--list", "--lang", "zh")[1]


def test_the_list_for_machines(run):
    listed = json.loads(run("claims", "--list", "--json")[1])
    assert [each["number"] for each in listed] == [each.number for each in CLAIMS.values()]


def test_one_claim_leaves_its_files_and_json_is_all_that_is_printed(run, tmp_path):
    status, out, err = run(
        "claims", "equal-weights", "--quick", "--data", "digits", "--json", "--out", "o"
    )
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["claim"] == "equal-weights"
    assert found["verdict"] == "depends"
    assert found == json.loads((tmp_path / "o" / "equal-weights.json").read_text())
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        "equal-weights.json", "equal-weights.svg", "equal-weights.png",
    }  # fmt: skip


def test_all_claims_make_a_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr("shoal.book.claims.CLAIMS", {"equal-weights": CLAIMS["equal-weights"]})
    status, out, err = run("claims", "--quick", "--data", "digits", "--lang", "en,zh")
    assert status == 0
    assert "depends on whether there is dropout" in out
    assert "page: runs/claims/claims.html" in err
    assert "取决于" in (tmp_path / "runs" / "claims" / "claims.zh.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("drpout",), "did you mean 'dropout'"),
        (("dropout", "--seeds", "4"), "--seeds=4 must be"),
        (("dropout", "--seeds", "0"), "--seeds=0 must be"),
        (("dropout", "--data", "cifar"), "unknown --data 'cifar'"),
        (("dropout", "--list"), "give NAME=dropout or --list, not both"),
        (("dropout", "--lang", "de"), "unknown --lang 'de'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, tmp_path, arguments, text):
    status, out, err = run("claims", *arguments, "--quick")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert text in err
    assert not list(tmp_path.iterdir())
