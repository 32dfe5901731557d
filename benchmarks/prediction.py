"""Prediction: what a trained network costs that answers, for one row and for many.

Everyone has the same weights, and answers from rows of float32 in memory to numbers in memory:

- Shoal: `Model.forward`, logits; and `ShoalClassifier.predict_proba`, all checks included;
- PyTorch: `model(torch.from_numpy(x)).numpy()` under `inference_mode`, eager and compiled;
- onnxruntime: the graph that `Model.to_onnx` writes, probabilities;
- scikit-learn: `MLPClassifier.predict_proba`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import shoal
from benchmarks.data import mnist
from benchmarks.harness import Contestant, Timed, Workload
from benchmarks.machine import has, named, processors, thread_counts
from benchmarks.work import forward_flops, multiply_adds
from shoal.data.preparation import fit_array
from shoal.estimators.model import Model
from shoal.nn import SoftmaxCrossEntropy

NETWORK = shoal.mlp([256, 128])
PATIENCE = 90.0
"""Seconds that PyTorch's compiler may take."""

Rows = NDArray[np.float32]
Say = Callable[[Rows], Any]
"""From rows to logits or probabilities."""


@dataclass(frozen=True)
class Said:
    """What a contestant answered.

    Attributes:
        probabilities: of the classes, (rows, classes).
        calls: how often it was asked.
    """

    probabilities: NDArray[np.float64]
    calls: int


def one_row(quick: bool) -> Workload:
    """One row at a time: what a call costs besides its arithmetic."""
    return _workload("predict-one", "Prediction of one row", 1, 20 if quick else 5000, quick)


def many_rows(quick: bool) -> Workload:
    """Many rows at a time."""
    rows, calls = (500, 2) if quick else (10_000, 40)
    return _workload("predict-many", f"Prediction of {rows:,} rows", rows, calls, quick)


def _workload(name: str, title: str, rows: int, calls: int, quick: bool) -> Workload:
    data, called = mnist(valid=0.0)
    x = np.array(data.test.x[:rows]).reshape(rows, -1)  # PyTorch wants one that may be written to
    model = model_of(data)
    contestants, absent = _contestants(model, x, calls, quick)
    return Workload(
        name=name,
        title=title,
        lines=(
            f"{called}; 784-256-128-10, ReLU; {rows:,} row{'s' if rows > 1 else ''} a call, "
            f"{calls:,} calls a round.",
        ),
        unit="call",
        units=lambda said: said.calls,
        flops=forward_flops(multiply_adds(NETWORK, data), rows),
        formula="FLOPs are those of matrix products, 2 for a multiply-add.",
        contestants=tuple(contestants),
        absent=absent,
        agreement=agreement,
    )


def model_of(data: shoal.Dataset) -> Model:
    """The network with the weights that training begins with, for flat rows as they are."""
    shape = (int(np.prod(data.in_shape)),)
    network = NETWORK.bind(shape, data.outputs)
    params = [{k: v[None] for k, v in layer.items()} for layer in network.init(0, shape)]
    rows = np.zeros((2, *shape), np.float32)
    return Model(
        fit_array(rows, scale="none"),
        network,
        params,
        "classification",
        SoftmaxCrossEntropy(),
        classes=np.arange(data.outputs),
        engine="compiled",
    )


def _contestants(
    model: Model, x: Rows, calls: int, quick: bool
) -> tuple[list[Contestant], dict[str, str]]:
    """All who are installed; and who is not."""
    work, absent = _Work(x, calls), {}
    made = [
        work.contestant(
            named("Shoal", processors() if len(x) > 1 else 1),
            "Model.forward, compiled engine; logits",
            lambda: model.forward,
            softmax,
        ),
        work.contestant(
            "Shoal, estimator", "ShoalClassifier.predict_proba", partial(_estimator, model)
        ),
    ]
    for count in thread_counts(quick):
        if has("torch"):
            eager = partial(_eager, model)
            name, around = named("PyTorch", count), partial(_inference, count)
            made.append(work.contestant(name, EAGER, eager, softmax, around))
        if has("onnxruntime") and has("onnx"):
            made.append(
                work.contestant(named("onnxruntime", count), ONNX, partial(_onnx, model, count))
            )
        if has("sklearn"):
            name, limit = named("scikit-learn", count), partial(threadpool_limits, count)
            made.append(work.contestant(name, SKLEARN, partial(_sklearn, model), around=limit))
    if has("torch") and not quick:
        name, around = f"PyTorch, {processors()} threads, compiled", partial(_inference, None)
        compiled = _in_time(lambda: work.first(_compiled(model), around))
        if isinstance(compiled, str):
            absent["PyTorch, compiled"] = compiled
        else:
            made.append(work.contestant(name, COMPILED, lambda: compiled, softmax, around))
    for name, module in (
        ("PyTorch", "torch"), ("onnxruntime", "onnxruntime"), ("scikit-learn", "sklearn")
    ):  # fmt: skip
        if not has(module):
            absent[name] = "not installed"
    return made, absent


EAGER = "eager, model(torch.from_numpy(x)).numpy() under inference_mode; logits"
COMPILED = "torch.compile, else as eager"
ONNX = "the graph of Model.to_onnx; probabilities"
SKLEARN = "MLPClassifier.predict_proba"


@dataclass(frozen=True)
class _Work:
    """Rows, and how often one is asked about them."""

    x: Rows
    calls: int

    def contestant(
        self,
        name: str,
        settings: str,
        make: Callable[[], Say],
        meaning: Callable[[Any], Any] = np.asarray,
        around: Callable[[], AbstractContextManager[Any]] = nullcontext,
    ) -> Contestant:
        """One who answers.

        Args:
            name, settings: of the contestant.
            make: what answers; made once.
            meaning: probabilities of what it says.
            around: the settings under which it answers.
        """
        ready: list[Say] = []

        def run() -> Said:
            with around():
                for _ in range(self.calls):
                    said = ready[0](self.x)
            return Said(np.asarray(meaning(said), np.float64), self.calls)

        def prepare() -> Timed:
            if not ready:
                ready.append(self.first(make(), around))
            return run

        return Contestant(name, settings, prepare, lambda: prepare()())

    def first(self, say: Say, around: Callable[[], AbstractContextManager[Any]]) -> Say:
        """Ask once, so that nothing happens for the first time later."""
        with around():
            say(self.x)
        return say


def _estimator(model: Model) -> Say:
    """An estimator with these weights, after a fit to nothing in particular."""
    assert model.classes is not None
    few = np.zeros((40, model.in_shape[0]), np.float32)
    estimator = shoal.ShoalClassifier(hidden=(8,), epochs=1, valid=None, random_state=0)
    estimator.fit(few, np.resize(model.classes, 40))
    estimator.model_ = model
    say: Say = estimator.predict_proba
    return say


def _module(model: Model) -> Any:
    import torch

    from shoal.estimators.torch import to_torch

    modules = [m for m in to_torch(model) if not isinstance(m, torch.nn.Flatten)]
    return torch.nn.Sequential(*modules).eval()


def _eager(model: Model) -> Say:
    import torch

    module, tensor = _module(model), torch.from_numpy
    return lambda x: module(tensor(x)).numpy()


def _compiled(model: Model) -> Say:
    import torch

    module, tensor = torch.compile(_module(model)), torch.from_numpy
    return lambda x: module(tensor(x)).numpy()


@contextmanager
def _inference(threads: int | None) -> Iterator[None]:
    """PyTorch without gradients, with a number of threads; None for all."""
    import torch

    torch.set_num_threads(threads or processors())
    with torch.inference_mode():
        yield


def _in_time(make: Callable[[], Say]) -> Say | str:
    """What is made, or why not: a compiler may be missing, or take too long."""
    made: list[Say | str] = []

    def attempt() -> None:
        try:
            made.append(make())
        except Exception as error:
            made.append(f"{type(error).__name__}: {' '.join(str(error).split())[:100]}")

    thread = Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return made[0] if made else f"not compiled within {PATIENCE:.0f} s"


def _onnx(model: Model, threads: int) -> Say:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    proto = model.to_onnx().SerializeToString()
    session = onnxruntime.InferenceSession(proto, options, ["CPUExecutionProvider"])
    return lambda x: session.run(["probabilities"], {"X": x})[0]


def _sklearn(model: Model) -> Say:
    from sklearn.neural_network import MLPClassifier

    assert model.classes is not None
    peer = MLPClassifier((256, 128), random_state=0)
    few = np.zeros((len(model.classes), model.in_shape[0]), np.float32)
    peer.partial_fit(few, model.classes, classes=model.classes)
    layers = [layer for layer in model.params if layer]
    for k, layer in enumerate(layers):
        peer.coefs_[k], peer.intercepts_[k] = layer["W"][0], layer["b"][0]
    say: Say = peer.predict_proba
    return say


def softmax(logits: Any) -> Any:
    """Probabilities of logits (…, rows, classes)."""
    z = np.asarray(logits, np.float64)
    z = z.reshape(-1, z.shape[-1])
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def agreement(results: Mapping[str, Said]) -> list[str]:
    """How far each contestant's probabilities lie from the first one's."""
    (reference, first), *others = results.items()
    differences = (
        f"{name} {np.abs(said.probabilities - first.probabilities).max():.0e}"
        for name, said in others
    )
    return [
        f"Same weights, same rows: probabilities differ from those of {reference} by at most: "
        f"{'; '.join(differences)}."
    ]
