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


def namespace(x: Array) -> Any:
    """The functions that fit `x`: NumPy's for a NumPy array, and so on."""
    return array_namespace(x)
