"""A fitted scaling of numbers as plain facts and arrays, for a file, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.preparation.numbers import Numbers


def numbers_facts(numbers: Numbers) -> dict[str, Any]:
    """Everything but the arrays."""
    return {"clip": numbers.clip}


def numbers_arrays(numbers: Numbers) -> dict[str, NDArray[Any]]:
    """The arrays by name."""
    arrays = {"mean": numbers.mean, "scale": numbers.scale}
    return arrays if numbers.fill is None else {**arrays, "fill": numbers.fill}


def read_numbers(
    facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], shape: tuple[int, ...]
) -> Numbers:
    """The scaling of columns of a shape.

    Raises:
        ValueError, TypeError, KeyError: arrays of another shape or type, or not finite.
    """
    fitted = {name: np.array(arrays[name]) for name in ("mean", "scale")}
    if "fill" in arrays:
        fitted["fill"] = np.array(arrays["fill"])
    for name, array in fitted.items():
        if array.dtype != np.float64 or array.shape != shape:
            raise ValueError(f"{name} is {array.dtype} {array.shape}")
    clip = facts["clip"]
    return Numbers(**fitted, clip=None if clip is None else float(clip))
