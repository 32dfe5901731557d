"""What the instruments read inside of networks, layer by layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

import shoal

Values = NDArray[np.float64]


def by_layer(
    comparison: shoal.Comparison, arm: str, instrument: str, kind: str, at: int = 0
) -> Values:
    """One reading of every layer of a kind, for each seed of an arm: (seeds, layers).

    Args:
        comparison: trained with instruments, as comparisons are.
        arm: its name.
        instrument: such as "batch_std"; see `History.reading`.
        kind: of the layers, such as "ReLU" or "Affine".
        at: which reading: 0 for the first step, -1 for the last one.
    """
    history = comparison.history
    return np.array(
        [
            [
                history.reading(int(member), layer, instrument).values[at]
                for layer in history.layers(int(member))
                if layer.split()[1] == kind
            ]
            for member in comparison.members(arm)
        ],
        np.float64,
    )
