"""The Python in a report makes the same comparison again."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal import Recipe
from shoal.report.again import command, python


@pytest.mark.parametrize("name", ["tuned_together", "batches", "one_seed"])
def test_it_gives_the_same_numbers(case, name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    comparison = case(name)
    code = python(comparison)
    # the cases train on some rows only, which no snippet can know
    loaded = 'data = load("digits")' if '"digits"' in code else "data = load('digits')"
    assert loaded in code
    names: dict[str, object] = {}
    exec(code.replace(loaded, f"{loaded}.take(256)"), names)
    again = names["comparison"]
    assert again.facts["data"]["fingerprint"] == comparison.facts["data"]["fingerprint"]
    assert again.recipes == comparison.recipes
    for arm, values in comparison.values(comparison.metric).items():
        np.testing.assert_array_equal(again.values(comparison.metric)[arm], values)
    assert (tmp_path / "report.html").exists()


def test_it_imports_what_it_uses_and_nothing_else(case):
    head = python(case("plain")).splitlines()[0]
    assert head == "from shoal import SGD, Adam, Momentum, Recipe, compare, load, mlp"


def test_data_that_cannot_be_named(case):
    assert "data = ...  # toy, from arrays" in python(case("regression"))


def test_settings_that_are_not_the_default():
    comparison = shoal.compare(
        {"a": Recipe(shoal.mlp([4]), shoal.SGD())},
        shoal.load("digits"),
        steps=2,
        seeds=[3, 5],
        margin=0.1,
        sampling="replacement",
        evaluate_rows=None,
        metric="valid_loss",
    )
    code = python(comparison)
    for line in (
        "steps=2,",
        "seeds=[3, 5],",
        "metric='valid_loss',",
        "margin=0.1,",
        "sampling='replacement',",
        "evaluate_rows=None,",
    ):
        assert f"    {line}\n" in code


def test_grids_by_arm():
    comparison = shoal.compare(
        {n: Recipe(shoal.mlp([4]), shoal.SGD()) for n in "ab"},
        shoal.load("digits"),
        steps=2,
        seeds=1,
        tune={"a": {"optimizer.lr": [0.1, 0.2]}, "b": {"optimizer.lr": [0.3, 0.4]}},
    )
    expected = "tune={'a': {'optimizer.lr': [0.1, 0.2]}, 'b': {'optimizer.lr': [0.3, 0.4]}},"
    assert expected in python(comparison)


def test_the_command_line_is_preferred(case):
    comparison = case("alone")
    assert command(comparison)[1] == "python"
    comparison.facts["command"] = "shoal compare"
    try:
        assert command(comparison) == ("shoal compare", "console")
    finally:
        del comparison.facts["command"]
