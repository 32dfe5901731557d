"""Both engines give the same numbers: every layer, rule, schedule and loss, and random networks.

The tolerance: after a few steps that neither blow up nor sit on an edge, losses, norms and metrics
agree to 1e-4, relative, and weights to 1e-4 of their largest. Both engines round differently, and
training carries that on: how far depends on the network, not on the engine.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shoal import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Cosine,
    Dataset,
    Dropout,
    Flatten,
    MaxPool2D,
    Member,
    Momentum,
    Nesterov,
    Network,
    PeriodicEmbedding,
    Recipe,
    ReLU,
    RMSprop,
    Tanh,
    Trainer,
    convnet,
    mlp,
)
from shoal.engine.compiled.plan import ACTS, KINDS, LOSSES, lacks
from shoal.engine.compiled.rules import NUMBERS, RULES
from shoal.engine.recipe import LAYERS
from shoal.nn import ACTIVATIONS
from shoal.nn import LOSSES as ALL_LOSSES
from shoal.optim import OPTIMIZERS

STEPS = 7
TOLERANCE = 1e-4
RULE_OF_EACH = (
    SGD(lr=0.1),
    Momentum(lr=0.05),
    Nesterov(lr=0.05),
    AdaGrad(lr=0.05),
    RMSprop(lr=0.005, eps=1e-3),
    Adam(lr=0.01, eps=1e-3),
    AdamW(lr=0.01, eps=1e-3),
)


def both(recipes, data, **chosen):
    """The same training by each engine; nothing may fall back unseen."""
    chosen = {"steps": STEPS, "seeds": 2} | chosen
    trainers = [Trainer(recipes, data, engine=e, **chosen) for e in ("reference", "compiled")]
    assert {cohort.engine for cohort in trainers[1]._cohorts} == {"compiled"}
    return [trainer.run() for trainer in trainers]


def assert_equal(recipes, data, **chosen):
    reference, compiled = both(recipes, data, **chosen)
    for member in range(len(reference.members)):
        for name in ("loss", "gradient_norm", *reference.history.metrics):
            if name.endswith(("accuracy", "hamming", "r2")):
                continue  # they jump, or divide by a variance
            expected, found = (t.history.curve(member, name).values for t in (reference, compiled))
            np.testing.assert_allclose(found, expected, TOLERANCE, TOLERANCE, err_msg=name)
        pairs = zip(reference.shoal.weights(member), compiled.shoal.weights(member), strict=True)
        for expected, found in pairs:
            for name in expected:
                largest = np.abs(expected[name]).max(initial=1e-2)
                np.testing.assert_allclose(
                    found[name], expected[name], 0, TOLERANCE * largest, err_msg=name
                )


def test_nothing_that_can_be_asked_for_is_missing():
    assert set(RULES) == set(NUMBERS) == set(OPTIMIZERS.values())
    assert set(LAYERS.values()) == {*ACTS, *KINDS, Flatten}
    assert set(LOSSES) == set(ALL_LOSSES.values())
    for rule, names in NUMBERS.items():
        assert {"lr", *names} == {f.name for f in dataclasses.fields(rule)}


@pytest.mark.parametrize("rule", RULE_OF_EACH, ids=lambda rule: type(rule).__name__)
@pytest.mark.parametrize(
    "more",
    [{}, {"weight_decay": 0.03}, {"clip_norm": 0.2, "weight_decay": 0.03, "schedule": Cosine()}],
    ids=["plain", "decay", "decay, clipping, schedule"],
)
def test_every_rule(data, rule, more):
    assert_equal(Recipe(mlp([9, 5], "tanh"), rule, batch_size=16, **more), data)


@pytest.mark.parametrize("name", sorted(ACTIVATIONS))
def test_every_activation_fused_and_alone(data, name):
    activation = ACTIVATIONS[name]
    alone = Network((activation(), Affine(5), Dropout(0.2), activation(), Affine()))
    for network in (mlp([17, 4], name), alone, mlp([6], name, batch_norm=True)):
        assert_equal(Recipe(network, SGD(lr=0.1), batch_size=15), data)


IMAGES = {
    "same, two channels": convnet([5, 3], 3, 2, [4], "gelu", padding="same"),
    "batch norm of channels": convnet([3], 2, 1, [4], batch_norm=True, dropout=0.2),
    "more filters than a panel": convnet([53], 2, 1, []),
    "strides and padding": Network(
        (
            *(Conv2D(3, (2, 3), stride=(1, 2), padding=1), ReLU(), AvgPool2D(2, stride=1)),
            *(Conv2D(2, 2, stride=2, padding=1), MaxPool2D(2, stride=1, padding=1), Tanh()),
            *(Dropout(0.2), Flatten(), Affine()),
        )
    ),
    "pooling first": Network(
        (Conv2D(2, 1), MaxPool2D(2), AvgPool2D(2, padding=1), Flatten(), Affine())
    ),
    "images without convolution": Network((BatchNorm(), ReLU(), Flatten(), Affine())),
}


@pytest.mark.parametrize("kind", ["images", "colour images"])
@pytest.mark.parametrize("name", IMAGES)
def test_every_layer_of_images(data_of, name, kind):
    if name in ("images without convolution", "pooling first") and kind == "images":
        return  # grey images have no channels before a convolution
    if name == "same, two channels" and kind == "colour images":
        return  # two poolings are too many for 3 × 3 pixels
    assert_equal(Recipe(IMAGES[name], Momentum(lr=0.02), batch_size=11), data_of(kind))


WAVES = {
    "of all inputs": Network((PeriodicEmbedding(), Affine(9), Tanh(), Affine())),
    "of some": Network((PeriodicEmbedding(4, frequencies=17, size=1), Affine())),
    "of none": Network((PeriodicEmbedding(0), Affine(5), Tanh(), Affine())),
    "after a layer, before an activation": Network(
        (*(Affine(7), Tanh(), PeriodicEmbedding(5, frequencies=3, size=18)), ReLU(), Affine())
    ),
    "twice": Network((PeriodicEmbedding(2), Dropout(0.2), PeriodicEmbedding(), Affine())),
}


@pytest.mark.parametrize("name", WAVES)
def test_waves_of_inputs(data, name):
    assert_equal(Recipe(WAVES[name], Momentum(lr=0.02), batch_size=11, weight_decay=0.01), data)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", sorted(ALL_LOSSES))
def test_every_loss_with_and_without_weights_of_rows(name, weighted):
    random = np.random.default_rng(3)
    loss, rows = ALL_LOSSES[name](), 40
    x = random.standard_normal((rows, 5)).astype(np.float32)
    task = loss.tasks[0]
    if task == "classification":
        data = Dataset.from_arrays(x, np.arange(rows) % 3, valid=8, test=8)
    else:
        y = np.abs(random.standard_normal((rows, 2))).astype(np.float32)
        data = Dataset.from_arrays(x, y, valid=8, test=8)
        if task == "multilabel":
            parts = {
                n: dataclasses.replace(p, y=(p.y > 0).astype(np.float32))
                for n in ("train", "valid", "test")
                for p in [data.part(n)]
            }
            data = dataclasses.replace(
                data, task=task, classes=("a", "b"), target_mean=None, target_scale=None, **parts
            )
        elif name == "poisson":
            parts = {
                n: dataclasses.replace(p, y=np.abs(p.y))
                for n in ("train", "valid", "test")
                for p in [data.part(n)]
            }
            data = dataclasses.replace(data, **parts)
    if weighted:
        train = data.train
        weights = random.uniform(0, 2, len(train)).astype(np.float32)
        data = dataclasses.replace(data, train=dataclasses.replace(train, weights=weights))
    losses = [loss]
    if hasattr(loss, "smoothing"):
        losses.append(dataclasses.replace(loss, smoothing=0.2))
    for each in losses:
        assert_equal(Recipe(mlp([6], "tanh"), SGD(lr=0.02), loss=each, batch_size=7), data)


networks = st.builds(
    mlp,
    st.lists(st.sampled_from([1, 2, 3, 15, 16, 17, 33, 50, 100]), max_size=3),
    st.sampled_from(sorted(ACTIVATIONS)),
    batch_norm=st.booleans(),
    dropout=st.sampled_from([0, 0.1, 0.5]),
)


@settings(max_examples=25, deadline=None)
@given(
    st.builds(
        Recipe,
        networks,
        st.sampled_from([rule for rule in RULE_OF_EACH if type(rule) in (SGD, Momentum, Nesterov)]),
        weight_decay=st.sampled_from([0, 0.01]),
        batch_size=st.sampled_from([3, 11, 33]),
        clip_norm=st.sampled_from([None, 0.1]),
    ),
    st.integers(0, 2**40),
)
def test_random_networks(data, recipe, seed):
    reference, compiled = both([Member(recipe, seed)], data, seeds=1, steps=3)
    loss, norm = (reference.history.curve(0, name).values for name in ("loss", "gradient_norm"))
    # beyond, the smallest difference grows with every step, whatever makes it
    assume(np.isfinite(loss).all() and norm.max() < 5)
    found = compiled.history.curve(0, "loss").values
    np.testing.assert_allclose(found, loss, 1e-3, 1e-3)
    np.testing.assert_allclose(found[0], loss[0], 1e-5, 1e-5)


def test_what_is_not_compiled_is_named(data):
    from shoal.engine.member import program_of

    recipe = Recipe(mlp([3]), SGD())
    program = program_of(recipe, data.in_shape, data.outputs, data.task)
    assert lacks(program) is None

    @dataclasses.dataclass(frozen=True)
    class Own(type(program.loss)):
        pass

    assert lacks(dataclasses.replace(program, loss=Own())) == "Own"
