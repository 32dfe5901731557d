"""`shoal.compare`: fair trainings, and runs that survive whatever stops them."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import shoal
from shoal import SGD, Adam, Callback, Recipe, ShoalError, mlp

NET = mlp([8])
SLOW = Recipe(NET, SGD(lr=0.001), batch_size=30)
FAST = Recipe(NET, SGD(lr=0.1), batch_size=30)
WILD = Recipe(NET, SGD(lr=1e30), batch_size=30)
ARMS = {"slow": SLOW, "fast": FAST}


def results(comparison):
    """All that a comparison says, less what depends on the clock."""
    return timeless(json.loads(comparison.to_json()))


def timeless(plain):
    for arm in plain["arms"]:
        del arm["seconds"]
    for fact in ("wall_seconds", "date", "command"):
        plain["facts"].pop(fact, None)
    return plain


# --- what is compared -------------------------------------------------------------------------


def test_learning_beats_hardly_learning(blobs):
    result = shoal.compare(ARMS, blobs, epochs=20, target=0.6)
    assert result.ranking == ["fast", "slow"]
    assert result.metric.name == "test_accuracy"
    [pair] = result.pairs()
    assert (pair.verdict, pair.difference.n) == ("better", 5)
    assert pair.difference.p < 0.01
    assert result.complete
    assert result.tuning is None
    slow, fast = result.arms
    assert fast.final.mean > 0.8 > slow.final.mean
    assert (fast.reached, slow.reached) == (5, 0)


def test_an_arm_is_tied_with_itself_exactly(blobs):
    result = shoal.compare({"a": FAST, "b": FAST}, blobs, epochs=3, seeds=3)
    for metric in ("test_accuracy", "loss", "train_loss", "valid_accuracy"):
        [pair] = result.pairs(metric)
        assert pair.verdict == "tied"
        assert pair.difference == shoal.comparison.Difference(0, 0, 0, 1, 3)
    for i in range(3):
        assert np.array_equal(*(result.history.curve(m, "loss").values for m in (i, i + 3)))


def test_an_arm_does_the_same_in_any_company(blobs):
    together = shoal.compare({**ARMS, "wild": WILD}, blobs, epochs=3, seeds=[4, 2])
    alone = shoal.compare({"fast": FAST}, blobs, epochs=3, seeds=[4, 2])
    assert together.arms[1].final == alone.arms[0].final
    assert together.arms[1].loss == alone.arms[0].loss
    assert together.seeds == (4, 2)


def test_divergence_is_counted_and_left_out(blobs):
    result = shoal.compare({"wild": WILD, "fast": FAST}, blobs, steps=10, seeds=3)
    wild, fast = result.arms
    assert (wild.diverged, fast.diverged) == (3, 0)
    assert result.headline.endswith("better than wild.")
    assert "wild: diverged 3/3 (first at step" in result.warnings[0]


def test_when_all_diverge_there_is_still_a_comparison(blobs):
    result = shoal.compare({"wild": WILD, "too": WILD}, blobs, steps=10, seeds=2)
    assert result.headline == "Every member of every arm diverged; lower the learning rates."
    assert "undecided; all members of both diverged" in str(result)
    json.loads(result.to_json(), parse_constant=pytest.fail)


def test_regression_is_judged_by_the_error_in_its_own_unit(line):
    result = shoal.compare(ARMS, line, epochs=10)
    assert result.metric.name == "test_rmse"
    assert result.ranking == ["fast", "slow"]
    [pair] = result.pairs()
    assert pair.difference.mean < 0
    assert pair.words.startswith("fast is better than slow: −")
    assert "points" not in pair.words
    assert result.pairs("test_r2")[0].difference.mean > 0
    assert "test RMSE, final" in str(result)


@pytest.mark.parametrize(
    ("settings", "steps"), [({"steps": 7}, 7), ({"epochs": 2}, 6), ({"epochs": 2, "seeds": [3]}, 6)]
)
def test_length_is_steps_or_epochs(blobs, settings, steps):
    result = shoal.compare({"fast": FAST}, blobs, **settings)
    assert len(result.history.curve(0, "loss").values) == steps
    assert result.facts["steps"] == result.facts["total_steps"] == steps


def test_one_batch_size_for_all_arms(blobs):
    result = shoal.compare(ARMS, blobs, epochs=1, seeds=1, batch_size=10)
    assert {recipe.batch_size for recipe in result.recipes.values()} == {10}
    assert len(result.history.curve(0, "loss").values) == 9


def test_structure_may_differ_between_arms(blobs):
    deep = Recipe(mlp([4, 4], batch_norm=True), Adam(), batch_size=90)
    result = shoal.compare({"fast": FAST, "deep": deep}, blobs, epochs=2, seeds=2)
    assert [len(result.history.curve(i, "loss").values) for i in (0, 2)] == [6, 2]
    assert result.facts["total_steps"] == 6


def test_metric_margin_and_target_can_be_chosen(blobs):
    result = shoal.compare(
        ARMS, blobs, epochs=2, seeds=2, metric="valid_loss", margin=100, target=1e9
    )
    assert result.metric.name == "valid_loss"
    assert [pair.verdict for pair in result.pairs()] == ["tied"]
    assert [arm.steps_to_target.mean for arm in result.arms] == [1, 1]


def test_without_other_parts_the_training_part_judges():
    x = np.arange(12.0).reshape(-1, 1)
    data = shoal.Dataset.from_arrays(x, np.arange(12) % 2, valid=0, test=0)
    result = shoal.compare({"a": Recipe(NET, SGD(), batch_size=4)}, data, steps=3, seeds=2)
    assert result.metric.name == "train_accuracy"


def test_how_it_is_run_changes_nothing(blobs):
    class Watch(Callback):
        rounds = 0

        def on_round(self, trainer):
            self.rounds += 1

    watch = Watch()
    plain = shoal.compare(ARMS, blobs, epochs=3, seeds=3)
    with ThreadPoolExecutor(3) as executor:
        other = shoal.compare(
            ARMS, blobs, epochs=3, seeds=3, chunk=1, executor=executor, callbacks=[watch]
        )
    assert results(other) == results(plain)
    assert watch.rounds


def test_facts_are_what_a_reader_needs(blobs):
    facts = shoal.compare({"fast": FAST}, blobs, steps=2, seeds=1).facts
    assert facts["data"] == {
        "name": "blobs",
        "source": "arrays",
        "task": "classification",
        "rows": {"train": 90, "valid": 30, "test": 30},
        "in_shape": [2],
        "outputs": 3,
        "fingerprint": blobs.fingerprint,
    }
    assert facts["shoal"] == shoal.__version__
    assert {"python", "numpy", "machine", "date", "wall_seconds", "sampling"} <= set(facts)


def test_nothing_is_printed_unless_asked_for(blobs, capfd):
    shoal.compare(ARMS, blobs, steps=2, seeds=1, tune={"optimizer.lr": [0.1]})
    assert capfd.readouterr() == ("", "")
    shoal.compare(ARMS, blobs, steps=2, seeds=1, say=print)
    said, bar = capfd.readouterr()
    assert said.startswith("comparing 2 networks, 2 steps each, on <Dataset blobs: classification")
    assert bar == ""
    shoal.compare(ARMS, blobs, steps=2, seeds=1, progress=True)
    said, bar = capfd.readouterr()
    assert said == ""
    assert "comparing" in bar


def test_a_comparison_is_drawn_and_reported(blobs, tmp_path):
    result = shoal.compare({**ARMS, "wild": WILD}, blobs, epochs=2, seeds=2)
    result.plot(tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert result.report(tmp_path / "report.html") == tmp_path / "report.html"
    html = (tmp_path / "report.html").read_text("utf-8")
    assert html.lower().startswith("<!doctype html")
    assert result.headline.split(" (")[0] in html


# --- what is refused --------------------------------------------------------------------------

REFUSED = [
    ({"recipes": {}}, "recipes={} is empty"),
    ({"recipes": FAST}, "recipes must be given by name, such as {'SGD': recipe}"),
    ({"recipes": {"a": SGD()}}, "must be a Recipe"),
    ({"data": "blobs"}, "data='blobs' must be a Dataset, such as shoal.load('digits')"),
    ({"steps": None}, "give steps or epochs, one of the two"),
    ({"epochs": 2}, "give steps or epochs, one of the two"),
    ({"steps": 0}, "steps=0 must be a whole number >= 1"),
    ({"steps": 1.5}, "steps=1.5 must be a whole number >= 1"),
    ({"steps": None, "epochs": 0}, "epochs=0 must be a whole number >= 1"),
    ({"seeds": 0}, "seeds=0 must be a whole number >= 1"),
    ({"seeds": []}, "must be different whole numbers, at least one"),
    ({"seeds": [1, 1]}, "must be different whole numbers, at least one"),
    ({"seeds": [-1]}, "seed=-1 must be a whole number >= 0"),
    ({"batch_size": 0}, "batch_size=0 must be a whole number >= 1"),
    ({"batch_size": 91}, "batch_size=91 must be at most the number of training rows, 90"),
    ({"metric": "accuracy"}, "unknown metric 'accuracy': did you mean 'test_accuracy'"),
    ({"margin": 0}, "margin=0 must be a number > 0"),
    ({"target": "low"}, "target='low' must be a number"),
    ({"sampling": "epoch"}, "did you mean 'epochs'"),
    ({"threads": 0}, "threads=0 must be a whole number >= 1"),
    ({"chunk": -1}, "chunk=-1 must be a whole number >= 1"),
    ({"tune_seeds": 0}, "tune_seeds=0 must be a whole number >= 1"),
    ({"resume": True, "out": None}, "resume=True needs the folder of the run: out="),
    ({"recipes": {"a": replace(FAST, loss="mean_squared_error")}}, "does not fit classification"),
]


@pytest.mark.parametrize(("change", "text"), REFUSED, ids=[str(c) for c, _ in REFUSED])
def test_a_mistake_is_one_line_and_leaves_nothing_behind(blobs, tmp_path, change, text):
    settings = {"recipes": ARMS, "data": blobs, "steps": 2, "out": tmp_path / "run"} | change
    with pytest.raises(ShoalError) as error:
        shoal.compare(**settings)
    assert text in str(error.value)
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


# --- stopping and resuming --------------------------------------------------------------------


class StopAt(Callback):
    """Stops training after some steps, as Ctrl-C would."""

    def __init__(self, step):
        self.at = step

    def on_step(self, trainer):
        if trainer.steps_done == self.at:
            trainer.stop()


TUNE = {"optimizer.lr": [0.01, 0.1]}


def test_a_comparison_that_was_stopped_goes_on_as_if_it_was_not(blobs, tmp_path):
    settings = {"epochs": 4, "seeds": 2, "tune": TUNE}
    whole = shoal.compare(ARMS, blobs, **settings)
    part = shoal.compare(ARMS, blobs, **settings, out=tmp_path, callbacks=[StopAt(5)])
    assert not part.complete
    assert (part.facts["steps"], part.facts["total_steps"]) == (5, 12)
    assert "training was interrupted" in part.warnings[0]
    assert "training was interrupted" in str(part)
    resumed = shoal.compare(ARMS, blobs, **settings, out=tmp_path, resume=True)
    assert results(resumed) == results(whole)
    again = shoal.compare(ARMS, blobs, **settings, out=tmp_path, resume=True)
    assert results(again) == results(whole)


def test_stopped_before_the_first_evaluation_nothing_seems_to_have_diverged(blobs):
    part = shoal.compare(ARMS, blobs, epochs=4, seeds=2, callbacks=[StopAt(1)])
    assert part.headline == "Nothing can be said yet: no test accuracy was measured."
    assert "diverged" not in str(part).replace("  diverged  ", "")


def test_there_is_nothing_to_resume_in_an_empty_folder_so_it_begins(blobs, tmp_path):
    begun = shoal.compare(ARMS, blobs, steps=3, seeds=1, out=tmp_path, resume=True)
    assert results(begun) == results(shoal.compare(ARMS, blobs, steps=3, seeds=1))


@pytest.mark.parametrize("tune", [None, TUNE])
def test_a_folder_that_holds_a_run_is_not_written_over(blobs, tmp_path, tune):
    shoal.compare(ARMS, blobs, steps=3, seeds=1, tune=tune, out=tmp_path)
    held = {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")}
    assert len(held) == (1 if tune is None else 2)
    with pytest.raises(ShoalError, match="holds a run; resume it, or give another folder"):
        shoal.compare(ARMS, blobs, steps=3, seeds=1, tune=tune, out=tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.safetensors")} == held


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"steps": 4}, "other settings"),
        ({"sampling": "replacement"}, "other settings"),
        ({"recipes": {"slow": SLOW, "fast": replace(FAST, init="lecun")}}, "other recipes"),
        ({"recipes": {"slow": SLOW, "quick": FAST}}, "other arms or seeds"),
        ({"recipes": {"slow": SLOW}}, "other recipes"),
        ({"seeds": 3}, "other arms or seeds"),
        ({"data": "other"}, "other data"),
    ],
)
def test_a_run_is_not_resumed_as_another(blobs, tmp_path, change, what):
    shoal.compare(ARMS, blobs, steps=3, seeds=2, out=tmp_path)
    if "data" in change:
        change = {"data": replace(blobs, test=blobs.valid)}
    asked = {"recipes": ARMS, "data": blobs, "steps": 3, "seeds": 2} | change
    with pytest.raises(ShoalError, match=f"holds a run with {what}; give another folder"):
        shoal.compare(**asked, out=tmp_path, resume=True)


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:4],
        lambda content: b"\0" * len(content),
        lambda content: b"not a checkpoint",
    ],
)
def test_a_damaged_checkpoint_is_called_damaged(blobs, tmp_path, damage):
    shoal.compare(ARMS, blobs, steps=3, seeds=2, out=tmp_path)
    [path] = tmp_path.rglob("state.safetensors")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ShoalError, match=r"state\.safetensors is damaged") as error:
        shoal.compare(ARMS, blobs, steps=3, seeds=2, out=tmp_path, resume=True)
    assert "\n" not in str(error.value)


# --- a real process, really killed ------------------------------------------------------------

RECIPES = """
[defaults]
network = { hidden = [48] }
batch_size = 32

[arms.SGD]
optimizer = "SGD"

[arms.Momentum]
optimizer = "Momentum"

[arms.wild]
optimizer = "SGD"
init = 1e30

[tune]
optimizer.lr = { log_grid = [0.001, 0.1, 3] }
"""
SHOAL = [sys.executable, "-c", "from shoal.cli import run; run()"]
HELD = [
    sys.executable,
    "-c",
    """
import sys
from pathlib import Path
from shoal.cli import run
from shoal.engine import Trainer, trainer

trainer.FIRST_ROUND = dict.fromkeys(trainer.FIRST_ROUND, 1)  # a step, so that more rounds follow
save, where = Trainer.save, sys.argv.pop(1)

def save_and_wait(trainer, folder):
    save(trainer, folder)
    if Path(folder).name == where and 0 < trainer.steps_done < trainer.total_steps:
        Trainer.save = save
        print("held", file=sys.stderr, flush=True)
        sys.stdin.readline()

Trainer.save = save_and_wait
run()
""",
]
"""The same, but it waits for a line of input once it has saved some steps in the folder named."""


class Run:
    """A process that compares, and what it says on standard error."""

    def __init__(self, folder: Path, *arguments: str, held: str | None = None) -> None:
        self.folder = folder
        program = SHOAL if held is None else [*HELD, held]
        self.process = subprocess.Popen(
            [*program, "compare", *arguments, "--checkpoint-seconds", "0"],
            cwd=folder.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    def wait_for(self, word: str) -> None:
        """Wait until it says a line that begins so."""
        for line in self.process.stderr:
            if line.startswith(word):
                break
        else:
            pytest.fail(f"it ended with {self.process.wait()} and never said {word!r}")

    def reach(self, word: str, saved: str) -> None:
        """Wait until it says that it does something, and has saved some of it."""
        self.wait_for(word)
        state = self.folder / saved / "state.safetensors"
        before = state.stat().st_mtime_ns
        while state.stat().st_mtime_ns == before and self.process.poll() is None:
            time.sleep(0.002)

    def end(self, with_signal: signal.Signals | None = None) -> tuple[int, str]:
        """Its exit status and what it said last."""
        if with_signal is not None:
            self.process.send_signal(with_signal)
        if self.process.poll() is None:  # what was held goes on, and hears the signal first
            with suppress(BrokenPipeError):
                self.process.stdin.write("\n")
                self.process.stdin.flush()
        said = self.process.stderr.read().splitlines()
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stderr.close()
        return self.process.wait(), said[-1] if said else ""


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """What to compare, and the result of an uninterrupted run."""
    home = tmp_path_factory.mktemp("runs")
    (home / "r.toml").write_text(RECIPES)
    asked = ["r.toml", "--data", "digits", "--steps", "1000", "--seeds", "2", "--tune-seeds", "1"]
    assert Run(home / "whole", *asked, "--out", "whole").end() == (0, "report: whole/report.html")
    return home, asked


def outcome(folder):
    return timeless(json.loads((folder / "result.json").read_text("utf-8")))


@pytest.mark.slow
def test_a_run_killed_again_and_again_ends_as_one_that_was_not(asked):
    home, arguments = asked
    folder, chance = home / "killed", random.Random(0)
    start = [*arguments, "--out", "killed"]
    for word, saved in [("tuning", "tune"), ("tuning", "tune"), ("comparing", "final")]:
        run = Run(folder, *start)
        run.reach(word, saved)
        time.sleep(chance.uniform(0, 0.3))
        assert run.end(signal.SIGKILL)[0] in (-signal.SIGKILL, 0)
        start = ["--resume", "killed"]
    run = Run(folder, *start)
    time.sleep(chance.uniform(0, 2))  # anywhere: while it starts, trains, or draws
    run.end(signal.SIGKILL)
    assert Run(folder, *start).end() == (0, "report: killed/report.html")
    assert outcome(folder) == outcome(home / "whole")
    assert not [path for path in folder.rglob(".*") if "result" in path.name]


@pytest.mark.slow
def test_ctrl_c_saves_says_how_to_go_on_and_ends_with_130(asked):
    home, arguments = asked
    folder = home / "stopped"
    advice = "interrupted; go on with: shoal compare --resume stopped"
    run = Run(folder, *arguments, "--out", "stopped", held="tune")
    run.wait_for("held")
    assert run.end(signal.SIGINT) == (130, advice)
    assert not (folder / "result.json").exists()

    run = Run(folder, "--resume", "stopped", held="final")
    run.wait_for("held")
    assert run.end(signal.SIGINT) == (130, advice)
    part = json.loads((folder / "result.json").read_text("utf-8"))
    assert part["complete"] is False
    assert 0 < part["facts"]["steps"] < part["facts"]["total_steps"]
    assert "training was interrupted" in part["warnings"][0]
    assert (folder / "report.html").exists()

    assert Run(folder, "--resume", "stopped").end() == (0, "report: stopped/report.html")
    assert outcome(folder) == outcome(home / "whole")
