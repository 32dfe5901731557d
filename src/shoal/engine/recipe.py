"""A recipe: one way of training, and its plain form for TOML files and for `replace`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields, replace
from typing import Any

import numpy as np

from shoal.errors import ShoalError, check_number, unknown
from shoal.nn import (
    ACTIVATIONS,
    LOSSES,
    Affine,
    BatchNorm,
    Dropout,
    Flatten,
    Layer,
    Loss,
    MeanSquaredError,
    Network,
    SoftmaxCrossEntropy,
    as_mlp,
    mlp,
)
from shoal.nn.init import check_init
from shoal.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind for kind in (Affine, BatchNorm, Dropout, Flatten, *ACTIVATIONS.values())
}
"""The names that TOML files use."""


@dataclass(frozen=True, repr=False)
class Recipe:
    """One way of training: all that is chosen before it starts.

    Attributes:
        network: a stack of layers; `mlp([100, 100])` makes a plain one.
        optimizer: an update rule with its learning rate.
        schedule: how the learning rate changes; None keeps it.
        init: "auto" (He before ReLU, Xavier before sigmoid, tanh and the output), "he", "xavier",
            "lecun", "zeros", or a standard deviation.
        weight_decay: λ ≥ 0; adds λ/2 · ‖W‖² for weights, not for biases, γ and β. (AdamW:
            decoupled, θ ← θ - η λ θ.) The loss reported does not contain it.
        loss: "auto" (cross-entropy for classes, mean squared error for regression),
            "softmax_cross_entropy" or "mean_squared_error".
        batch_size: rows per step.
        clip_norm: longest gradient of a network; a longer one is scaled down to it.

    Raises:
        ShoalError: a value of the wrong type or out of range.

    >>> from shoal.optim import SGD
    >>> recipe = Recipe(mlp([100]), SGD(lr=0.1), batch_size=32)
    >>> recipe
    Recipe(mlp([100], activation='relu'), SGD(lr=0.1), batch_size=32)
    >>> recipe.replace({"optimizer.lr": 0.5}).optimizer
    SGD(lr=0.5)
    """

    network: Network
    optimizer: Optimizer
    _: KW_ONLY
    schedule: Schedule | None = None
    init: str | float = "auto"
    weight_decay: float = 0.0
    loss: str = "auto"
    batch_size: int = 128
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _python(getattr(self, f.name)))
        _check_kind("network", self.network, Network, "a Network, such as shoal.mlp([100])")
        _check_kind("optimizer", self.optimizer, Optimizer, "an Optimizer, such as shoal.SGD()")
        if self.schedule is not None:
            _check_kind("schedule", self.schedule, Schedule, "a Schedule, such as shoal.Cosine()")
        check_init(self.init)
        check_number("weight_decay", self.weight_decay, least=0)
        if self.loss not in ("auto", *LOSSES):
            raise unknown("loss", self.loss, ["auto", *LOSSES])
        check_number("batch_size", self.batch_size, least=1, whole=True)
        if self.clip_norm is not None:
            check_number("clip_norm", self.clip_norm, above=0)

    def __repr__(self) -> str:
        changed = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)[2:]
            if getattr(self, f.name) != f.default
        ]
        return f"Recipe({', '.join([repr(self.network), repr(self.optimizer), *changed])})"

    def loss_for(self, task: str) -> Loss:
        """The loss to train on data for "classification" or "regression".

        Raises:
            ShoalError: cross-entropy for regression, or squared error for labels.
        """
        fitting = SoftmaxCrossEntropy if task == "classification" else MeanSquaredError
        if self.loss != "auto" and LOSSES[self.loss] is not fitting:
            raise ShoalError(f"loss={self.loss!r} does not fit {task}; take loss='auto'")
        return fitting()

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings; settings left at their default are left out."""
        plain: dict[str, Any] = _plain(self)
        plain.pop("kind")
        return plain

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """The inverse of `to_dict`.

        Raises:
            ShoalError: a key missing or unknown, a wrong type, a value out of range; it says where.
        """
        if not isinstance(plain, Mapping):
            raise ShoalError(f"{where}={plain!r} must be a table with network and optimizer")
        values = dict(plain)
        for key in ("network", "optimizer"):
            if key not in values:
                raise ShoalError(f"{where}: {key} is missing; known keys: {', '.join(_names(cls))}")
        values["network"] = _network(values["network"], f"{where}.network")
        values["optimizer"] = _kind(values["optimizer"], OPTIMIZERS, f"{where}.optimizer")
        if values.get("schedule") is not None:
            values["schedule"] = _kind(values["schedule"], SCHEDULES, f"{where}.schedule")
        recipe: Recipe = _make(cls, values, where)
        return recipe

    def to_toml(self) -> str:
        """The recipe as TOML, to paste into a file.

        >>> from shoal.optim import Adam
        >>> print(Recipe(mlp([32]), Adam()).to_toml())
        network = { hidden = [32], activation = "relu" }
        optimizer = { kind = "Adam", lr = 0.001, beta1 = 0.9, beta2 = 0.999, eps = 1e-08 }
        """
        return "\n".join(f"{key} = {_inline(value)}" for key, value in self.to_dict().items())

    @classmethod
    def from_toml(cls, text: str, where: str = "recipe") -> Recipe:
        """The inverse of `to_toml`.

        Raises:
            ShoalError: not TOML, or not a recipe.
        """
        try:
            plain = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise ShoalError(f"{where} is not TOML: {error}") from None
        return cls.from_dict(plain, where)

    def replace(self, changes: Mapping[str, Any]) -> Recipe:
        """This recipe with some settings changed, each named by its path.

        Args:
            changes: such as {"optimizer.lr": 0.1, "network.dropout": 0.2, "batch_size": 64}.

        Raises:
            ShoalError: no such setting, or a value out of range.
        """
        plain = self.to_dict()
        for path, value in changes.items():
            *parents, last = path.split(".")
            table = plain
            for parent in parents:
                table = table.setdefault(parent, {})
                if not isinstance(table, dict):
                    raise ShoalError(f"{path!r} is no setting: {parent} has no parts")
            table[last] = _plain(value)
        return Recipe.from_dict(plain)


def _check_kind(name: str, value: object, kind: type, wanted: str) -> None:
    if not isinstance(value, kind):
        raise ShoalError(f"{name}={value!r} must be {wanted}")


def _python(value: Any) -> Any:
    """NumPy's numbers as Python's, all the way down: np.float64(0.1) is no TOML and no JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        return tuple(map(_python, value))
    if isinstance(value, Network | Layer | Optimizer | Schedule):
        return replace(value, **{f.name: _python(getattr(value, f.name)) for f in fields(value)})
    return value


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def _plain(value: Any) -> Any:
    """Dataclasses as tables with their kind; of a recipe and a layer only what is not default."""
    if isinstance(value, Network):
        return as_mlp(value) or {"layers": [_plain(layer) for layer in value.layers]}
    if isinstance(value, Optimizer | Schedule):
        kept = fields(value)
    elif isinstance(value, Recipe | Layer):
        kept = tuple(f for f in fields(value) if getattr(value, f.name) != _default(f))
    else:
        return list(value) if isinstance(value, tuple) else value
    return {
        "kind": type(value).__name__,
        **{f.name: _plain(getattr(value, f.name)) for f in kept},
    }


def _network(plain: Any, where: str) -> Network:
    if not isinstance(plain, Mapping):
        raise ShoalError(f"{where}={plain!r} must be a table, such as {{ hidden = [100, 100] }}")
    if "layers" not in plain:
        known = ["hidden", "activation", "batch_norm", "dropout"]
        for key in plain:
            if key not in known:
                raise unknown(f"key in {where}:", key, [*known, "layers"])
        if "hidden" not in plain:
            raise ShoalError(f"{where}: hidden is missing; such as hidden = [100, 100]")
        network: Network = _located(where, lambda: mlp(**plain))
        return network
    for key in plain:
        if key != "layers":
            raise ShoalError(f"{where}: {key} does not go with layers; it belongs to hidden")
    if not isinstance(plain["layers"], list):
        raise ShoalError(f"{where}.layers={plain['layers']!r} must be a list of tables")
    layers = [
        _kind(layer, LAYERS, f"{where}.layers[{i}]") for i, layer in enumerate(plain["layers"])
    ]
    stack: Network = _located(where, lambda: Network(tuple(layers)))
    return stack


def _kind(plain: Any, kinds: Mapping[str, type], where: str) -> Any:
    """The object of a table {kind = "...", …}; a name alone takes all defaults."""
    if isinstance(plain, str):
        plain = {"kind": plain}
    if not isinstance(plain, Mapping) or "kind" not in plain:
        example = next(iter(kinds))
        raise ShoalError(f'{where}={plain!r} must be a table with kind = "{example}" or another')
    values = dict(plain)
    kind = values.pop("kind")
    if not isinstance(kind, str) or kind not in kinds:
        raise unknown(f"kind in {where}:", kind, kinds)
    if "then" in values:  # WarmUp holds the schedule that follows it
        values["then"] = _kind(values["then"], kinds, f"{where}.then")
    return _make(kinds[kind], values, where)


def _make(kind: type, values: Mapping[str, Any], where: str) -> Any:
    """`kind(**values)` with errors that say where."""
    names = _names(kind)
    for key in values:
        if key not in names:
            raise unknown(f"key in {where}:", key, names)
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    missing = [
        f.name
        for f in fields(kind)
        if f.name not in values and f.default is MISSING and f.default_factory is MISSING
    ]
    if missing:
        raise ShoalError(f"{where}: {', '.join(missing)} is missing")
    return _located(where, lambda: kind(**values))


def _located(where: str, make: Any) -> Any:
    try:
        return make()
    except (ShoalError, TypeError) as error:
        raise ShoalError(f"{where}: {error}") from None


def _inline(value: Any) -> str:
    """A value as inline TOML; a whole recipe fits on a few lines."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
        case Mapping():
            return "{ " + ", ".join(f"{k} = {_inline(v)}" for k, v in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(_inline, value)) + "]"
    return repr(value)
