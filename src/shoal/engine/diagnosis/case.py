"""A case: what is known of one member, for rules to look at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.history import History
from shoal.engine.recipe import Recipe
from shoal.nn import SoftmaxCrossEntropy

Values = NDArray[Any]


@dataclass(frozen=True)
class LayerReadings:
    """What the instruments read in one layer.

    Attributes:
        name: such as "2 ReLU".
        kind: such as "ReLU".
        values: by the name of the instrument, one for each reading.
    """

    name: str
    kind: str
    values: Mapping[str, Values]


@dataclass(frozen=True)
class Case:
    """One member.

    Attributes:
        recipe: how it was trained.
        steps: of the readings.
        layers: what was read, first layer first; empty without instruments.
        loss: of every step taken.
        metrics: the last value of each that was evaluated.
        diverged: step of divergence, or -1.
        classes: number of classes, or None for regression.
    """

    recipe: Recipe
    steps: Values
    layers: tuple[LayerReadings, ...]
    loss: Values
    metrics: Mapping[str, float]
    diverged: int
    classes: int | None

    def having(self, name: str) -> list[LayerReadings]:
        """Layers in which an instrument was read."""
        return [layer for layer in self.layers if name in layer.values]

    @property
    def hidden_activations(self) -> list[LayerReadings]:
        """The activations between layers with weights."""
        with_weights = {layer.name for layer in self.having("weight_norm")}
        at = [i for i, layer in enumerate(self.layers) if layer.name in with_weights]
        between = self.layers[at[0] : at[-1]] if at else ()
        return [x for x in between if x.name not in with_weights and x.kind != "BatchNorm"]

    @property
    def final_loss(self) -> float:
        """Mean over the last tenth of the steps, at least five of them; NaN before."""
        if len(self.loss) < 5:
            return float("nan")
        return float(np.mean(self.loss[-max(5, len(self.loss) // 10) :], dtype=np.float64))


def case_of(history: History, member: int) -> Case:
    """The case of one member of a history."""
    recipe = history.members[member].recipe
    program = history.program(member)
    outputs = int(program.network.shapes(program.in_shape)[-1][0])
    layers: list[LayerReadings] = []
    steps: Values = np.empty(0, np.int64)
    for name in history.layers(member) if history.instruments else ():
        values = {}
        for instrument in history.readable(member, name):
            curve = history.reading(member, name, instrument)
            steps, values[instrument] = curve.steps, curve.values.astype(np.float64)
        layers.append(LayerReadings(name, name.split()[1], values))
    ends = {name: history.curve(member, name).values for name in history.metrics}
    return Case(
        recipe,
        steps,
        tuple(layers),
        history.curve(member, "loss").values,
        {name: float(values[-1]) for name, values in ends.items() if len(values)},
        int(history.diverged[member]),
        outputs if isinstance(program.loss, SoftmaxCrossEntropy) else None,
    )
