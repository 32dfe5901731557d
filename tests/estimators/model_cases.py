"""Models with weights drawn at random, for tests of what becomes of them."""

from __future__ import annotations

import numpy as np

import shoal
from shoal.estimators.model import Model
from shoal.nn import LOSSES

rng = np.random.default_rng(0)
X = rng.normal(size=(40, 6)).astype(np.float32)
IMAGES = {
    "grey": rng.normal(size=(9, 12, 10)).astype(np.float32),
    "colour": rng.normal(size=(9, 12, 10, 3)).astype(np.float32),
}
_C, _M, _A = shoal.Conv2D, shoal.MaxPool2D, shoal.AvgPool2D
END = (shoal.Flatten(), shoal.Affine())
STACKS = {
    "conv": (_C(4, 3), *END),
    "window": (_C(4, (3, 2), stride=(2, 1), padding=(1, 0)), *END),
    "same": (_C(4, 5, padding="same"), shoal.BatchNorm(), shoal.ReLU(), *END),
    "max": (_C(4, 3), _M(2), *END),
    "max padded": (_C(4, 3), _M(3, stride=2, padding=1), *END),
    "avg padded": (_C(4, 3), _A((3, 2), stride=(2, 1), padding=(1, 1)), *END),
    "deep": (_C(4, 3, padding=1), shoal.ReLU(), _A(2), _C(5, 2), shoal.LeakyReLU(0.2), _M(2), *END),
    "flat at once": (shoal.Flatten(), shoal.Affine(8), shoal.Sigmoid(), shoal.Affine()),
    "norm of flat": (_C(4, 3), shoal.Flatten(), shoal.BatchNorm(), shoal.Affine(7), *END),
}


def random_params(network, in_shape, members):
    """Weights of the size that training starts from; statistics and γ that are not the usual."""
    params = []
    for layer in network.parameters(in_shape):
        values = {}
        for name, p in layer.items():
            draws = rng.normal(size=(members, *p.shape))
            fan_in = p.fans[0] if p.fans else 1
            values[name] = np.abs(draws) + 0.5 if name == "var" else draws / np.sqrt(fan_in)
        params.append({name: value.astype(np.float32) for name, value in values.items()})
    return params


def a_model(network, preparation, task="classification", outputs=3, members=2, **more):
    """A model of a network that nobody has trained."""
    bound = network.bind(preparation.in_shape, outputs)
    labels = {"classes": np.arange(outputs)}
    numbers = {"target_mean": np.full(outputs, 1e5), "target_scale": np.full(outputs, 2e3)}
    loss = {"classification": "softmax_cross_entropy", "multilabel": "binary_cross_entropy"}
    return Model(
        preparation,
        bound,
        random_params(bound, preparation.in_shape, members),
        task,
        **{
            "loss": LOSSES[loss.get(task, "mean_squared_error")](),
            **(numbers if task == "regression" else labels),
            **more,
        },
    )
