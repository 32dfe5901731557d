"""Weights to and from PyTorch: each member is an `nn.Sequential` of PyTorch's own layers.

Only waves of numbers (`PeriodicEmbedding`) are a module of ours, because PyTorch has none.

PyTorch's images are channels first, ours channels last. So the modules take prepared rows
`(rows, features)`, or images `(rows, channels, height, width)`, and the weights are turned: those
of a convolution from (rows, columns, channels, filters) to (filters, channels, rows, columns), and
those after a Flatten into the other order of channels and places. What comes out is what the last
layer says: logits, or standardised numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError
from shoal.estimators.model import Model, stacked
from shoal.nn import (
    GELU,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    MaxPool2D,
    Network,
    PeriodicEmbedding,
    ReLU,
    Sigmoid,
    Tanh,
)
from shoal.nn.window import Window, both

Weights = dict[str, NDArray[np.float32]]


def to_torch(model: Any, member: int = 0) -> Any:
    """One member as a `torch.nn.Sequential`, in evaluation mode.

    Args:
        model: a fitted estimator or a `Model`.
        member: which of its members.

    Raises:
        ShoalError: PyTorch is not installed, no such member, a layer that PyTorch has not.
    """
    torch = _torch()
    core: Model = getattr(model, "model_", model)
    if not 0 <= member < core.members:
        raise ShoalError(f"member={member} must be a number from 0 to {core.members - 1}")
    shapes = core.network.shapes(core.in_shape)
    modules = []
    for place, (layer, params) in enumerate(zip(core.network.layers, core.params, strict=True)):
        before = shapes[place]
        if type(layer) not in _MODULES or (isinstance(layer, BatchNorm) and len(before) == 2):
            raise ShoalError(f"{layer!r} for rows of shape {before} has no module in PyTorch")
        module = _MODULES[type(layer)](torch.nn, layer, before)
        weights = {
            _key(layer, name): torch.from_numpy(
                _turned(value[member], *_way(core.network, shapes, place, name))
            )
            for name, value in params.items()
        }
        module.load_state_dict(weights, strict=False)
        modules.append(module)
    return torch.nn.Sequential(*modules).eval()


def from_torch(modules: Any, like: Any) -> Model:
    """A model with the weights of PyTorch modules, and all else like another model.

    Args:
        modules: an `nn.Sequential` such as `to_torch` makes, or a list of them, one for each
            member of the new model.
        like: a fitted estimator or a `Model`: preparation, network, loss, labels come from it.

    Raises:
        ShoalError: modules whose weights are not those of the network.
    """
    core: Model = getattr(like, "model_", like)
    listed = list(modules) if isinstance(modules, list | tuple) else [modules]
    return replace(core, params=stacked([_read(module, core) for module in listed]))


def _read(sequential: Any, model: Model) -> list[Weights]:
    """The weights of one member, by layer."""
    state = {name: value.detach().cpu().numpy() for name, value in sequential.state_dict().items()}
    shapes = model.network.shapes(model.in_shape)
    params: list[Weights] = []
    for place, layer in enumerate(model.network.layers):
        found: Weights = {}
        for name, p in layer.parameters(shapes[place]).items():
            way = _way(model.network, shapes, place, name)
            key = f"{place}.{_key(layer, name)}"
            if key not in state:
                raise ShoalError(f"the modules lack {key!r}, the {name} of {layer!r}")
            wanted = _turned(np.empty(p.shape, np.float32), *way).shape
            if state[key].shape != wanted:
                raise ShoalError(
                    f"{key!r} must have shape {wanted} for {layer!r}, not {state[key].shape}"
                )
            found[name] = _turned_back(state[key].astype(np.float32), *way)
        params.append(found)
    return params


_NAMES: Final = {
    "W": "weight",
    "b": "bias",
    "gamma": "weight",
    "beta": "bias",
    "mean": "running_mean",
    "var": "running_var",
}
"""How PyTorch calls our parameters."""


def _key(layer: Layer, name: str) -> str:
    """How a module calls a parameter of a layer."""
    return name if isinstance(layer, PeriodicEmbedding) else _NAMES[name]


Order = NDArray[np.int64] | None
"""Where the features of PyTorch's order stand in ours; None where both are the same."""


def _way(
    network: Network, shapes: Sequence[tuple[int, ...]], place: int, name: str
) -> tuple[Order, bool]:
    """In which order of features PyTorch has a parameter, and whether it has the axes as we have.

    Raises:
        ShoalError: waves of places of an image, which stand elsewhere there.
    """
    layer, order = network.layers[place], _order(network, shapes, place)
    if not isinstance(layer, PeriodicEmbedding):
        return (None if name == "b" else order), False
    if order is not None:
        raise ShoalError(f"{layer!r} after an image has no module in PyTorch")
    return None, True


def _turned(value: NDArray[np.float32], order: Order, as_it_is: bool) -> NDArray[np.float32]:
    """A parameter as PyTorch has it."""
    if as_it_is:
        return np.array(value, order="C")
    if value.ndim == 4:
        value = value.transpose(3, 2, 0, 1)
    elif order is not None:
        value = value[order]
    return np.array(value.T if value.ndim == 2 else value, order="C")


def _turned_back(value: NDArray[np.float32], order: Order, as_it_is: bool) -> NDArray[np.float32]:
    """The inverse of `_turned`."""
    if as_it_is:
        return np.array(value, order="C")
    if value.ndim == 4:
        value = value.transpose(2, 3, 1, 0)
    elif value.ndim == 2:
        value = value.T
    if order is not None:
        value = value[np.argsort(order)]
    return np.array(value, order="C")


def _order(network: Network, shapes: Sequence[tuple[int, ...]], place: int) -> Order:
    """The order of the features that a layer is given, if they come from flattened images.

    It is that of the places up to the first affine layer after the Flatten; and only weights and
    statistics of features have it, not an affine layer's bias.
    """
    for i in range(place - 1, -1, -1):
        before = network.layers[i]
        if isinstance(before, Affine):
            return None
        if isinstance(before, Flatten) and len(shapes[i]) == 3:
            places = np.arange(math.prod(shapes[i])).reshape(shapes[i])
            return places.transpose(2, 0, 1).ravel()
    return None


def _torch() -> Any:
    try:
        import torch
    except ImportError:
        raise ShoalError("to_torch needs PyTorch; install it: pip install 'shoal[torch]'") from None
    return torch


Make = Callable[[Any, Any, tuple[int, ...]], Any]


def _affine(nn: Any, layer: Any, before: tuple[int, ...]) -> Any:
    return nn.Linear(before[0], layer.units)


def _conv(nn: Any, layer: Any, before: tuple[int, ...]) -> Any:
    channels = (*before, 1)[2]
    _even(layer, layer.window)
    (up, _), (left, _) = layer.window.padding
    return nn.Conv2d(
        channels, layer.filters, layer.window.size, layer.window.stride, padding=(up, left)
    )


def _even(layer: Any, window: Window) -> None:
    if any(a != b for a, b in window.padding):
        raise ShoalError(
            f"{layer!r} pads one side more than the other, which PyTorch's layer does not; take an "
            "odd size"
        )


def _pool(kind: str) -> Make:
    def make(nn: Any, layer: Any, before: tuple[int, ...]) -> Any:
        window = layer.window
        return getattr(nn, kind)(window.size, window.stride, padding=both(layer.padding))

    return make


def _batch_norm(nn: Any, layer: Any, before: tuple[int, ...]) -> Any:
    kind = nn.BatchNorm1d if len(before) == 1 else nn.BatchNorm2d
    return kind(before[-1], eps=layer.eps, momentum=layer.momentum)


def _waves(nn: Any, layer: Any, before: tuple[int, ...]) -> Any:
    """y = (x, cos(x w + φ) V + b), as a module."""
    torch = _torch()

    class Waves(nn.Module):  # type: ignore[misc, no-any-unimported, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            for name, p in layer.parameters(before).items():
                setattr(self, name, nn.Parameter(torch.empty(p.shape)))

        def forward(self, x: Any) -> Any:
            u = x[:, : len(self.w), None] * self.w + self.phase
            e = torch.einsum("rnk,nks->rns", torch.cos(u), self.V) + self.b
            return torch.cat([x, e.flatten(1)], dim=1)

    return Waves()


_MODULES: Final[dict[type[Layer], Make]] = {
    Affine: _affine,
    AvgPool2D: _pool("AvgPool2d"),
    BatchNorm: _batch_norm,
    Conv2D: _conv,
    Dropout: lambda nn, layer, before: nn.Dropout(layer.rate),
    Flatten: lambda nn, layer, before: nn.Flatten(),
    GELU: lambda nn, layer, before: nn.GELU(approximate="tanh"),
    LeakyReLU: lambda nn, layer, before: nn.LeakyReLU(layer.slope),
    MaxPool2D: _pool("MaxPool2d"),
    PeriodicEmbedding: _waves,
    ReLU: lambda nn, layer, before: nn.ReLU(),
    Sigmoid: lambda nn, layer, before: nn.Sigmoid(),
    Tanh: lambda nn, layer, before: nn.Tanh(),
}
