"""The code of the READMEs runs, in English and Chinese, and what they link to is there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

import shoal
from shoal import cli

ROOT = Path(__file__).parents[1]
READMES = {name: (ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md")}
BLOCKS = {
    name: re.findall(r"```(\w+)\n(.*?)```", text, flags=re.S) for name, text in READMES.items()
}
COMMANDS = {
    line.split("#")[0].strip()
    for blocks in BLOCKS.values()
    for language, text in blocks
    if language == "console"
    for line in text.splitlines()
}


@pytest.mark.parametrize("readme", READMES)
def test_python_blocks_run_in_order(readme, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, text in BLOCKS[readme]:
        if language == "python":
            exec(compile(text, readme, "exec"), names)
    assert (tmp_path / "report.html").stat().st_size > 10_000
    if readme == "README.md":
        assert (tmp_path / "curves.png").stat().st_size > 10_000
        assert "gradients agree" in capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(c for c in COMMANDS if c.startswith("shoal ")))
def test_commands_are_understood(command):
    program = typer.main.get_command(cli.app)
    name, *arguments = shlex.split(command)[1:]
    program.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("command", sorted(c for c in COMMANDS if c.startswith("make ")))
def test_make_has_the_target(command):
    target = command.split()[1]
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), flags=re.M)


@pytest.mark.parametrize(
    "link",
    sorted({link for text in READMES.values() for link in re.findall(r"\]\(([^)#]+)\)", text)}),
)
def test_links_lead_somewhere(link):
    assert link.startswith("https://") or (ROOT / link).exists()


def test_version_stands_in_one_way():
    assert f'version = "{shoal.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")
