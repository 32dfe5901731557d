"""The README's code runs, and what it links to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

import shoal
from shoal import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.S)
COMMANDS = [
    line.split("#")[0].strip()
    for language, text in BLOCKS
    if language == "console"
    for line in text.splitlines()
]


def test_python_blocks_run_in_order(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text in BLOCKS:
        if language == "python":
            exec(compile(text, "README.md", "exec"), names)
    assert (tmp_path / "curves.png").stat().st_size > 10_000
    assert (tmp_path / "report.html").stat().st_size > 10_000
    assert "gradients agree" in capsys.readouterr().out


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("shoal ")])
def test_commands_are_understood(command):
    program = typer.main.get_command(cli.app)
    name, *arguments = shlex.split(command)[1:]
    program.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_has_the_target(command):
    target = command.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), flags=re.M)


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(link):
    assert link.startswith("https://") or (ROOT / link).exists()


def test_version_stands_in_one_way():
    assert f'version = "{shoal.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
