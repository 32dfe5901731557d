"""The tables of layers and losses; a new one is one row here, and every common test covers it.

A row names its twin in PyTorch, as a function of the same parameters, inputs and noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from shoal.nn import (
    GELU,
    Affine,
    AvgPool2D,
    BatchNorm,
    BinaryCrossEntropy,
    Conv2D,
    CustomLoss,
    Dropout,
    Flatten,
    Huber,
    Layer,
    LeakyReLU,
    Loss,
    MaxPool2D,
    MeanAbsoluteError,
    MeanSquaredError,
    PeriodicEmbedding,
    Poisson,
    Quantile,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)


@dataclass(frozen=True)
class Problem:
    """A layer with all that its two functions take; every array is read-only."""

    layer: Layer
    training: bool
    params: Mapping[str, Any]
    x: Any
    noise: Any
    dy: Any

    def forward(self) -> tuple[Any, Any]:
        return self.layer.forward(self.params, self.x, training=self.training, noise=self.noise)

    def backward(self, *, need_dx: bool = True) -> tuple[Any, dict[str, Any]]:
        return self.layer.backward(self.params, self.forward()[1], self.dy, need_dx=need_dx)

    def everything(self) -> dict[str, Any]:
        """All that the layer computes, by name."""
        y, cache = self.forward()
        dx, grads = self.layer.backward(self.params, cache, self.dy)
        found = {"y": y, "dx": dx} | {f"d{name}": g for name, g in grads.items()}
        return found | (self.layer.running(self.params, cache) if self.training else {})

    def having(self, name: str, value: Any) -> Problem:
        """The same problem with another x, or another parameter."""
        if name == "x":
            return replace(self, x=value)
        return replace(self, params={**self.params, name: value})

    def member(self, i: int, *, axis: bool) -> Problem:
        """One member alone, with a member axis of length 1 or without one."""

        def own(a: Any) -> Any:
            j = min(i, len(a) - 1)  # what all share has a member axis of length 1
            return np.ascontiguousarray(a[j : j + 1] if axis else a[j])

        params = {name: own(value) for name, value in self.params.items()}
        return replace(self, params=params, x=own(self.x), dy=own(self.dy))

    def mapped(self, f: Callable[[Any], Any]) -> Problem:
        """The same problem with `f` of every array."""
        params = {name: f(value) for name, value in self.params.items()}
        return replace(self, params=params, x=f(self.x), noise=f(self.noise), dy=f(self.dy))


@dataclass(frozen=True)
class Case:
    """A row of the table of layers."""

    name: str
    layer: Layer
    in_shape: tuple[int, ...]
    twin: Callable[[Any, Mapping[str, Any], Any, Any], Any]
    training: bool = True

    def problem(
        self,
        members: int | None = None,
        *,
        batch: int = 4,
        width: int | None = None,
        shared: bool = False,
        dtype: Any = np.float64,
        seed: int = 0,
    ) -> Problem:
        """Random numbers for the layer; x away from the kinks at 0.

        As in the engine, parameters are views of one row per member, which need not start or
        end together, and all members have the same noise.
        """
        rng = np.random.default_rng(seed)
        in_shape = (*self.in_shape[:-1], width or self.in_shape[-1])
        layer = self.layer.bind(in_shape, None)
        spec = layer.parameters(in_shape)
        lead = () if members is None else (members,)
        sizes = [int(np.prod(p.shape)) for p in spec.values()]
        rows = rng.standard_normal((*lead, sum(sizes) + 3)).astype(dtype)
        starts = np.cumsum([1, *sizes])
        params = {
            name: (rows[..., start : start + size]).reshape(*lead, *p.shape)
            for (name, p), start, size in zip(spec.items(), starts, sizes, strict=False)
        }
        if "var" in params:
            params["var"] = 0.5 + params["var"] ** 2
        if members is not None:
            column = np.linspace(0.1, 0.7, members).reshape(-1, *(1 for _ in in_shape), 1)
            params |= dict.fromkeys(layer.numbers, column)
        x = rng.standard_normal(((1,) if shared else lead) + (batch, *in_shape))
        noise = rng.random((batch, *in_shape), np.float32)
        dy = rng.standard_normal((*lead, batch, *layer.out_shape(in_shape)))
        problem = Problem(
            layer,
            self.training,
            params,
            (x + 0.1 * np.sign(x)).astype(dtype),
            noise,
            dy.astype(dtype),
        )
        return problem.mapped(_read_only)


def _read_only(a: Any) -> Any:
    a = a.view()
    a.flags.writeable = False
    return a


def _affine(F: Any, p: Any, x: Any, noise: Any) -> Any:
    return F.linear(x, p["W"].T, p["b"])


def _batch_norm(training: bool) -> Callable[[Any, Any, Any, Any], Any]:
    def twin(F: Any, p: Any, x: Any, noise: Any) -> Any:
        mean, var = p["mean"].detach().clone(), p["var"].detach().clone()
        channels_first = x.movedim(-1, 1)
        y = F.batch_norm(channels_first, mean, var, p["gamma"], p["beta"], training=training)
        return y.movedim(1, -1)

    return twin


def _conv(pad: Any = (0, 0, 0, 0), stride: Any = 1) -> Callable[[Any, Any, Any, Any], Any]:
    def twin(F: Any, p: Any, x: Any, noise: Any) -> Any:
        images = F.pad((x[..., None] if x.ndim == 3 else x).movedim(-1, 1), pad)
        W = p["W"].permute(3, 2, 0, 1).contiguous()
        return F.conv2d(images, W, p["b"], stride=stride).movedim(1, -1)

    return twin


def _pool(name: str, *settings: Any) -> Callable[[Any, Any, Any, Any], Any]:
    def twin(F: Any, p: Any, x: Any, noise: Any) -> Any:
        return getattr(F, name)(x.movedim(-1, 1), *settings).movedim(1, -1)

    return twin


def _periodic(F: Any, p: Any, x: Any, noise: Any) -> Any:
    n = len(p["w"])
    waves = (x[:, :n, None] * p["w"] + p["phase"]).cos()
    e = (waves[..., None] * p["V"]).sum(dim=2) + p["b"]
    return F.pad(x, (0, n * p["b"].shape[1])) + F.pad(e.flatten(1), (x.shape[1], 0))


IMAGE = (3, 4, 2)
LARGER = (5, 7, 2)
LAYERS = (
    Case("affine", Affine(4), (5,), _affine),
    Case("affine to one unit", Affine(1), (5,), _affine),
    Case("relu", ReLU(), (6,), lambda F, p, x, noise: F.relu(x)),
    Case("relu of images", ReLU(), IMAGE, lambda F, p, x, noise: F.relu(x)),
    Case("leaky relu", LeakyReLU(0.2), (6,), lambda F, p, x, noise: F.leaky_relu(x, 0.2)),
    Case("sigmoid", Sigmoid(), (6,), lambda F, p, x, noise: x.sigmoid()),
    Case("tanh", Tanh(), (6,), lambda F, p, x, noise: x.tanh()),
    Case("gelu", GELU(), (6,), lambda F, p, x, noise: F.gelu(x, approximate="tanh")),
    Case("batch norm", BatchNorm(), (5,), _batch_norm(True)),
    Case("batch norm of images", BatchNorm(), IMAGE, _batch_norm(True)),
    Case("batch norm, evaluation", BatchNorm(), (5,), _batch_norm(False), training=False),
    Case("batch norm of images, evaluation", BatchNorm(), IMAGE, _batch_norm(False), False),
    Case("dropout", Dropout(0.4), (6,), lambda F, p, x, noise: x * (noise >= 0.4) / 0.6),
    Case("dropout, evaluation", Dropout(0.4), (6,), lambda F, p, x, noise: x * 1, False),
    Case("flatten", Flatten(), IMAGE, lambda F, p, x, noise: x.flatten(1)),
    Case("periodic embedding", PeriodicEmbedding(1, 3, 2), (5,), _periodic),
    Case("periodic embedding of all", PeriodicEmbedding(None, 4, 3), (3,), _periodic),
    Case("conv", Conv2D(3, 2), IMAGE, _conv()),
    Case("conv to one filter", Conv2D(1, 3), IMAGE, _conv()),
    Case("conv of one pixel", Conv2D(4, 1), IMAGE, _conv()),
    Case("conv of grey images", Conv2D(3, (2, 3), padding=1), (5, 4), _conv((1, 1, 1, 1))),
    Case(
        "conv, stride and padding",
        Conv2D(3, (3, 2), stride=(2, 3), padding=(0, 2)),
        LARGER,
        _conv((2, 2, 0, 0), (2, 3)),
    ),
    Case("conv, same", Conv2D(2, (3, 2), padding="same"), IMAGE, _conv((0, 1, 1, 1))),
    Case("conv, stride beyond size", Conv2D(2, 2, stride=3), LARGER, _conv(stride=3)),
    Case("max pool", MaxPool2D(2), LARGER, _pool("max_pool2d", 2)),
    Case(
        "max pool, overlapping",
        MaxPool2D((3, 2), stride=(1, 2), padding=1),
        LARGER,
        _pool("max_pool2d", (3, 2), (1, 2), 1),
    ),
    Case("max pool, gaps", MaxPool2D(2, stride=3), LARGER, _pool("max_pool2d", 2, 3)),
    Case("avg pool", AvgPool2D(2), LARGER, _pool("avg_pool2d", 2)),
    Case(
        "avg pool, overlapping",
        AvgPool2D(3, stride=(2, 1), padding=(1, 0)),
        LARGER,
        _pool("avg_pool2d", 3, (2, 1), (1, 0)),
    ),
)


@dataclass(frozen=True)
class LossCase:
    """A row of the table of losses: how its targets are made, and PyTorch's twin."""

    name: str
    loss: Loss
    targets: Callable[[np.random.Generator, tuple[int, ...]], Any]
    twin: Callable[[Any, Any, Any], Any]
    numpy_only: bool = False

    def problem(
        self, members: int | None = None, *, batch: int = 6, width: int = 4, seed: int = 0
    ) -> tuple[Any, Any]:
        """Outputs and targets; the targets are the same for all members."""
        rng = np.random.default_rng(seed)
        lead = () if members is None else (members,)
        outputs = 3 * rng.standard_normal((*lead, batch, width))
        return _read_only(outputs), _read_only(self.targets(rng, (batch, width)))


def _labels(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, shape[-1], shape[:-1])


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape)


def _yes_or_no(rng: np.random.Generator, shape: tuple[int, ...]) -> Any:
    return rng.integers(0, 2, shape).astype(float)


def _cosh_of_error() -> CustomLoss:
    return CustomLoss(
        lambda y, t: np.cosh((y - t) / 4).sum(axis=-1), lambda y, t: np.sinh((y - t) / 4) / 4
    )


LOSSES = (
    LossCase(
        "cross-entropy of labels",
        SoftmaxCrossEntropy(),
        _labels,
        lambda F, z, t: F.cross_entropy(z, t),
    ),
    LossCase(
        "cross-entropy of probabilities",
        SoftmaxCrossEntropy("probabilities"),
        lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1]),
        lambda F, z, t: F.cross_entropy(z, t),
    ),
    LossCase(
        "cross-entropy of smoothed labels",
        SoftmaxCrossEntropy(smoothing=0.2),
        _labels,
        lambda F, z, t: F.cross_entropy(z, t, label_smoothing=0.2),
    ),
    LossCase(
        "cross-entropy of smoothed probabilities",
        SoftmaxCrossEntropy("probabilities", smoothing=0.3),
        lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1]),
        lambda F, z, t: F.cross_entropy(z, t, label_smoothing=0.3),
    ),
    LossCase(
        "binary cross-entropy",
        BinaryCrossEntropy(),
        _yes_or_no,
        lambda F, z, t: F.binary_cross_entropy_with_logits(z, t),
    ),
    LossCase(
        "smoothed binary cross-entropy",
        BinaryCrossEntropy(smoothing=0.1),
        _yes_or_no,
        lambda F, z, t: F.binary_cross_entropy_with_logits(z, 0.9 * t + 0.05),
    ),
    LossCase("mean squared error", MeanSquaredError(), _normal, lambda F, y, t: F.mse_loss(y, t)),
    LossCase("mean absolute error", MeanAbsoluteError(), _normal, lambda F, y, t: F.l1_loss(y, t)),
    LossCase("Huber", Huber(delta=1.5), _normal, lambda F, y, t: F.huber_loss(y, t, delta=1.5)),
    LossCase(
        "Poisson",
        Poisson(),
        lambda rng, shape: rng.poisson(2.0, shape).astype(float),
        lambda F, z, t: F.poisson_nll_loss(z, t, log_input=True, full=False),
    ),
    LossCase(
        "quantile",
        Quantile(q=0.8),
        _normal,
        lambda F, y, t: (0.8 * F.relu(t - y) + 0.2 * F.relu(y - t)).mean(),
    ),
    LossCase(
        "custom",
        _cosh_of_error(),
        _normal,
        lambda F, y, t: ((y - t) / 4).cosh().sum(dim=-1).mean(),
        numpy_only=True,
    ),
)


def _name(case: Any) -> str:
    return str(case.name)


@pytest.fixture(params=LAYERS, ids=_name)
def case(request: pytest.FixtureRequest) -> Case:
    """Each layer of the table."""
    return request.param


@pytest.fixture(params=LOSSES, ids=_name)
def loss_case(request: pytest.FixtureRequest) -> LossCase:
    """Each loss of the table."""
    return request.param


@pytest.fixture
def agree() -> Callable[..., None]:
    """Require that two gradients agree, and name the worst element if they do not."""

    def agree(name: str, analytic: Any, numerical: Any, tolerance: float = 1e-6) -> None:
        assert analytic.shape == numerical.shape, name
        floor = 1e-3 * max(float(np.abs(numerical).max()), 1e-6)
        size = np.maximum(np.maximum(np.abs(analytic), np.abs(numerical)), floor)
        error = np.abs(analytic - numerical) / size
        at = tuple(int(i) for i in np.unravel_index(np.nanargmax(error), error.shape))
        assert error.max() <= tolerance, (
            f"{name}{list(at)}: backward {analytic[at]:.9g}, differences {numerical[at]:.9g}, "
            f"relative error {error[at]:.1e}"
        )

    return agree


class Rows:
    """Rows of a data set, as `check_gradients` and `Network.summary` see them."""

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y

    def inputs(self, rows: Any) -> Any:
        return self.x[rows]

    def __len__(self) -> int:
        return len(self.x)


@pytest.fixture
def dataset() -> Callable[..., Any]:
    """A small random data set of any shape."""

    def make(in_shape: tuple[int, ...] = (5,), outputs: int = 3, classes: bool = True) -> Any:
        rng = np.random.default_rng(1)
        x = rng.standard_normal((16, *in_shape)).astype(np.float32)
        y = rng.integers(0, outputs, 16) if classes else rng.standard_normal((16, outputs))
        names = tuple(map(str, range(outputs))) if classes else None
        return SimpleNamespace(in_shape=in_shape, outputs=outputs, classes=names, train=Rows(x, y))

    return make


@pytest.fixture(autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """As in the engine: BLAS with several threads may round differently."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture
def torch() -> Any:
    """PyTorch, an optional peer."""
    return pytest.importorskip("torch")
