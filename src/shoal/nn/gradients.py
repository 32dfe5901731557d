"""Is the backward pass right? Differences say so, without looking at it.

(f(x + h) - f(x - h)) / 2h differs from f'(x) by O(h²). It is slow, one or two evaluations for
every number, and knows nothing of the chain rule: that makes it the judge of code that does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Shape
from shoal.nn.losses import BinaryCrossEntropy, Loss, MeanSquaredError, SoftmaxCrossEntropy
from shoal.nn.network import Network
from shoal.rng import generator


def numerical_gradient(
    f: Callable[[NDArray[np.float64]], Any], x: Any, h: float = 1e-4
) -> NDArray[np.float64]:
    """Gradient of a scalar function by central differences.

    ∂f/∂x_i ≈ (f(x + h e_i) - f(x - h e_i)) / 2h, with an error of O(h²).

    Args:
        f: takes an array of x's shape, returns one number.
        x: where; any shape, float64 inside. It is not changed.
        h: half the distance of the two points.

    >>> numerical_gradient(lambda x: (x**2).sum(), [3.0, 4.0]).round(6)
    array([6., 8.])
    """
    check_number("h", h, above=0)
    point = np.array(x, np.float64)
    gradient = np.zeros_like(point)
    for i in np.ndindex(point.shape):
        middle = point[i]
        point[i] = middle + h
        up = float(f(point.copy()))
        point[i] = middle - h
        down = float(f(point.copy()))
        point[i] = middle
        gradient[i] = (up - down) / (2 * h)
    return gradient


@dataclass(frozen=True)
class GradientCheck:
    """Result of `check_gradients`; true when backpropagation and differences agree.

    Attributes:
        error: largest relative error |a - d| / max(|a|, |d|, floor) over all that was checked.
        where: the worst element, such as "layer 1 Affine W[3, 7]".
        analytic, numerical: its two gradients.
        checked: how many numbers were checked.
        kinks: how many were left out because a ReLU switched between the two points.
        tolerance: largest error that passes.
    """

    error: float
    where: str
    analytic: float
    numerical: float
    checked: int
    kinks: int
    tolerance: float

    def __bool__(self) -> bool:
        return self.checked > 0 and self.error <= self.tolerance

    def __str__(self) -> str:
        verdict = "gradients agree" if self else "gradients DISAGREE"
        kinks = f", {self.kinks} at a kink left out" if self.kinks else ""
        return (
            f"{verdict}: largest relative error {self.error:.1e} (tolerance {self.tolerance:.0e}) "
            f"at {self.where}: backpropagation {self.analytic:.9g}, "
            f"differences {self.numerical:.9g} ({self.checked} numbers checked{kinks})"
        )


def check_gradients(
    network: Network,
    data: Any,
    *,
    loss: Loss | None = None,
    rows: int = 8,
    samples: int = 20,
    seed: int = 0,
    h: float = 1e-5,
    tolerance: float = 1e-5,
) -> GradientCheck:
    """Compare backpropagation through `network` with central differences, in float64.

    Args:
        network: any network; it is bound to the data.
        data: a `Dataset`; its first training rows are used.
        loss: unless given, SoftmaxCrossEntropy for classes, BinaryCrossEntropy for several labels
            a row, MeanSquaredError for regression.
        rows: size of the batch; at least 2, as batch norm on one row has no gradient at all.
        samples: numbers checked in each array, chosen at random.
        seed: of weights, choice and dropout masks.
        h: half the distance of the two points.
        tolerance: largest relative error that passes.

    Raises:
        ShoalError: fewer than 2 rows, or settings out of range.
    """
    check_number("rows", rows, least=2, whole=True)
    check_number("samples", samples, least=1, whole=True)
    check_number("h", h, above=0)
    if len(data.train) < rows:
        raise ShoalError(f"rows={rows} is more than the {len(data.train)} training rows")
    if loss is None:
        several = data.train.y.ndim > 1  # targets, or labels that hold or not
        loss = MeanSquaredError() if several else SoftmaxCrossEntropy()
        loss = BinaryCrossEntropy() if several and data.classes is not None else loss
    network = network.bind(data.in_shape, data.outputs)
    x, y = data.train.inputs(slice(0, rows)).astype(np.float64), data.train.y[:rows]
    params = _weights(network, seed, data.in_shape)
    noise = network.noise(seed, 0, rows, data.in_shape)
    return compare_gradients(network, params, x, y, loss, noise, samples, seed, h, tolerance)


def _weights(network: Network, seed: int, in_shape: Shape) -> list[dict[str, NDArray[np.float64]]]:
    """First weights, with biases, γ and β moved off their start.

    At b = 0 a row that dropout has emptied lies on the kink of ReLU, and γ = 1 would hide a
    backward pass that forgets γ.
    """
    draws = generator(seed, "check", 1)
    params = network.init(seed, in_shape)
    return [
        {
            name: values[name] + (0 if p.is_weight else 0.1) * draws.standard_normal(p.shape)
            for name, p in layer.items()
        }
        for values, layer in zip(params, network.parameters(in_shape), strict=True)
    ]


def compare_gradients(
    network: Network,
    params: list[dict[str, NDArray[np.float64]]],
    x: Array,
    y: Array,
    loss: Loss,
    noise: list[Array | None],
    samples: int,
    seed: int,
    h: float,
    tolerance: float,
) -> GradientCheck:
    """The work of `check_gradients`, on given weights and rows."""

    def value() -> float:
        outputs, _ = network.forward(params, x, training=True, noise=noise)
        return float(loss.forward(outputs, y)[0])

    outputs, caches = network.forward(params, x, training=True, noise=noise)
    _, grads = network.backward(params, caches, loss.backward(loss.forward(outputs, y)[1]))
    # an element this far below the largest is judged by its absolute error
    sizes = (float(np.abs(g).max()) for layer in grads for g in layer.values())
    floor = max(1e-3 * max(sizes, default=0.0), 1e-8)
    choose = generator(seed, "check")

    def numbers() -> Iterator[_Number]:
        for i, layer in enumerate(grads):
            for name, gradient in layer.items():
                array = params[i][name]
                label = f"layer {i} {type(network.layers[i]).__name__} {name}"
                for flat in choose.choice(array.size, min(samples, array.size), replace=False):
                    at = tuple(int(n) for n in np.unravel_index(flat, array.shape))
                    yield _Number(label, array, at, float(gradient[at]))

    return _judge(numbers(), value, floor, h, tolerance)


def check_loss(
    loss: Loss, outputs: Any, targets: Any, *, h: float = 1e-5, tolerance: float = 1e-5
) -> GradientCheck:
    """Compare the gradient of a loss with central differences of its value, in float64.

    Every number of the outputs is checked. The loss sees two members, as it may in training.

    Args:
        loss: such as a `CustomLoss`.
        outputs: some that a network might give (batch, outputs), away from kinks of the loss.
        targets: of the same rows, as the data has them.
        h: half the distance of the two points.
        tolerance: largest relative error that passes.

    Raises:
        ShoalError: a function that returns another shape, or something that is not finite; a row
            whose loss depends on other rows; settings out of range.

    >>> from shoal.nn.losses import CustomLoss
    >>> y, t = np.array([[2.0], [1.0]]), np.array([[0.0], [0.5]])
    >>> half = CustomLoss(lambda y, t: ((y - t) ** 2).sum(axis=-1), lambda y, t: y - t)
    >>> print(check_loss(half, y, t))  # doctest: +ELLIPSIS
    gradients DISAGREE: largest relative error 5.0e-01 (tolerance 1e-05) at outputs[0, 0, 0]: ...
    """
    check_number("h", h, above=0)
    one = np.asarray(outputs, np.float64)
    two, shared = np.stack([one, 0.5 * one]), np.asarray(targets)[None]
    rows, cache = loss.per_row(two, shared)
    gradient = np.asarray(loss.derivative(cache)) * two.shape[1]
    if not (np.isfinite(rows).all() and np.isfinite(gradient).all()):
        raise ShoalError(f"{loss!r} is not finite for outputs that are; mend its functions")
    for m, i in np.ndindex(rows.shape):
        alone = loss.per_row(two[m, i : i + 1], shared[0, i : i + 1])[0]
        if not np.allclose(alone[0], rows[m, i], rtol=1e-9, atol=1e-12):
            raise ShoalError(
                f"{loss!r} gives row {i} another value alone than among others; "
                "reduce over the last axis (axis=-1) only"
            )
    floor = max(1e-3 * float(np.abs(gradient).max(initial=0.0)), 1e-8)
    numbers = (_Number("outputs", two, at, float(gradient[at])) for at in np.ndindex(two.shape))
    return _judge(numbers, lambda: float(np.sum(loss.per_row(two, shared)[0])), floor, h, tolerance)


@dataclass(frozen=True)
class _Number:
    """A number whose gradient is checked: where it lies, and what backpropagation says."""

    label: str
    array: NDArray[np.float64]
    at: tuple[int, ...]
    analytic: float


def _judge(
    numbers: Iterable[_Number], value: Callable[[], float], floor: float, h: float, tolerance: float
) -> GradientCheck:
    """Compare gradients with differences of `value`, which reads the arrays of the numbers."""
    error, where, pair = -1.0, "nothing", (0.0, 0.0)
    checked = kinks = 0
    for number in numbers:

        def off(numerical: float, analytic: float = number.analytic) -> float:
            size = max(abs(analytic), abs(numerical), floor)
            relative = abs(analytic - numerical) / size
            return math.inf if math.isnan(relative) else relative  # nan exceeds nothing

        numerical = _difference(value, number.array, number.at, h)
        if off(numerical) > tolerance and (
            off(_difference(value, number.array, number.at, h / 10)) <= tolerance
        ):
            kinks += 1  # right from nearer by: between the two points f is not smooth
            continue
        checked += 1
        if off(numerical) > error:
            error, pair = off(numerical), (number.analytic, numerical)
            where = f"{number.label}{list(number.at)}"
    return GradientCheck(error, where, *pair, checked, kinks, tolerance)


def _difference(
    value: Callable[[], float], array: NDArray[np.float64], at: tuple[Any, ...], h: float
) -> float:
    middle = float(array[at])
    array[at] = middle + h
    up = value()
    array[at] = middle - h
    down = value()
    array[at] = middle
    return (up - down) / (2 * h)
