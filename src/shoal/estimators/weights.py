"""How much each row counts: `sample_weight` and `class_weight`.

A row of weight 0 is taken out before anything else is done. Otherwise only ratios count: the loss
is the mean of weight · loss, with weights of mean 1 over the training rows. In a full batch a
weight of 2 is therefore the same as the row twice; in smaller batches it is so in expectation,
because a row that stands twice may fall into two batches. Batch norm takes all rows of a batch
alike, so with it only weights of 0, and weights that are all alike, are exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array

from shoal.errors import ShoalError, check_number
from shoal.estimators.inputs import in_one_line
from shoal.estimators.targets import as_array

Weights = NDArray[np.float64]


def row_weights(sample_weight: Any, rows: int) -> Weights | None:
    """The weights of the rows, checked; None if none were given.

    Raises:
        ShoalError: another length, NaN, infinity, a negative weight, or nothing but zeros.

    >>> row_weights([1, 0, 2], 3)
    array([1., 0., 2.])
    >>> row_weights([1, -1], 2)
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: sample_weight[1]=-1 must be >= 0; a weight of 0 leaves the row out
    """
    if sample_weight is None:
        return None
    raw = as_array(sample_weight, "sample_weight")
    if raw.dtype.kind not in "biuf":
        try:
            raw = raw.astype(np.float64)  # whole numbers of pandas or polars that may be missing
        except (TypeError, ValueError):
            raise ShoalError(
                f"sample_weight must hold numbers, but its type is {raw.dtype}, such as "
                f"{str(raw.flat[0])!r} in its first row"
            ) from None
    with in_one_line():
        weights: Weights = check_array(
            raw,
            input_name="sample_weight",
            ensure_2d=False,
            dtype=np.float64,
            ensure_min_samples=0,
        )
    if weights.shape != (rows,):
        raise ShoalError(
            f"sample_weight has shape {weights.shape}, but there are {rows} rows; give one number "
            "for each row"
        )
    if (weights < 0).any():
        row = int(np.flatnonzero(weights < 0)[0])
        raise ShoalError(
            f"sample_weight[{row}]={weights[row]:g} must be >= 0; a weight of 0 leaves the row out"
        )
    if not weights.any():
        raise ShoalError("sample_weight is zero in every row; some row must count")
    return weights


def class_weights(
    class_weight: Any, classes: NDArray[Any], y: NDArray[np.int64], weights: Weights | None
) -> Weights | None:
    """A factor for each class.

    Args:
        class_weight: None; "balanced", for W / (classes · W_c) with W_c the weight of the rows of
            class c and W of all; or factors by label, 1 for those left out.
        classes: all labels.
        y: class indices of the training rows.
        weights: of the training rows.

    Raises:
        ShoalError: something else, a label that is none, or a factor that is not > 0.

    >>> class_weights("balanced", np.array(["a", "b"]), np.array([0, 0, 0, 1]), None)
    array([0.66666667, 2.        ])
    >>> class_weights({"b": 5}, np.array(["a", "b"]), np.array([0, 0, 0, 1]), None)
    array([1., 5.])
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        of_class = np.bincount(y, weights, minlength=len(classes)).astype(np.float64)
        with np.errstate(divide="ignore"):  # a class without rows has no factor
            balanced: Weights = of_class.sum() / (np.count_nonzero(of_class) * of_class)
        return np.where(of_class > 0, balanced, 1.0)
    if not isinstance(class_weight, Mapping):
        raise ShoalError(
            f"class_weight={class_weight!r} must be None, 'balanced', or factors by label, such as "
            f"{{{classes[0].item() if isinstance(classes[0], np.generic) else classes[0]!r}: 2.0}}"
        )
    factors = np.ones(len(classes))
    place = {label: i for i, label in enumerate(classes.tolist())}
    for label, factor in class_weight.items():
        if label not in place:
            raise ShoalError(
                f"class_weight names {label!r}, which is none of the labels in y; the labels are "
                f"{', '.join(map(repr, place))}"
            )
        check_number(f"class_weight[{label!r}]", factor, above=0)
        factors[place[label]] = factor
    return factors


def combined(
    weights: Weights | None, factors: Weights | None, y: NDArray[np.int64]
) -> Weights | None:
    """Weight of each row times the factor of its class; None where all rows count alike.

    >>> combined(np.array([3.0, 3.0]), None, np.array([0, 1]))
    """
    if factors is not None:
        weights = factors[y] if weights is None else weights * factors[y]
    if weights is None or (weights == weights[0]).all():
        return None
    return weights
