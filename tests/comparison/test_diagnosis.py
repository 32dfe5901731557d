"""A comparison says what went wrong: in print, as data, in the report, and only then."""

from __future__ import annotations

import json

import pytest

import shoal
from shoal import Comparison, Recipe
from shoal.comparison.words import diagnosis_lines
from shoal.report import render

ARMS = {
    "well": Recipe(shoal.mlp([32, 32]), shoal.Adam(lr=0.01)),
    "ill": Recipe(shoal.mlp([32, 32]), shoal.Adam(lr=0.5)),
}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    return shoal.compare(ARMS, shoal.load("digits"), steps=150, seeds=2)


def test_findings_are_told_in_print_in_json_and_in_the_report(comparison):
    findings = comparison.diagnosis
    assert {f.arm for f in findings} == {"ill"}
    assert str(comparison).splitlines()[-len(findings) - 1] == "Diagnosis:"
    assert f"  {findings[0]}." in str(comparison)
    plain = json.loads(comparison.to_json())["diagnosis"]
    assert [f["words"] for f in plain] == [str(f) for f in findings]
    assert plain[0]["rule"] == findings[0].rule
    page = render(comparison)
    assert 'id="findings"' in page
    assert 'aria-labelledby="instruments-title' in page


def test_nothing_is_told_where_all_is_well():
    well = shoal.compare({"well": ARMS["well"]}, shoal.load("digits"), steps=150, seeds=2)
    assert well.diagnosis == []
    assert "Diagnosis" not in str(well)
    assert json.loads(well.to_json())["diagnosis"] == []
    assert "Nothing conspicuous" in render(well)


def test_without_instruments_there_is_no_picture_and_the_numbers_are_the_same(comparison):
    data = shoal.load("digits")
    without = shoal.compare(ARMS, data, steps=150, seeds=2, instruments=False)
    assert without.history.instruments == ()
    assert "instruments-title" not in render(without)
    assert without.values("loss")["well"].tolist() == comparison.values("loss")["well"].tolist()


def test_many_findings_are_cut_short(comparison):
    lines = diagnosis_lines(comparison.diagnosis[:1] * 9)
    assert len(lines) == 9
    assert lines[-1] == "  and 3 more: see diagnosis."
