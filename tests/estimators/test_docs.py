"""The examples of docs/estimators.md run, and its table of presets says what they are."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import shoal
from shoal.cli import main
from shoal.estimators.presets import PRESETS

PAGE = Path(__file__).parents[2] / "docs" / "estimators.md"
TEXT = PAGE.read_text("utf-8")


def test_examples_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    blocks = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    assert len(blocks) >= 6
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert names["model"].score(names["X_new"], names["y_new"]) > 0.9
    inside = (names["low"] <= names["y_sick"][350:]) & (names["y_sick"][350:] <= names["high"])
    assert 0.65 < np.mean(inside) < 0.95


def test_the_page_of_models_runs(tmp_path, monkeypatch):
    pytest.importorskip("onnx")
    pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    size = rng.normal(size=120)
    table = pd.DataFrame({"size": size, "colour": rng.choice(["red", "blue"], 120), "id": 0})
    table["kind"] = np.where(size > 0, "big", "small")
    table.to_csv("train.csv", index=False)
    text = (PAGE.parent / "models.md").read_text("utf-8")
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.S):
        exec(compile(block, "models.md", "exec"), names)
    rows = names["X"]
    assert (names["again"].predict(rows) == names["model"].predict(rows)).all()
    assert (names["back"].predict(rows) == names["model"].predict(rows)).all()
    assert (tmp_path / "model.onnx").exists()

    (tmp_path / "model.shoal").unlink()
    table.to_csv("new.csv", index=False)
    table.to_parquet("new.parquet")
    (tmp_path / "best.toml").write_text(shoal.Recipe(shoal.mlp([4]), shoal.Adam()).to_toml())
    shoal.ShoalRegressor(epochs=2, valid=0.2).fit(table[["size"]], size).save("prices.shoal")
    (lines,) = re.findall(r"```console\n(.*?)```", text, flags=re.S)
    for line in lines.splitlines():
        command = shlex.split(line, comments=True)
        assert command[0] == "shoal"
        assert main(command[1:]) == 0, line
    assert len(pd.read_csv("answers.csv")) == len(pd.read_parquet("answers.parquet")) == 120


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_table_of_presets_is_right(task):
    few, many = (PRESETS["tuned"](task, rows) for rows in (3999, 4000))
    rows = {
        cells[0]: cells[2]
        for line in TEXT.splitlines()
        if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 3
    }
    assert f"{few['hidden']}, from 4,000 rows on {many['hidden']}" in rows["hidden, activation"]
    rates = rows["dropout, weight_decay, label_smoothing"].split("; ")
    assert rates[:2] == [str(few["dropout"]), str(few["weight_decay"])]
    if task == "classification":
        assert rates[2] == f"{few['label_smoothing']} for classes"
    rates = f", {few['lr']}, from 4,000 rows on {many['lr']}, "
    assert rates in rows["optimizer, lr, schedule"]
    assert rows["batch_size"] == f"{few['batch_size']}, from 4,000 rows on {many['batch_size']}"
    assert rows["epochs, at most"].startswith(
        f"{few['epochs']}, from 4,000 rows on {many['epochs']}"
    )
    assert rows["patience, in epochs"].startswith(f"{few['patience']},")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)]+)\)", TEXT))))
def test_links_lead_somewhere(link):
    if link.startswith("#"):
        titles = re.findall(r"^#+ (.*)$", TEXT, flags=re.M)
        anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
        assert link[1:] in anchors
    else:
        assert link.startswith("https://") or (PAGE.parent / link).exists()
