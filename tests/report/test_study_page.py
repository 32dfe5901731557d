"""The report of a study stands alone, says what the study says, and stays valid and small."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import shoal
from shoal import Recipe, ShoalError
from shoal.report.study import ROWS, again, python, render_study, write_study


def load(path, name):
    spec = spec_from_file_location(name, path)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
cases = load(HERE.parent / "plot" / "study_cases.py", "study_cases_of_pages")
Page = load(HERE / "conftest.py", "conftest_of_study_pages").Page

SPACE = Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(1e-3, 1.0)))


def searched():
    data = shoal.load("digits").take(240)
    return shoal.search(SPACE, data, trials=13, epochs=4, finalists=3, final_seeds=2)


def gone():
    study = cases.study_of(6)
    for trial in study.trials:
        trial.state = "diverged"
    study.complete = False
    return study


STUDIES = {
    "searched": searched,
    "few": lambda: cases.study_of(4),
    "wide": lambda: cases.study_of(200),
    "errors": lambda: cases.study_of(60, metric="valid_rmse"),
    "gone": gone,
}


@pytest.fixture(scope="module")
def made():
    studies = {name: make() for name, make in STUDIES.items()}
    return {name: (study, Page(render_study(study))) for name, study in studies.items()}


@pytest.mark.parametrize("name", STUDIES)
class TestEveryPage:
    def test_is_valid(self, made, name):
        _, page = made[name]
        assert page.source.startswith("<!doctype html>\n<html lang=")
        assert page.mistakes == []
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))

    def test_loads_nothing(self, made, name):
        _, page = made[name]
        assert "default-src 'none'" in page.source
        assert "http://" not in page.source
        assert "https://" not in page.source
        for tag, attrs in page.tags:
            assert tag not in ("img", "iframe", "object", "embed")
            assert "src" not in attrs

    def test_is_small(self, made, name):
        assert len(made[name][1].source.encode()) < 1_500_000

    def test_says_what_the_study_says(self, made, name):
        study, page = made[name]
        lead = page.text("p", class_="lead")
        assert study.headline.startswith(lead.rstrip("."))
        notes = page.texts("li")
        assert notes == [f"{line[:1].upper()}{line[1:]}." for line in study.warnings]

    def test_has_all_results_as_data(self, made, name):
        study, page = made[name]
        plain = json.loads(page.text("script", id="study"))
        assert plain == json.loads(json.dumps(study.to_dict()))

    def test_the_space_can_be_pasted_back(self, made, name):
        study, page = made[name]
        assert Recipe.from_toml(page.text("pre", id="space")) == study.space.recipe

    def test_pictures_are_described(self, made, name):
        study, page = made[name]
        pictures = [attrs for tag, attrs in page.tags if tag == "svg" and "role" in attrs]
        assert bool(pictures) == bool(study.ranked)
        assert all(page.texts("title") + page.texts("desc"))

    def test_has_the_table_of_trials(self, made, name):
        study, page = made[name]
        table = page.source.split('<table id="trials">')[1].split("</table>")[0]
        rows = table.split("<tr>")[1:]
        assert len(rows) == 1 + len(study.trials)
        first = [re.sub(r"<[^>]+>", "", c) for c in re.findall(r"<td.*?</td>", rows[1], re.S)]
        assert first[0].strip() == study.table()[1][0][0]


def test_small_pictures_are_not_magnified():
    narrow = render_study(cases.study_of(40, space=cases.narrow_space()))
    assert 'class="pictures whole"' not in narrow
    wide = render_study(cases.study_of(40))
    assert wide.count('class="pictures whole"') == 3  # isolation, phase, parallel
    assert wide.count('class="pictures single"') == 2


def test_the_best_recipe_can_be_pasted(made):
    study, page = made["searched"]
    assert Recipe.from_toml(page.text("pre", id="best")) == study.best


def test_finalists_are_compared(made):
    study, page = made["searched"]
    table = page.source.split('<table id="rivals">')[1].split("</table>")[0]
    for rival in study.rivals:
        assert rival.name in table
    assert 'id="finalists"' in page.source
    assert 'id="rivals"' not in made["wide"][1].source


def test_every_setting_is_there(made):
    study, page = made["searched"]
    told = dict(zip(page.texts("dt"), page.texts("dd"), strict=True))
    for name, value in study.facts["settings"].items():
        assert told[name.replace("_", " ")] == str(value)
    assert told["Fingerprint"] == study.data.fingerprint


def test_python_makes_it_again(made):
    study, page = made["searched"]
    text, language = again(study)
    assert language == "python"
    assert page.text("pre", id="command") == text
    code = text.replace('study.report("report.html")', "").replace(
        "data = load('digits')", "data = load('digits').take(240)"
    )
    names: dict = {}
    exec(code, names)
    assert names["study"].trials == study.trials
    assert names["study"].best == study.best


def test_a_command_is_given_as_it_was(made):
    study = cases.study_of(3)
    study.facts["command"] = "shoal search s.toml --data digits"
    assert again(study) == ("shoal search s.toml --data digits", "console")
    assert python(study).startswith("from shoal import")


def test_of_very_many_trials_the_best_are_listed():
    study = cases.study_of(1200)
    page = Page(render_study(study))
    rows = page.source.split('<table id="trials">')[1].split("</table>")[0].split("<tr>")[1:]
    assert len(rows) == 1 + ROWS
    assert page.text("summary") == f"The best {ROWS} of 1,200 trials; all are in study.to_frame()"
    plain = json.loads(page.text("script", id="study"))
    assert plain["trials"] is None
    assert plain["headline"] == study.headline


def test_strange_names_stay_text():
    study = cases.study_of(3)
    study.data = shoal.Dataset.from_arrays(
        study.data.train.x, study.data.train.y, name="<script>alert(1)</script>"
    )
    page = Page(render_study(study))
    assert page.mistakes == []
    assert "A search on <script>alert(1)</script>" in page.texts("h1")


def test_errors(made, tmp_path):
    study, _ = made["few"]
    with pytest.raises(ShoalError, match=r"must end in \.html"):
        write_study(study, tmp_path / "report.pdf")
    path = study.report(tmp_path / "report.html")
    assert path.read_text("utf-8") == render_study(study)
