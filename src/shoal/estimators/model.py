"""A trained model: everything that prediction needs, as plain data and arrays.

A `Model` knows nothing of training. It takes raw rows, prepares them as the training rows were
prepared, and says probabilities, labels or numbers in their own unit. Files, ONNX and PyTorch are
made from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.preparation import Preparation
from shoal.engine.engines import ENGINES, answers_compiled
from shoal.engine.member import Program, program_of
from shoal.engine.networks import ALONE, Group, Networks, row_work
from shoal.errors import ShoalError, check_choice, check_number
from shoal.estimators.keeping import Keeps
from shoal.nn import Loss, Network, SoftmaxCrossEntropy
from shoal.nn.losses import BinaryCrossEntropy, CustomLoss, Poisson
from shoal.optim import SGD

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.engine import Shoal
    from shoal.engine.compiled.answers import Answers

Task = Literal["classification", "multilabel", "regression"]
TASKS: Final[tuple[Task, ...]] = ("classification", "multilabel", "regression")
Link = Literal["softmax", "sigmoid", "exp", "identity", "custom"]
Values = NDArray[np.float64]
Params = Sequence[dict[str, NDArray[np.float32]]]

AT_ONCE: Final = 2**20
"""Multiply-adds that NumPy does at once, on the thread that asks; more are shared among threads."""
ROWS_AT_ONCE: Final = 2**16
"""Rows that are prepared and answered before the next ones, so that memory stays bounded."""


@dataclass(frozen=True, eq=False)
class Model(Keeps):
    """Trained networks of one structure that answer together, and what their answers mean.

    The answer is the mean over the members: of their probabilities, or of their numbers.

    The compiled engine answers where it is at hand; what it says of a row is the same to the bit
    whatever rows are asked beside it, and on any number of threads. Else NumPy answers: then the
    last bits of a row may depend on the rows asked beside it (BLAS takes another way for another
    number of rows); the same call says the same. Which of the two it is, is settled at a model's
    first answer and stays. They agree within 1e-5 of the largest output.

    Attributes:
        preparation: what raw rows go through first.
        network: bound to the prepared rows and the outputs.
        params: the arrays of each layer, float32 with an axis of members.
        task: "classification" (one label a row), "multilabel" (yes or no for each of several
            labels) or "regression".
        loss: what it was trained with; it says what the outputs mean.
        classes: the labels in the order of the outputs (outputs,); None for regression.
        target_mean: of the targets (outputs,); a number is mean + scale · output. None for labels.
        target_scale: of the targets (outputs,).
        temperature: T > 0 by which probabilities are made softer: p becomes p^(1/T), normalised.
        conformal: |y - prediction| of validation rows, sorted (rows, outputs); None without.
        targets: the names of the target's columns; empty if they have none.
        engine: who answers, "compiled" (which may wait for the compiler once), "reference" (NumPy)
            or "auto": compiled code if it was used in this process already or lies on this
            machine's disk, which it does once something was trained by it; NumPy else.

    Raises:
        ShoalError: parts that do not fit together.

    >>> import shoal
    >>> data = shoal.load("digits")
    >>> recipe = shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01))
    >>> trained = shoal.Trainer(recipe, data, epochs=5, seeds=3).run().shoal
    >>> model = model_of(trained, data)
    >>> model
    <Model: classification, 3 members, inputs (8, 8), 10 classes>
    >>> from sklearn.datasets import load_digits
    >>> model.predict(load_digits().images[:2])
    array([0, 1])
    """

    preparation: Preparation
    network: Network
    params: Params
    task: Task
    loss: Loss
    classes: NDArray[Any] | None = None
    target_mean: Values | None = None
    target_scale: Values | None = None
    temperature: float = 1.0
    conformal: Values | None = None
    targets: tuple[str, ...] = ()
    engine: str = "auto"

    def __post_init__(self) -> None:
        check_choice("task", self.task, TASKS)
        check_choice("engine", self.engine, ENGINES)
        check_number("temperature", self.temperature, above=0)
        _check_params(self.network, self.in_shape, self.params)
        outputs, labels = self.outputs_count, self.task != "regression"
        for name, wanted in (
            ("classes", labels),
            ("target_mean", not labels),
            ("target_scale", not labels),
        ):
            value = getattr(self, name)
            if (value is not None) != wanted or (wanted and value.shape != (outputs,)):
                came = None if value is None else f"an array of shape {value.shape}"
                want = f"have shape ({outputs},)" if wanted else "be None"
                raise ShoalError(f"{name} of a model for {self.task} must {want}, but is {came}")
        if self.conformal is not None and (labels or self.conformal.shape[1:] != (outputs,)):
            raise ShoalError(
                f"conformal of shape {self.conformal.shape} must be (rows, {outputs}), "
                "and for regression only"
            )
        if self.link == "softmax" and self.task != "classification":
            raise ShoalError(f"loss={self.loss!r} does not fit {self.task}")

    def __repr__(self) -> str:
        members = "1 member" if self.members == 1 else f"{self.members} members"
        noun = {"classification": "classes", "multilabel": "labels"}.get(self.task, "targets")
        noun = noun[:-1] if self.outputs_count == 1 and self.task != "classification" else noun
        return (
            f"<Model: {self.task}, {members}, inputs {self.preparation.shape}, "
            f"{self.outputs_count} {noun}>"
        )

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one prepared row."""
        return self.preparation.in_shape

    @cached_property
    def members(self) -> int:
        """How many networks answer together."""
        return len(next(value for layer in self.params for value in layer.values()))

    @cached_property
    def outputs_count(self) -> int:
        """How many numbers the last layer says of a row."""
        return math.prod(self.network.shapes(self.in_shape)[-1])

    @cached_property
    def link(self) -> Link:
        """What the outputs are: logits of "softmax" or "sigmoid", logarithms ("exp"), themselves.

        A loss of somebody's own says it with its `meaning`; one that has none is taken for what is
        usual for the task.
        """
        if isinstance(self.loss, CustomLoss) and self.loss.meaning is not None:
            return "custom"
        kinds: dict[type[Loss], Link] = {
            SoftmaxCrossEntropy: "softmax",
            BinaryCrossEntropy: "sigmoid",
            Poisson: "exp",
        }
        usual: dict[Task, Link] = {"classification": "softmax", "multilabel": "sigmoid"}
        return kinds.get(type(self.loss), usual.get(self.task, "identity"))

    def outputs(self, x: Any) -> NDArray[np.float32]:
        """What the last layer says of raw rows, (members, rows, outputs).

        Raises:
            ShoalError: rows that the preparation refuses.
        """
        return self.forward(self.preparation.transform(x))

    def forward(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the last layer says of prepared rows, (members, rows, outputs).

        A few rows go through at once, by the shortest way; many are cut into pieces that run on
        threads.

        Raises:
            ShoalError: rows of another shape; engine="compiled", and nothing can be compiled here.
        """
        work = len(x) * self._row_work
        if self._answers is not None:
            return self._answers(x) if work <= ALONE else self._networks.outputs(x)
        if work <= AT_ONCE and len(x):
            with np.errstate(all="ignore"):  # a diverged network says what it can
                outputs, _ = self.network.forward(self.params, x[None])
            # rows that all members share up to the end: there are no weights in the network
            return np.asarray(outputs)
        return self._networks.outputs(x)

    def each(self, x: Any) -> Values:
        """What each member says of raw rows, (members, rows, outputs).

        Probabilities, or numbers in the targets' own unit.
        """
        return np.concatenate([self._meanings(self.outputs(rows)) for rows in pieces(x)], axis=1)

    def scores(self, x: Any) -> Values:
        """Logarithms of the members' mean probabilities, before the temperature (rows, classes).

        For several labels a row their logits, log p / (1 - p).

        Raises:
            ShoalError: the model is for regression; rows that the preparation refuses.
        """
        if self.task == "regression":
            raise ShoalError("probabilities are for labels; for regression take predict")
        return np.concatenate([self._scores(self.outputs(rows)) for rows in pieces(x)])

    def probabilities(self, x: Any) -> Values:
        """Probability of each class, (rows, classes), or of each label, (rows, labels).

        Raises:
            ShoalError: the model is for regression; rows that the preparation refuses.
        """
        return self.probabilities_of(self.scores(x))

    def probabilities_of(self, scores: Values) -> Values:
        """What `scores` mean, at the model's temperature."""
        scores = scores / self.temperature
        if self.task == "multilabel":
            return sigmoid(scores)
        with np.errstate(invalid="ignore"):
            e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))

    def predict(self, x: Any) -> NDArray[Any]:
        """The most likely label of every row (rows,), or numbers (rows,) or (rows, outputs).

        For several labels a row 0 or 1 for each, (rows, labels).

        Raises:
            ShoalError: rows that the preparation refuses.
        """
        if self.classes is not None:
            return self.labels_of(self.scores(x))
        return flat(self.numbers(x))

    def labels_of(self, scores: Values) -> NDArray[Any]:
        """What `predict` says of rows with these scores; the temperature does not matter."""
        assert self.classes is not None
        if self.task == "multilabel":
            return (scores > 0).astype(np.int64)
        return np.asarray(self.classes[scores.argmax(axis=-1)])

    def numbers(self, x: Any) -> Values:
        """Mean of the members' numbers, (rows, outputs), in the targets' own unit."""
        if self.task != "regression":
            raise ShoalError("numbers are for regression; for labels take probabilities")
        return np.concatenate([_mean(self._meanings(self.outputs(rows))) for rows in pieces(x)])

    def spread(self, x: Any) -> Values:
        """Standard deviation of the members' numbers or probabilities, (rows, outputs)."""
        return np.concatenate(
            [self._meanings(self.outputs(rows)).std(axis=0) for rows in pieces(x)]
        )

    def _meanings(self, outputs: NDArray[np.float32]) -> Values:
        """Outputs as probabilities, or as numbers in their own unit."""
        z = outputs.astype(np.float64)
        with np.errstate(all="ignore"):
            if self.link == "custom":
                said = np.asarray(self.loss.predict(z), np.float64)
            elif self.link == "softmax":
                said = np.exp(log_softmax(z))
            elif self.link == "sigmoid":
                said = sigmoid(z)
            else:
                said = np.exp(z) if self.link == "exp" else z
        if self.target_mean is None or self.target_scale is None:
            return said
        return self.target_mean + self.target_scale * said

    def _scores(self, outputs: NDArray[np.float32]) -> Values:
        """The members' mean as logarithms or logits; nothing is lost where p is nearly 0 or 1."""
        with np.errstate(all="ignore"):
            if self.link == "custom":
                p = _mean(self._meanings(outputs))
                return np.log(p) - np.log1p(-p) if self.task == "multilabel" else np.log(p)
            z = outputs.astype(np.float64)
            if self.link == "sigmoid":
                # log of the mean of σ(z) and of σ(-z) = 1 - σ(z)
                yes, no = (_log_mean(-np.logaddexp(0, sign * z)) for sign in (-1, 1))
                return yes - no
            return _log_mean(log_softmax(z))

    def __getstate__(self) -> dict[str, Any]:
        """Only what cannot be made again travels: to another process there is no compiled code."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @cached_property
    def _program(self) -> Program:
        return Program(self.network, SGD, self.loss, 1, False, False, self.in_shape)

    @cached_property
    def _row_work(self) -> int:
        return max(1, self.members * row_work(self._program))

    @cached_property
    def _answers(self) -> Answers | None:
        """Compiled code that answers; None where NumPy does."""
        if not answers_compiled(self.network, self.engine):
            return None
        from shoal.engine.compiled.answers import Answers

        return Answers.of(self._program, self.params)

    @cached_property
    def _networks(self) -> Networks:
        place = np.arange(self.members)
        return Networks([Group(self._program, self.params, place, self._answers)])


def model_of(
    shoal: Shoal, data: Dataset, members: Sequence[int] | None = None, **more: Any
) -> Model:
    """The model that members of a trained shoal are together.

    Args:
        shoal: `Trainer(...).run().shoal`.
        data: what it was trained on.
        members: by number; None for all.
        more: further attributes of the model, such as `temperature`.

    Raises:
        ShoalError: members of different structure, no members.
    """
    chosen = range(len(shoal)) if members is None else members
    if not len(chosen):
        raise ShoalError("members=[] is empty; a model needs at least one member")
    recipes = [shoal.members[i].recipe for i in chosen]
    programs = {program_of(r, data.in_shape, data.outputs, data.task).network for r in recipes}
    if len(programs) > 1:
        raise ShoalError("a model is made of networks of one structure; take members of one recipe")
    classes = None if data.classes is None else np.array(data.classes)
    return Model(
        preparation=data.preparation,
        network=recipes[0].network.bind(data.in_shape, data.outputs),
        params=stacked([shoal.weights(i) for i in chosen]),
        task=data.task,
        loss=recipes[0].loss_for(data.task),
        classes=classes,
        target_mean=data.target_mean,
        target_scale=data.target_scale,
        **more,
    )


def stacked(weights: Sequence[Params]) -> list[dict[str, NDArray[np.float32]]]:
    """The weights of each member, as `Shoal.weights` gives them, with one axis of members."""
    return [
        {name: np.stack([member[i][name] for member in weights]) for name in layer}
        for i, layer in enumerate(weights[0])
    ]


def pieces(x: Any, rows: int = ROWS_AT_ONCE) -> Any:
    """Arrays and tables in pieces that are answered one after another."""
    count = getattr(x, "shape", (0,))[0]
    if count <= rows:
        return (x,)
    starts = range(0, count, rows)
    if hasattr(x, "iloc"):
        return (x.iloc[at : at + rows] for at in starts)
    return (x[at : at + rows] for at in starts)


def flat(values: NDArray[Any]) -> NDArray[Any]:
    """One target as (rows,), several as they are."""
    return values[:, 0] if values.shape[1] == 1 else values


def log_softmax(z: Values) -> Values:
    """Logarithms of softmax, over the last axis."""
    shifted = z - z.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def sigmoid(z: Values) -> Values:
    """1 / (1 + e⁻ᶻ), which cannot overflow.

    >>> sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def _mean(each: Values) -> Values:
    """Mean over the members, one after another: the order does not depend on the rows."""
    total = each[0].copy()
    for said in each[1:]:
        total += said
    return np.asarray(total / len(each))


def _log_mean(logs: Values) -> Values:
    """log of the mean of e^logs over the members."""
    if len(logs) == 1:
        return np.asarray(logs[0])
    most = logs.max(axis=0)
    most = np.where(np.isfinite(most), most, 0.0)
    return np.asarray(np.log(_mean(np.exp(logs - most))) + most)


def _check_params(network: Network, in_shape: tuple[int, ...], params: Params) -> None:
    """Require the arrays that the network has, float32, with the same number of members each."""
    wanted = [
        {name: p.shape for name, p in layer.items()} for layer in network.parameters(in_shape)
    ]
    came = [{name: value.shape[1:] for name, value in layer.items()} for layer in params]
    members = {len(value) for layer in params for value in layer.values()}
    kinds = {value.dtype for layer in params for value in layer.values()}
    if wanted != came or len(members) != 1 or 0 in members or kinds != {np.dtype(np.float32)}:
        raise ShoalError(
            f"params must be float32 arrays of {network!r}, each with the same number of members"
        )
