"""Every rule fires on a network made to be ill, and none on networks that learn well."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import shoal
from shoal import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Dataset,
    Momentum,
    Nesterov,
    Recipe,
    RMSprop,
    Trainer,
    mlp,
)
from shoal.engine.diagnosis import Finding
from shoal.engine.diagnosis.case import Case, LayerReadings
from shoal.engine.diagnosis.diagnose import symptoms_of
from shoal.engine.diagnosis.finding import layer_words
from shoal.engine.diagnosis.rules import RULES

DEEP = mlp([100] * 4)
RULES_OF_OPTIMIZERS = {
    "SGD": SGD(lr=0.01),
    "Momentum": Momentum(lr=0.01),
    "Nesterov": Nesterov(lr=0.01),
    "AdaGrad": AdaGrad(lr=0.01),
    "RMSprop": RMSprop(lr=0.001),
    "Adam": Adam(lr=0.001),
}
HEALTHY = {
    **{name: Recipe(DEEP, rule) for name, rule in RULES_OF_OPTIMIZERS.items()},
    "quick SGD": Recipe(DEEP, SGD(lr=0.1)),
    "quick Adam": Recipe(DEEP, Adam(lr=0.01)),
    "batch norm": Recipe(mlp([100] * 4, batch_norm=True), Adam()),
    "batch norm, small weights": Recipe(mlp([100] * 4, batch_norm=True), SGD(lr=0.1), init=0.01),
    "dropout": Recipe(mlp([100] * 4, dropout=0.2), Adam()),
    "tanh": Recipe(mlp([100] * 4, "tanh"), Adam()),
    "leaky": Recipe(mlp([100] * 4, "leaky_relu"), Adam()),
    "gelu": Recipe(mlp([100] * 4, "gelu"), Adam()),
    "sigmoid": Recipe(mlp([50], "sigmoid"), Adam(lr=0.01)),
    "two of sigmoid": Recipe(mlp([100, 100], "sigmoid"), Adam()),
    "small": Recipe(mlp([16]), Adam(lr=0.01), batch_size=32),
    "linear": Recipe(mlp([]), SGD(lr=0.1)),
    "lecun": Recipe(DEEP, Momentum(lr=0.01), init="lecun"),
    "decay": Recipe(DEEP, AdamW(), weight_decay=0.01),
    "wide": Recipe(mlp([400]), SGD(lr=0.1)),
    "small batches": Recipe(mlp([32, 32]), SGD(lr=0.05), batch_size=16),
}
ILL = {
    "equal units": Recipe(mlp([50, 50], "sigmoid"), SGD(lr=0.1), init="zeros"),
    "exploding activations": Recipe(DEEP, Adam(), init=1.0),
    "saturated units": Recipe(mlp([100] * 4, "sigmoid"), SGD(lr=0.01), init=1.0),
    "dead units": Recipe(DEEP, Adam(lr=0.1)),
    "vanishing activations": Recipe(DEEP, SGD(lr=0.01), init=0.01),
    "vanishing gradients": Recipe(mlp([50], "sigmoid"), SGD(lr=1e-3), init=1e-3),
    "exploding gradients": Recipe(mlp([100] * 10, "tanh"), SGD(lr=1e-6), init=1.0),
    "large updates": Recipe(mlp([]), SGD(lr=0.5), weight_decay=1.0),
    "small updates": Recipe(DEEP, SGD(lr=1e-6)),
    "diverged": Recipe(DEEP, Momentum(lr=50.0)),
}


@pytest.fixture(scope="module")
def digits() -> Dataset:
    return shoal.load("digits")


@cache
def ill_findings() -> dict[str, list[Finding]]:
    """The findings of every ill network, trained side by side."""
    history = Trainer(ILL, shoal.load("digits"), steps=300, seeds=2, instruments=True).run().history
    found: dict[str, list[Finding]] = {name: [] for name in ILL}
    for finding in history.diagnose():
        found[finding.arm].append(finding)
    return found


def one(findings: list[Finding], rule: str) -> Finding:
    [finding] = [f for f in findings if f.rule == rule]
    return finding


# Healthy networks get no alarm


def alarms(data: Dataset, steps: int, recipes: dict[str, Recipe] | None = None) -> list[str]:
    trainer = Trainer(recipes or HEALTHY, data, steps=steps, seeds=1, instruments=True)
    return [str(finding) for finding in trainer.run().history.diagnose()]


@pytest.mark.parametrize("steps", [60, pytest.param(400, marks=pytest.mark.slow)])
def test_healthy_networks_on_digits_get_no_alarm(digits, steps):
    assert alarms(digits, steps) == []


@pytest.mark.mnist
@pytest.mark.slow
@pytest.mark.skipif(
    not any(e.name == "mnist" and e.at_hand for e in shoal.available()), reason="MNIST not at hand"
)
def test_healthy_networks_on_mnist_get_no_alarm():
    assert alarms(shoal.load("mnist").take(4000), 250) == []


def test_healthy_regression_gets_no_alarm():
    x = np.random.default_rng(0).normal(size=(600, 4))
    data = Dataset.from_arrays(x, 10 * x @ [1.0, 2.0, -1.0, 0.5] + 100, valid=100, test=100)
    arms = {n: replace(r, batch_size=64) for n, r in HEALTHY.items() if n in ("Adam", "small")}
    assert alarms(data, 300, arms) == []


# Every rule fires


def test_every_rule_has_an_ill_network():
    assert {rule.name for rule in RULES} == {*ILL, "guessing", "overfitting"}


@pytest.mark.parametrize("rule", ILL)
def test_the_rule_fires_on_a_network_made_to_be_ill(rule):
    finding = one(ill_findings()[rule], rule)
    assert finding.members == 2
    assert finding.seeds == (0, 1)
    assert finding.affected == "both seeds"


def test_what_is_seen_and_advised_fits(digits):
    found = {rule: one(ill_findings()[rule], rule) for rule in ILL}
    assert found["dead units"].layers[-1] == "8 ReLU"
    assert found["dead units"].value >= 0.5
    assert "a learning rate of 0.01 instead of 0.1" in found["dead units"].advice
    assert found["vanishing activations"].step == 0
    assert found["vanishing activations"].advice.startswith('init="auto"')
    assert found["exploding activations"].advice.startswith('init="auto"')
    assert found["saturated units"].step == 0
    assert found["equal units"].layers == ("1 Affine", "3 Affine")
    assert found["small updates"].advice == "a learning rate of 0.01 instead of 1e-06"
    assert found["diverged"].value == 50
    assert found["diverged"].advice == "a learning rate of 5 instead of 50, or clip_norm=1"
    assert found["large updates"].advice == "a learning rate of 0.05 instead of 0.5"


def test_what_is_advised_helps(digits):
    """The recipes with the first advice that says a value, trained again."""
    cured = {
        "dead units": ILL["dead units"].replace({"optimizer.lr": 0.01}),
        "vanishing activations": ILL["vanishing activations"].replace({"init": "auto"}),
        "exploding activations": ILL["exploding activations"].replace({"init": "auto"}),
        "small updates": ILL["small updates"].replace({"optimizer.lr": 0.01}),
    }
    assert alarms(digits, 300, cured) == []


def test_a_loss_that_stays_at_guessing_is_told():
    rng = np.random.default_rng(0)
    data = Dataset.from_arrays(rng.normal(size=(900, 3)), rng.integers(0, 4, 900), valid=0.2)
    history = Trainer(Recipe(mlp([]), SGD(lr=0.3)), data, steps=200, instruments=True).run()
    [finding] = history.history.diagnose()
    assert finding.rule == "guessing"
    assert finding.value == pytest.approx(np.log(4), rel=0.03)


def test_overfitting_is_told():
    rng = np.random.default_rng(0)
    data = Dataset.from_arrays(rng.normal(size=(200, 20)), rng.integers(0, 4, 200), valid=0.5)
    recipe = Recipe(mlp([100]), Adam(lr=0.01), batch_size=20)
    trainer = Trainer(recipe, data, steps=200, instruments=True).run()
    [finding] = trainer.history.diagnose()
    assert finding.rule == "overfitting"
    train, valid = (trainer.history.final(f"{part}_accuracy")[0] for part in ("train", "valid"))
    assert finding.value == pytest.approx(train - valid)
    points = f"{100 * (train - valid):.0f} percentage points"
    assert finding.seen == f"accuracy is {points} higher on the training part than on others"
    assert finding.advice == "more rows, a smaller network, weight decay or dropout"


def test_overfitting_of_a_regression_is_told():
    rng = np.random.default_rng(0)
    data = Dataset.from_arrays(rng.normal(size=(200, 20)), rng.normal(size=200), valid=0.5)
    recipe = Recipe(mlp([100]), Adam(lr=0.01), batch_size=20)
    history = Trainer(recipe, data, steps=200, instruments=True).run().history
    [finding] = history.diagnose()
    gap = (history.final("train_r2") - history.final("valid_r2"))[0]
    assert finding.seen == f"R² is {gap:.2f} higher on the training part than on others"


def test_without_instruments_losses_are_looked_at_alone(digits):
    arms = {name: ILL[name] for name in ("diverged", "dead units")}
    history = Trainer(arms, digits, steps=100).run().history
    assert [(f.arm, f.rule) for f in history.diagnose()] == [
        ("diverged", "diverged"),
        ("dead units", "guessing"),
    ]


def test_nothing_is_said_before_anything_was_done(digits):
    trainer = Trainer({**ILL, **HEALTHY}, digits, steps=100, instruments=True)
    assert trainer.history.diagnose() == []


def test_findings_are_the_same_alone_as_in_company(digits):
    together = ill_findings()["dead units"]
    alone = Trainer({"dead units": ILL["dead units"]}, digits, steps=300, seeds=2, instruments=True)
    assert alone.run().history.diagnose() == together


# Rules, on readings made up


def case(**values: Any) -> Case:
    """A ReLU network with two hidden layers that is well in all but `values`, by layer."""
    steps = np.array([0, 1, 5, 20, 80])
    well = {
        "Affine": {
            "output_mean": 0.1,
            "batch_std": 1.0,
            "unit_std": 1.0,
            "gradient_norm": 1.0,
            "weight_norm": 10.0,
            "update_ratio": 1e-3,
        },
        "ReLU": {"batch_std": 1.0, "zeros": 0.5, "dead_units": 0.1},
    }
    layers = []
    for name in ("1 Affine", "2 ReLU", "3 Affine", "4 ReLU", "5 Affine"):
        kind = name.split()[1]
        changed = values.get("_".join(name.split()[::-1]), {})
        readings = {
            n: np.broadcast_to(np.asarray(changed.get(n, v), float), len(steps))
            for n, v in well[kind].items()
        }
        layers.append(LayerReadings(name, kind, readings))
    given = {
        "recipe": Recipe(mlp([10, 10]), SGD(lr=0.1)),
        "steps": steps,
        "layers": tuple(layers),
        "loss": np.geomspace(2.3, 0.1, 100),
        "metrics": {"train_accuracy": 0.99, "valid_accuracy": 0.95},
        "diverged": -1,
        "classes": 10,
    }
    return Case(**(given | {k: v for k, v in values.items() if k in given}))


def rules_of(**values: Any) -> list[str]:
    return list(symptoms_of(case(**values)))


def test_the_case_made_up_is_well():
    assert rules_of() == []


@pytest.mark.parametrize(
    ("share", "step"),
    [
        ([0.6] * 5, 0),
        ([0.1, 0.1, 0.6, 0.7, 0.9], 5),
        ([0.6, 0.1, 0.6, 0.6, 0.6], 5),
        ([0.1, 0.1, 0.1, 0.6, 0.6], 20),
        ([0.1, 0.1, 0.1, 0.1, 0.9], None),  # a single reading may be a small last batch
        ([0.9, 0.9, 0.9, 0.9, 0.1], None),
        ([0.49] * 5, None),
        ([np.nan, 0.6, 0.6, np.nan, np.nan], 1),
    ],
)
def test_a_sign_counts_from_when_it_stays(share, step):
    found = symptoms_of(case(ReLU_2={"dead_units": share}))
    if step is None:
        assert found == {}
    else:
        assert found["dead units"].step == step
        assert found["dead units"].layers == ("2 ReLU",)


def test_dead_units_say_nothing_with_tiny_batches():
    tiny = Recipe(mlp([10, 10]), SGD(lr=0.1), batch_size=8)
    assert rules_of(ReLU_2={"dead_units": 0.9}, recipe=tiny) == []


def test_of_causes_and_consequences_the_cause_is_told():
    silent = {"batch_std": 1e-6, "dead_units": 0.9}
    early = [1.0, 1e-6, 1e-6, 1e-6, 1e-6]
    assert rules_of(ReLU_4=silent) == ["dead units"]
    assert rules_of(ReLU_4={"batch_std": 1e-6}) == ["vanishing activations"]
    later = {"batch_std": 1e-6, "dead_units": [0.1, 0.1, 0.9, 0.9, 0.9]}
    assert rules_of(ReLU_4=later) == ["vanishing activations"]
    earlier = {"batch_std": [1.0, 1.0, *early[2:]], "dead_units": [0.1, 0.9, 0.9, 0.9, 0.9]}
    assert rules_of(ReLU_4=earlier) == ["dead units"]
    flat = np.full(100, 2.3)
    assert rules_of(loss=flat) == ["guessing"]
    assert rules_of(loss=flat, ReLU_4={"dead_units": 1.0}) == ["dead units"]


def test_gradients_are_compared_between_the_first_layer_and_the_last():
    assert rules_of(Affine_1={"gradient_norm": 1e-3}) == ["vanishing gradients"]
    assert rules_of(Affine_1={"gradient_norm": 1e3}) == ["exploding gradients"]
    assert rules_of(Affine_1={"gradient_norm": 0.02}) == []
    nothing = {"gradient_norm": 0.0}
    assert rules_of(Affine_1=nothing, Affine_5=nothing) == []


def test_small_updates_after_learning_are_no_illness():
    small = {"update_ratio": 1e-7}
    all_small = {f"Affine_{k}": small for k in (1, 3, 5)}
    assert rules_of(**all_small) == []
    assert rules_of(loss=np.full(100, 2.0), **all_small) == ["small updates"]


def test_overflow_counts_as_exploding():
    assert rules_of(ReLU_4={"batch_std": [1, 1e30, np.inf, np.nan, np.nan]}) == [
        "exploding activations"
    ]


# Words


def finding(seeds: tuple[int, ...], members: int, layers: tuple[str, ...] = ()) -> Finding:
    return Finding("dead units", "SGD", seeds, members, layers, 40, 0.98, "seen", "this")


@pytest.mark.parametrize(
    ("seeds", "members", "words"),
    [
        ((0,), 1, "its only seed"),
        ((0, 1), 2, "both seeds"),
        ((1,), 2, "1 of 2 seeds"),
        ((0, 1, 2), 3, "all 3 seeds"),
        ((0, 2, 4), 5, "3 of 5 seeds"),
    ],
)
def test_members_are_counted_in_words(seeds, members, words):
    assert finding(seeds, members).affected == words


def test_a_finding_is_one_sentence():
    layers = ("2 ReLU", "4 ReLU")
    text = str(finding((0, 2, 4), 5, layers))
    assert text == "SGD: layers 2 and 4 (ReLU): seen (3 of 5 seeds); try this"
    assert str(finding((0,), 5)) == "SGD: seen (1 of 5 seeds); try this"
    assert layer_words(()) == ""
