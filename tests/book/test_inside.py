"""What the instruments read is what a look inside by hand gives."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal.book.experiments import activations
from shoal.book.inside import by_layer


@pytest.mark.parametrize("activation", [shoal.ReLU(), shoal.Tanh(), shoal.Sigmoid()])
def test_the_activations_experiment_reads_what_its_layers_put_out(activation):
    read = activations.readings(activation, "he", 4)
    outputs = activations.outputs(activation, "he", 4)
    assert read["output_std"] == pytest.approx([y.std(dtype=float) for y in outputs], rel=1e-4)
    assert read["output_mean"] == pytest.approx(
        [y.mean(dtype=float) for y in outputs], rel=1e-4, abs=1e-6
    )


def test_by_layer_is_the_readings_seed_by_seed():
    recipe = shoal.Recipe(shoal.mlp([7, 5]), shoal.SGD(lr=0.1))
    comparison = shoal.compare({"a": recipe}, shoal.load("digits"), steps=90, seeds=3)
    found = by_layer(comparison, "a", "batch_std", "ReLU", -1)
    history = comparison.history
    for seed in range(3):
        for k, layer in enumerate(("2 ReLU", "4 ReLU")):
            assert found[seed, k] == history.reading(seed, layer, "batch_std").values[-1]
    assert by_layer(comparison, "a", "gradient_norm", "Affine").shape == (3, 3)
    assert np.isfinite(found).all()


def test_the_experiments_use_them(quick):
    numbers = quick("init-mnist").findings.numbers
    small, he = (numbers["signal"][arm] for arm in ("0.01", "He"))
    assert (small[:, -1] / small[:, 0] < 0.01).all()  # 0.01 · √(100/2) ≈ 0.07 in each layer
    assert (he[:, -1] / he[:, 0] > 0.3).all()
    apart = quick("zero-init").findings.numbers["outputs_apart"]
    assert max(apart[arm].max() for arm in ("0", "0.01", "0.5")) < 0.001
    assert apart["He"].min() > 0.1
