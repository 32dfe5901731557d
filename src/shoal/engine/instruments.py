"""Instruments: what is read in every layer now and then while a network trains.

Each instrument is one pure function from a `View` of one layer to one number per member, and one
row of `INSTRUMENTS`. Readings are taken in a training step that takes place anyway: of its own
batch, in training mode, without another forward pass. The steps between two readings do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.layout import Layout, Matrix
from shoal.errors import ShoalError, check_number
from shoal.nn import Layer, Network, ReLU, Sigmoid, Tanh
from shoal.nn.activations import Activation
from shoal.nn.arrays import Array, Shape

MOST = 40
"""Readings in a run, at most."""

ONE_IN = 40
"""Of so many steps at most one is read, so that readings cost little whatever the network."""


class View:
    """One layer of some members in one step.

    Args:
        layer: the layer.
        outputs: of the step's batch (members or 1, batch, …, units).
        weights: before the update (members, size); 0 columns if the layer has none.
        gradient: of the loss by the weights, before clipping and decay, (members, size).
        update: what the step added to the weights, (members, size).
    """

    def __init__(
        self, layer: Layer, outputs: Array, weights: Matrix, gradient: Matrix, update: Matrix
    ) -> None:
        self.layer, self.weights, self.gradient, self.update = layer, weights, gradient, update
        # rows of images are all positions: a unit is a feature map, seen at every one of them
        self.batch = outputs.shape[1]
        members, units = outputs.shape[0], outputs.shape[-1]
        # contiguous, so that no sum depends on how many members lie beside each other
        self.outputs: Matrix = np.ascontiguousarray(outputs).reshape(members, -1, units)

    @cached_property
    def unit_means(self) -> Array:
        """Mean of each unit over the batch, (members, units)."""
        return self.outputs.mean(axis=1).astype(np.float64)

    @cached_property
    def batch_variance(self) -> Array:
        """Variance of each unit over the batch, mean over units, (members,)."""
        means = self.unit_means.astype(np.float32)
        centred = (self.outputs - means[:, None]).reshape(len(means), -1)
        return np.vecdot(centred, centred).astype(np.float64) / centred.shape[1]

    @cached_property
    def variance(self) -> Array:
        """Variance of all outputs: within units plus between units, (members,)."""
        return self.batch_variance + self.unit_means.var(axis=1)

    @cached_property
    def active(self) -> Array:
        """Share of the batch for which each unit puts out more than 0, (members, units)."""
        ones = (self.outputs > 0).astype(np.float32)  # their sums are whole numbers, so exact
        return ones.sum(axis=1, dtype=np.float32).astype(np.float64) / self.outputs.shape[1]


def output_mean(view: View) -> Array:
    """Mean of all outputs of the layer."""
    return view.unit_means.mean(axis=1)


def output_std(view: View) -> Array:
    """Standard deviation of all outputs of the layer, over batch and units."""
    return np.sqrt(view.variance)


def batch_std(view: View) -> Array:
    """How much a unit's output differs from row to row: what it says about the input.

    Standard deviation over the batch, root mean square over units; NaN for a batch of one row.
    """
    if view.batch < 2:
        return np.full(len(view.outputs), np.nan)
    return np.sqrt(view.batch_variance)


def unit_std(view: View) -> Array:
    """How much the outputs for one row differ from unit to unit: 0 if all units are equal.

    Within rows the variance is that of all outputs less that of the rows' means. NaN for one unit.
    """
    if view.outputs.shape[2] < 2:
        return np.full(len(view.outputs), np.nan)
    row_means = view.outputs.mean(axis=2).astype(np.float64)
    return np.sqrt(np.maximum(view.variance - row_means.var(axis=1), 0.0))


def zeros(view: View) -> Array:
    """Share of the outputs that are 0, over batch and units."""
    return 1 - view.active.mean(axis=1)


def dead_units(view: View) -> Array:
    """Share of the units that put out 0 for every row of the batch."""
    return (view.active == 0).mean(axis=1)


def saturated(view: View) -> Array:
    """Share of the outputs near their limits: outside [.05, .95], for tanh outside [-.95, .95]."""
    y = view.outputs.reshape(len(view.outputs), -1)
    middle, reach = (0.5, 0.45) if isinstance(view.layer, Sigmoid) else (0.0, 0.95)
    far = np.abs(y - np.float32(middle)) > np.float32(reach)
    return np.count_nonzero(far, axis=1) / y.shape[1]


def gradient_norm(view: View) -> Array:
    """Norm of the gradient of the layer's weights, without clipping and decay."""
    return _norm(view.gradient)


def weight_norm(view: View) -> Array:
    """Norm of the layer's weights before the update."""
    return _norm(view.weights)


def update_ratio(view: View) -> Array:
    """‖ΔW‖ / ‖W‖: the length of the step by that of the weights; NaN for weights that are all 0."""
    norm = _norm(view.weights)
    return np.divide(_norm(view.update), norm, out=np.full(len(norm), np.nan), where=norm > 0)


def _norm(rows: Matrix) -> Array:
    return np.sqrt(np.vecdot(rows, rows).astype(np.float64))


@dataclass(frozen=True)
class Instrument:
    """One instrument.

    Attributes:
        measure: from a view of a layer to one number per member.
        suits: which layers it is for, given the layer and whether it has weights.
        label: what it reads, in words.
    """

    measure: Callable[[View], Array]
    suits: Callable[[Layer, bool], bool]
    label: str


def _any(layer: Layer, weights: bool) -> bool:
    return True


def _with_weights(layer: Layer, weights: bool) -> bool:
    return weights


def _relu(layer: Layer, weights: bool) -> bool:
    return isinstance(layer, ReLU)


def _bounded(layer: Layer, weights: bool) -> bool:
    return isinstance(layer, Sigmoid | Tanh)


INSTRUMENTS: dict[str, Instrument] = {
    "output_mean": Instrument(output_mean, _any, "mean of the outputs"),
    "output_std": Instrument(output_std, _any, "standard deviation of the outputs"),
    "batch_std": Instrument(batch_std, _any, "standard deviation over the batch"),
    "unit_std": Instrument(unit_std, _with_weights, "standard deviation over units"),
    "zeros": Instrument(zeros, _relu, "share of zeros"),
    "dead_units": Instrument(dead_units, _relu, "share of dead units"),
    "saturated": Instrument(saturated, _bounded, "share saturated"),
    "gradient_norm": Instrument(gradient_norm, _with_weights, "norm of the gradient"),
    "weight_norm": Instrument(weight_norm, _with_weights, "norm of the weights"),
    "update_ratio": Instrument(update_ratio, _with_weights, "update-to-weight ratio"),
}
"""All instruments by name; a new one is a function above and a row here."""


@dataclass(frozen=True)
class Channel:
    """One instrument on one layer.

    Attributes:
        index: of the layer in the network.
        layer: its name, such as "2 ReLU"; see `channels`.
        kind: what the layer is, such as "ReLU".
        name: of the instrument.
    """

    index: int
    layer: str
    kind: str
    name: str


@lru_cache(maxsize=64)
def channels(network: Network, in_shape: Shape) -> tuple[Channel, ...]:
    """What can be read in a bound network, layer by layer.

    Layers with parameters and activations are looked at, and numbered from 1; those that only
    reshape, pool or drop are not.

    >>> from shoal.nn import mlp
    >>> found = channels(mlp([3]).bind((2,), 2), (2,))
    >>> list(dict.fromkeys(channel.layer for channel in found))
    ['1 Affine', '2 ReLU', '3 Affine']
    >>> [channel.name for channel in found if channel.layer == "2 ReLU"]
    ['output_mean', 'output_std', 'batch_std', 'zeros', 'dead_units']
    """
    listed: list[Channel] = []
    number = 0
    for i, (layer, shape) in enumerate(zip(network.layers, network.shapes(in_shape), strict=False)):
        if not (isinstance(layer, Activation) or layer.parameters(shape)):
            continue
        number += 1
        kind = type(layer).__name__
        weights = layer.has_weights(shape)
        for name, instrument in INSTRUMENTS.items():
            if instrument.suits(layer, weights):
                listed.append(Channel(i, f"{number} {kind}", kind, name))
    return tuple(listed)


def read(
    wanted: Sequence[Channel],
    network: Network,
    layout: Layout,
    outputs: Sequence[Array],
    gradient: Matrix,
    before: Matrix,
    after: Matrix,
) -> Matrix:
    """Readings of some members in one step, (members, channels).

    Args:
        wanted: what to read.
        network, layout: of the members.
        outputs: of each layer.
        gradient: of all weights (members, weights), before clipping and decay.
        before, after: all weights before and after the update.
    """
    update = after - before
    spans = {i: slice(0, 0) for i in range(len(network.layers))}
    for span in layout.trained:
        if span.stop <= layout.weights:
            # the weights of one layer lie side by side
            start = spans[span.layer].start if spans[span.layer].stop else span.start
            spans[span.layer] = slice(start, span.stop)
    values = np.empty((len(before), len(wanted)), np.float32)
    views: dict[int, View] = {}
    for column, channel in enumerate(wanted):
        i = channel.index
        if i not in views:
            at = spans[i]
            views[i] = View(
                network.layers[i], outputs[i], before[:, at], gradient[:, at], update[:, at]
            )
        values[:, column] = INSTRUMENTS[channel.name].measure(views[i])
    return values


def reading_steps(total: int, wanted: bool | Sequence[int]) -> NDArray[np.int64]:
    """The steps, counted from 0, in which readings are taken.

    Dense at the start, where things go wrong, and in equal ratios later; the first step and, as
    soon as there are two, the last step are among them.

    Args:
        total: steps of the run.
        wanted: True, False for none, or the very steps.

    >>> reading_steps(200, True)
    array([  0,   3,  13,  52, 199])
    >>> reading_steps(2000, True).size, reading_steps(30, True), reading_steps(9, [0, 8, 20])
    (36, array([0]), array([0, 8]))
    """
    if isinstance(wanted, bool):
        count = min(MOST, max(1, total // ONE_IN)) if wanted else 0
        steps: Iterable[int] = np.geomspace(1, total, count).round().astype(np.int64) - 1
    else:
        steps = (step for step in wanted if step < total)
    return np.array(sorted({int(step) for step in steps}), np.int64)


def check_instruments(wanted: Any) -> bool | tuple[int, ...]:
    """What `instruments=` was given: True, False, or steps.

    Raises:
        ShoalError: something else.
    """
    if isinstance(wanted, bool):
        return wanted
    if isinstance(wanted, str) or not isinstance(wanted, Iterable):
        raise ShoalError(
            f"instruments={wanted!r} must be True, False, or steps such as [0, 10, 100]"
        )
    steps = tuple(wanted)
    for step in steps:
        check_number("instruments", step, least=0, whole=True)
    return tuple(int(step) for step in steps)
