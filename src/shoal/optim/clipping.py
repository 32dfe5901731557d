"""The norm of a gradient, for clipping: it must not overflow where the gradient does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def row_norms(gradients: NDArray[Any]) -> NDArray[Any]:
    """‖g‖ = √(Σ gᵢ²) of each row.

    In float32 a gᵢ of 1.8e19 squared is too large. For a row whose sum is not finite the norm is
    m · √(Σ (gᵢ/m)²) with m = max |gᵢ|, in float64.

    Args:
        gradients: (members, size).

    Returns:
        (members,), in the type of the gradients, or float64 if a row needed it; infinite or NaN
        only where the row itself is.

    >>> [f"{n:.3g}" for n in row_norms(np.array([[3.0, 4.0], [3e30, 4e30]], np.float32))]
    ['5', '5e+30']
    """
    with np.errstate(over="ignore"):  # noticed and mended below
        norms: NDArray[Any] = np.sqrt(np.vecdot(gradients, gradients))
    large = np.flatnonzero(~np.isfinite(norms))
    if not len(large):
        return norms
    norms = norms.astype(np.float64)
    for row in large:  # one by one, so that a row's bits do not depend on its neighbours
        g = gradients[row].astype(np.float64)
        m = np.abs(g).max()
        if np.isfinite(m):
            norms[row] = m * np.sqrt(np.vecdot(g / m, g / m))
    return norms
