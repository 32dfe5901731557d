"""From the values that a constructor was given to a `Recipe`."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any

from shoal.data.preparation import Preparation, TablePreparation
from shoal.engine import Recipe
from shoal.errors import ShoalError, check_choice, check_number, unknown
from shoal.estimators.presets import AUTO, is_auto
from shoal.nn import Affine, Flatten, Layer, Network, PeriodicEmbedding, mlp
from shoal.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

OF_A_NETWORK = ("hidden", "activation", "dropout", "batch_norm", "embedding")
"""What `network=` says already."""

SAID = (*(f.name for f in fields(Recipe)), *OF_A_NETWORK, "lr", "label_smoothing")
"""What a recipe says."""


def recipe_of(settled: Mapping[str, Any], loss: Any) -> Recipe:
    """The recipe of an estimator whose settings are settled.

    Args:
        settled: values by the names of the constructor, none at "auto" but init.
        loss: a name or a `Loss`.

    Raises:
        ShoalError: a value of the wrong type or out of range.

    >>> from shoal.estimators.presets import settle
    >>> recipe_of(settle({"preset": "book", "hidden": 8}, "regression", 1000), "auto")
    Recipe(mlp([8], activation='relu'), Adam(lr=0.001, beta1=0.9, beta2=0.999, eps=1e-08))
    """
    network = settled.get("network")
    if network is None:
        network = network_of(*(settled[name] for name in OF_A_NETWORK))
    return Recipe(
        network,
        optimizer_of(settled["optimizer"], settled["lr"]),
        schedule=schedule_of(settled["schedule"]),
        init=settled.get("init", "auto"),
        weight_decay=settled["weight_decay"],
        loss=loss,
        batch_size=settled["batch_size"],
        clip_norm=settled["clip_norm"],
    )


def check_network(asked: Mapping[str, Any]) -> None:
    """Refuse `network=` beside settings that would make another one.

    Raises:
        ShoalError: both are given, or `network` is none.
    """
    network = asked.get("network")
    if network is None:
        return
    if not isinstance(network, Network):
        raise ShoalError(f"network={network!r} must be a Network, such as shoal.convnet()")
    for name in OF_A_NETWORK:
        if not is_auto(asked.get(name, AUTO)):
            raise ShoalError(
                f"{name}={asked[name]!r} and network= say both what the layers are; give one of "
                "the two"
            )


def said_by(recipe: Recipe) -> dict[str, Any]:
    """The settings that a recipe says, by the names of the constructor."""
    return {f.name: getattr(recipe, f.name) for f in fields(recipe)}


def refuse_said(settings: Mapping[str, Any]) -> None:
    """Refuse settings that a recipe says, beside one.

    Raises:
        ShoalError: naming the first.

    >>> refuse_said({"members": 3, "lr": 0.1})
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: lr= is said by the recipe; change it there: recipe.replace(...)
    """
    for name in settings:
        if name in SAID:
            raise ShoalError(f"{name}= is said by the recipe; change it there: recipe.replace(...)")


def network_of(
    hidden: Any, activation: Any, dropout: Any, batch_norm: Any, embedding: Any = None
) -> Network:
    """A multilayer perceptron, whose activation and dropout may differ from layer to layer.

    Args:
        hidden: units of each hidden layer, or one number for a single layer.
        activation: a name, or one for each layer.
        dropout: a rate, or one for each layer.
        batch_norm: whether to normalise before each activation.
        embedding: "periodic" for a `PeriodicEmbedding` before the first layer, or None.

    Raises:
        ShoalError: sizes that are none, or lists of another length than `hidden`.

    >>> network_of((20, 10), "tanh", 0.0, False)
    mlp([20, 10], activation='tanh')
    >>> [type(layer).__name__ for layer in network_of((20, 10), ("relu", "tanh"), 0, False).layers]
    ['Flatten', 'Affine', 'ReLU', 'Affine', 'Tanh', 'Affine']
    """
    units = [hidden] if isinstance(hidden, numbers.Integral) else hidden
    if isinstance(units, str) or not hasattr(units, "__len__"):
        raise ShoalError(f"hidden={hidden!r} must be whole numbers, such as (100, 100)")
    for each in units:
        check_number("hidden", each, least=1, whole=True)
    sizes = [int(each) for each in units]
    if embedding is not None:
        check_choice("embedding", embedding, ("periodic",))
        plain = network_of(hidden, activation, dropout, batch_norm)
        return Network((plain.layers[0], PeriodicEmbedding(), *plain.layers[1:]))
    names = _per_layer("activation", activation, len(sizes))
    rates = _per_layer("dropout", dropout, len(sizes))
    if len(set(names)) < 2 and len(set(rates)) < 2:
        name, rate = (names[0], rates[0]) if sizes else ("relu", 0.0)
        return mlp(sizes, activation=name, batch_norm=batch_norm, dropout=rate)
    blocks: list[Sequence[Layer]] = [
        mlp([size], activation=name, batch_norm=batch_norm, dropout=rate).layers[1:-1]
        for size, name, rate in zip(sizes, names, rates, strict=True)
    ]
    return Network((Flatten(), *chain.from_iterable(blocks), Affine()))


def embedded_columns(recipe: Recipe, preparation: Preparation) -> Recipe:
    """The recipe, whose embedding is of the columns of numbers; without it if there are none.

    Levels and flags are 0 or 1, of which waves can make nothing new; nor are pixels embedded.

    >>> from shoal.data.preparation import fit_array
    >>> recipe = Recipe(network_of(8, "relu", 0.0, False, "periodic"), optimizer_of("adam", None))
    >>> embedded_columns(recipe, fit_array([[0.0, 1.0], [1.0, 0.0]])).network.layers[1]
    PeriodicEmbedding(columns=2, frequencies=16, size=3, spread=0.3)
    """
    layers = recipe.network.layers
    if not any(isinstance(layer, PeriodicEmbedding) and layer.columns is None for layer in layers):
        return recipe
    count = numbers_count(preparation)
    network = Network(
        tuple(
            replace(layer, columns=count)
            if isinstance(layer, PeriodicEmbedding) and layer.columns is None
            else layer
            for layer in layers
            if count or not isinstance(layer, PeriodicEmbedding)
        )
    )
    return replace(recipe, network=network)


def numbers_count(preparation: Preparation) -> int:
    """How many of the inputs are numbers; they come first. Pixels are none."""
    if isinstance(preparation, TablePreparation):
        return sum(column.kind == "number" for column in preparation.expected)
    return len(preparation.columns)


def _per_layer(name: str, value: Any, layers: int) -> list[Any]:
    """One value for each hidden layer."""
    if isinstance(value, str) or not hasattr(value, "__len__"):
        return [value] * layers
    if len(value) != layers:
        raise ShoalError(
            f"{name}={value!r} must have one value for each of the {layers} hidden layers, or be "
            "one value for all"
        )
    return list(value)


def optimizer_of(optimizer: Any, lr: Any) -> Optimizer:
    """An update rule from its name, in any case, or from one; `lr` unless it is None or "auto".

    Raises:
        ShoalError: no such rule.

    >>> optimizer_of("sgd", 0.5), optimizer_of("Momentum", None).lr
    (SGD(lr=0.5), 0.01)
    """
    if isinstance(optimizer, str):
        known = {name.lower(): rule for name, rule in OPTIMIZERS.items()}
        if optimizer.lower() not in known:
            raise unknown("optimizer", optimizer, known)
        optimizer = known[optimizer.lower()]()
    if not isinstance(optimizer, Optimizer):
        raise ShoalError(f"optimizer={optimizer!r} must be a name, or one such as shoal.Adam()")
    if lr is None or is_auto(lr):
        return optimizer
    check_number("lr", lr, above=0)
    return replace(optimizer, lr=lr)  # type: ignore[call-arg]  # every rule has one


def schedule_of(schedule: Any) -> Schedule | None:
    """A schedule from its name ("cosine", "one_cycle"), from one, or none.

    Raises:
        ShoalError: no such schedule, or one that needs numbers.

    >>> schedule_of("cosine"), schedule_of(None)
    (Cosine(end=0.0), None)
    """
    if schedule is None or isinstance(schedule, Schedule):
        return schedule
    named = {_snake(name): kind for name, kind in SCHEDULES.items()}
    if not isinstance(schedule, str) or schedule.lower() not in named:
        raise unknown("schedule", schedule, named)
    try:
        return named[schedule.lower()]()
    except TypeError as error:
        kind = named[schedule.lower()].__name__
        raise ShoalError(
            f"schedule={schedule!r} needs numbers; give shoal.{kind}(...) with them"
        ) from error


def _snake(name: str) -> str:
    """OneCycle as one_cycle."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")
