"""The examples of docs/estimators.md run, and its table of presets says what they are."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

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
