"""Training a chunk gives the numbers of a plain, obvious loop, and those of PyTorch."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Momentum,
    Nesterov,
    Recipe,
    RMSprop,
    Trainer,
    mlp,
)
from shoal.data.batching import batch_rows
from shoal.engine import chunk
from shoal.engine.chunk import spans
from shoal.engine.reference import Reference
from shoal.engine.task import Numbers, Rows, Steps, Task
from shoal.optim import OPTIMIZERS

RULES = (
    SGD(lr=0.2),
    Momentum(lr=0.1, momentum=0.8),
    Nesterov(lr=0.1, momentum=0.8),
    AdaGrad(lr=0.1),
    RMSprop(lr=0.01, decay=0.9),
    Adam(lr=0.02, beta1=0.8, beta2=0.99),
    AdamW(lr=0.02, beta1=0.8, beta2=0.99),
)
STEPS = 20
EXTRAS = {
    "plain": {},
    "decay": {"weight_decay": 0.05},
    "clipping": {"clip_norm": 0.3},
    "decay and clipping": {"weight_decay": 0.05, "clip_norm": 0.3},
}


def test_the_table_has_every_rule():
    assert {type(rule).__name__ for rule in RULES} == set(OPTIMIZERS)


@pytest.fixture(params=RULES, ids=lambda rule: type(rule).__name__)
def rule(request: pytest.FixtureRequest) -> Any:
    """Each update rule."""
    return request.param


@pytest.fixture(params=EXTRAS)
def extras(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What a recipe may add to a rule."""
    return EXTRAS[request.param]


class Plain:
    """A network with one tanh layer, trained in float64 in the most obvious way.

    It shares no code with the engine but the order of the rows.
    """

    def __init__(self, rule: Any, weights: list[dict[str, Any]], extras: dict[str, Any]) -> None:
        first, second = (layer for layer in weights if layer)
        self.theta = {
            "W1": first["W"].astype(float),
            "b1": first["b"].astype(float),
            "W2": second["W"].astype(float),
            "b2": second["b"].astype(float),
        }
        self.rule = rule
        self.decay = extras.get("weight_decay", 0)
        self.clip = extras.get("clip_norm", np.inf)
        self.memory: dict[str, Any] = {name: [0.0, 0.0] for name in self.theta}
        self.t = 0

    def gradient(self, x: Any, labels: Any) -> tuple[float, dict[str, Any]]:
        p = self.theta
        h = np.tanh(x @ p["W1"] + p["b1"])
        z = h @ p["W2"] + p["b2"]
        probability = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        rows = np.arange(len(x))
        loss = -np.log(probability[rows, labels]).mean()
        dz = probability.copy()
        dz[rows, labels] -= 1
        dz /= len(x)
        dh = (dz @ p["W2"].T) * (1 - h**2)
        return loss, {"W1": x.T @ dh, "b1": dh.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}

    def train_on(self, x: Any, labels: Any) -> tuple[float, float]:
        loss, g = self.gradient(x, labels)
        norm = np.sqrt(sum((v**2).sum() for v in g.values()))
        self.t += 1
        for name, value in g.items():
            if norm > self.clip:
                value = value * self.clip / norm
            if name.startswith("W") and type(self.rule) is AdamW:
                self.theta[name] *= 1 - self.rule.lr * self.decay
            elif name.startswith("W"):
                value = value + self.decay * self.theta[name]
            self.theta[name] -= self.rule.lr * self.direction(name, value)
        return loss, norm

    def direction(self, name: str, g: Any) -> Any:
        memory, rule = self.memory[name], self.rule
        match rule:
            case SGD():
                return g
            case Nesterov():
                memory[0] = rule.momentum * memory[0] + g
                return g + rule.momentum * memory[0]
            case Momentum():
                memory[0] = rule.momentum * memory[0] + g
                return memory[0]
            case AdaGrad():
                memory[0] = memory[0] + g**2
                return g / (np.sqrt(memory[0]) + rule.eps)
            case RMSprop():
                memory[0] = rule.decay * memory[0] + (1 - rule.decay) * g**2
                return g / (np.sqrt(memory[0]) + rule.eps)
        memory[0] = rule.beta1 * memory[0] + (1 - rule.beta1) * g
        memory[1] = rule.beta2 * memory[1] + (1 - rule.beta2) * g**2
        m, v = memory[0] / (1 - rule.beta1**self.t), memory[1] / (1 - rule.beta2**self.t)
        return m / (np.sqrt(v) + rule.eps)


def test_training_equals_a_plain_loop(rule, extras, data):
    recipe = Recipe(mlp([7], activation="tanh"), rule, batch_size=16, **extras)
    trainer = Trainer(recipe, data, steps=STEPS, seeds=[3])
    plain = Plain(rule, trainer.shoal.weights(0), extras)
    expected = []
    for step in range(STEPS):
        rows = batch_rows(3, len(data.train), 16, step)
        expected.append(plain.train_on(data.train.x[rows].astype(float), data.train.y[rows]))
    trainer.run()
    for found, name in ((0, "loss"), (1, "gradient_norm")):
        values = trainer.history.curve(0, name).values
        np.testing.assert_allclose(values, [e[found] for e in expected], rtol=1e-4, err_msg=name)
    first, second = (layer for layer in trainer.shoal.weights(0) if layer)
    found = {"W1": first["W"], "b1": first["b"], "W2": second["W"], "b2": second["b"]}
    for name, value in plain.theta.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
    if "clip_norm" in extras:  # a test in which nothing is clipped would prove nothing
        assert max(e[1] for e in expected) > 0.3


def test_the_loss_is_that_before_the_update_in_training_mode(data):
    recipe = Recipe(mlp([7], batch_norm=True, dropout=0.5), SGD(lr=1.0), batch_size=16)
    trainer = Trainer(recipe, data, steps=2)
    network = recipe.network.bind(data.in_shape, data.outputs)
    for step in range(2):
        rows = batch_rows(0, len(data.train), 16, step)
        outputs, _ = network.forward(
            trainer.shoal.weights(0),
            data.train.x[rows],
            training=True,
            noise=network.noise(0, step, 16, data.in_shape),
        )
        p = np.exp(outputs) / np.exp(outputs).sum(axis=1, keepdims=True)
        by_hand = -np.log(p[np.arange(16), data.train.y[rows]]).mean()
        trainer.step()
        found = trainer.history.curve(0, "loss").values[step]
        np.testing.assert_allclose(found, by_hand, rtol=1e-6)


def test_nobodys_gradient_is_divided_by_the_number_of_members(data):
    recipe = Recipe(mlp([7]), SGD(lr=0.1), batch_size=16)
    alone = Trainer(recipe, data, steps=1).run().history
    many = Trainer(recipe, data, steps=1, seeds=9).run().history
    assert many.curve(0, "gradient_norm").values[0] == alone.curve(0, "gradient_norm").values[0]


def test_schedules_scale_the_learning_rate_of_each_step(data):
    from shoal import StepDecay

    recipe = Recipe(mlp([7]), SGD(lr=0.1), batch_size=16, schedule=StepDecay(every=2, gamma=0.5))
    trainer = Trainer(recipe, data, steps=5)
    for expected in (0.1, 0.1, 0.05, 0.05, 0.025):
        before = np.concatenate([a.ravel() for w in trainer.shoal.weights(0) for a in w.values()])
        trainer.step()
        after = np.concatenate([a.ravel() for w in trainer.shoal.weights(0) for a in w.values()])
        norm = trainer.history.curve(0, "gradient_norm").values[-1]
        np.testing.assert_allclose(np.linalg.norm(after - before) / norm, expected, rtol=1e-4)


def test_rows_and_numbers_can_be_picked():
    theta = np.arange(6, dtype=np.float32).reshape(3, 2)
    rows = Rows(theta, theta[:, :1] * 10, {"mu": theta * 2})
    some = rows[[2, 0]]
    np.testing.assert_array_equal(some.theta, theta[[2, 0]])
    np.testing.assert_array_equal(some.slots["mu"], 2 * theta[[2, 0]])
    copy = rows.copy()
    rows[[2, 0]] = Rows(some.theta + 1, some.running, {"mu": some.slots["mu"]})
    np.testing.assert_array_equal(rows.theta, [[1, 2], [2, 3], [5, 6]])
    np.testing.assert_array_equal(copy.theta, [[0, 1], [2, 3], [4, 5]])
    each = np.arange(3.0)
    numbers = Numbers(each.astype(int), each[None], {"eps": each}, each, each, {(0, "rate"): each})
    assert numbers[[1]].lr.tolist() == [[1.0]]
    assert numbers[[1]].layers[0, "rate"].tolist() == [1.0]


# PyTorch, where it is installed


def torch_optimizer(torch: Any, rule: Any, weights: list[Any], others: list[Any], decay: float):
    """PyTorch's version of a rule, with decay for the weights only."""
    groups = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    match rule:
        case AdamW() | Adam():
            kind = torch.optim.AdamW if type(rule) is AdamW else torch.optim.Adam
            return kind(groups, rule.lr, betas=(rule.beta1, rule.beta2), eps=rule.eps)
        case Momentum():
            nesterov = isinstance(rule, Nesterov)
            return torch.optim.SGD(groups, rule.lr, momentum=rule.momentum, nesterov=nesterov)
        case SGD():
            return torch.optim.SGD(groups, rule.lr)
        case AdaGrad():
            return torch.optim.Adagrad(groups, rule.lr, eps=rule.eps)
        case RMSprop():
            return torch.optim.RMSprop(groups, rule.lr, alpha=rule.decay, eps=rule.eps)
    raise AssertionError(rule)


@pytest.mark.torch
@pytest.mark.parametrize("kind", ["classes", "regression"])
def test_training_equals_pytorch(rule, extras, data_of, kind):
    """Batch norm, GELU and dropout, with our first weights, batches and masks."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)  # its threads wait by spinning, which slows all other tests down
    F, data = torch.nn.functional, data_of(kind)
    # a gradient near 0 is mostly rounding, and these rules divide by its size: a larger ε
    tame = {"eps": 1e-3} if hasattr(rule, "eps") else {}
    recipe = Recipe(
        mlp([9, 5], "gelu", batch_norm=True, dropout=0.3),
        replace(rule, **tame),
        batch_size=15,
        **extras,
    )
    trainer = Trainer(recipe, data, steps=STEPS, seeds=[5])
    network = recipe.network.bind(data.in_shape, data.outputs)
    ours = trainer.shoal.weights(0)
    theirs = [{name: torch.tensor(value) for name, value in layer.items()} for layer in ours]
    weights = [layer["W"].requires_grad_() for layer in theirs if "W" in layer]
    others = [
        layer[name].requires_grad_()
        for layer in theirs
        for name in ("b", "gamma", "beta")
        if name in layer
    ]
    optimizer = torch_optimizer(
        torch, recipe.optimizer, weights, others, extras.get("weight_decay", 0.0)
    )
    losses, norms = [], []
    for step in range(STEPS):
        rows = batch_rows(5, len(data.train), 15, step)
        noise = network.noise(5, step, len(rows), data.in_shape)
        x = torch.tensor(data.train.x[rows])
        y = torch.tensor(data.train.y[rows])
        for layer, p, draws in zip(network.layers, theirs, noise, strict=True):
            match type(layer).__name__:
                case "Affine":
                    x = x @ p["W"] + p["b"]
                case "BatchNorm":
                    x = F.batch_norm(x, p["mean"], p["var"], p["gamma"], p["beta"], training=True)
                case "GELU":
                    x = F.gelu(x, approximate="tanh")
                case "Dropout":
                    x = x * (torch.tensor(draws) >= 0.3) / 0.7
        loss = F.cross_entropy(x, y) if kind == "classes" else F.mse_loss(x, y)
        optimizer.zero_grad()
        loss.backward()
        clip = extras.get("clip_norm", float("inf"))
        norms.append(torch.nn.utils.clip_grad_norm_([*weights, *others], clip).item())
        losses.append(loss.item())
        optimizer.step()
    trainer.run()
    np.testing.assert_allclose(trainer.history.curve(0, "loss").values, losses, rtol=1e-3)
    np.testing.assert_allclose(trainer.history.curve(0, "gradient_norm").values, norms, rtol=1e-2)
    for i, (layer, twin) in enumerate(zip(trainer.shoal.weights(0), theirs, strict=True)):
        for name, value in layer.items():
            np.testing.assert_allclose(
                value, twin[name].detach().numpy(), rtol=1e-3, atol=1e-3, err_msg=f"{i} {name}"
            )


def test_a_gradient_too_large_to_square_in_float32_is_clipped_all_the_same(data_of):
    data, lr, clip = data_of("regression"), 0.5, 1e8
    recipe = Recipe(mlp([8]), SGD(lr=lr), init=1e8, clip_norm=clip, batch_size=16)
    trainer = Trainer(recipe, data, steps=3)
    before = trainer._cohorts[0].rows.theta[0].astype(np.float64)
    trainer.step()
    norm = trainer.history.curve(0, "gradient_norm").values[0]
    assert 1.8e19 < norm < np.inf
    moved = trainer._cohorts[0].rows.theta[0] - before
    assert np.linalg.norm(moved) == pytest.approx(lr * clip, rel=1e-5)
    trainer.run()
    assert trainer.history.diverged[0] == -1


# The seam: who takes the steps, and what happens between them


class OneByOne:
    """A stepper that takes every step of every member in a call of its own."""

    calls: ClassVar[list[tuple[int, int]]] = []

    def __init__(self, task: Task, rows: Rows) -> None:
        self.task, self.rows = task, rows

    def steps(self, live: Any, first: int, last: int) -> Steps:
        self.calls.append((first, last))
        loss = np.full((len(live), last - first), np.nan, np.float32)
        norm, diverged = loss.copy(), np.full(len(live), -1)
        for i, row in enumerate(live):
            for step in range(first, last):
                one = Reference(self.task, self.rows).steps(np.array([row]), step, step + 1)
                loss[i, step - first], norm[i, step - first] = (
                    one.loss[0, 0],
                    one.gradient_norm[0, 0],
                )
                if one.diverged[0] >= 0:
                    diverged[i] = step
                    break
        return Steps(loss, norm, diverged)

    def outputs(self, live: Any, x: Any) -> Any:
        return Reference(self.task, self.rows).outputs(live, x)


def test_a_stepper_takes_the_steps_between_events_and_knows_nothing_of_them(
    data, all_bits, monkeypatch
):
    network = mlp([7], batch_norm=True, dropout=0.2)
    arms = {
        "fine": Recipe(network, Adam(lr=0.03), batch_size=11),
        "wild": Recipe(network, Adam(lr=1e25), batch_size=11),
        "bold": Recipe(network, Adam(lr=1.0), batch_size=11),
    }
    settings = {
        "steps": 25, "seeds": 2, "instruments": [0, 4, 5], "evaluate_at": [7],
        "keep_best": "valid_loss", "patience": 3, "threads": 1, "engine": "reference",
    }  # fmt: skip
    expected = Trainer(arms, data, **settings).run()
    assert (expected.history.diverged >= 0).any()
    assert (expected.history.stopped >= 0).any()
    monkeypatch.setattr(chunk, "stepper_for", OneByOne)
    OneByOne.calls.clear()
    found = Trainer(arms, data, **settings)
    while not found.done:
        found.step(25)
    assert all_bits(found) == all_bits(expected)
    # an evaluation every 3 steps and after 7; steps 0, 4 and 5 are taken with instruments
    assert OneByOne.calls[:4] == [(1, 3), (3, 4), (6, 7), (7, 9)]
    for member in range(6):
        for layer in expected.history.layers(member):
            ours, theirs = (
                t.history.reading(member, layer, "output_std").values for t in (found, expected)
            )
            np.testing.assert_array_equal(ours, theirs)


@given(
    st.integers(0, 40),
    st.integers(1, 30),
    st.sets(st.integers(0, 70)),
    st.sets(st.integers(0, 70)),
)
def test_spans_hold_every_step_once_and_no_event(first, count, evaluate, read):
    last = first + count
    at = tuple(sorted(s for s in evaluate if first < s <= last))
    of = tuple(sorted(s for s in read if first <= s < last))
    found = list(spans(SimpleNamespace(first=first, last=last, evaluate_at=at, read_at=of)))
    assert [s for a, b in found for s in range(a, b)] == list(range(first, last))
    assert set(at) <= {b for _, b in found}
    assert {(s, s + 1) for s in of} <= set(found)
