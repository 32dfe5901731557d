"""`shoal book` on the command line, and the page that it writes."""

from __future__ import annotations

import json
import re
import signal
from dataclasses import replace

import pytest

import shoal
from shoal.book import LANGUAGES, Findings, Text
from shoal.book import run as book_run
from shoal.book.experiments import EXPERIMENTS
from shoal.cli import main

SOME = ("derivative", "simple-net", "overfit")


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    """Runs the command line in an empty folder; gives status, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        status = main(arguments)
        return status, *capfd.readouterr()

    return run


@pytest.fixture
def only(monkeypatch):
    """Leaves some experiments in the book."""

    def only(*some):
        monkeypatch.setattr(
            "shoal.book.experiments.EXPERIMENTS", {each.name: each for each in some}
        )

    return only


def test_the_list_names_every_experiment_in_the_books_order(run):
    status, out, err = run("book")
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in out.splitlines()[: len(EXPERIMENTS)]] == list(EXPERIMENTS)
    assert all(each.line["en"] in out for each in EXPERIMENTS.values())
    chinese = run("book", "--lang", "zh")[1]
    assert all(each.line["zh"] in chinese for each in EXPERIMENTS.values())


def test_the_list_for_machines(run):
    assert [each["name"] for each in json.loads(run("book", "--json")[1])] == list(EXPERIMENTS)


def test_one_experiment_leaves_its_files_and_json_is_all_that_is_printed(run, tmp_path):
    status, out, err = run("book", "gradient-descent", "--json", "--out", "o")
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["numbers"]["end"][0] == pytest.approx([-0.0346, 0.0461], abs=1e-4)
    assert found == json.loads((tmp_path / "o" / "gradient-descent.json").read_text())
    assert {p.name for p in (tmp_path / "o").iterdir()} == {
        "gradient-descent.json", "gradient-descent.svg", "gradient-descent.png",
    }  # fmt: skip


def test_seeds_are_as_many_as_asked_for(run):
    found = json.loads(run("book", "simple-net", "--seeds", "3", "--json")[1])
    assert found["setting"]["seeds"] == len(found["numbers"]["losses_of_seeds"]) == 3


def test_the_whole_book_has_every_chapter_in_both_languages_and_opens_offline(run, only, tmp_path):
    only(*(EXPERIMENTS[name] for name in SOME))
    status, out, err = run("book", "--all", "--quick", "--data", "digits", "--lang", "en,zh")
    assert status == 0
    assert "book: runs/book/book.html" in err
    for language, name in zip(LANGUAGES, ("book.html", "book.zh.html"), strict=True):
        page = (tmp_path / "runs" / "book" / name).read_text()
        assert not re.search(r'https?:|@import|(?:src|href)="(?!data:|#)', page)
        chapters = re.findall(r'<section id="([\w-]+)">', page)
        assert chapters == list(SOME)
        for each in (EXPERIMENTS[name] for name in SOME):
            assert each.title[language] in page
            assert each.idea[language].replace("'", "&#39;") in page
            assert f"shoal book {each.name}" in page
        found = json.loads((tmp_path / "runs" / "book" / "overfit.json").read_text())
        assert found["caption"][language] in page
        assert page.count("0.1999999999990898") >= 2  # published, and ours
    assert "Learning by heart" in out


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("overfitt",), "did you mean 'overfit'"),
        (("overfit", "--seeds", "0"), "--seeds=0 must be"),
        (("overfit", "--seeds", "many"), "--seeds"),
        (("overfit", "--data", "cifar"), "unknown --data 'cifar'"),
        (("--data", "cifar"), "unknown --data 'cifar'"),
        (("overfit", "--all"), "give NAME=overfit or --all, not both"),
        (("overfit", "--lang", "fr"), "unknown --lang 'fr'"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run, tmp_path, arguments, text):
    status, out, err = run("book", *arguments, "--quick")
    assert (status, out, len(err.splitlines())) == (2, "", 1)
    assert text in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("verb", [("book", "overfit"), ("book", "--all"), ("claims", "dropout")])
def test_a_folder_that_cannot_be_written_is_found_out_before_the_work(
    run, tmp_path, monkeypatch, verb
):
    monkeypatch.setattr(shoal.Trainer, "run", lambda self: pytest.fail("it has begun to train"))
    (tmp_path / "file").write_text("")
    status, out, err = run(*verb, "--quick", "--data", "digits", "--out", "file")
    assert (status, out) == (2, "")
    assert err == "shoal: cannot write file: file is no folder; give another by --out DIR\n"


class CtrlC(shoal.Callback):
    """Somebody presses Ctrl-C after the first epoch."""

    def on_epoch(self, trainer):
        if trainer.steps_done < trainer.total_steps:
            signal.raise_signal(signal.SIGINT)


def test_ctrl_c_while_networks_train_ends_the_book_and_saves_no_half_experiment(
    run, only, tmp_path
):
    went_on = []

    def train(setting):
        recipe = shoal.Recipe(shoal.mlp([4]), shoal.SGD(lr=0.1))
        data = shoal.load("digits")
        shoal.compare({"a": recipe}, data, epochs=50, seeds=2, callbacks=[CtrlC()])
        went_on.append("half a run")
        return Findings({}, Text("", ""))

    second = replace(EXPERIMENTS["derivative"], run=lambda setting: went_on.append("the next"))
    only(replace(EXPERIMENTS["overfit"], run=train), second)
    status, out, err = run("book", "--all", "--quick", "--data", "digits")
    assert (status, out) == (130, "")
    assert "Traceback" not in err
    assert went_on == []
    assert not list((tmp_path / "runs" / "book").iterdir())


def test_elsewhere_ctrl_c_leaves_what_was_reached():
    recipe = shoal.Recipe(shoal.mlp([4]), shoal.SGD(lr=0.1))
    how = {"epochs": 50, "callbacks": [CtrlC()]}
    with pytest.raises(KeyboardInterrupt), book_run.whole_runs():
        shoal.Trainer(recipe, shoal.load("digits"), **how).run()
    trainer = shoal.Trainer(recipe, shoal.load("digits"), **how).run()
    assert trainer.interrupted
    assert 0 < trainer.steps_done < trainer.total_steps


def test_hand_signs_of_digits_say_so(quick):
    caption = quick("softmax-signs").findings.caption
    assert "in place of the hand signs" in caption["en"]
    assert "代替了手势" in caption["zh"]


def test_without_a_chinese_font_labels_stay_english_and_a_line_says_so(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("shoal.plot.figure.can_draw", lambda text: False)
    assert main(["book", "derivative", "--lang", "zh", "--out", str(tmp_path)]) == 0
    out, err = capsys.readouterr()
    assert "no font of this machine has Chinese characters" in err
    assert "用差分求斜率" in out  # words stay Chinese
    assert "tangent at x = 5" in (tmp_path / "derivative.svg").read_text("utf-8")
