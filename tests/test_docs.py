"""The pages in docs/: what they link to is there, their code is whole, and what makes them runs."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path
from types import ModuleType

import pytest
import typer

import shoal
from shoal import cli
from shoal.book import Setting
from shoal.book.claims import CLAIMS
from shoal.book.claims_run import put_to_test
from shoal.book.experiments import EXPERIMENTS
from shoal.book.run import run

DOCS = Path(__file__).parents[1] / "docs"
PAGES = {path.name: path.read_text("utf-8") for path in sorted(DOCS.glob("*.md"))}
LINKS = sorted(
    {(page, link) for page, text in PAGES.items() for link in re.findall(r"\]\(([^)\s]+)\)", text)}
)
PYTHON = [
    (page, code)
    for page, text in PAGES.items()
    for code in re.findall(r"```python\n(.*?)```", text, flags=re.S)
]
COMMANDS = sorted(
    {
        line.split("#")[0].strip()
        for text in PAGES.values()
        for line in re.findall(
            r"^shoal .+$|(?<=`)shoal (?:book|claims) [^`]+(?=`)", text, flags=re.M
        )
    }
)


def anchors(text: str) -> set[str]:
    """What can be linked to in a page: its headings, as they are named on the web."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, flags=re.M)
    }


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_links_lead_somewhere(page, link):
    if link.startswith(("https://", "http://")):
        return
    path, _, anchor = link.partition("#")
    target = DOCS / (path or page)
    assert target.exists()
    if anchor:
        assert anchor in anchors(target.read_text("utf-8"))


def test_the_sampler_of_the_page_on_searching_searches():
    [code] = [code for page, code in PYTHON if page == "search.md" and "def ask(" in code]
    names = {"shoal": shoal}
    exec(code, names)
    study = names["study"]
    assert len(study.trials) == 24
    assert study.facts["settings"]["batch"] == 8
    assert study.best.optimizer.lr > 0


@pytest.mark.parametrize(("page", "code"), PYTHON, ids=range(len(PYTHON)))
def test_code_is_whole(page, code):
    compile(code, page, "exec")


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command):
    program = typer.main.get_command(cli.app)
    name, *arguments = shlex.split(command)[1:]
    program.commands[name].make_context(name, arguments)


# --- the pages that `make docs` writes ----------------------------------------------------------


@pytest.fixture
def figures(tmp_path, monkeypatch) -> ModuleType:
    """docs/figures.py, with pictures that go elsewhere."""
    spec = importlib.util.spec_from_file_location("figures", DOCS / "figures.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "IMAGES", tmp_path)
    return module


def pictured(page: str, folder: Path) -> bool:
    """Whether every picture of a page was drawn, and no other."""
    named = {folder / path for path in re.findall(r"\(images/([^)]+)\)", page)}
    return named == set(folder.rglob("*.png")) and all(p.stat().st_size > 5_000 for p in named)


def test_the_page_of_experiments_is_made(figures, tmp_path):
    experiment = EXPERIMENTS["derivative"]
    page = figures.book_page([run(experiment, Setting("digits", seeds=1, quick=True))])
    assert f"\n## {experiment.title.en}\n" in page
    assert pictured(page, tmp_path)


def test_the_page_of_claims_is_made(figures, tmp_path):
    claim = CLAIMS["equal-weights"]
    page = figures.claims_page([put_to_test(claim, Setting("digits", seeds=5, quick=True))])
    assert f"\n## {claim.number}. {claim.statement.en}\n" in page
    assert pictured(page, tmp_path)


def test_a_block_of_a_page_is_replaced_and_nothing_else(figures, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n", "utf-8")
    figures.replace_block(page, "x", r"new \1")
    assert page.read_text("utf-8") == "a\n<!-- begin x -->\nnew \\1\n<!-- end x -->\nb\n"


def test_the_pages_have_every_experiment_and_every_claim():
    for experiment in EXPERIMENTS.values():
        assert f"\n## {experiment.title.en}\n" in PAGES["book.md"]
    for claim in CLAIMS.values():
        assert f"\n## {claim.number}. {claim.statement.en}\n" in PAGES["claims.md"]
