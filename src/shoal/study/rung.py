"""Who is better at a rung: by score and loss, each as a rank.

An accuracy on a hundred rows comes in steps of one row and jumps from epoch to epoch; of networks
that have hardly begun to learn it may say nothing. The loss says more then, but one that is sure
of its few errors has a high loss and is right more often nevertheless. So both are asked, and the
sum of both ranks decides. `python -m benchmarks.rungs` shows on recorded curves what that gains.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Key = tuple[float, float]
"""Of a trial at a rung: score and negative loss, so that higher is better in both."""


def places(keys: Sequence[Key]) -> NDArray[np.float64]:
    """Where each stands among all: the sum of both ranks, of equal sums the lower loss; high wins.

    >>> places([(0.9, -0.3), (0.8, -0.1), (0.1, -2.0), (0.9, -0.2)]).argsort().tolist()
    [2, 0, 1, 3]
    """
    scores, losses = (_ranks(np.array(values)) for values in zip(*keys, strict=True))
    return scores + losses + losses / (2 * len(keys) + 1)


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice the rank of each, less one; equal values share the mean of theirs."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
    return (below + up_to).astype(np.float64)
