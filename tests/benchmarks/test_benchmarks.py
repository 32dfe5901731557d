"""The benchmarks measure what they say: equal work, counted right. No time is asserted."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from benchmarks.harness import Contestant, Measurement, Workload, measure

import shoal
from benchmarks import (
    WORKLOADS,
    __main__,
    chunks,
    data,
    early_dropping,
    harness,
    machine,
    prediction,
    products,
    report,
    rungs,
    with_shoal,
    with_shoal_search,
    with_torch,
    work,
    zeros,
)

METRIC = dict.fromkeys(WORKLOADS, "valid_loss") | {"batch-norm-grid": "train_loss"}
METRIC["one-network-seconds"] = "test_loss"
for none in ("early-dropping", "members", "members-tiny", "predict-one", "predict-many"):
    METRIC.pop(none)

# After a few steps all agree but for rounding, which AdaGrad's and Adam's first steps magnify:
# they divide a gradient by its own size, however small it is.
CLOSE = dict.fromkeys(METRIC, 5e-2) | {"search": 1e-5, "batch-norm-grid": 1e-3}


@pytest.fixture(scope="module", autouse=True)
def small_data() -> Iterator[None]:
    """A small stand-in: 200 MB of MNIST need not go to every process of a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "ROWS", 6_000)
        patch.setattr(shoal, "available", lambda: ())
        data.mnist.cache_clear()
        yield
    data.mnist.cache_clear()


@pytest.fixture(scope="module")
def run(small_data: None) -> Callable[[str], Measurement]:
    """Each workload, quick, once."""
    done: dict[str, Measurement] = {}

    def once(name: str) -> Measurement:
        if name not in done:
            done[name] = measure(WORKLOADS[name](True), repeats=1, sgemm=lambda: 100.0)
        return done[name]

    return once


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_every_contestant_has_a_row_with_all_columns(
    name: str, run: Callable[[str], Measurement]
) -> None:
    measured = run(name)
    told = report.text(measured)
    assert [row[0] for row in told.rows] == [c.name for c in measured.workload.contestants]
    assert told.rows[0][0].startswith("Shoal, ")
    assert {len(row) for row in told.rows} == {len(told.header)}
    assert told.rows[0][3] == "1"  # the reference's ratio to itself
    counted = "GFLOP/s" in told.header
    assert counted == any("matrix products" in line for line in told.before)


@pytest.mark.parametrize("name", sorted(WORKLOADS))
def test_peers_take_part_or_are_said_to_be_absent(
    name: str, run: Callable[[str], Measurement]
) -> None:
    told = " ".join(report.text(run(name)).after)
    assert "PyTorch" in told
    assert "scikit-learn" in told


@pytest.mark.parametrize("name", sorted(METRIC))
def test_all_contestants_do_the_same_work(name: str, run: Callable[[str], Measurement]) -> None:
    measured = run(name)
    first, *others = measured.results.values()
    if measured.workload.name == "one-network-seconds":
        assert {outcome.steps for outcome in others} == {first.steps}
        others = [_to_the_end(outcome) for outcome in others]
        first = _to_the_end(first)
    steps = dict(zip(first.members, first.steps, strict=True))
    metric = METRIC[measured.workload.name]
    for outcome in others:
        count = len(outcome.members)
        assert outcome.metrics.keys() == first.metrics.keys()
        for name, values in outcome.metrics.items():
            assert values.shape == (count, first.metrics[name].shape[1])
        if outcome.loss is not None:
            assert outcome.loss.shape == (count, first.loss.shape[1])
        for key, taken in zip(outcome.members, outcome.steps, strict=True):
            # a member that diverges stops at once in Shoal, elsewhere at the next evaluation
            assert taken == steps[key] or steps[key] < taken <= max(first.steps)
        difference = work.largest_difference(first, outcome, metric)
        assert difference < CLOSE[measured.workload.name]


def _to_the_end(outcome: work.Outcome) -> work.Outcome:
    """Without the evaluations that were no longer needed."""
    done = int(np.isfinite(outcome.metrics["test_loss"][0]).sum())
    metrics = {name: values[:, :done] for name, values in outcome.metrics.items()}
    return replace(outcome, metrics=metrics)


@pytest.mark.parametrize("name", ["predict-one", "predict-many"])
def test_everyone_predicts_the_same(name: str, run: Callable[[str], Measurement]) -> None:
    measured = run(name)
    rows = {"predict-one": 1, "predict-many": 500}[name]
    first, *others = measured.results.values()
    np.testing.assert_allclose(first.probabilities.sum(axis=1), 1)
    for said in others:
        assert said.probabilities.shape == (rows, 10)
        np.testing.assert_allclose(said.probabilities, first.probabilities, 0, 1e-5)
    flops = 2 * rows * (784 * 256 + 256 * 128 + 128 * 10)
    assert measured.workload.flops == flops
    assert "probabilities differ from those of Shoal" in " ".join(report.text(measured).after)


def test_a_compiler_that_fails_or_takes_too_long_is_said_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken() -> prediction.Say:
        raise RuntimeError("no compiler\nis here")

    monkeypatch.setattr(prediction, "PATIENCE", 0.05)
    assert prediction._in_time(broken) == "RuntimeError: no compiler is here"
    waiting = threading.Event()
    assert prediction._in_time(waiting.wait) == "not compiled within 0 s"
    waiting.set()
    assert prediction._in_time(lambda: np.exp) is np.exp


def test_everyone_searches_the_same_trials_and_drops_some(
    run: Callable[[str], Measurement],
) -> None:
    measured = run("early-dropping")
    whole = early_dropping.full(early_dropping.search.training(8, 5)[0])
    every = measured.results[with_shoal_search.FULL]
    assert (every.member_steps, whole) == (8 * 5 * 4, 8 * 5)
    for name, outcome in measured.results.items():
        assert sorted(outcome.members) == sorted(every.members)
        if "halving" in name:  # the median of so few trials drops nobody
            assert outcome.member_steps < every.member_steps
        for key, steps in zip(outcome.members, outcome.steps, strict=True):
            ours, theirs = every.of(key), outcome.of(key)
            if "scikit-learn" in name:  # from other draws, anew at every rung: 1, 2 and 5 epochs
                rungs = {4: 1, 4 + 8: 2, 4 + 8 + 20: 3}
                assert np.isfinite(theirs["valid_accuracy"]).sum() == rungs[steps]
                continue
            epochs = steps // 4
            for metric, far in (("valid_loss", 1e-4), ("valid_accuracy", 0.011)):
                far = 0.0 if "Shoal" in name else far  # a trial that goes on does the very same
                assert np.abs(ours[metric] - theirs[metric])[:epochs].max() <= far
                assert np.isnan(theirs[metric][epochs:]).all()


def test_the_winner_has_the_best_accuracy_at_the_end_and_among_equals_the_lowest_loss() -> None:
    nan = np.nan
    accuracy = np.array([[0.9, nan], [0.5, 0.6], [0.5, 0.7], [0.5, 0.7]])
    loss = np.array([[0.1, nan], [0.8, 0.2], [0.8, 0.5], [0.8, 0.4]])
    members = tuple((f"trial {i}", 0) for i in range(4))
    metrics = {"valid_accuracy": accuracy, "valid_loss": loss}
    outcome = work.Outcome(members, metrics, (1, 2, 2, 2))
    assert early_dropping.winner(outcome) == ("trial 3", 0.7)
    metrics["valid_loss"] = np.full((4, 2), nan)
    assert early_dropping.winner(outcome) == ("trial 2", 0.7)


def test_recipes_chosen_are_judged_on_fresh_seeds() -> None:
    training = early_dropping.search.training(4, 5)[0]
    scores = np.zeros((4, 5))

    def chose(trial: int) -> work.Outcome:
        accuracy = scores.copy()
        accuracy[trial, -1] = 1.0
        metrics = {"valid_accuracy": accuracy, "valid_loss": scores}
        return work.Outcome(work.keys(training.members), metrics, (20,) * 4)

    results = {with_shoal_search.FULL: chose(1), "X": chose(2), "Y": chose(1)}
    told, against = early_dropping.judged(training, 3, results)
    assert "trial 1 (lr" in told
    assert f"chosen by {with_shoal_search.FULL}; Y: " in told
    recipes = {f"trial {i}": training.members[i].recipe for i in (1, 2)}
    final = shoal.compare(recipes, training.data, epochs=5, seeds=[1, 2, 3], progress=False)
    [pair] = final.pairs()
    difference = pair.difference.mean * (1 if pair.a == "trial 2" else -1)
    assert against.startswith(f"X: {difference:+.2%} (")
    assert against.endswith(f"on what {with_shoal_search.FULL} chose.")


def test_every_step_s_loss_agrees_with_pytorch() -> None:
    pytest.importorskip("torch")
    training = _training(shoal.mlp([5], batch_norm=True), shoal.Momentum(lr=0.1), decay=0.01)
    ours, theirs = (start(training, 1)() for start in (with_shoal.start, with_torch.start))
    assert ours.loss.shape == theirs.loss.shape == (1, 23)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-4)


def test_flops_equal_a_count_by_hand() -> None:
    # 64-5-10; 1079 rows in batches of 100: 11 steps an epoch, the last of 79 rows
    training = _training(shoal.mlp([5]), shoal.SGD())
    assert training.evaluated_at == [11, 22, 23]
    rows = 2 * 1079 + 100
    forward = 64 * 5 + 5 * 10
    backward = (64 * 5 + 5 * 10) + 5 * 10  # weights of both layers, inputs of the second
    evaluated = 3 * (50 + 50)
    assert training.flops() == 2 * (rows * (forward + backward) + evaluated * forward)


def test_flops_of_a_step_are_those_of_the_summary() -> None:
    digits = shoal.load("digits")
    network = shoal.mlp([100] * 3, batch_norm=True)
    works = work.multiply_adds(network, digits)
    assert work.forward_flops(works, 7) == 2 * 7 * network.summary(digits).multiply_adds
    assert work.step_flops([12], 1) == 2 * 2 * 12  # one layer has no gradient of inputs


def test_seconds_ratios_and_fractions_are_per_unit_and_by_round() -> None:
    workload = Workload(
        name="made up",
        title="Made up",
        lines=(),
        unit="thing",
        units=float,
        flops=6e9,
        formula="",
        contestants=tuple(Contestant(name, "", lambda: lambda: 1.0) for name in ("A", "B")),
        absent={"C": "not installed"},
        agreement=lambda results: [],
    )
    seconds = {"A": np.array([1.0, 2.0, 3.0]), "B": np.array([3.0, 4.0, 1.5])}
    measured = Measurement(workload, seconds, np.full(3, 12.0), {n: np.zeros(3) for n in seconds})
    told = report.text(measured)
    assert told.rows[1] == ("B", "3", "1.5 – 4", "2", "0.5 – 3", "2", "17%")
    assert "C: not installed." in told.after
    assert report.verdicts(measured) == ["A: 2.00 times as fast as B at best (B)."]
    seconds["B"] /= 4
    assert report.verdicts(measured) == ["A: SLOWER (0.50) than B at best (B)."]
    assert "DISTURBED" not in report.quiet(measured)
    measured.disturbance["B"] += 0.5
    assert "3 DISTURBED" in report.quiet(measured)


def test_seconds_spent_once_are_shared_among_the_whole_work() -> None:
    def result(once: float) -> work.Outcome:
        return work.Outcome((("trial", 0),), {}, (10,), once=once)

    workload = _made_up(units=lambda outcome: outcome.member_steps, all_units=100.0)
    assert workload.seconds_of_one(5.0, result(0.0)) == 0.5
    assert workload.seconds_of_one(5.0, result(2.0)) == pytest.approx(0.3 + 0.02)
    assert _made_up(units=float).seconds_of_one(5.0, 2.0) == 2.5


def _made_up(**settings: object) -> Workload:
    return Workload(
        name="made up",
        title="Made up",
        lines=(),
        unit="thing",
        flops=None,
        formula="",
        contestants=(),
        absent={},
        agreement=lambda results: [],
        **settings,
    )


def test_contestants_take_turns() -> None:
    turns: list[str] = []

    def contestant(name: str) -> Contestant:
        return Contestant(name, "", lambda: lambda: turns.append(name), lambda: turns.append("w"))

    workload = Workload(
        name="made up",
        title="Made up",
        lines=(),
        unit="thing",
        units=lambda result: 1.0,
        flops=1.0,
        formula="",
        contestants=(contestant("A"), contestant("B")),
        absent={},
        agreement=lambda results: [],
    )
    measured = measure(workload, 2, sgemm=lambda: turns.append("sgemm") or 1.0)
    assert turns == ["w", "w", "sgemm", "A", "B", "sgemm", "A", "B"]
    assert {name: len(s) for name, s in measured.seconds.items()} == {"A": 2, "B": 2}


def test_a_disturbed_turn_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = iter([0.3, 0.1, 0.2])
    monkeypatch.setattr(harness, "wait_for_quiet", lambda patience: None)
    monkeypatch.setattr(machine.Watch, "others", lambda self: next(shares))
    tries: list[int] = []
    contestant = Contestant("A", "", lambda: lambda: tries.append(0) or len(tries))
    turn = harness._best_turn(contestant, patience=1.0)
    assert (turn.others, turn.result, len(tries)) == (0.1, 2, 3)


def test_other_programs_are_told_from_our_own() -> None:
    watch = machine.Watch()
    sum(range(3_000_000))
    assert not watch.others() < 0  # how much others do is not ours to say


def test_the_command_writes_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(with_torch, "has", lambda module: False)
    page = tmp_path / "benchmarks.md"
    arguments = ["batch-norm-grid", "--quick", "--markdown", str(page)]
    assert __main__.main(arguments) == 0
    printed, written = capsys.readouterr().out, page.read_text(encoding="utf-8")
    for told in (printed, written):
        assert "PyTorch: not installed." in told
        assert shoal.__version__ in told
    assert f"python -m benchmarks batch-norm-grid --quick --markdown {page}" in written
    assert written.count("| Shoal") == min(2, machine.processors())


def test_the_stand_in_has_mnist_s_shape() -> None:
    made = data.stand_in(valid=100, rows=600)
    assert made.in_shape == (28, 28)
    assert made.outputs == 10
    assert (len(made.train), len(made.valid), len(made.test)) == (500, 100, 100)


def _training(
    network: shoal.Network, rule: shoal.SGD | shoal.Momentum, decay: float = 0.0
) -> work.Training:
    digits = shoal.load("digits")
    recipe = shoal.Recipe(network, rule, weight_decay=decay, batch_size=100)
    member = shoal.Member(recipe, seed=3)
    return work.Training(digits, (member,), steps=23, parts=("train", "valid"), rows=50)


@pytest.mark.parametrize(("command", "rows"), [(chunks, 2), (products, 2), (zeros, 1)])
def test_smaller_measurements_print_a_row_for_each_case(command, rows, capsys):
    assert command.main(["--quick"]) == 0
    head, line, *found = [row for row in capsys.readouterr().out.splitlines() if row[0] == "|"]
    assert len(found) >= rows
    assert all(row.count("|") == head.count("|") == line.count("|") for row in found)
    assert all(float(cell) > 0 for row in found for cell in row.split("|")[2:-1])


def test_early_dropping_is_simulated_by_every_rule(capsys):
    assert rungs.main(["--quick"]) == 0
    rows = [row.split("|")[1:-1] for row in capsys.readouterr().out.splitlines() if row[0] == "|"]
    costs = {row[0].strip(): float(row[1].rpartition("–")[2].strip(" %")) for row in rows[2:]}
    assert costs.keys() == rungs.rules().keys()
    spent = [costs[f"both, {lots:g} by lot"] for lots in (0, 0.1, 0.2, 0.3)]
    assert spent == sorted(spent)
    assert costs["η = 4"] < spent[0] < spent[-1] < costs["hyperband"] < 100


def test_a_search_of_recorded_curves_that_trains_all_is_behind_nothing():
    curves = np.linspace(0.1, 0.9, 60).reshape(1, 20, 3).repeat(2, axis=0)
    kept = rungs.Recorded(np.stack([curves, 1 - curves], axis=2), curves[..., -1])
    best, cost = kept.searched(0, strategy="full")
    assert (best, cost) == (pytest.approx(0.9), 20)
