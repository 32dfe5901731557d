"""From arrays to a data set: check, split, scale by the training part only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.assemble import cut, finish
from shoal.data.columns import Column
from shoal.data.part import PARTS
from shoal.data.scaling import Pixels, Transformer
from shoal.data.targets import Task, read_more, read_target
from shoal.errors import ShoalError, check_choice

if TYPE_CHECKING:
    from shoal.data.dataset import Dataset

Scale = Literal["auto", "standard", "pixels", "none"]
Array = NDArray[Any]

_WORDS: Final[dict[Scale, str]] = {
    "standard": "mean 0, standard deviation 1 by the training part",
    "pixels": "divided by 255",
    "none": "none",
}


def from_arrays(
    x: object,
    y: object,
    *,
    x_test: object = None,
    y_test: object = None,
    valid: float = 0.2,
    test: float | None = None,
    seed: int = 0,
    task: Task | None = None,
    classes: Sequence[Any] | None = None,
    scale: Scale = "auto",
    features: Sequence[str] | None = None,
    name: str = "arrays",
) -> Dataset:
    """A data set from arrays: features `(n, features)` or images `(n, height, width, …)`.

    Args:
        x: inputs: real numbers, whole numbers or booleans.
        y: labels or numbers `(n,)`, or several regression targets `(n, outputs)`.
        x_test: inputs of a test part of your own; then nothing is carved for it.
        y_test: its targets.
        valid: share (float) or number (int) of rows of the validation part.
        test: the same for the test part; 0.2 unless `x_test` is given.
        seed: of the split, which is stratified for classification.
        task: overrides the inference: text and booleans are classes, real numbers are
            regression targets, whole numbers are classes if at most 20 differ.
        classes: all labels in the order of their indices; by default those that occur, sorted.
        scale: "standard" (mean 0, standard deviation 1 over the training part), "pixels"
            (divided by 255), "none", or "auto": "standard" for `(n, features)`, "pixels" for
            images of type uint8, "none" for other images.
        features: names of the columns of `(n, features)`; by default x0, x1, …
        name: what to call it.

    Raises:
        ShoalError: on NaN or infinity (naming the first), text, empty or ragged arrays, one
            class only, different lengths, parts that leave nothing to train on.

    >>> from shoal.data import Dataset
    >>> data = Dataset.from_arrays([[0, 7], [2, 7]], [0, 1], valid=0, test=0)
    >>> data.train.x.tolist(), data.train.y.tolist()
    ([[-1.0, 0.0], [1.0, 0.0]], [0, 1])
    """
    check_choice("scale", scale, ["auto", "standard", "pixels", "none"])
    if (x_test is None) != (y_test is None):
        raise ShoalError("x_test and y_test must be given both or not at all")
    inputs = check_inputs(x, "x")
    target = read_target(y, task=task, classes=classes)
    extra = None if x_test is None else check_inputs(x_test, "x_test")
    if extra is not None and extra.shape[1:] != inputs.shape[1:]:
        raise ShoalError(
            f"x_test must have rows of shape {inputs.shape[1:]} as x has, but has "
            f"{extra.shape[1:]}; give the same features"
        )
    names = _feature_names(inputs, features)
    if scale == "auto":
        tabular = inputs.ndim == 2
        scale = "standard" if tabular else "pixels" if inputs.dtype == np.uint8 else "none"

    rows = cut(target, len(inputs), valid, test, seed, own_test=extra is not None)
    xs = {part: inputs[rows[part]] for part in PARTS}
    ys = {part: target.y[rows[part]] for part in PARTS}
    if extra is not None:
        xs["test"], ys["test"] = extra, read_more(y_test, target)
        if len(xs["test"]) != len(ys["test"]):
            raise ShoalError(
                f"x_test and y_test must have the same number of rows, but have {len(extra)} and "
                f"{len(ys['test'])}; give one target for each row"
            )

    fitted = _fit(xs["train"], scale)
    return finish(
        target,
        {part: _apply(x, fitted) for part, x in xs.items()},
        ys,
        name=name,
        source="arrays",
        target="y",
        features=names,
        preprocessing=fitted,
        columns=_ranges(inputs, names),
        notes=(("preprocessing", _WORDS[scale]),),
    )


def check_inputs(x: object, name: str) -> Array:
    """Require `(n, features)` or images, of finite numbers that float32 can hold."""
    try:
        inputs = np.asarray(x)
    except ValueError as error:
        raise ShoalError(f"{name} must have rows of equal length ({error})") from error
    if inputs.dtype.kind not in "biuf":
        raise ShoalError(
            f"{name} must hold numbers, but its type is {inputs.dtype}; convert it, or use "
            "Dataset.from_frame for a table with text"
        )
    if inputs.ndim < 2:
        raise ShoalError(
            f"{name} must have shape (rows, features) or (rows, height, width, ...), but has "
            f"{inputs.shape}; for a single feature use {name}.reshape(-1, 1)"
        )
    if inputs.size == 0:
        raise ShoalError(f"{name} of shape {inputs.shape} is empty; give at least two rows")
    if inputs.dtype.kind == "f":
        if inputs.dtype.itemsize not in (4, 8):  # half and long double are no use to BLAS
            inputs = inputs.astype(np.float32 if inputs.dtype.itemsize == 2 else np.float64)
        with np.errstate(over="ignore"):  # too large becomes infinite, and is reported
            bad = ~np.isfinite(inputs.astype(np.float32, copy=False))
        if bad.any():
            at = tuple(int(i) for i in np.argwhere(bad)[0])
            value = inputs[at]
            what = "finite" if not np.isfinite(value) else "within the range of float32"
            raise ShoalError(
                f"{name}{list(at)}={value} must be {what} ({int(bad.sum())} such values, this is "
                "the first; row and column counted from 0); mend or leave out those rows"
            )
    return inputs


def prepare_array(
    x: object, fitted: Transformer | None, in_shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """New inputs in the way of the training part; see `Dataset.prepare`."""
    inputs = check_inputs(x, "x")
    if inputs.shape[1:] != in_shape:
        raise ShoalError(
            f"x must have rows of shape {in_shape}, but has {inputs.shape[1:]}; "
            "give the features that the network was trained on"
        )
    return _apply(inputs, fitted)


def _fit(train: Array, scale: Scale) -> Transformer | None:
    """The scaling; a standardised constant column becomes 0."""
    if scale == "standard":
        from sklearn.preprocessing import StandardScaler

        scaler: Transformer = StandardScaler().fit(train)
        return scaler
    return Pixels(255) if scale == "pixels" else None


def _apply(rows: Array, fitted: Transformer | None) -> NDArray[np.float32]:
    """Float32 inputs from checked rows; scaling must not make them infinite."""
    if not len(rows) or fitted is None:
        return np.array(rows, dtype=np.float32)
    with np.errstate(over="ignore"):  # it becomes infinite, and is reported
        ready = np.asarray(fitted.transform(rows), dtype=np.float32)
    if not np.isfinite(ready).all():
        raise ShoalError(
            "x must be of a size that float32 can hold after scaling; look for columns with "
            "extreme values"
        )
    return ready


def _feature_names(x: Array, features: Sequence[str] | None) -> tuple[str, ...]:
    """One name per column; images have none."""
    if x.ndim != 2:
        if features is not None:
            raise ShoalError("features must be left out for images; it names columns")
        return ()
    names = tuple(f"x{i}" for i in range(x.shape[1])) if features is None else tuple(features)
    if len(names) != x.shape[1]:
        raise ShoalError(
            f"features must name the {x.shape[1]} columns of x, but has {len(names)} names"
        )
    return names


def _ranges(x: Array, names: tuple[str, ...]) -> tuple[Column, ...]:
    """The smallest and largest value of each column."""
    if not names:
        return ()
    low, high = x.min(axis=0), x.max(axis=0)
    return tuple(
        Column(name, "number", low=float(a), high=float(b))
        for name, a, b in zip(names, low, high, strict=True)
    )
