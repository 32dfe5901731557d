"""Alone as in company, paired, divergence contained: the promises of docs/design.md.

Exact resume is in test_trainer.py and test_checkpoint.py.
"""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Affine,
    AvgPool2D,
    BatchNorm,
    Callback,
    Constant,
    Conv2D,
    Cosine,
    Dropout,
    Exponential,
    Flatten,
    InverseTime,
    MaxPool2D,
    Member,
    Momentum,
    Nesterov,
    Network,
    OneCycle,
    PeriodicEmbedding,
    Recipe,
    ReLU,
    RMSprop,
    StepDecay,
    Trainer,
    WarmUp,
    convnet,
    mlp,
)
from shoal.data.batching import batch_rows
from shoal.nn import ACTIVATIONS, Layer
from shoal.optim import OPTIMIZERS, SCHEDULES

EPOCHS = 2
PLAIN_RULE = SGD(lr=0.1)
RULES = (
    PLAIN_RULE,
    Momentum(lr=0.05),
    Nesterov(lr=0.05),
    AdaGrad(lr=0.05),
    RMSprop(lr=0.01),
    Adam(lr=0.01),
    AdamW(lr=0.01),
)
TIMETABLES = (
    Constant(),
    StepDecay(every=2),
    Exponential(gamma=0.9),
    InverseTime(rate=0.1),
    Cosine(),
    WarmUp(steps=2, then=Cosine()),
    OneCycle(),
)


@dataclass(frozen=True, eq=False)
class Case:
    """A row of the table: arms on a kind of data."""

    name: str
    arms: dict[str, Recipe]
    data: str = "classes"
    sampling: str = "epochs"
    engine: str = "auto"

    def members(self) -> list[Member]:
        """Every arm with two seeds."""
        return [Member(recipe, seed, arm) for arm, recipe in self.arms.items() for seed in (0, 1)]

    def trainer(self, data: Any, members: Any = None, **chosen: Any) -> Trainer:
        """The members, or others, on that data; with chosen threads, chunks, …"""
        members = self.members() if members is None else members
        settings = {"sampling": self.sampling, "engine": self.engine} | chosen
        return Trainer(members, data, epochs=EPOCHS, **settings)


def case(
    name: str,
    network: Network,
    rule: Any = PLAIN_RULE,
    data: str = "classes",
    sampling: str = "epochs",
    **chosen: Any,
) -> Case:
    """Three arms of one structure, which differ in every number that may differ in a cohort."""
    normed = any(isinstance(layer, BatchNorm) for layer in network.layers)
    size = 15 if normed else 16  # 16 leaves a last batch of 1 row, which batch norm refuses
    recipe = Recipe(network, rule, **({"batch_size": size} | chosen))
    weaker = {"optimizer.lr": rule.lr / 3, "init": 0.3}
    if recipe.weight_decay:
        weaker |= {"weight_decay": recipe.weight_decay / 7}
    if recipe.clip_norm:
        weaker |= {"clip_norm": recipe.clip_norm / 5}
    arms = {
        "first": recipe,
        "weaker": recipe.replace(weaker),
        "he": recipe.replace({"init": "he"}),
    }
    return Case(name, arms, data, sampling)


def rates(*several: float) -> dict[str, Recipe]:
    """Arms that differ in their dropout."""
    return {
        f"rate {rate}": Recipe(mlp([7, 5], dropout=rate), SGD(lr=0.1), batch_size=16)
        for rate in several
    }


CASES = (
    *(case(type(rule).__name__, mlp([5, 3]), rule) for rule in RULES),
    *(
        case(
            f"{type(rule).__name__}, decay and clipping",
            mlp([5]),
            rule,
            weight_decay=0.01,
            clip_norm=0.5,
            schedule=Cosine(),
        )
        for rule in RULES
    ),
    *(case(type(t).__name__, mlp([5]), Momentum(lr=0.1), schedule=t) for t in TIMETABLES),
    *(case(name, mlp([9, 4], activation=name)) for name in ACTIVATIONS),
    case("no hidden layer", mlp([])),
    case("odd widths", mlp([1, 3, 17]), Adam(lr=0.01)),
    case("wide", mlp([300, 129])),
    case("batch norm", mlp([7, 5], batch_norm=True), Adam(lr=0.01)),
    case("batch norm, one unit", mlp([1, 1], batch_norm=True, activation="tanh")),
    case("batch norm and dropout", mlp([8, 5], batch_norm=True, dropout=0.3), weight_decay=0.01),
    Case("dropout rates", rates(0.1, 0.5, 0.9)),
    case("last batch of 3 rows", mlp([5]), batch_size=10),
    case("whole batches", mlp([5]), batch_size=11),
    case("batches of 1 row", mlp([5]), Adam(lr=0.01), batch_size=1),
    case("one batch is all", mlp([5], activation="gelu"), batch_size=33),
    case("with replacement", mlp([5], dropout=0.2), sampling="replacement"),
    case("one feature", mlp([3], activation="tanh"), data="one feature"),
    case("images", mlp([5]), Nesterov(lr=0.05), data="images"),
    case(
        "batch norm of colour images",
        Network((BatchNorm(), ReLU(), Dropout(0.2), Flatten(), Affine(4), ReLU(), Affine())),
        data="colour images",
        batch_size=16,
    ),
    case("convolution", convnet([4], 3, hidden=[5]), Adam(lr=0.01), data="images"),
    case("one filter", convnet([1], 2, hidden=[]), Momentum(lr=0.05), data="images"),
    case(
        "convolutions of colour images",
        convnet([3, 5], 2, 1, [4], "gelu", padding="same", batch_norm=True, dropout=0.2),
        data="colour images",
        batch_size=11,
        weight_decay=0.01,
        clip_norm=0.5,
    ),
    case(
        "strides, padding and pools",
        Network(
            (
                *(Conv2D(3, (2, 3), stride=(1, 2), padding=1), ReLU(), AvgPool2D(2, stride=1)),
                *(Conv2D(2, 1), MaxPool2D(3, stride=2, padding=1), Dropout(0.2)),
                *(Flatten(), Affine()),
            )
        ),
        AdamW(lr=0.01),
        data="images",
    ),
    case(
        "embedding of numbers",
        Network((Flatten(), PeriodicEmbedding(2, 3, 2), Affine(5), ReLU(), Dropout(0.2), Affine())),
        AdamW(lr=0.01),
        weight_decay=0.1,
        batch_size=11,
    ),
    case("several targets", mlp([5], activation="gelu"), Adam(lr=0.01), data="regression"),
    case("one target", mlp([5], batch_norm=True), data="one target", weight_decay=0.01),
)


BY_ENGINE = [replace(case, engine=engine) for engine in ("compiled", "reference") for case in CASES]


@pytest.fixture(params=BY_ENGINE, ids=lambda case: f"{case.name}, {case.engine}")
def structure(request: pytest.FixtureRequest) -> Case:
    """Each row of the table."""
    return request.param


@pytest.fixture(scope="session")
def company(data_of: Any, all_bits: Any) -> Any:
    """What the members of a case do when all train together on one thread."""

    @cache
    def company(case: Case) -> list[dict[str, str]]:
        return all_bits(case.trainer(data_of(case.data), threads=1).run())

    return company


@pytest.fixture
def trainer(structure: Case, data_of: Any) -> Any:
    """Makes trainers of the case at hand."""
    return partial(structure.trainer, data_of(structure.data))


def test_the_table_has_every_rule_schedule_and_activation():
    assert {type(rule).__name__ for rule in RULES} == set(OPTIMIZERS)
    assert {type(timetable).__name__ for timetable in TIMETABLES} == set(SCHEDULES)


def test_a_member_does_the_same_bits_alone_as_in_company(structure, company, trainer, bits):
    for i, member in enumerate(structure.members()):
        assert bits(trainer([member], threads=1).run()) == company(structure)[i], member


@pytest.mark.parametrize("chunk", [1, 2, 4])
@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_and_threads_change_no_bit(structure, company, trainer, all_bits, chunk, threads):
    assert all_bits(trainer(chunk=chunk, threads=threads).run()) == company(structure)


def test_order_changes_no_bit(structure, company, trainer, all_bits):
    shuffled = [4, 0, 5, 2, 1, 3]
    members = [structure.members()[i] for i in shuffled]
    expected = [company(structure)[i] for i in shuffled]
    assert all_bits(trainer(members, chunk=4, threads=2).run()) == expected


def test_step_by_step_is_epoch_by_epoch_is_at_once(structure, company, trainer, all_bits):
    by_step, by_epoch, in_leaps = (trainer(threads=1) for _ in range(3))
    while not by_step.done:
        by_step.step()
    for _ in range(EPOCHS):
        by_epoch.epoch()
    in_leaps.step(2).epoch().run()
    for way in (by_step, by_epoch, in_leaps):
        assert way.done
        assert all_bits(way) == company(structure)


@pytest.fixture(scope="module")
def processes() -> Iterator[Executor]:
    """Two fresh processes."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield pool


@pytest.mark.parametrize("kind", ["classes", "images", "regression", "one target"])
def test_other_executors_change_no_bit(kind, company, data_of, all_bits, processes):
    cases = [c for c in CASES if c.data == kind and c.sampling == "epochs"]
    members = [member for case in cases for member in case.members()]
    expected = [bits for case in cases for bits in company(case)]
    with ThreadPoolExecutor(2) as threads:
        for executor in (processes, threads):
            shoal = Trainer(members, data_of(kind), epochs=EPOCHS, executor=executor, chunk=4)
            assert all_bits(shoal.run()) == expected


def test_many_cohorts_at_once_change_no_bit(company, data_of, all_bits):
    cases = [c for c in CASES if c.data == "classes" and c.name != "with replacement"]
    members = [member for case in cases for member in case.members()]
    shoal = Trainer(members, data_of("classes"), epochs=EPOCHS, threads=3, evaluate_rows=None)
    assert all_bits(shoal.run()) == [bits for case in cases for bits in company(case)]


def test_runs_that_overlap_change_no_bit(company, data, all_bits):
    cases = [c for c in CASES if c.name in ("wide", "batch norm", "Adam", "dropout rates")]
    found: dict[str, Any] = {}

    def run(case: Case) -> None:
        found[case.name] = all_bits(case.trainer(data, callbacks=[EveryStep()]).run())

    threads = [threading.Thread(target=run, args=(case,)) for case in cases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {case.name: company(case) for case in cases}


class EveryStep(Callback):
    """Wants to be called on every step, so that all rounds are of one step."""

    def on_step(self, trainer: Trainer) -> None:
        pass


widths = st.lists(st.sampled_from([1, 2, 3, 8, 15, 16, 17, 33, 64]), max_size=3)
networks = st.builds(
    mlp,
    widths,
    st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0, 0.1, 0.5]),
)
recipes = st.builds(
    Recipe,
    networks,
    st.builds(
        lambda rule, scale: replace(rule, lr=rule.lr * scale),
        st.sampled_from(RULES),
        st.floats(0.01, 3),
    ),
    schedule=st.none() | st.sampled_from(TIMETABLES),
    init=st.sampled_from(["auto", "he", "xavier", "lecun", 0.2]),
    weight_decay=st.sampled_from([0, 1e-3, 0.1]),
    batch_size=st.sampled_from([1, 4, 16, 20, 33]),
    clip_norm=st.sampled_from([None, 0.1, 2.0]),
)


def without_last_batch_of_one(recipe: Recipe) -> Recipe:
    """Batch norm refuses such a batch."""
    normed = any(isinstance(layer, BatchNorm) for layer in recipe.network.layers)
    return replace(recipe, batch_size=15) if normed and recipe.batch_size <= 16 else recipe


mixtures = st.lists(
    st.builds(Member, recipes.map(without_last_batch_of_one), st.integers(0, 2)),
    min_size=2,
    max_size=5,
)


@settings(max_examples=20, deadline=None)
@given(
    members=mixtures,
    kind=st.sampled_from(["classes", "one feature", "colour images", "regression"]),
    sampling=st.sampled_from(["epochs", "replacement"]),
    chunk=st.integers(1, 5),
    threads=st.integers(1, 3),
    steps=st.integers(1, 7),
)
def test_any_mixture_does_the_same_bits(
    data_of, bits, members, kind, sampling, chunk, threads, steps
):
    run = {"steps": steps, "sampling": sampling}
    shoal = Trainer(members, data_of(kind), chunk=chunk, threads=threads, **run).run()
    for i, member in enumerate(members):
        alone = Trainer([member], data_of(kind), threads=1, **run).run()
        assert bits(shoal, i) == bits(alone), member


# Paired


@dataclass(frozen=True)
class Spy(Layer):
    """Notes what comes by in training; the identity."""

    name: str = ""
    seen: ClassVar[dict[str, list[np.ndarray]]] = {}

    def forward(self, params: Any, x: Any, *, training: bool = False, noise: Any = None) -> Any:
        if training:
            self.seen.setdefault(self.name, []).append(x[0].copy())
        return x, ()


@pytest.fixture
def watched(data: Any) -> Any:
    """Train networks side by side and return what went through the spy in each."""

    def watched(
        networks: dict[str, Network], seed: int = 0, batch_size: int = 15, **chosen: Any
    ) -> dict[str, Any]:
        Spy.seen.clear()
        arms = {n: Recipe(net, SGD(lr=0.1), batch_size=batch_size) for n, net in networks.items()}
        Trainer(arms, data, seeds=[seed], **({"epochs": 2} | chosen)).run()
        return {name: Spy.seen[name] for name in networks}

    return watched


def same(a: list[np.ndarray], b: list[np.ndarray]) -> bool:
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize("sampling", ["epochs", "replacement"])
def test_members_with_the_same_seed_see_the_same_batches(watched, data, sampling):
    def networks() -> dict[str, Network]:
        return {
            "plain": Network((Spy("plain"), Affine())),
            "deep": Network((Spy("deep"), Affine(5), BatchNorm(), ReLU(), Affine())),
        }

    seen = watched(networks(), sampling=sampling)
    assert same(seen["plain"], seen["deep"])
    again, other = (watched(networks(), seed, sampling=sampling)["plain"] for seed in (0, 1))
    assert same(again, seen["plain"])
    assert not same(other, seen["plain"])
    for step, x in enumerate(seen["plain"]):
        rows = batch_rows(0, len(data.train), 15, step, sampling == "replacement")
        np.testing.assert_array_equal(x, data.train.x[rows])


def test_every_epoch_shows_every_row_once_in_another_order(watched, data):
    seen = watched({"one": Network((Spy("one"), Affine()))}, batch_size=16)["one"]
    assert [len(x) for x in seen] == [16, 16, 1] * 2
    epochs = [np.concatenate(seen[:3]), np.concatenate(seen[3:])]
    for epoch in epochs:
        rows = {row.tobytes() for row in epoch}
        assert rows == {row.tobytes() for row in data.train.x}
    assert not np.array_equal(*epochs)


def test_members_with_the_same_seed_drop_the_same_units(watched):
    def masks(name: str, rate: float, *then: Layer, first: tuple[Layer, ...] = ()) -> Network:
        return Network((*first, Dropout(rate), Spy(name), *then, Affine()))

    def dropped(seen: list[np.ndarray]) -> list[np.ndarray]:
        return [x == 0 for x in seen]

    seen = watched(
        {
            "half": masks("half", 0.5),
            "deep": masks("deep", 0.5, Affine(4), BatchNorm(), ReLU(), Dropout(0.3)),
            "normed": masks("normed", 0.5, first=(BatchNorm(), Affine(6))),
            "less": masks("less", 0.2),
        }
    )
    half, deep, normed, less = (dropped(seen[name]) for name in seen)
    assert same(half, deep)
    assert same(half, normed)
    for more, fewer in zip(half, less, strict=True):
        assert (fewer <= more).all()  # what a low rate drops, a higher one drops too
    assert not same(dropped(watched({"half": masks("half", 0.5)}, seed=1)["half"]), half)
    assert not np.array_equal(half[0], half[1])  # another mask on every step


def first_weights(data: Any, network: Network, seed: int = 0, **chosen: Any) -> list[np.ndarray]:
    """The weight matrices before training, first layer first."""
    recipe = Recipe(network, SGD(), batch_size=16, **chosen)
    layers = Trainer(recipe, data, steps=1, seeds=[seed]).shoal.weights(0)
    return [layer["W"] for layer in layers if "W" in layer]


def test_the_same_seed_draws_the_same_weights_whatever_stands_between_them(data):
    plain = first_weights(data, mlp([8, 5]))
    for other in (mlp([8, 5], batch_norm=True), mlp([8, 5], dropout=0.5)):
        assert same(first_weights(data, other), plain)


def test_the_first_layer_does_not_depend_on_the_width_of_later_ones(data):
    narrow, wide = (first_weights(data, mlp([8, width])) for width in (5, 50))
    np.testing.assert_array_equal(narrow[0], wide[0])


def test_init_only_scales_the_draws(data):
    ones = first_weights(data, mlp([8, 5]), init=1.0)
    for init in ("he", "xavier", "lecun", 0.01):
        for one, scaled in zip(ones, first_weights(data, mlp([8, 5]), init=init), strict=True):
            np.testing.assert_allclose(scaled / scaled.std(), one / one.std(), rtol=1e-5)


def test_other_seeds_draw_other_weights(data):
    for zero, one in zip(*(first_weights(data, mlp([8, 5]), seed=s) for s in (0, 1)), strict=True):
        assert not np.array_equal(zero, one)


# Divergence is contained

CALM, WILD = SGD(lr=0.1), SGD(lr=1e25)


def steadily_growing(lr: float) -> Recipe:
    """A linear network whose squared error overflows after a number of steps, the sooner the
    larger the learning rate."""
    return Recipe(mlp([]), SGD(lr=lr), batch_size=16)


def test_a_member_that_diverges_disturbs_nobody(structure, company, trainer, bits):
    wild = Member(structure.members()[0].recipe.replace({"optimizer.lr": 1e30}), 0, "wild")
    for place in (0, 3, 6):
        members = structure.members()
        members.insert(place, wild)
        shoal = trainer(members, chunk=100).run()
        others = [i for i in range(7) if i != place]
        assert [bits(shoal, i) for i in others] == company(structure)


def test_a_diverged_member_is_frozen_before_the_step_that_failed(data_of, did):
    arms = {f"lr {lr}": steadily_growing(lr) for lr in (0.01, 4.0, 6.0, 12.0)}
    data = data_of("regression")
    shoal = Trainer(arms, data, steps=200).run()
    calm, *failed = shoal.history.diverged
    assert calm == -1
    assert len(set(failed)) == 3  # each at a step of its own
    assert any(step % 3 for step in failed)  # in the middle of an epoch too
    for i, step in enumerate(failed, start=1):
        before = Trainer(arms, data, steps=200).step(int(step))
        loss = shoal.history.curve(i, "loss").values
        norm = shoal.history.curve(i, "gradient_norm").values
        assert np.isfinite(loss[:step]).all()
        assert not np.isfinite(loss[step])
        assert np.isnan(loss[step + 1 :]).all()
        assert np.isnan(norm[step:]).all()
        frozen, then = did(shoal, i), did(before, i)
        np.testing.assert_array_equal(frozen["theta"], then["theta"])
        curve = shoal.history.curve(i, "train_loss")
        assert np.isfinite(curve.values[curve.steps < step]).all()
        assert np.isnan(curve.values[curve.steps > step]).all()


def test_divergence_does_not_depend_on_company_or_rounds(data_of, all_bits, bits):
    arms = {f"lr {lr}": steadily_growing(lr) for lr in (0.01, 4.0, 6.0, 12.0)}
    data = data_of("regression")
    together = all_bits(Trainer(arms, data, steps=200).run())
    by_step = Trainer(arms, data, steps=200, callbacks=[EveryStep()], chunk=2).run()
    assert all_bits(by_step) == together
    for i, (name, recipe) in enumerate(arms.items()):
        assert bits(Trainer({name: recipe}, data, steps=200).run()) == together[i]


def test_running_averages_and_slots_freeze_too(data, did):
    recipe = Recipe(mlp([5], batch_norm=True), Adam(lr=1e30), batch_size=15)
    shoal = Trainer(recipe, data, steps=20).run()
    step = int(shoal.history.diverged[0])
    assert 0 < step < 20
    frozen, then = did(shoal), did(Trainer(recipe, data, steps=20).step(step))
    for name in ("theta", "running", "slot mu", "slot nu"):
        np.testing.assert_array_equal(frozen[name], then[name])


def test_divergence_in_the_last_update_is_seen_by_the_evaluation(data):
    shoal = Trainer(Recipe(mlp([5]), WILD, batch_size=16), data, steps=1).run()
    assert shoal.history.diverged.tolist() == [1]
    assert np.isfinite(shoal.history.curve(0, "loss").values).all()
    assert np.isnan(shoal.history.final("valid_accuracy")).all()


def test_when_all_diverge_the_run_ends_as_usual(data):
    ended = []

    class End(Callback):
        def on_end(self, trainer: Trainer) -> None:
            ended.append(trainer.done)

    arms = {
        "wild": Recipe(mlp([5]), WILD, batch_size=16),
        "wilder": Recipe(mlp([5, 5]), SGD(lr=1e30), batch_size=8),
    }
    shoal = Trainer(arms, data, epochs=50, seeds=2, callbacks=[End()]).run()
    assert ended == [True]
    assert (shoal.history.diverged > 0).all()
    assert np.isnan(shoal.history.final("train_loss")).all()
    assert len(shoal.history.curve(0, "loss").steps) == 150  # the curve goes on, with NaN


def test_a_loss_that_overflows_only_in_validation_counts_as_divergence(data):
    far = replace(data, valid=type(data.valid)(data.valid.x * 1e37, data.valid.y))
    recipe = Recipe(mlp([]), SGD(lr=30.0), batch_size=16)
    shoal = Trainer(recipe, far, epochs=3).run()
    assert shoal.history.diverged.tolist() == [3]  # at the first evaluation
    assert np.isfinite(shoal.history.curve(0, "train_loss").values[0])


# Who is dropped is not missed


def test_a_member_that_is_dropped_disturbs_nobody(structure, company, trainer, bits):
    shoal = trainer(chunk=4, threads=2).run(until=1).drop([1, 4]).run()
    for i in (0, 2, 3, 5):
        assert bits(shoal, i) == company(structure)[i]


def test_a_run_with_stops_on_its_way_does_the_same_bits(structure, company, trainer, all_bits):
    assert all_bits(trainer().run(until=1).run(until=1).run(until=2).run()) == company(structure)


def test_evaluations_besides_change_no_other_bit(structure, company, trainer, did):
    plain, besides = trainer(threads=1).run(), trainer(threads=1, evaluate_at=(1, 2, 4)).run()
    for i in range(len(plain.members)):
        expected, found = did(plain, i), did(besides, i)
        for name in expected:
            if "_" not in name or name == "gradient_norm":
                np.testing.assert_array_equal(found[name], expected[name])
        for name in plain.history.metrics:
            curve, more = plain.history.curve(i, name), besides.history.curve(i, name)
            kept = np.isin(more.steps, curve.steps)
            np.testing.assert_array_equal(more.values[kept], curve.values)
            within = {at for at in (1, 2, 4) if at <= plain.total_steps}
            assert set(more.steps) == set(curve.steps) | within
