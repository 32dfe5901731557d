"""The code and the commands of docs/models.md are understood and do what they say."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer

from shoal import cli

TEXT = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", TEXT, flags=re.S)


def test_python_blocks_run_in_order(tmp_path, monkeypatch):
    for name in ("onnx", "torch"):
        pytest.importorskip(name)
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"size": rng.normal(size=90), "colour": rng.choice(["red", "blue"], 90)})
    table.assign(kind=np.where(table["size"] > 0, "a", "b")).to_csv("train.csv", index=False)
    names: dict[str, object] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "models.md", "exec"), names)
    model, again, back, X = (names[name] for name in ("model", "again", "back", "X"))
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(back.outputs(X), model.model_.outputs(X))
    assert (tmp_path / "model.onnx").stat().st_size > 1000


@pytest.mark.parametrize(
    "command",
    [
        line.split("#")[0].strip()
        for language, text in BLOCKS
        if language == "console"
        for line in text.splitlines()
    ],
)
def test_commands_are_understood(command):
    program = typer.main.get_command(cli.app)
    name, *arguments = shlex.split(command)[1:]
    program.commands[name].make_context(name, arguments)
