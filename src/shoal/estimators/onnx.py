"""A model for ONNX runtimes: preparation of inputs, networks, and what their outputs mean.

Inputs: for a model of arrays one, "X", float32 (rows, columns), or images as they were given to
`fit`, channels last; NaN is a missing number. For a model of tables one for each column, by its
name: float32 (rows, 1) for numbers, NaN being a missing one; text (rows, 1) for levels, "" being a
missing one, "True" and "False" for booleans, and "3" for a whole number. A level that nobody saw in
training counts as rare, or as none.

Outputs: "label" and "probabilities" (rows, classes) for classes; for several labels a row the same,
with 0 or 1 for each in "label"; "prediction", float64 (rows, targets), for numbers. Probabilities
are at the model's temperature, and means over the members.

onnxruntime, or any runtime with operators of opset 17 and of ai.onnx.ml 3, says what `predict` and
`predict_proba` say, within 1e-5. Inputs are float32, so where numbers need more digits than that,
give the model numbers near 0 (a year as years since 2000).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.data.preparation import (
    ArrayPreparation,
    Levels,
    Numbers,
    Preparation,
    TablePreparation,
)
from shoal.data.preparation.levels import MISSING
from shoal.data.scaling import Pixels
from shoal.engine.checkpoint import write_whole
from shoal.errors import ShoalError
from shoal.estimators.model import Model
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
    PeriodicEmbedding,
    ReLU,
    Sigmoid,
    Tanh,
)
from shoal.nn.window import Window

OPSET: Final = 17
OPSET_ML: Final = 3
OUTPUTS: Final = ("label", "probabilities", "prediction")
ROWS: Final = "rows"
"""The name of the axis of rows, which is as long as it is."""


def to_onnx(model: Any, path: str | Path | None = None) -> Any:
    """The `onnx.ModelProto` of a fitted estimator or of a `Model`; written to `path` if given.

    Raises:
        ShoalError: onnx is not installed, the model is not fitted, a layer or a loss of somebody's
            own, or a file that cannot be written.
    """
    core = model if isinstance(model, Model) else getattr(model, "model_", None)
    if not isinstance(core, Model):
        raise ShoalError(f"{model!r} is not fitted; call fit before to_onnx")
    if core.link == "custom":
        raise ShoalError(
            f"loss={core.loss!r} says by a function what outputs mean, which ONNX cannot hold; "
            "take a loss without meaning="
        )
    with _onnx():
        proto = _proto(core)
        if path is not None:
            write_whole(Path(path), proto.SerializeToString())
        return proto


@contextmanager
def _onnx() -> Iterator[None]:
    """Where onnx is needed: say so if it is not there, or the model is too large for it."""
    try:
        import onnx  # noqa: F401
    except ImportError:
        raise ShoalError("to_onnx needs onnx; install it: pip install 'shoal[onnx]'") from None
    from google.protobuf.message import EncodeError

    try:
        yield
    except (EncodeError, ValueError) as error:
        if isinstance(error, ShoalError):
            raise
        line = " ".join(str(error).split())
        raise ShoalError(
            f"the model does not fit an ONNX file ({line}); its limit is 2 GB"
        ) from error


def _proto(model: Model) -> Any:
    import onnx
    from onnx import helper

    import shoal

    graph = _Graph()
    x = _prepare(graph, model.preparation)
    outputs = [
        _member(graph, model, x, [{k: v[m] for k, v in layer.items()} for layer in model.params])
        for m in range(model.members)
    ]
    _answer(graph, model, outputs)
    proto = helper.make_model(
        helper.make_graph(graph.nodes, "shoal", graph.inputs, graph.outputs, graph.constants),
        opset_imports=[
            helper.make_opsetid("", OPSET),
            helper.make_opsetid("ai.onnx.ml", OPSET_ML),
        ],
        producer_name="shoal",
        producer_version=shoal.__version__,
        ir_version=8,
    )
    onnx.checker.check_model(proto, full_check=True)
    return proto


class _Graph:
    """A graph that grows: every call adds a node and gives the name of what it puts out."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self.constants: list[Any] = []
        self._known: dict[bytes, str] = {}
        self._count = 0

    def __call__(self, kind: str, *given: str | NDArray[Any], **settings: Any) -> str:
        """Add an operator; arrays among what it is given become constants."""
        from onnx import helper

        names = [each if isinstance(each, str) else self.constant(each) for each in given]
        self._count += 1
        name = settings.pop("name", f"shoal/{kind.lower()}_{self._count}")
        domain = settings.pop("domain", "")
        self.nodes.append(helper.make_node(kind, names, [name], domain=domain, **settings))
        return str(name)

    def constant(self, value: NDArray[Any]) -> str:
        """An array of the graph; equal ones are there once."""
        from onnx import numpy_helper

        key = f"{value.dtype}{value.shape}".encode() + (
            repr(value.tolist()).encode() if value.dtype.kind in "OU" else value.tobytes()
        )
        if key not in self._known:
            name = self._known[key] = f"shoal/constant_{len(self._known)}"
            held = value.astype(object) if value.dtype.kind == "U" else np.array(value, order="C")
            self.constants.append(numpy_helper.from_array(held, name))
        return self._known[key]

    def input(self, name: str, kind: int, shape: Sequence[int]) -> str:
        """What the graph is given."""
        from onnx import helper

        self.inputs.append(helper.make_tensor_value_info(name, kind, [ROWS, *shape]))
        return name

    def output(self, name: str, kind: int, shape: Sequence[int]) -> None:
        """What the graph gives."""
        from onnx import helper

        self.outputs.append(helper.make_tensor_value_info(name, kind, [ROWS, *shape]))

    def cast(self, x: str, kind: int) -> str:
        """The same numbers as another type."""
        return self("Cast", x, to=kind)


def _float(value: float) -> NDArray[np.float32]:
    return np.array(value, np.float32)


# --- preparation --------------------------------------------------------------------------------


def _prepare(graph: _Graph, preparation: Preparation) -> str:
    """Raw inputs as a network's inputs, float32."""
    if isinstance(preparation, TablePreparation):
        return _prepare_table(graph, preparation)
    return _prepare_array(graph, preparation)


def _prepare_array(graph: _Graph, preparation: ArrayPreparation) -> str:
    from onnx import TensorProto

    x = graph.input("X", TensorProto.FLOAT, preparation.shape)
    if preparation.scaling is None:
        return x
    if isinstance(preparation.scaling, Pixels):
        return graph("Div", x, _float(preparation.scaling.top))
    return _numbers(graph, preparation.scaling, x, preparation.flags)


def _numbers(graph: _Graph, numbers: Numbers, x: str, flags: Sequence[int]) -> str:
    """Gaps filled, scaled, clipped, and flags behind; in float64, as in `Numbers`."""
    from onnx import TensorProto

    wide = graph.cast(x, TensorProto.DOUBLE)
    gone = None
    if numbers.fill is not None:
        gone = graph("IsNaN", wide)
        wide = graph("Where", gone, numbers.fill, wide)
    z = graph("Div", graph("Sub", wide, numbers.mean), numbers.scale)
    if numbers.clip is not None:
        share = graph("Div", z, np.array(numbers.clip))
        one = np.array(1.0)
        z = graph("Div", z, graph("Sqrt", graph("Add", graph("Mul", share, share), one)))
    ready = graph.cast(z, TensorProto.FLOAT)
    if not flags or gone is None:
        return ready
    flagged = graph("Gather", gone, np.array(flags, np.int64), axis=1)
    return graph("Concat", ready, graph.cast(flagged, TensorProto.FLOAT), axis=1)


def _prepare_table(graph: _Graph, preparation: TablePreparation) -> str:
    from onnx import TensorProto

    kinds = {"number": TensorProto.FLOAT, "level": TensorProto.STRING}
    for name in OUTPUTS:
        if name in preparation.columns:
            raise ShoalError(f"column {name!r} has the name of an output in ONNX; rename it")
    given = {c.name: graph.input(c.name, kinds[c.kind], (1,)) for c in preparation.expected}
    numbers = [c.name for c in preparation.expected if c.kind == "number"]
    parts = []
    if preparation.numbers is not None:
        together = graph("Concat", *(given[name] for name in numbers), axis=1)
        parts.append(_numbers(graph, preparation.numbers, together, preparation.flags))
    parts += [_levels(graph, column, given[column.name]) for column in preparation.levels]
    return graph("Concat", *parts, axis=1)


def _levels(graph: _Graph, column: Levels, x: str) -> str:
    """1 for the level's input: texts become places, and places are compared with 0, 1, 2, …"""
    from onnx import TensorProto

    places = dict(column.known)
    otherwise = len(column.levels) if column.rare else -1
    places[""] = places.get(MISSING, otherwise)
    place = graph(
        "LabelEncoder",
        x,
        domain="ai.onnx.ml",
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=otherwise,
    )
    return graph.cast(graph("Equal", place, np.arange(len(column))[None]), TensorProto.FLOAT)


# --- layers -------------------------------------------------------------------------------------


class _Rows:
    """What a layer is given: its name, its shape, and whether channels stand before the places."""

    def __init__(self, name: str, shape: tuple[int, ...], channels_first: bool = False) -> None:
        self.name, self.shape, self.channels_first = name, shape, channels_first


def _member(graph: _Graph, model: Model, x: str, params: Sequence[dict[str, Any]]) -> str:
    """What the last layer of one member says."""
    rows = _Rows(x, model.in_shape)
    shapes = model.network.shapes(model.in_shape)[1:]
    for layer, p, shape in zip(model.network.layers, params, shapes, strict=True):
        if type(layer) not in _LAYERS:
            raise ShoalError(
                f"{type(layer).__name__} has no form in ONNX; known are "
                f"{', '.join(kind.__name__ for kind in _LAYERS)}"
            )
        rows = _LAYERS[type(layer)](graph, layer, p, rows)
        rows.shape = shape
    return rows.name


def _same(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return rows


def _flatten(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    """Channels go last before the places are forgotten, as they do in `Flatten`."""
    if len(rows.shape) == 1:
        return rows
    name = _channels_last(graph, rows)
    return _Rows(graph("Flatten", name, axis=1), (math.prod(rows.shape),))


def _channels_last(graph: _Graph, rows: _Rows) -> str:
    if not rows.channels_first:
        return rows.name
    return graph("Transpose", rows.name, perm=[0, 2, 3, 1])


def _channels_first(graph: _Graph, rows: _Rows) -> str:
    """Images as the operators of ONNX want them; grey ones get their one channel."""
    if rows.channels_first:
        return rows.name
    if len(rows.shape) == 2:
        return graph("Unsqueeze", rows.name, np.array([1]))
    return graph("Transpose", rows.name, perm=[0, 3, 1, 2])


def _affine(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return _Rows(graph("Gemm", rows.name, p["W"], p["b"]), rows.shape)


def _conv(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    name = graph(
        "Conv",
        _channels_first(graph, rows),
        np.ascontiguousarray(p["W"].transpose(3, 2, 0, 1)),
        p["b"],
        **_window(layer.window),
    )
    return _Rows(name, rows.shape, channels_first=True)


def _max_pool(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    name = graph("MaxPool", _channels_first(graph, rows), **_window(layer.window))
    return _Rows(name, rows.shape, channels_first=True)


def _avg_pool(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    """Padding counts in the mean, as in `AvgPool2D`."""
    name = graph(
        "AveragePool",
        _channels_first(graph, rows),
        count_include_pad=1,
        **_window(layer.window),
    )
    return _Rows(name, rows.shape, channels_first=True)


def _window(window: Window) -> dict[str, list[int]]:
    (up, down), (left, right) = window.padding
    return {
        "kernel_shape": list(window.size),
        "strides": list(window.stride),
        "pads": [up, left, down, right],
    }


def _periodic(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    """(rows, n, 1, k) waves by (n, k, size) in one product; the inputs themselves come first."""
    n, k, size = p["V"].shape
    if not n:
        return rows
    x = graph("Slice", rows.name, np.array([0]), np.array([n]), np.array([1]))
    x = graph("Reshape", x, np.array([-1, n, 1, 1]))
    u = graph("Add", graph("Mul", x, p["w"].reshape(n, 1, k)), p["phase"].reshape(n, 1, k))
    e = graph("MatMul", graph("Cos", u), p["V"])
    e = graph("Reshape", graph("Add", e, p["b"].reshape(n, 1, size)), np.array([-1, n * size]))
    return _Rows(graph("Concat", rows.name, e, axis=1), rows.shape)


def _batch_norm(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    """y = a x + c for every feature, with a = γ / √(σ² + ε) and c = β - a μ."""
    a = p["gamma"] / np.sqrt(p["var"].astype(np.float64) + layer.eps)
    c = p["beta"] - a * p["mean"]
    shape = (-1, 1, 1) if rows.channels_first else (-1,)
    a, c = (v.astype(np.float32).reshape(shape) for v in (a, c))
    return _elementwise(rows, graph("Add", graph("Mul", rows.name, a), c))


def _elementwise(rows: _Rows, name: str) -> _Rows:
    return _Rows(name, rows.shape, rows.channels_first)


def _relu(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return _elementwise(rows, graph("Relu", rows.name))


def _leaky(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return _elementwise(rows, graph("LeakyRelu", rows.name, alpha=float(layer.slope)))


def _sigmoid(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return _elementwise(rows, graph("Sigmoid", rows.name))


def _tanh(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    return _elementwise(rows, graph("Tanh", rows.name))


def _gelu(graph: _Graph, layer: Any, p: Any, rows: _Rows) -> _Rows:
    """In parts: ONNX has it as one only since opset 20."""
    x = rows.name
    cube = graph("Mul", graph("Mul", x, x), graph("Mul", x, _float(0.044715)))
    u = graph("Mul", graph("Add", x, cube), _float(math.sqrt(2 / math.pi)))
    half = graph("Mul", x, _float(0.5))
    return _elementwise(rows, graph("Mul", half, graph("Add", graph("Tanh", u), _float(1))))


_LAYERS: Final[dict[type[Layer], Callable[[_Graph, Any, Any, _Rows], _Rows]]] = {
    Affine: _affine,
    AvgPool2D: _avg_pool,
    BatchNorm: _batch_norm,
    Conv2D: _conv,
    Dropout: _same,
    Flatten: _flatten,
    GELU: _gelu,
    LeakyReLU: _leaky,
    MaxPool2D: _max_pool,
    PeriodicEmbedding: _periodic,
    ReLU: _relu,
    Sigmoid: _sigmoid,
    Tanh: _tanh,
}


# --- what the outputs mean ----------------------------------------------------------------------


def _answer(graph: _Graph, model: Model, outputs: Sequence[str]) -> None:
    """The mean over the members, as labels and probabilities or as numbers."""
    if model.task == "classification":
        _classes(graph, model, outputs)
    elif model.task == "multilabel":
        _several_labels(graph, model, outputs)
    else:
        _targets(graph, model, outputs)


def _classes(graph: _Graph, model: Model, outputs: Sequence[str]) -> None:
    from onnx import TensorProto

    assert model.classes is not None
    scores = _log_mean(graph, [graph("LogSoftmax", z, axis=-1) for z in outputs])
    best = graph("ArgMax", scores, axis=-1, keepdims=0)
    labels = model.classes
    if labels.dtype.kind in "OU":
        if not all(isinstance(label, str) for label in labels.tolist()):
            raise ShoalError(f"classes {labels.tolist()} must be of one type for ONNX")
        kind = TensorProto.STRING
    elif labels.dtype.kind == "f":
        labels, kind = labels.astype(np.float64), TensorProto.DOUBLE
    elif labels.dtype.kind == "b":
        kind = TensorProto.BOOL
    else:
        labels, kind = labels.astype(np.int64), TensorProto.INT64
    graph("Gather", labels, best, axis=0, name="label")
    graph.output("label", kind, ())
    soft = graph("Div", scores, _float(model.temperature))
    graph("Softmax", soft, axis=-1, name="probabilities")
    graph.output("probabilities", TensorProto.FLOAT, (model.outputs_count,))


def _several_labels(graph: _Graph, model: Model, outputs: Sequence[str]) -> None:
    """Logits of the mean probabilities, log p - log (1 - p), each exact where it is near 0."""
    from onnx import TensorProto

    if len(outputs) == 1:
        scores = outputs[0]
    else:
        yes, no = (
            _log_mean(graph, [graph("Neg", graph("Softplus", turn(z))) for z in outputs])
            for turn in (lambda z: graph("Neg", z), lambda z: z)
        )
        scores = graph("Sub", yes, no)
    positive = graph("Greater", scores, _float(0))
    graph("Cast", positive, to=TensorProto.INT64, name="label")
    graph.output("label", TensorProto.INT64, (model.outputs_count,))
    graph("Sigmoid", graph("Div", scores, _float(model.temperature)), name="probabilities")
    graph.output("probabilities", TensorProto.FLOAT, (model.outputs_count,))


def _targets(graph: _Graph, model: Model, outputs: Sequence[str]) -> None:
    """mean + scale · link(z), in float64: a large mean would swallow the digits of float32."""
    from onnx import TensorProto

    assert model.target_mean is not None
    assert model.target_scale is not None
    said = [graph.cast(z, TensorProto.DOUBLE) for z in outputs]
    if model.link == "exp":
        said = [graph("Exp", z) for z in said]
    mean = said[0]
    for other in said[1:]:
        mean = graph("Add", mean, other)
    if len(said) > 1:
        mean = graph("Div", mean, np.array(float(len(said))))
    scaled = graph("Mul", mean, model.target_scale)
    graph("Add", scaled, model.target_mean, name="prediction")
    graph.output("prediction", TensorProto.DOUBLE, (model.outputs_count,))


def _log_mean(graph: _Graph, logs: Sequence[str]) -> str:
    """log of the mean over the members of e^logs."""
    if len(logs) == 1:
        return logs[0]
    side_by_side = [graph("Unsqueeze", each, np.array([0])) for each in logs]
    total = graph("ReduceLogSumExp", graph("Concat", *side_by_side, axis=0), axes=[0], keepdims=0)
    return graph("Sub", total, _float(math.log(len(logs))))
