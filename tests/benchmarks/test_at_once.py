"""Peers that train all members at once do the very work that they are compared for."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

import shoal
from benchmarks import (
    compiling,
    data,
    machine,
    members,
    search,
    stacks,
    to_accuracy,
    with_jax,
    with_shoal,
    with_sklearn,
    with_torch,
    with_torch_stacked,
    work,
)

WAYS = ("baddbmm", "torch.func")


@pytest.fixture(scope="module", autouse=True)
def small_data() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "ROWS", 3_000)
        patch.setattr(shoal, "available", lambda: ())
        data.mnist.cache_clear()
        yield
    data.mnist.cache_clear()


def sgd() -> work.Training:
    """Rates and decays of each, large enough to be seen; batches that all share."""
    rows = shoal.load("digits").take(230)
    random = np.random.default_rng(0)
    made = tuple(
        shoal.Member(
            shoal.Recipe(
                shoal.mlp([12, 8]),
                shoal.SGD(lr=float(random.uniform(0.01, 0.2))),
                weight_decay=float(random.uniform(0.0, 0.1)),
                batch_size=50,
            ),
            seed=0,
            arm=f"trial {i}",
        )
        for i in range(5)
    )
    epoch = -(-len(rows.train) // 50)
    return work.Training(rows, made, 4 * epoch, parts=("train", "valid"))


def adam() -> work.Training:
    """Batches of each, the last one of an epoch smaller."""
    rows = shoal.load("digits").take(230)
    recipe = shoal.Recipe(shoal.mlp([12, 8]), shoal.Adam(lr=0.01), batch_size=32)
    made = tuple(shoal.Member(recipe, seed, "network") for seed in range(5))
    epoch = -(-len(rows.train) // 32)
    assert len(rows.train) % 32
    return work.Training(rows, made, 3 * epoch, parts=("valid",))


TRAININGS = pytest.mark.parametrize("training", [sgd, adam], ids=["sgd", "adam"])


def same(training: work.Training, theirs: work.Outcome) -> None:
    """Every loss of every step, and every evaluation, are Shoal's."""
    ours = with_shoal.start(training, 1)()
    assert theirs.members == ours.members
    assert theirs.steps == ours.steps
    np.testing.assert_allclose(theirs.loss, ours.loss, rtol=1e-4)
    assert theirs.metrics.keys() == ours.metrics.keys()
    for name, values in theirs.metrics.items():
        np.testing.assert_allclose(values, ours.metrics[name], rtol=1e-4, err_msg=name)


@TRAININGS
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", [2, 5])
def test_stacked_in_pytorch(training: Callable[[], work.Training], way: str, size: int) -> None:
    pytest.importorskip("torch")
    same(training(), with_torch_stacked.start(training(), 1, way, size)())


@TRAININGS
@pytest.mark.parametrize("way", WAYS)
def test_compiled_in_pytorch_but_for_the_code_that_is_made(
    training: Callable[[], work.Training], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch = pytest.importorskip("torch")
    eager = compiling.compile_with(torch, True, backend="eager")
    monkeypatch.setattr(with_torch_stacked, "compile_with", lambda torch, wanted: eager)
    same(training(), with_torch_stacked.start(training(), 1, way, 5, compiled=True)())


def test_one_network_compiled_in_pytorch_but_for_the_code_that_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch = pytest.importorskip("torch")
    eager = compiling.compile_with(torch, True, backend="eager")
    monkeypatch.setattr(with_torch, "compile_with", lambda torch, wanted: eager)
    same(adam().some(1), with_torch.start(adam().some(1), 1, compiled=True)())


@TRAININGS
@pytest.mark.parametrize("devices", [1, machine.processors()])
@pytest.mark.parametrize("anew", [False, True])
def test_in_jax(training: Callable[[], work.Training], devices: int, anew: bool) -> None:
    pytest.importorskip("jax")
    outcome = with_jax.start(training(), devices, 3, anew)()
    same(training(), outcome)
    assert (outcome.once > 0) == anew


def test_a_fault_of_a_peer_s_compiler_is_told_and_not_raised() -> None:
    def fails() -> None:
        raise RuntimeError("no C++ compiler\nsecond line")

    assert compiling.tried(fails) == (0.0, "cannot compile here (RuntimeError: no C++ compiler)")
    seconds, reason = compiling.tried(lambda: None)
    assert seconds < 10
    assert reason is None


def test_compiling_ends_at_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def waits() -> None:
        while True:
            sum(range(1000))

    monkeypatch.setattr(compiling, "LIMIT", 0.05)
    reason = compiling.tried(waits)[1]
    assert reason is not None
    assert reason.startswith("compiling took more than")


def test_who_cannot_be_stacked() -> None:
    def of(*recipes: shoal.Recipe) -> work.Training:
        made = tuple(shoal.Member(recipe, 0, str(i)) for i, recipe in enumerate(recipes))
        return work.Training(shoal.load("digits"), made, 1, ())

    plain = shoal.Recipe(shoal.mlp([4]), shoal.SGD())
    assert stacks.why_not(of(plain, plain.replace({"weight_decay": 0.1}))) is None
    for other, why in (
        (plain.replace({"schedule": shoal.Cosine()}), "constant learning rates"),
        (plain.replace({"optimizer": shoal.Momentum()}), "SGD, or Adam"),
        (plain.replace({"optimizer": shoal.Adam(), "weight_decay": 0.1}), "SGD, or Adam"),
        (shoal.Recipe(shoal.mlp([5]), shoal.SGD()), "several shapes"),
    ):
        assert why in (stacks.why_not(of(plain, other)) or "")
    normed = shoal.Recipe(shoal.mlp([4], batch_norm=True), shoal.SGD())
    assert "plain networks" in (stacks.why_not(of(normed)) or "")


def test_pieces_are_alike_and_hold_everyone() -> None:
    training = search.training(7, 5)[0]
    cut = list(stacks.pieces(training, 4))
    assert [len(piece.members) for piece in cut] == [4, 3]
    assert sum((piece.members for piece in cut), ()) == training.members


@pytest.mark.parametrize(
    "start",
    [with_shoal.start, with_torch.start, with_sklearn.start],
    ids=["Shoal", "PyTorch", "scikit-learn"],
)
def test_a_network_stops_when_it_is_good_enough_and_its_rate_falls(
    start: Callable[..., Callable[[], work.Outcome]],
) -> None:
    pytest.importorskip("torch")
    recipe = shoal.Recipe(
        shoal.mlp([16]),
        shoal.Adam(lr=0.003),
        schedule=shoal.StepDecay(every=2 * 11, gamma=0.01),
        batch_size=100,
    )
    rows = shoal.load("digits")
    assert -(-len(rows.train) // 100) == 11
    member = shoal.Member(recipe, 0, "network")

    def trained(enough: float | None, last: str = "valid") -> work.Outcome:
        return start(work.Training(rows, (member,), 66, ("train", last), enough=enough), 1)()

    whole = trained(None)
    accuracy, loss = (whole.metrics[f"valid_{what}"][0] for what in ("accuracy", "loss"))
    assert whole.steps == (66,)
    assert np.isfinite(accuracy).all()
    # after the second epoch the rate is a hundredth, and nearly nothing changes any more
    assert abs(loss[5] - loss[1]) < 0.15 * abs(loss[1] - loss[0])
    short = trained(float(accuracy[1]))
    first = int(np.argmax(accuracy >= accuracy[1]))
    assert short.steps == (11 * (first + 1),)
    got = short.metrics["valid_accuracy"][0]
    np.testing.assert_array_equal(got[: first + 1], accuracy[: first + 1])
    assert np.isnan(got[first + 1 :]).all()
    assert len(got) == 6


def test_epochs_and_what_was_reached_are_told() -> None:
    workload = to_accuracy.workload(True)
    metrics = {
        "test_loss": np.array([[0.5, 0.2, np.nan]]),
        "test_accuracy": np.array([[0.9, 0.985, np.nan]]),
    }
    ours = work.Outcome((("network", 0),), metrics, (32,))
    assert {name: say(ours) for name, say in workload.columns.items()} == {
        "epochs": "2",
        "accuracy": "98.50%",
    }
    theirs = work.Outcome((("network", 0),), metrics | {"test_loss": np.array([[0.6, 0.2]])}, (32,))
    [said] = to_accuracy.agreed({"A": ours, "B": theirs})
    assert "the test_loss after the first epoch" in said
    assert said.endswith("at most: B 1e-01.")


def test_flatness_is_that_from_four_networks_on() -> None:
    from benchmarks.harness import Measurement

    seconds = {
        f"Shoal, {work.counted(n)}, {threads}": np.array([us * factor * 1e-6])
        for n, us in {1: 300, 4: 100, 16: 120, 64: 110}.items()
        for threads, factor in {"2 threads": 1, "1 thread": 2}.items()
    }
    measured = Measurement(members.tiny(True), seconds, np.ones(1), {})
    assert members.flatness(measured) == [
        "From 4 networks on, 2 threads: 100 to 120 µs, the highest 20% above the lowest.",
        "From 4 networks on, 1 thread: 200 to 240 µs, the highest 20% above the lowest.",
    ]


def test_different_bits_would_be_told() -> None:
    def did(*losses: float) -> work.Outcome:
        return work.Outcome((("network", 0),), {}, (len(losses),), np.array([losses]))

    assert "are the same bits" in members.same_bits({"A": did(1.0, 0.5), "B": did(1.0)})[0]
    assert "DIFFER" in members.same_bits({"A": did(1.0, 0.5), "B": did(1.0, 0.5 + 1e-15)})[0]
