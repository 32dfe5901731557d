"""PyTorch: its modules say what our members say, and weights come back to the bit."""

from __future__ import annotations

import numpy as np
import pytest
from model_cases import END, IMAGES, STACKS, X, a_model

import shoal
from shoal import ShoalError
from shoal.data.preparation import fit_array
from shoal.estimators.torch import from_torch, to_torch
from shoal.nn import Network

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch


def said(module, x):
    """What a module says of prepared rows, channels last."""
    if x.ndim > 2:
        x = x.transpose(0, 3, 1, 2) if x.ndim == 4 else x[:, None]
    with torch.no_grad():
        return module(torch.from_numpy(np.ascontiguousarray(x))).numpy()


def check(model, x):
    modules = [to_torch(model, member) for member in range(model.members)]
    outputs = model.outputs(x)
    ready = model.preparation.transform(x)
    for module, expected in zip(modules, outputs, strict=True):
        assert np.abs(said(module, ready) - expected).max() < 1e-5
    assert np.abs(outputs[0] - outputs[1]).max() > 0.01
    other = a_model(Network(model.network.layers), model.preparation)
    assert not np.array_equal(other.outputs(x), outputs)
    back = from_torch(modules, other)
    for ours, theirs in zip(model.params, back.params, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert np.array_equal(back.outputs(x), outputs)


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "sigmoid", "tanh", "gelu"])
def test_multilayer_perceptrons(activation):
    network = shoal.mlp([20, 10], activation, batch_norm=True, dropout=0.3)
    check(a_model(network, fit_array(X)), X)


@pytest.mark.parametrize("images", IMAGES)
@pytest.mark.parametrize("stack", STACKS)
def test_convolutional_networks(stack, images):
    x = IMAGES[images]
    check(a_model(Network(STACKS[stack]), fit_array(x)), x)


@pytest.mark.parametrize("columns", [None, 4, 0])
def test_waves_of_numbers(columns):
    layers = (shoal.PeriodicEmbedding(columns=columns), shoal.Affine(8), shoal.GELU())
    check(a_model(Network((shoal.Flatten(), *layers, *END)), fit_array(X)), X)


def test_a_model_of_the_preset_tuned():
    y = X[:, 0] - X[:, 1] ** 2
    model = shoal.ShoalRegressor(preset="tuned", epochs=3, random_state=0).fit(X, y)
    core = model.model_
    module = to_torch(model)
    ready = core.preparation.transform(X)
    assert np.abs(said(module, ready) - core.forward(ready)[0]).max() < 1e-5
    assert np.array_equal(from_torch(module, model).predict(X), model.predict(X))
    assert {"w", "phase", "V", "b"} <= {name.split(".")[1] for name in module.state_dict()}


def test_a_layer_that_stands_in_two_places():
    same = shoal.Affine(8)
    network = Network((shoal.Conv2D(2, 3), shoal.Flatten(), same, shoal.ReLU(), same, *END))
    check(a_model(network, fit_array(IMAGES["colour"])), IMAGES["colour"])


def test_weights_that_were_trained_there_predict_here():
    model = a_model(shoal.mlp([16]), fit_array(X), members=1)
    module = to_torch(model).train()
    y = torch.from_numpy((X[:, 0] > 0).astype(np.int64))
    ready = torch.from_numpy(model.preparation.transform(X))
    rule = torch.optim.Adam(module.parameters(), lr=0.05)
    for _ in range(60):
        rule.zero_grad()
        torch.nn.functional.cross_entropy(module(ready), y).backward()
        rule.step()
    trained = from_torch(module, model)
    assert np.array_equal(trained.predict(X), y.numpy())
    assert not np.array_equal(model.predict(X), y.numpy())


def test_refusals(monkeypatch):
    model = a_model(shoal.mlp([16]), fit_array(X))
    with pytest.raises(ShoalError, match="member=2 must be a number from 0 to 1"):
        to_torch(model, 2)
    with pytest.raises(ShoalError, match=r"'1.weight' must have shape \(16, 6\) .* not \(20, 6\)"):
        from_torch(to_torch(a_model(shoal.mlp([20]), fit_array(X))), model)
    with pytest.raises(ShoalError, match=r"the modules lack '3.weight'"):
        from_torch(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(6, 16)), model)
    uneven = a_model(Network((shoal.Conv2D(2, 4, padding="same"), *END)), fit_array(IMAGES["grey"]))
    with pytest.raises(ShoalError, match="pads one side more than the other"):
        to_torch(uneven)
    waves = (shoal.Flatten(), shoal.PeriodicEmbedding(), *END)
    with pytest.raises(ShoalError, match="after an image has no module in PyTorch"):
        to_torch(a_model(Network(waves), fit_array(IMAGES["colour"])))
    normal = a_model(Network((shoal.BatchNorm(), *END)), fit_array(IMAGES["grey"]))
    with pytest.raises(ShoalError, match="has no module in PyTorch"):
        to_torch(normal)
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ShoalError, match=r"pip install 'shoal\[torch\]'"):
        to_torch(model)
