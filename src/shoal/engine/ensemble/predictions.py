"""What members say on one part of the data, and how good they and their averages are.

The members are evaluated once; every average of some of them then is a product with a matrix of
weights (averages, members), whose rows add up to 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from shoal.engine.evaluate import METRICS
from shoal.engine.executor import one_blas_thread

Values = NDArray[np.float64]

VALUES_AT_ONCE = 2**19
"""Numbers of a piece of the work that stay near the core."""

TIE = 1e-12
"""Two probabilities that differ by less, relatively, are equal: sums were rounded differently."""


@dataclass(frozen=True, eq=False)
class ClassPredictions:
    """What members say of classes.

    Attributes:
        outputs: logits (members, rows, classes).
        y: class indices (rows,).
    """

    outputs: NDArray[np.float32]
    y: NDArray[np.int64]

    measures: ClassVar[tuple[str, ...]] = METRICS["classification"]

    @cached_property
    def labels(self) -> NDArray[np.int64]:
        """The class that each member finds most likely (members, rows)."""
        return np.stack([z.argmax(axis=-1) for z in self.outputs])

    @cached_property
    def log_p_true(self) -> Values:
        """Logarithm of each member's probability of the true class (members, rows)."""
        rows = np.arange(len(self.y))
        logs: Values = np.stack([log_softmax(z)[rows, self.y] for z in self.outputs])
        return logs

    @property
    def errors(self) -> Values:
        """1 where a member is wrong and 0 where it is right (members, rows)."""
        return np.asarray(self.labels != self.y, np.float64)

    def of_members(self) -> dict[str, Values]:
        """Loss and accuracy of each member."""
        right = np.array([(labels == self.y).mean() for labels in self.labels])
        return {"loss": -self.log_p_true.mean(axis=-1), "accuracy": right}

    def of_averages(self, weights: Values) -> dict[str, Values]:
        """Loss and accuracy of averages of the members' probabilities."""
        return {name: self.of_averages_in(name, weights) for name in self.measures}

    def of_averages_in(self, measure: str, weights: Values) -> Values:
        """One measure of averages of the members' probabilities.

        L = mean over rows of -log Σₘ wₘ pₘₜ, t the true class, from the logits in float64.

        Args:
            measure: "loss" or "accuracy".
            weights: (averages, members).
        """
        if measure == "loss":
            return log_losses(self.log_p_true, weights)
        with one_blas_thread():
            return self._accuracies(weights)

    def _accuracies(self, weights: Values) -> Values:
        right = np.zeros(len(weights), np.int64)
        members, _, classes = self.outputs.shape
        for rows in pieces(len(self.y), members * classes):
            # rows last: then every step of `winners` is one pass through memory
            p = np.array([np.exp(log_softmax(z[rows])).T for z in self.outputs])
            flat = p.reshape(members, -1)
            for some in pieces(len(weights), flat.shape[1]):
                average = (weights[some] @ flat).reshape(-1, *p.shape[1:])
                named = winners(np.moveaxis(average, 1, -1))
                right[some] += (named == self.y[rows]).sum(axis=-1)
        return np.asarray(right / len(self.y))

    def ambiguity(self) -> float:
        """Mean over rows and members of log(p̄ₜ / pₘₜ), with p̄ the mean probability.

        This is mean member loss - loss of the ensemble. It is never negative: log is concave, so
        the logarithm of a mean is at least the mean of the logarithms (Jensen 1906).
        """
        return jensen_gap(self.log_p_true)


@dataclass(frozen=True, eq=False)
class LabelPredictions:
    """What members say of several labels a row, each of which holds or not.

    Attributes:
        outputs: logits (members, rows, labels).
        y: 1 where a label holds, else 0 (rows, labels).
    """

    outputs: NDArray[np.float32]
    y: NDArray[np.float32]

    measures: ClassVar[tuple[str, ...]] = METRICS["multilabel"]

    @cached_property
    def labels(self) -> NDArray[np.bool_]:
        """Which labels each member finds likelier than not (members, rows, labels)."""
        return np.asarray(self.outputs > 0)

    @cached_property
    def log_p_true(self) -> Values:
        """Logarithm of each member's probability of what is true (members, rows, labels).

        log σ(z) where the label holds, else log σ(-z) = log(1 - σ(z)).
        """
        return log_sigmoid(np.where(self.y > 0, self.outputs, -self.outputs))

    @property
    def errors(self) -> Values:
        """1 where a member is wrong and 0 where it is right (members, rows, labels)."""
        return np.asarray(self.labels != (self.y > 0), np.float64)

    def of_rows(self, measure: str) -> Values:
        """How badly each member does on each row (members, rows).

        Loss: -log p, mean over the labels. Hamming: the share of them that is wrong. Accuracy: 1
        where any is.
        """
        if measure == "loss":
            return np.asarray(-self.log_p_true.mean(axis=-1))
        wrong = self.errors
        return np.asarray(wrong.max(axis=-1) if measure == "accuracy" else wrong.mean(axis=-1))

    def of_members(self) -> dict[str, Values]:
        """Loss, accuracy (all labels of a row right) and Hamming (labels right) of each member."""
        bad = {name: self.of_rows(name).mean(axis=-1) for name in self.measures}
        return {name: value if name == "loss" else 1 - value for name, value in bad.items()}

    def of_averages(self, weights: Values) -> dict[str, Values]:
        """Loss, accuracy and Hamming of averages of the members' probabilities."""
        return {name: self.of_averages_in(name, weights) for name in self.measures}

    def of_averages_in(self, measure: str, weights: Values) -> Values:
        """One measure of averages of the members' probabilities.

        Args:
            measure: "loss", "accuracy" or "hamming".
            weights: (averages, members).
        """
        flat = self.log_p_true.reshape(len(self.outputs), -1)
        if measure == "loss":
            return log_losses(flat, weights)
        p = np.exp(log_sigmoid(self.outputs)).reshape(flat.shape)
        found = np.empty(len(weights))
        for some in pieces(len(weights), flat.shape[1]):
            with one_blas_thread():
                right = likely(weights[some] @ p).reshape(-1, *self.y.shape) == (self.y > 0)
            every = right.all(axis=-1) if measure == "accuracy" else right.mean(axis=-1)
            found[some] = every.mean(axis=-1)
        return found

    def ambiguity(self) -> float:
        """Mean over rows, labels and members of log(p̄ / pₘ), p of what is true; never negative."""
        return jensen_gap(self.log_p_true)


@dataclass(frozen=True, eq=False)
class TargetPredictions:
    """What members say of numbers.

    Attributes:
        outputs: standardised predictions (members, rows, targets).
        y: standardised targets (rows, targets).
        scale: standard deviation of each target in its own unit (targets,).
    """

    outputs: NDArray[np.float32]
    y: NDArray[np.float32]
    scale: Values

    measures: ClassVar[tuple[str, ...]] = METRICS["regression"]

    @cached_property
    def errors(self) -> Values:
        """Prediction - target, standardised (members, rows, targets)."""
        return self.outputs.astype(np.float64) - self.y

    def of_members(self) -> dict[str, Values]:
        """Loss, RMSE and R² of each member."""
        return self._measures(np.array([(e * e).mean(axis=0) for e in self.errors]))

    def of_averages(self, weights: Values) -> dict[str, Values]:
        """Loss, RMSE and R² of averages of the members' outputs.

        The error of an average is the average of the errors e, so its mean square is wᵀ C w with
        Cₘₙ = mean over rows of eₘ eₙ: the rows are gone through once for any number of averages.

        Args:
            weights: (averages, members).
        """
        with one_blas_thread():
            errors = np.moveaxis(self.errors, -1, 0)
            products = errors @ np.swapaxes(errors, 1, 2) / errors.shape[-1]
            squares = np.einsum("km,omn,kn->ko", weights, products, weights, optimize=True)
        return self._measures(np.maximum(squares, 0))

    def of_averages_in(self, measure: str, weights: Values) -> Values:
        """One measure of averages of the members' outputs: "loss", "rmse" or "r2"."""
        return self.of_averages(weights)[measure]

    def _measures(self, squares: Values) -> dict[str, Values]:
        """From mean squares (…, targets) of the standardised errors, as in `evaluate`."""
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = (1 - squares / self.y.astype(np.float64).var(axis=0)).mean(axis=-1)
        rmse = np.sqrt(squares * self.scale**2).mean(axis=-1)
        return {"loss": squares.mean(axis=-1), "rmse": rmse, "r2": r2}

    def ambiguity(self) -> float:
        """Mean over rows, targets and members of (fₘ - f̄)², with f̄ the mean output.

        Krogh and Vedelsby ("Neural network ensembles, cross validation, and active learning",
        1995): mean (fₘ - y)² = (f̄ - y)² + mean (fₘ - f̄)², since the deviations from f̄ add up to 0.
        """
        return float(((self.errors - self.errors.mean(axis=0)) ** 2).mean())


Predictions = ClassPredictions | LabelPredictions | TargetPredictions


def log_losses(logs: Values, weights: Values) -> Values:
    """Mean of -log Σₘ wₘ pₘ for some averages, from the members' log p (members, places).

    Args:
        logs: of the probability of what is true.
        weights: (averages, members).
    """
    best = logs.max(axis=0)
    relative = logs - best
    shares_of_best = np.exp(relative)
    losses = np.empty(len(weights))
    for some in pieces(len(weights), logs.shape[1]):
        with one_blas_thread():
            shares = weights[some] @ shares_of_best
        with np.errstate(divide="ignore"):
            sums = np.log(shares)
        gone = shares < np.finfo(np.float64).tiny  # far below a member that is not in it
        for k in np.flatnonzero(gone.any(axis=-1)):
            w = weights[some][k]
            terms = np.log(w[w > 0, None]) + relative[np.ix_(w > 0, gone[k])]
            sums[k, gone[k]] = np.logaddexp.reduce(terms, axis=0)
        losses[some] = -(sums + best).mean(axis=-1)
    return losses


def jensen_gap(logs: Values) -> float:
    """Mean of log(p̄ / pₘ) over members and places, p̄ the mean, from log p (members, …)."""
    gap = np.logaddexp.reduce(logs, axis=0) - np.log(len(logs)) - logs.mean(axis=0)
    return float(np.maximum(gap, 0).mean())  # of equal members rounding may leave -1e-17


def log_sigmoid(z: NDArray[np.float32]) -> Values:
    """log σ(z) = -log(1 + exp(-z)), in float64 and without a clamp."""
    return np.asarray(-np.logaddexp(0, -z.astype(np.float64)))


def likely(p: Values) -> NDArray[np.bool_]:
    """Whether a label is likelier than not; of one that is as likely as not, no.

    >>> likely(np.array([0.2, 0.5, 0.7]))
    array([False, False,  True])
    """
    return np.asarray(p > 0.5 * (1 + TIE))


def log_softmax(z: NDArray[np.float32]) -> Values:
    """log softmax of logits (rows, classes), in float64 and without a clamp."""
    shifted = z.astype(np.float64) - z.max(axis=-1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True)))


def winners(p: Values) -> NDArray[np.int64]:
    """The class with the highest probability (…, classes) -> (…); of equal ones the first.

    >>> winners(np.array([[0.2, 0.5, 0.3], [0.4, 0.2, 0.4]]))
    array([1, 0])
    """
    top = p[..., 0].copy()
    winner = np.zeros(top.shape, np.int64)
    for k in range(1, p.shape[-1]):
        np.copyto(winner, k, where=p[..., k] > top * (1 + TIE))
        np.maximum(top, p[..., k], out=top)
    return winner


def pieces(count: int, width: int) -> Iterator[slice]:
    """So many rows (or averages) in pieces, so that `width` numbers of each stay near the core.

    >>> list(pieces(5, VALUES_AT_ONCE // 3))
    [slice(0, 3, None), slice(3, 6, None)]
    """
    step = max(1, VALUES_AT_ONCE // width)
    return (slice(at, at + step) for at in range(0, count, step))
