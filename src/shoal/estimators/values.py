"""What an estimator was given and has learnt, as plain values for a file, and back.

JSON knows text, numbers, lists and tables with text as keys. Everything else becomes a table with
one key that says what it is: {"tuple": […]}, {"array": name}, {"optimizer": {…}}. What no file can
hold without running code (functions, states of generators) becomes {"left out": its text}.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.engine import Recipe
from shoal.estimators.history import FitHistory
from shoal.nn import CustomLoss, Loss, Network, mlp
from shoal.nn.init import Equal
from shoal.optim import SGD, Optimizer, Schedule

Arrays = dict[str, NDArray[Any]]
_PARTS: Final[tuple[tuple[str, type], ...]] = (
    ("network", Network),
    ("optimizer", Optimizer),
    ("schedule", Schedule),
    ("loss", Loss),
    ("init", Equal),
)
"""What a recipe knows to write: the name of its part, and its kind."""


class LeftOut:
    """What a file could not hold, as text."""

    def __init__(self, text: str) -> None:
        self.text = text


def left_out(value: Any) -> str | None:
    """The text of what is missing in a value that was read, or None.

    >>> left_out((1, [LeftOut("<function f>")])), left_out({"a": 1})
    ('<function f>', None)
    """
    if isinstance(value, LeftOut):
        return value.text
    inside = value.values() if isinstance(value, dict) else value
    if isinstance(value, dict | list | tuple):
        return next((text for text in map(left_out, inside) if text is not None), None)
    return None


def write_value(value: Any, where: str, arrays: Arrays) -> Any:
    """A value as JSON has it; arrays are put beside it, by where they stand.

    >>> beside = {}
    >>> write_value({"sizes": (10, np.int64(5)), "w": np.ones(2)}, "given", beside)
    {'dict': [['sizes', {'tuple': [10, 5]}], ['w', {'array': 'given.w'}]]}
    >>> list(beside)
    ['given.w']
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        listed = [write_value(each, f"{where}.{i}", arrays) for i, each in enumerate(value)]
        return {"tuple": listed} if isinstance(value, tuple) else listed
    if isinstance(value, Mapping):
        pairs = [
            [write_value(key, where, arrays), write_value(each, f"{where}.{key}", arrays)]
            for key, each in value.items()
        ]
        return {"dict": pairs}
    if isinstance(value, np.ndarray):
        return write_array(value, where, arrays)
    if isinstance(value, FitHistory):
        return {"history": write_value(value.to_dict(), where, arrays)}
    if isinstance(value, Recipe):
        return {"recipe": value.to_dict()} if writable(value.loss) else _left_out(value)
    for part, kind in _PARTS:
        if isinstance(value, kind):
            return {part: _write_part(part, value)} if writable(value) else _left_out(value)
    return _left_out(value)


def read_value(plain: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """The inverse of `write_value`; what was left out is a `LeftOut`.

    Raises:
        ValueError, TypeError, KeyError: if it does not come from there.
    """
    if isinstance(plain, list):
        return [read_value(each, arrays) for each in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, content),) = plain.items()
    if kind in dict(_PARTS):
        return _read_part(kind, content)
    return _READERS[kind](content, arrays)


def write_array(value: NDArray[Any], where: str, arrays: Arrays) -> Any:
    """An array of numbers goes beside the facts; one of text, or of anything, among them."""
    if value.dtype.kind in "biuf" and value.dtype.itemsize <= 8:
        arrays[where] = value
        return {"array": where}
    listed = [write_value(each, where, arrays) for each in value.ravel().tolist()]
    kind = "text" if value.dtype.kind == "U" else "objects"
    return {kind: [list(value.shape), listed]}


def writable(value: Any) -> bool:
    """Whether a file can hold it: a loss made of functions it cannot."""
    return not isinstance(value, CustomLoss)


def _write_part(part: str, value: Any) -> Any:
    """A part of a recipe, in the form that a recipe's file has."""
    whole: dict[str, Any] = {"network": mlp([1]), "optimizer": SGD(), part: value}
    return Recipe(**whole).to_dict()[part]


def _read_part(part: str, plain: Any) -> Any:
    return getattr(
        Recipe.from_dict({"network": {"hidden": [1]}, "optimizer": "SGD", part: plain}), part
    )


def _left_out(value: Any) -> dict[str, str]:
    text = re.sub(r" at 0x[0-9a-fA-F]+", "", repr(value))  # where it lay says nothing
    return {"left out": " ".join(text.split())[:200]}


def _read_dict(content: Any, arrays: Mapping[str, NDArray[Any]]) -> dict[Any, Any]:
    return {read_value(key, arrays): read_value(value, arrays) for key, value in content}


def _read_text(content: Any, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    shape, texts = content
    return np.array([_text(each) for each in texts], dtype=np.str_).reshape(shape)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _read_objects(content: Any, arrays: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    shape, listed = content
    flat = np.empty(len(listed), dtype=object)
    flat[:] = [read_value(each, arrays) for each in listed]
    return flat.reshape(shape)


_READERS: Final[dict[str, Callable[[Any, Mapping[str, NDArray[Any]]], Any]]] = {
    "tuple": lambda content, arrays: tuple(read_value(content, arrays)),
    "dict": _read_dict,
    "array": lambda content, arrays: arrays[content],
    "text": _read_text,
    "objects": _read_objects,
    "history": lambda content, arrays: FitHistory.from_dict(read_value(content, arrays)),
    "recipe": lambda content, arrays: Recipe.from_dict(content),
    "left out": lambda content, arrays: LeftOut(_text(content)),
}
