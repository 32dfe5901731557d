"""Model files: a trained model, and the estimator around it, in one file that lasts.

The file is safetensors (github.com/huggingface/safetensors): arrays, and one text of facts in JSON
with a checksum. Nothing is pickled, so opening a file runs nothing, whoever wrote it; whatever it
says is checked before it is believed.

What an estimator keeps in a file: its class by name, its constructor's values (`get_params`), and
every attribute that it has learnt, that is, whose name ends in "_" and begins with a letter. They
may be numbers, text, arrays, lists, tables of such, histories and recipes (see `values`).
`partial_fit` goes on from a file with the weights, but without what the optimizer remembered.
"""

from __future__ import annotations

import json
import platform
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.data.preparation import read_preparation, write_preparation
from shoal.engine.checkpoint import checksum, write_whole
from shoal.errors import ShoalError
from shoal.estimators.model import Model
from shoal.estimators.values import (
    Arrays,
    left_out,
    read_value,
    writable,
    write_array,
    write_value,
)
from shoal.nn import CustomLoss, Network

FORMAT: Final = 1
WHAT: Final = "shoal model"
LONGEST_HEADER: Final = 2**25
"""Bytes of facts that are read at most; a longer header is no model's."""
LARGEST_ROW: Final = 2**28
"""Numbers that a layer may make of one row; a file that asks for more would fill the memory."""
_MADE_OF: Final = ("shoal", "numpy", "safetensors", "scikit-learn")


@dataclass(frozen=True, eq=False)
class ModelFile:
    """What a model file holds.

    Attributes:
        model: the model.
        estimator: the name of its class, or None for a model alone.
        parameters: what its constructor was given.
        learnt: the attributes that it has learnt, but for the model.
        versions: of Python and the libraries that wrote it.
    """

    model: Model
    estimator: str | None
    parameters: dict[str, Any]
    learnt: dict[str, Any]
    versions: dict[str, str]


def save_model(model: Any, path: str | Path) -> Path:
    """Write a fitted estimator, or a `Model` alone, to a file, conventionally NAME.shoal.

    The old file stays whole until the new one is.

    Args:
        model: a fitted `ShoalClassifier` or `ShoalRegressor`, or a `Model`.
        path: the file.

    Returns:
        The path.

    Raises:
        ShoalError: it is not fitted, its loss gives meaning to the outputs by a function, or the
            file cannot be written.
    """
    from safetensors.numpy import save as to_bytes

    alone = isinstance(model, Model)
    core = model if alone else getattr(model, "model_", None)
    if not isinstance(core, Model):
        raise ShoalError(f"{model!r} is not fitted; call fit before save")
    if not alone and type(model).__name__ not in ESTIMATORS:
        raise ShoalError(
            f"a file holds {' or '.join(ESTIMATORS)}, not {type(model).__name__}; "
            "save its model_ alone"
        )
    arrays: Arrays = {}
    facts = {
        "what": WHAT,
        "format": FORMAT,
        "versions": {"python": platform.python_version(), **{n: version(n) for n in _MADE_OF}},
        "model": _write_core(core, arrays),
        "estimator": None if alone else _write_estimator(model, arrays),
    }
    text = json.dumps(facts, ensure_ascii=False)
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    labels = {"shoal": text, "crc32": checksum(text, whole)}
    if len(text.encode()) > LONGEST_HEADER // 2:
        raise ShoalError("the model has too many levels and names for a file; drop such columns")
    write_whole(Path(path), to_bytes(whole, metadata=labels))
    return Path(path)


def load_model(path: str | Path) -> Any:
    """The estimator that `save` wrote, fitted; or the `Model`, if that was saved alone.

    Opening a file runs nothing that stands in it.

    Raises:
        ShoalError: no such file, another kind of file, a damaged one, or one of a later version.

    >>> import tempfile
    >>> import numpy as np
    >>> import shoal
    >>> x = np.arange(20.0)[:, None]
    >>> model = shoal.ShoalRegressor(hidden=8, epochs=20, random_state=0).fit(x, 3 * x[:, 0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = model.save(f"{folder}/line.shoal")
    ...     again = shoal.load_model(path)
    >>> np.array_equal(again.predict(x), model.predict(x))
    True
    """
    import shoal

    file = read_model(path)
    if file.estimator is None:
        return file.model
    kind = getattr(shoal, file.estimator)
    parameters = dict(file.parameters)
    for name, value in file.parameters.items():
        gone = left_out(value)
        if gone is not None:
            del parameters[name]
            warnings.warn(
                f"{name}={gone} could not be kept in {path}; it is at its default now: set it "
                "again before the next fit",
                UserWarning,
                stacklevel=2,
            )
    try:
        estimator = kind(**parameters)
        for name, value in (file.learnt | {"model_": file.model}).items():
            if left_out(value) is None:
                setattr(estimator, name, value)
    except (TypeError, AttributeError) as error:
        raise _damaged(Path(path), str(error)) from None
    return estimator


def read_model(path: str | Path) -> ModelFile:
    """What a model file holds, without making an estimator of it.

    Raises:
        ShoalError: as `load_model`.
    """
    path = Path(path)
    labels, arrays = _open(path)
    try:
        facts = json.loads(labels["shoal"])
        what, number = facts["what"], facts["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ShoalError(f"{path} is no model file of shoal; give one that save wrote") from None
    if what != WHAT:
        raise ShoalError(f"{path} is no model file of shoal; give one that save wrote")
    if not isinstance(number, int) or number > FORMAT:
        raise ShoalError(
            f"{path} is of format {number!r}, written by a later version of shoal; this one reads "
            f"formats up to {FORMAT}: install a newer shoal"
        )
    if labels.get("crc32") != checksum(labels["shoal"], arrays):
        raise _damaged(path, "its checksum is wrong")
    try:
        return _read(facts, arrays)
    except ShoalError as error:
        raise _damaged(path, str(error)) from None
    except _WRONG as error:
        raise _damaged(path, f"{type(error).__name__}: {error}") from None


_WRONG: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What comes of facts that no `save` wrote."""


def _open(path: Path) -> tuple[dict[str, str], Arrays]:
    """The texts and arrays of a safetensors file, which is as large as it says it is."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        wrong = "is no file" if path.exists() else "does not exist"
        raise ShoalError(f"{path} {wrong}; give a model file that save wrote")
    try:
        with path.open("rb") as file:
            header = int.from_bytes(file.read(8), "little")
        if header > min(LONGEST_HEADER, path.stat().st_size):
            raise ShoalError(f"{path} is no model file of shoal, or is truncated; get it again")
        with safe_open(path, framework="numpy") as tensors:
            labels = tensors.metadata() or {}
            if "shoal" not in labels:
                raise ShoalError(f"{path} is no model file of shoal; give one that save wrote")
            arrays = {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except OSError as error:
        raise ShoalError(f"{path} cannot be read: {error.strerror or error}") from None
    except ShoalError:
        raise
    except (SafetensorError, *_WRONG) as error:
        raise ShoalError(
            f"{path} is no model file of shoal, or is damaged ({_line(error)}); get it again"
        ) from None
    return labels, arrays


def _damaged(path: Path, why: str) -> ShoalError:
    return ShoalError(f"{path} is damaged ({_line(why)}); get it again, or save the model anew")


def _line(text: object) -> str:
    return " ".join(str(text).split())[:200]


def _write_core(model: Model, arrays: Arrays) -> dict[str, Any]:
    """The model: facts, and its arrays put beside them."""
    if model.link == "custom":
        raise ShoalError(
            f"loss={model.loss!r} says by a function what outputs mean, which no file can hold; "
            "take a loss without meaning="
        )
    facts, fitted = write_preparation(model.preparation)
    arrays.update({f"preparation.{name}": array for name, array in fitted.items()})
    for i, layer in enumerate(model.params):
        arrays.update({f"layer.{i}.{name}": value for name, value in layer.items()})
    for name in ("target_mean", "target_scale", "conformal"):
        if getattr(model, name) is not None:
            arrays[name] = getattr(model, name)
    # a loss of one's own is only needed to train: what its outputs mean is what is usual
    loss = write_value(model.loss, "loss", arrays) if writable(model.loss) else None
    return {
        "task": model.task,
        "preparation": facts,
        "network": write_value(model.network, "network", arrays),
        "loss": loss,
        "classes": None if model.classes is None else write_array(model.classes, "classes", arrays),
        "temperature": model.temperature,
        "targets": list(model.targets),
    }


def _write_estimator(estimator: Any, arrays: Arrays) -> dict[str, Any]:
    learnt = {
        name: value
        for name, value in vars(estimator).items()
        if is_learnt(name) and name != "model_"
    }
    return {
        "class": type(estimator).__name__,
        "parameters": write_value(estimator.get_params(deep=False), "given", arrays),
        "learnt": write_value(learnt, "learnt", arrays),
    }


def is_learnt(name: str) -> bool:
    """Whether an attribute is one that an estimator has learnt.

    >>> [is_learnt(name) for name in ("classes_", "hidden", "_going", "__class__", "model_")]
    [True, False, False, False, True]
    """
    return name.endswith("_") and not name.startswith("_") and not name.endswith("__")


ESTIMATORS: Final = ("ShoalClassifier", "ShoalRegressor")
"""The classes that a file may name."""


def _read(facts: Mapping[str, Any], arrays: Arrays) -> ModelFile:
    """What the facts and arrays say, checked.

    Raises:
        ShoalError and all of `_WRONG`: if `save` did not write them.
    """
    model = _read_core(facts["model"], arrays)
    versions = {str(name): str(value) for name, value in facts["versions"].items()}
    about = facts["estimator"]
    if about is None:
        return ModelFile(model, None, {}, {}, versions)
    if about["class"] not in ESTIMATORS:
        raise ValueError(f"unknown class {about['class']!r}")
    parameters = read_value(about["parameters"], arrays)
    learnt = read_value(about["learnt"], arrays)
    if not all(isinstance(name, str) for name in (*parameters, *learnt)):
        raise TypeError("names must be text")
    if not all(is_learnt(name) for name in learnt):
        raise ValueError("attributes that nobody learns")
    return ModelFile(model, about["class"], parameters, learnt, versions)


def _read_core(facts: Mapping[str, Any], arrays: Arrays) -> Model:
    preparation = read_preparation(
        facts["preparation"],
        {
            name.removeprefix("preparation."): array
            for name, array in arrays.items()
            if name.startswith("preparation.")
        },
    )
    network = read_value(facts["network"], arrays)
    if not isinstance(network, Network):
        raise TypeError("network is no network")
    shapes = network.parameters(preparation.in_shape)
    _refuse_huge(network, preparation.in_shape)
    params = [
        {name: arrays[f"layer.{i}.{name}"] for name in layer} for i, layer in enumerate(shapes)
    ]
    loss = CustomLoss(_gone, _gone) if facts["loss"] is None else read_value(facts["loss"], arrays)
    classes = None if facts["classes"] is None else read_value(facts["classes"], arrays)
    names = ("target_mean", "target_scale", "conformal")
    beside: dict[str, Any] = {name: _float64(arrays, name) for name in names}
    if not (classes is None or (isinstance(classes, np.ndarray) and classes.ndim == 1)):
        raise TypeError("classes are no list of labels")
    return Model(
        preparation=preparation,
        network=network,
        params=params,
        task=facts["task"],
        loss=loss,
        classes=classes,
        temperature=float(facts["temperature"]),
        targets=tuple(str(name) for name in facts["targets"]),
        **beside,
    )


def _float64(arrays: Arrays, name: str) -> NDArray[np.float64] | None:
    if name in arrays and arrays[name].dtype != np.float64:
        raise TypeError(f"{name} is {arrays[name].dtype}")
    return arrays.get(name)


def _refuse_huge(network: Network, in_shape: tuple[int, ...]) -> None:
    """A layer may make no more of one row than a model that was trained could have made."""
    shapes = network.shapes(in_shape)
    for layer, before, after in zip(network.layers, shapes[:-1], shapes[1:], strict=True):
        window = getattr(layer, "window", None)
        padded = 0
        if window is not None:
            (up, down), (left, right) = window.padding
            padded = (before[0] + up + down) * (before[1] + left + right) * (*before, 1)[2]
        if max(padded, int(np.prod(after, dtype=object)) + layer.working(before)) > LARGEST_ROW:
            raise ValueError(f"{layer!r} makes too much of one row")


def _gone(outputs: Any, targets: Any) -> Any:
    """A loss that was not kept in the file."""
    raise ShoalError("the loss was made of functions, which the model's file does not hold")
