"""Arrays of any library that follows the array API standard (data-apis.org/array-api).

The mathematics takes its functions from the namespace of its inputs, so the same source serves
NumPy today and can be traced by JAX.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

from array_api_compat import array_namespace

Array: TypeAlias = Any
"""An array of any library; shapes stand in the docstrings, `…` for an optional member axis."""

Params: TypeAlias = Mapping[str, Array]
Shape: TypeAlias = tuple[int, ...]
Cache: TypeAlias = tuple[Any, ...]


FEW = 16
"""Columns up to which `largest` goes column by column."""


def largest(x: Array) -> Array:
    """The largest number of each row, (…, 1).

    NumPy's own takes row by row, and for rows of a few numbers most of its time to begin with each:
    column by column it takes a tenth of that, or less.

    >>> import numpy as np
    >>> largest(np.array([[1.0, 3.0, 2.0]]))
    array([[3.]])
    """
    xp, columns = namespace(x), x.shape[-1]
    if not 0 < columns <= FEW:
        return xp.max(x, axis=-1, keepdims=True)
    most = x[..., 0]
    for j in range(1, columns):
        most = xp.maximum(most, x[..., j])
    return most[..., None]


def namespace(x: Array) -> Any:
    """The functions that fit `x`: NumPy's for a NumPy array, and so on."""
    return array_namespace(x)
