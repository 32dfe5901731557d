"""How raw inputs become a network's inputs, and the one way that needs no fitting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Transformer(Protocol):
    """What turns raw inputs into a network's inputs; fitted scikit-learn transformers are."""

    def transform(self, X: Any, /) -> Any:
        """The inputs of a network, one row for each row of `X`."""


@dataclass(frozen=True)
class Pixels:
    """Brings pixels from [0, top] to [0, 1]: x / top in float32.

    >>> Pixels(255).transform(np.array([0, 51, 255], np.uint8))
    array([0. , 0.2, 1. ], dtype=float32)
    """

    top: float

    def transform(self, x: NDArray[Any], /) -> NDArray[np.float32]:
        """`x / top`, in one pass and without an intermediate copy."""
        ready: NDArray[np.float32] = np.divide(x, np.float32(self.top), dtype=np.float32)
        return ready
