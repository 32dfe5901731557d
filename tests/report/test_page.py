"""The report is one page that stands alone, says what the comparison says, and stays valid."""

from __future__ import annotations

import json
import re

import pytest

import shoal
from shoal import Recipe, ShoalError
from shoal.comparison.recipes_file import parse_recipes
from shoal.report import render, write_report

NAMES = [
    "plain",
    "diverging",
    "dead",
    "regression",
    "alone",
    "one_seed",
    "by_loss",
    "many",
    "strange",
    "interrupted",
    "early",
    "batches",
    "tuned",
    "tuned_together",
]


def squeeze(text: str) -> str:
    """Without the spaces that set numbers beneath each other."""
    return " ".join(text.replace("\u2007", "").replace("\u2008", "").split())


@pytest.mark.parametrize("name", NAMES)
class TestEveryReport:
    def test_is_valid(self, page, name):
        """Tags are closed in order, names are unique, and all that is referred to is there."""
        given = page(name)
        assert given.source.startswith("<!doctype html>\n<html lang=")
        assert given.mistakes == []
        ids = [attrs["id"] for _, attrs in given.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        used = [
            target
            for _, attrs in given.tags
            for key, value in attrs.items()
            for target in (
                value.split()
                if key == "aria-labelledby"
                else re.findall(r"url\(#([^)]+)\)", value or "")
                + ([value[1:]] if key == "href" and value.startswith("#") else [])
            )
        ]
        assert set(used) <= set(ids)

    def test_loads_nothing(self, page, name):
        given = page(name)
        assert "default-src 'none'" in given.source
        for tag, attrs in given.tags:
            assert tag not in ("img", "iframe", "object", "embed")
            assert "src" not in attrs
            assert not (attrs.get("href") or "#").startswith(("http", "//", "file"))
            assert not any(key.startswith("on") for key in attrs)
        assert "http://" not in given.source
        assert "https://" not in given.source

    def test_is_small(self, page, name):
        assert len(page(name).source.encode()) < 500_000

    def test_has_all_results_as_data(self, case, page, name):
        plain = json.loads(page(name).text("script", id="comparison"))
        assert plain == json.loads(json.dumps(case(name).to_dict()))

    def test_has_the_table(self, case, page, name):
        """Every cell of the comparison's table, in its order."""
        given = page(name)
        table = given.source.split('<table id="results">')[1].split("</table>")[0]
        rows = [re.findall(r"<t[hd].*?</t[hd]>", row, re.S) for row in table.split("<tr>")[1:]]
        header, cells = case(name).table()
        assert len(rows) == 1 + len(cells)
        for drawn, expected in zip(rows, [header, *cells], strict=True):
            assert [shown(cell) for cell in drawn] == [" ".join(text.split()) for text in expected]

    def test_recipes_can_be_pasted_back(self, case, page, name):
        text = page(name).text("pre", id="recipes")
        assert parse_recipes(text).recipes == case(name).recipes

    def test_pictures_are_described(self, page, name):
        given = page(name)
        pictures = [attrs for tag, attrs in given.tags if tag == "svg" and "role" in attrs]
        assert len(pictures) >= 2
        for attrs in pictures:
            assert attrs["role"] == "img"
            assert re.fullmatch(r"0 0 [\d.]+ [\d.]+", attrs["viewbox"])
            assert "width" not in attrs
        assert all(given.texts("title") + given.texts("desc"))

    def test_colours_are_those_of_the_page(self, page, name):
        """Pictures name colours by variables only, so that a dark page has its own."""
        given = page(name)
        defined = set(re.findall(r"(--[\w-]+):", given.text("style")))
        inside = "".join(re.findall(r"<svg.*?</svg>", given.source, re.S))
        assert not re.findall(r"#[0-9a-f]{6}\b", inside)
        assert set(re.findall(r"var\((--[\w-]+)\)", given.source)) <= defined


def shown(cell: str) -> str:
    """What is seen of a cell."""
    from html import unescape

    cell = re.sub(r'<span class="ghost".*?</span>', "", cell, flags=re.S)
    cell = re.sub(r'<span class="after">', " ", cell)
    return squeeze(unescape(re.sub(r"<[^>]+>", "", cell)))


def test_the_verdict_comes_first(case, page):
    comparison, given = case("plain"), page("plain")
    lead, rest = given.text("p", class_="lead"), given.text("p", class_="rest")
    said = comparison.headline
    assert f"{lead[:-1]}: {rest[0].lower()}{rest[1:]}".replace("\u00a0", " ") == said
    places = [given.source.index(mark) for mark in ("<h1>", 'class="lead"', "<table", "<figure")]
    assert places == sorted(places)


def test_what_was_compared(page):
    text = page("plain").text("p", class_="compared")
    assert "digits (8 × 8 inputs, 10 classes)" in text
    assert "256 rows to train on, 359 to choose by and 359 to judge by" in text
    assert "320 steps (40 epochs), each on 32 rows" in text
    assert "3 arms ran with 4 seeds (0 to 3)" in text
    text = page("by_loss").text("p", class_="compared")
    assert "and no test part" in text
    assert "4 epochs" in text
    text = page("batches").text("p", class_="compared")
    assert "each on 16 or 64 rows" in text
    assert "their batches where the batch size is the same" in text
    assert "5 inputs" not in page("regression").text("p", class_="compared")
    assert "toy (4 inputs, 1 target)" in page("regression").text("p", class_="compared")
    assert "20 of 50 steps before the run was interrupted" in page("interrupted").source
    assert "one seed (7)" in page("one_seed").source


def test_notes_are_the_warnings(case, page):
    for name in ("diverging", "interrupted", "one_seed"):
        notes = page(name).texts("li")
        for line in case(name).warnings:
            assert any(note.lower() == f"{line}.".lower() for note in notes)
    assert any(note.startswith("some: diverged") for note in page("diverging").texts("li"))


def test_every_pair_has_its_verdict(case, page):
    comparison = case("plain")
    rows = [row for row in page("plain").texts("tr") if "undecided against" in row or "is " in row]
    for metric in ("test_accuracy", "loss"):
        for pair in comparison.pairs(metric):
            verdict = {"undecided": "undecided against", "tied": "is tied with"}.get(
                pair.verdict, f"is {pair.verdict} than"
            )
            assert any(row.startswith(f"{pair.a}{verdict}{pair.b}") for row in rows)
    pair = comparison.pairs()[0]
    numbers = [f"{100 * v:+.2f}" for v in (pair.difference.mean, pair.difference.low)]
    assert any(all(n.replace("-", "−") in squeeze(row) for n in numbers) for row in rows)


def test_captions_have_numbers_of_the_data_and_warn(case, page):
    captions = " ".join(page("plain").texts("figcaption"))
    assert "means over 4 seeds, bands reach from the lowest to the highest" in captions
    best = max(case("plain").arms, key=lambda arm: arm.final.mean)
    assert f"{best.name} stands at {100 * best.final.mean:.2f} %" in captions
    assert "adjusted for all 3 pairs (Holm)" in captions
    assert "says nothing about new data" in captions
    assert "does not mean that there is no difference" in captions
    gone = sum(arm.diverged for arm in case("diverging").arms)
    assert f"({gone} of 15)" in page("diverging").source
    assert "looks better than it is" in page("diverging").source
    assert "One seed: nothing here says how much chance" in page("one_seed").source
    assert "2 seeds are few" in page("by_loss").source


def test_tuning_shows_budget_choice_and_what_not_to_make_of_it(case, page):
    given, tuning = page("tuned"), case("tuned").tuning
    assert f"the same budget: {tuning.budget} trainings, 6 settings of optimizer.lr × 2 seeds" in (
        given.source
    )
    for arm in tuning.arms:
        chosen = f"optimizer.lr = {arm.points[arm.best]['optimizer.lr']!r}"
        assert any(chosen in row and arm.arm in row for row in given.texts("tr"))
    assert "flatters" in given.source
    assert 'class="chosen"' in given.source
    assert "Tuning" not in page("plain").texts("h2")
    titles = page("tuned_together").texts("title")
    assert "Validation accuracy against weight_decay" in titles


def test_every_run_is_there(case, page):
    comparison = case("diverging")
    tables = page("diverging").texts("table")
    step = comparison.history.diverged[comparison.members("all")[0]]
    assert any(f"× step {step}" in table for table in tables)
    for value in comparison.values("test_accuracy")["good"]:
        assert any(f"{100 * value:.2f} %" in squeeze(table) for table in tables)


def test_names_are_escaped_everywhere(case, page):
    given = page("strange")
    assert "<script>alert" not in given.source
    assert len(given.texts("script")) == 2
    names = given.texts("th", class_="name")
    assert {" ".join(name.split()) for name in case("strange").names} <= set(names)


def test_data_cannot_close_its_script(case, page):
    data = page("strange").source.split('id="comparison">')[1].split("</script>")[0]
    assert "<" not in data
    assert "<script>alert(1)</script>" in json.loads(data)["recipes"]


def test_where_it_was_made(case, page):
    facts = page("plain").texts("dd")
    given = case("plain").facts
    for text in (given["data"]["fingerprint"], given["machine"], given["shoal"], given["date"]):
        assert text in facts


def test_the_command_if_there_is_one(case):
    comparison = shoal.compare(
        {"a": Recipe(shoal.mlp([4]), shoal.SGD())}, shoal.load("digits"), steps=2, seeds=1
    )
    assert "from shoal import" in render(comparison)
    comparison.facts["command"] = "shoal compare 'a & b.toml'"
    text = render(comparison)
    assert "shoal compare &#39;a &amp; b.toml&#39;" in text
    assert "from shoal import" not in text


def test_a_comparison_without_facts():
    made = shoal.compare(
        {"a": Recipe(shoal.mlp([4]), shoal.SGD())}, shoal.load("digits"), steps=2, seeds=1
    )
    made.facts.clear()
    assert "One way of training on the data" in render(made)


def test_writing(case, tmp_path):
    path = case("alone").report(tmp_path / "new" / "report.html")
    assert path == tmp_path / "new" / "report.html"
    assert path.read_text("utf-8") == render(case("alone"))
    assert [file.name for file in path.parent.iterdir()] == ["report.html"]


def test_errors(case, tmp_path):
    with pytest.raises(ShoalError, match=r"must end in \.html"):
        write_report(case("alone"), tmp_path / "report.pdf")
    (tmp_path / "file").write_text("")
    with pytest.raises(ShoalError, match="cannot write"):
        write_report(case("alone"), tmp_path / "file" / "report.html")
    (tmp_path / "folder.html").mkdir()
    with pytest.raises(ShoalError, match="cannot write"):
        write_report(case("alone"), tmp_path / "folder.html")
