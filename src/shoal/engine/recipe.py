"""A recipe: one way of training, and its plain form for TOML files and for `replace`."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, MISSING, Field, dataclass, fields, replace
from difflib import get_close_matches
from inspect import Parameter, signature
from typing import Any

import numpy as np

from shoal.distributions import (
    DISTRIBUTIONS,
    Choice,
    Distribution,
    holds_distribution,
    is_distribution,
    variants,
)
from shoal.errors import ShoalError, check_choice, check_number, unknown
from shoal.nn import (
    ACTIVATIONS,
    LOSSES,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    CustomLoss,
    Dropout,
    Flatten,
    Layer,
    Loss,
    MaxPool2D,
    Network,
    NetworkSpace,
    PeriodicEmbedding,
    as_convnet,
    as_mlp,
    convnet,
    mlp,
)
from shoal.nn.init import Equal, Init, check_init
from shoal.optim import OPTIMIZERS, SCHEDULES, Optimizer, Schedule

LAYERS: dict[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        *(Affine, AvgPool2D, BatchNorm, Conv2D, Dropout, Flatten, MaxPool2D, PeriodicEmbedding),
        *ACTIVATIONS.values(),
    )
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
            "lecun", "zeros", a standard deviation, or `Equal(value)` for equal weights.
        weight_decay: λ ≥ 0; adds λ/2 · ‖W‖² for weights, not for biases, γ and β. (AdamW:
            decoupled, θ ← θ - η λ θ.) The loss reported does not contain it.
        loss: "auto" (cross-entropy for classes, binary cross-entropy for several labels a row,
            mean squared error for regression), a name ("huber"), or a loss (`Huber(delta=0.5)`).
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
    init: Init = "auto"
    weight_decay: float = 0.0
    loss: str | Loss = "auto"
    batch_size: int = 128
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        for f in fields(self):
            object.__setattr__(self, f.name, _python(getattr(self, f.name)))
        _check_kind("network", self.network, Network, "a Network, such as shoal.mlp([100])")
        _check_kind("optimizer", self.optimizer, Optimizer, "an Optimizer, such as shoal.SGD()")
        if self.schedule is not None:
            wanted = "a Schedule, such as shoal.Cosine(), or shoal.Constant() for none"
            _check_kind("schedule", self.schedule, Schedule, wanted)
        check_init(self.init)
        check_number("weight_decay", self.weight_decay, least=0)
        for loss in variants(self.loss) if isinstance(self.loss, Choice) else (self.loss,):
            if not isinstance(loss, Loss):
                check_choice("loss", loss, ["auto", *LOSSES])
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

    @property
    def is_space(self) -> bool:
        """Whether there are distributions in it, so that it is not one recipe but many."""
        return holds_distribution(self)

    def loss_for(self, task: str) -> Loss:
        """The loss to train on data for "classification", "multilabel" or "regression".

        Raises:
            ShoalError: one for other data, such as cross-entropy for regression.
        """
        fitting = [name for name, kind in LOSSES.items() if task in kind.tasks]
        if isinstance(self.loss, Loss):
            loss = self.loss
        else:  # the table begins with the usual loss of each task
            loss = LOSSES[fitting[0] if self.loss == "auto" else self.loss]()
        if not loss.suits(task):
            raise ShoalError(
                f"loss={self.loss!r} does not fit {task}; take loss='auto', or one of "
                f"{', '.join(fitting)}"
            )
        return loss

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings; settings left at their default are left out.

        Raises:
            ShoalError: a loss that consists of functions, which have no plain form.
        """
        losses = variants(self.loss) if isinstance(self.loss, Choice) else (self.loss,)
        if any(isinstance(loss, CustomLoss) for loss in losses):
            raise ShoalError(
                f"loss={self.loss!r} cannot be written to a file: it consists of functions; "
                f"take one of {', '.join(LOSSES)}"
            )
        return self._plain()

    def _plain(self) -> dict[str, Any]:
        """As `to_dict`, but a loss made of functions stays as it is."""
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
        for key in values:
            if key not in _names(cls):
                raise unknown(f"key in {where}:", key, _names(cls))
        for key in ("network", "optimizer"):
            if key not in values:
                raise ShoalError(f"{where}: {key} is missing; known keys: {', '.join(_names(cls))}")
        values["network"] = _network(values["network"], f"{where}.network")
        values["optimizer"] = _kind(values["optimizer"], OPTIMIZERS, f"{where}.optimizer")
        if values.get("schedule") is not None:
            values["schedule"] = _kind(values["schedule"], SCHEDULES, f"{where}.schedule")
        if "loss" in values:
            values["loss"] = _loss(values["loss"], f"{where}.loss")
        if "init" in values:
            values["init"] = _start(values["init"], f"{where}.init")
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
        plain = self._plain()
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
    for each in variants(value) if isinstance(value, Choice) else (value,):
        if not isinstance(each, kind):
            raise ShoalError(f"{name}={each!r} must be {wanted}")


def _python(value: Any) -> Any:
    """NumPy's numbers as Python's, all the way down: np.float64(0.1) is no TOML and no JSON."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, tuple):
        items = tuple(map(_python, value))
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value
    if isinstance(value, Network | Layer | Optimizer | Schedule | Equal | Loss):
        ours = {f.name: getattr(value, f.name) for f in fields(value)}
        theirs = {name: _python(each) for name, each in ours.items()}
        changed = {name: each for name, each in theirs.items() if each is not ours[name]}
        return replace(value, **changed) if changed else value
    return value


def _default(field: Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not MISSING else field.default


def _names(kind: type) -> list[str]:
    return [f.name for f in fields(kind)]


def _plain(value: Any) -> Any:
    """Dataclasses as tables with their kind; of a recipe and a layer only what is not default."""
    if isinstance(value, Distribution):
        listed = value.ends if isinstance(value, Choice) else value.arguments
        return {value.name: [_plain(each) for each in listed]}
    if isinstance(value, NetworkSpace):
        return {name: _plain(setting) for name, setting in value.settings}
    if isinstance(value, Network):
        plain = as_mlp(value) or as_convnet(value)
        if plain is None:
            return {"layers": [_plain(layer) for layer in value.layers]}
        return {name: _plain(setting) for name, setting in plain.items()}
    if isinstance(value, Equal):
        return {"equal": _plain(value.value)}
    if isinstance(value, Optimizer | Schedule):
        kept = fields(value)
    elif isinstance(value, CustomLoss):
        return value
    elif isinstance(value, Recipe | Layer | Loss):
        kept = tuple(f for f in fields(value) if getattr(value, f.name) != _default(f))
    else:
        return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
    return {
        "kind": type(value).__name__,
        **{f.name: _plain(getattr(value, f.name)) for f in kept},
    }


def _network(plain: Any, where: str) -> Network:
    if isinstance(plain, Network):  # made already
        return plain
    if is_distribution(plain):
        chosen: Network = _choice(plain, where, _network)
        return chosen
    _refuse_misspelt(plain, where)
    if not isinstance(plain, Mapping):
        raise ShoalError(f"{where}={plain!r} must be a table, such as {{ hidden = [100, 100] }}")
    if "layers" not in plain:
        make = convnet if "filters" in plain else mlp
        known = list(signature(make).parameters)
        for key in plain:
            if key not in known:
                raise unknown(f"key in {where}:", key, [*known, "layers"])
        if make is mlp and "hidden" not in plain:
            raise ShoalError(f"{where}: hidden is missing; such as hidden = [100, 100]")
        settings = {key: _value(value, f"{where}.{key}") for key, value in plain.items()}
        network: Network = _located(where, lambda: make(**settings))
        return network
    for key in plain:
        if key != "layers":
            raise ShoalError(f"{where}: {key} does not go with layers; give one of the two")
    if not isinstance(plain["layers"], list):
        raise ShoalError(f"{where}.layers={plain['layers']!r} must be a list of tables")
    layers = [
        _kind(layer, LAYERS, f"{where}.layers[{i}]") for i, layer in enumerate(plain["layers"])
    ]
    stack: Network = _located(where, lambda: Network(tuple(layers)))
    return stack


def _value(plain: Any, where: str) -> Any:
    """A setting: a distribution from its table, also inside a list; anything else as it is."""
    if is_distribution(plain):
        ((name, arguments),) = plain.items()
        if not isinstance(arguments, list):
            raise ShoalError(f"{where}: {name}={arguments!r} must be a list, such as [0.1, 0.9]")
        if name == Choice.name:
            return _choice(plain, where, _value)
        arguments = [_value(argument, where) for argument in arguments]
        _check_count(name, arguments, where)
        return _located(where, lambda: DISTRIBUTIONS[name](*arguments))
    if isinstance(plain, Mapping) and (len(plain) > 1 or any(map(_is_list, plain.values()))):
        raise _no_distribution(plain, where)
    return [_value(each, where) for each in plain] if isinstance(plain, list) else plain


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _check_count(name: str, arguments: Sequence[Any], where: str) -> None:
    """A distribution must be given as many arguments as it takes."""
    known = signature(DISTRIBUTIONS[name]).parameters.values()
    least = sum(parameter.default is Parameter.empty for parameter in known)
    if not least <= len(arguments) <= len(known):
        takes = ", ".join(parameter.name for parameter in known)
        raise ShoalError(f"{where}: {name}={arguments!r} must be a list of {takes}")


def _no_distribution(plain: Mapping[str, Any], where: str) -> ShoalError:
    """The error for a table that stands where a value or a distribution should."""
    for name in DISTRIBUTIONS:
        if name in plain:
            more = ", ".join(str(key) for key in plain if key != name)
            return ShoalError(f"{where}: leave out {more}; {name} stands alone in its table")
    if len(plain) == 1:
        return unknown(f"distribution in {where}:", next(iter(plain)), DISTRIBUTIONS)
    return ShoalError(
        f"{where}={dict(plain)!r} must be a value, or a distribution such as "
        f"{{ uniform = [0.1, 0.9] }} (known: {', '.join(DISTRIBUTIONS)})"
    )


def _refuse_misspelt(plain: Any, where: str) -> None:
    """Where tables of another kind may stand: refuse { choise = [ … ] }, which means a choice."""
    if isinstance(plain, Mapping) and len(plain) == 1 and not is_distribution(plain):
        ((name, value),) = plain.items()
        if isinstance(value, list) and get_close_matches(
            str(name).lower(), DISTRIBUTIONS, cutoff=0.7
        ):
            raise unknown(f"distribution in {where}:", name, DISTRIBUTIONS)


def _choice(plain: Mapping[str, Any], where: str, read: Callable[[Any, str], Any]) -> Any:
    """A choice among options that `read` reads: { choice = [ … ] }, or its options at once."""
    ((name, options),) = plain.items()
    if name != Choice.name:
        raise ShoalError(f"{where}={dict(plain)!r}: only a choice can stand here")
    if not isinstance(options, list):
        raise ShoalError(f"{where}: choice={options!r} must be a list of options")
    read_options = [read(option, f"{where}[{i}]") for i, option in enumerate(options)]
    return _located(where, lambda: DISTRIBUTIONS[name](read_options))


def _loss(plain: Any, where: str) -> Any:
    """A loss: a table with its kind, a choice among losses, or its name, which stays as it is."""
    if is_distribution(plain) and Choice.name in plain:
        return _choice(plain, where, _loss)
    _refuse_misspelt(plain, where)
    if isinstance(plain, Mapping) and plain:
        return _kind(plain, {kind.__name__: kind for kind in LOSSES.values()}, where)
    return plain


def _start(plain: Any, where: str) -> Any:
    """How weights start: { equal = 0.5 }, a choice among starts, or any other setting."""
    if is_distribution(plain) and Choice.name in plain:
        return _choice(plain, where, _start)
    _refuse_misspelt(plain, where)
    if isinstance(plain, Mapping) and not is_distribution(plain):
        return _equal(plain, where)
    return _value(plain, where)


def _equal(plain: Mapping[str, Any], where: str) -> Equal:
    """The start of a table { equal = 0.5 }."""
    for key in plain:
        if key != "equal":
            raise unknown(f"key in {where}:", key, ["equal"])
    if not plain:
        raise ShoalError(f"{where}={{}} must be a name, a number, or {{ equal = 0.5 }}")
    equal: Equal = _located(where, lambda: Equal(_value(plain["equal"], f"{where}.equal")))
    return equal


def _kind(plain: Any, kinds: Mapping[str, type], where: str) -> Any:
    """The object of a table {kind = "...", …}; a name alone takes all defaults."""
    if isinstance(plain, str):
        plain = {"kind": plain}
    if is_distribution(plain):
        return _choice(plain, where, lambda option, at: _kind(option, kinds, at))
    _refuse_misspelt(plain, where)
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
    values = {key: _value(value, f"{where}.{key}") for key, value in values.items()}
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
