"""The multilayer perceptron: affine layers with activations between them."""

from __future__ import annotations

from collections.abc import Sequence

from shoal.errors import ShoalError, check_choice, check_number
from shoal.nn.activations import ACTIVATIONS
from shoal.nn.affine import Affine
from shoal.nn.batch_norm import BatchNorm
from shoal.nn.dropout import Dropout
from shoal.nn.flatten import Flatten
from shoal.nn.layer import Layer
from shoal.nn.network import Network
from shoal.nn.space import searchable


@searchable
def mlp(
    hidden: Sequence[int],
    activation: str = "relu",
    *,
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> Network:
    """A multilayer perceptron: Affine, BatchNorm if asked, activation, Dropout if asked; repeated.

    Args:
        hidden: units of each hidden layer; the sizes of input and output come from the data.
        activation: "relu", "leaky_relu", "sigmoid", "tanh" or "gelu".
        batch_norm: normalise before each activation.
        dropout: rate after each activation, in [0, 1).

    >>> mlp([100, 50], activation="tanh", dropout=0.2).layers[:3]
    (Flatten(shape=None), Affine(units=100), Tanh())
    """
    check_choice("activation", activation, tuple(ACTIVATIONS))
    listed = isinstance(hidden, Sequence) and not isinstance(hidden, str)
    if not listed or not all(isinstance(units, int) for units in hidden):
        raise ShoalError(f"hidden={hidden!r} must be a list of whole numbers, such as [100, 100]")
    if not isinstance(batch_norm, bool):
        raise ShoalError(f"batch_norm={batch_norm!r} must be True or False")
    check_number("dropout", dropout, least=0, below=1)
    layers: list[Layer] = [Flatten()]
    for units in hidden:
        layers.append(Affine(units))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(ACTIVATIONS[activation]())
        if dropout:
            layers.append(Dropout(dropout))
    return Network((*layers, Affine()))


def as_mlp(network: Network) -> dict[str, object] | None:
    """The arguments with which `mlp` makes this network, or None if it does not.

    >>> as_mlp(mlp([100], dropout=0.5))
    {'hidden': [100], 'activation': 'relu', 'dropout': 0.5}
    """
    layers = network.layers
    hidden = [layer.units for layer in layers[:-1] if isinstance(layer, Affine)]
    activation = next((n for n, a in ACTIVATIONS.items() if a() in layers), "relu")
    settings: dict[str, object] = {"hidden": hidden, "activation": activation}
    if BatchNorm() in layers:
        settings["batch_norm"] = True
    rates = [layer.rate for layer in layers if isinstance(layer, Dropout)]
    if rates:
        settings["dropout"] = rates[0]
    try:
        same = mlp(**settings).layers == layers  # type: ignore[arg-type]
    except ShoalError:
        return None
    return settings if same else None
