"""The page, the terminal and the forest: they say what was found, in both languages."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest

from shoal.book import LANGUAGES
from shoal.book.claims.forest import draw_forest
from shoal.book.claims.weigh import effect_words
from shoal.book.claims_page import render, write_claims
from shoal.book.claims_run import save
from shoal.book.claims_show import findings_table, show

SOME = ("weight-decay", "equal-weights")


class Texts(HTMLParser):
    """All texts of a page, its ids, and whether every tag was closed in order."""

    VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})

    def __init__(self, source):
        super().__init__()
        self.texts, self.ids, self.links, self.open, self.mistakes = [], [], [], [], []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.ids += [attrs["id"]] if "id" in attrs else []
        self.links += [attrs["href"]] if tag == "a" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.ids += [dict(attrs)["id"]] if "id" in dict(attrs) else []

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.mistakes.append(tag)

    def handle_data(self, data):
        self.texts.append(" ".join(data.split()))


@pytest.fixture(scope="module", params=LANGUAGES)
def language(request):
    return request.param


@pytest.fixture(scope="module")
def page(tested, language):
    source = render([tested(name) for name in SOME], language)
    return source, Texts(source)


def test_the_page_has_every_claim_answer_and_finding(page, tested, language):
    source, read = page
    assert not read.mistakes
    assert not read.open
    assert f'<html lang="{language}">' in source
    for name in SOME:
        one = tested(name)
        assert f"{one.claim.number}. {one.claim.statement[language]}" in read.texts
        assert f"→ {one.judged.answer[language]}" in read.texts
        assert one.judged.words[language] in read.texts
        for finding in one.judged.findings:
            assert effect_words(finding)[language] in read.texts
        assert f"#{name}" in read.links


def test_names_on_the_page_are_used_once_and_links_lead_somewhere(page):
    _, read = page
    assert len(read.ids) == len(set(read.ids))
    assert all(link.removeprefix("#") in read.ids for link in read.links)


def test_the_page_needs_nothing_from_elsewhere(page):
    source, _ = page
    assert "http://" not in source.replace("http://www.w3.org", "")
    assert "https://" not in source


def test_the_page_shows_code_and_command(page):
    source, _ = page
    assert "def decays(" in source
    assert "shoal claims weight-decay --data digits --seeds 5 --quick" in source


def test_languages_have_files_of_their_own(tested, tmp_path):
    some = [tested(SOME[0])]
    paths = [write_claims(some, tmp_path, language) for language in LANGUAGES]
    assert [path.name for path in paths] == ["claims.html", "claims.zh.html"]


def test_files_of_one_claim(tested, tmp_path):
    files = save(tested(SOME[0]), tmp_path, "en")
    names = {path.name for path in files}
    assert names == {
        "weight-decay.json", "weight-decay.svg", "weight-decay.png",
        "weight-decay-strengths.svg", "weight-decay-strengths.png",
    }  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in files)
    names = {path.name for path in save(tested(SOME[0]), tmp_path, "zh", LANGUAGES)}
    assert "weight-decay-strengths.zh.png" in names


def test_a_statement_is_said_once_in_the_table(tested):
    table = findings_table(tested("equal-weights").judged.findings)
    assert [bool(row[0]) for row in table.rows] == [True] + [False] * (len(table.rows) - 1)


def test_the_terminal_shows_answer_and_effects(tested, capsys, language):
    one = tested("weight-decay")
    show(one, language)
    printed = "".join(capsys.readouterr().out.split())
    assert "".join(one.judged.answer[language].split()) in printed
    for finding in one.judged.findings:
        assert effect_words(finding, unit=False)[language].split()[0] in printed


def test_the_forest_stands_where_the_effects_are(tested, language):
    findings = tested("weight-decay").judged.findings
    axes = draw_forest(findings, language).axes[0]
    markers = [line for line in axes.lines if line.get_marker() not in ("None", "")]
    drawn = sorted(float(line.get_xdata()[0]) for line in markers)
    low, high = axes.get_xlim()
    expected = sorted(float(np.clip(f.effect / f.margin, low, high)) for f in findings)
    assert drawn == pytest.approx(expected)
    assert [t.get_text() for t in axes.get_yticklabels()] == [
        f.condition[language] for f in findings
    ]
    said = {text.get_text() for text in axes.texts}
    assert {effect_words(f)[language] for f in findings} <= said


def test_answers_can_be_told_apart_without_colour(tested):
    axes = draw_forest(tested("equal-weights").judged.findings, "en").axes[0]
    shapes = {line.get_marker() for line in axes.lines if line.get_marker() not in ("None", "")}
    assert len(shapes) == 2
