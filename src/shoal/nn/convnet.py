"""The plain convolutional network: convolution and pooling, then a multilayer perceptron."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from shoal.errors import ShoalError, check_choice
from shoal.nn.activations import ACTIVATIONS
from shoal.nn.batch_norm import BatchNorm
from shoal.nn.conv import Conv2D
from shoal.nn.flatten import Flatten
from shoal.nn.layer import Layer
from shoal.nn.mlp import as_mlp, mlp
from shoal.nn.network import Network
from shoal.nn.pool import MaxPool2D
from shoal.nn.space import searchable
from shoal.nn.window import Pair


@searchable
def convnet(
    filters: Sequence[int] = (30,),
    size: Pair = 5,
    pool: Pair = 2,
    hidden: Sequence[int] = (100,),
    activation: str = "relu",
    *,
    padding: Pair | str = 0,
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> Network:
    """A network for images: Conv2D, BatchNorm if asked, activation, MaxPool2D; repeated; an `mlp`.

    The defaults are the simple ConvNet of the textbook. Images are (height, width) or (height,
    width, channels).

    Args:
        filters: of each convolution, one or more.
        size: of the window of every convolution; one number, or (vertical, horizontal).
        pool: size of the window of every pooling; 1 for no pooling.
        hidden: units of each hidden layer after the last pooling.
        activation: "relu", "leaky_relu", "sigmoid", "tanh" or "gelu", everywhere.
        padding: zeros around the input of every convolution; "same" keeps height and width.
        batch_norm: normalise before each activation, per channel after a convolution.
        dropout: rate after each activation of the hidden layers, in [0, 1).

    >>> convnet([16, 32], size=3, padding="same").layers[3]
    Conv2D(filters=32, size=3, stride=1, padding='same')
    """
    check_choice("activation", activation, tuple(ACTIVATIONS))
    listed = isinstance(filters, Sequence) and not isinstance(filters, str)
    if not listed or not filters or not all(isinstance(count, int) for count in filters):
        raise ShoalError(
            f"filters={filters!r} must be a list of whole numbers, such as [16, 32]; "
            "without convolutions take shoal.mlp"
        )
    rest = mlp(hidden, activation, batch_norm=batch_norm, dropout=dropout).layers
    try:
        pooling = MaxPool2D(pool)
    except ShoalError as error:
        raise ShoalError(str(error).replace("size=", "pool=", 1)) from None
    layers: list[Layer] = []
    for count in filters:
        layers.append(Conv2D(count, size, padding=padding))
        if batch_norm:
            layers.append(BatchNorm())
        layers.append(ACTIVATIONS[activation]())
        if pooling.size != 1:
            layers.append(pooling)
    return Network((*layers, *rest))


def as_convnet(network: Network) -> dict[str, object] | None:
    """The arguments with which `convnet` makes this network, or None if it does not.

    >>> as_convnet(convnet([16, 32], size=3, dropout=0.5, padding="same"))
    ... # doctest: +NORMALIZE_WHITESPACE
    {'filters': [16, 32], 'size': 3, 'pool': 2, 'hidden': [100], 'activation': 'relu',
     'padding': 'same', 'dropout': 0.5}
    """
    layers = network.layers
    head = list(takewhile(lambda layer: not isinstance(layer, Flatten), layers))
    convolutions = [layer for layer in head if isinstance(layer, Conv2D)]
    if not convolutions or len(head) == len(layers):
        return None
    sizes = as_mlp(Network(layers[len(head) :]))
    if sizes is None:
        return None
    first = convolutions[0]
    settings: dict[str, object] = {
        "filters": [layer.filters for layer in convolutions],
        "size": first.size,
        "pool": next((layer.size for layer in head if isinstance(layer, MaxPool2D)), 1),
        "hidden": sizes["hidden"],
        "activation": next((n for n, a in ACTIVATIONS.items() if a() in head), "relu"),
    }
    if first.padding != 0:
        settings["padding"] = first.padding
    if BatchNorm() in head:
        settings["batch_norm"] = True
    if "dropout" in sizes:
        settings["dropout"] = sizes["dropout"]
    same = convnet(**settings).layers == layers  # type: ignore[arg-type]
    return settings if same else None
