"""From arrays to a data set: check, split, scale by the training part only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from shoal.data.assemble import cut, finish
from shoal.data.columns import Column
from shoal.data.mapped import is_mapped, pieces
from shoal.data.part import PARTS, stays
from shoal.data.preparation import ArrayPreparation, Numbers, check_inputs, fit_array
from shoal.data.preparation.arrays import SCALES, Scale, fit_mapped
from shoal.data.targets import Task, read_more, read_target
from shoal.errors import ShoalError, check_choice

if TYPE_CHECKING:
    from shoal.data.dataset import Dataset

Array = NDArray[Any]


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
        x: inputs: real numbers, whole numbers or booleans. An array in a file (`numpy.memmap`,
            `numpy.load(file, mmap_mode="r")`) stays there, and may be larger than memory: it is
            looked through piece by piece, and rows of it are read as they are used.
        y: labels or numbers `(n,)`; several labels a row as 0 and 1 `(n, labels)`; or several
            regression targets `(n, outputs)`.
        x_test: inputs of a test part of your own; then nothing is carved for it.
        y_test: its targets.
        valid: share (float) or number (int) of rows of the validation part.
        test: the same for the test part; 0.2 unless `x_test` is given.
        seed: of the split, which is stratified for classification.
        task: overrides the inference: text and booleans are classes, real numbers are
            regression targets, whole numbers are classes if at most 20 differ; several columns of
            0 and 1 are several labels a row ("multilabel").
        classes: all labels in the order of their indices; by default those that occur, sorted.
        scale: "standard" (mean 0, standard deviation 1 over the training part), "robust" (median
            0, the middle half 1 wide, clipped smoothly at 3), "pixels" (divided by 255), "none",
            or "auto": "standard" for `(n, features)`, "pixels" for images of type uint8, "none"
            for other images.
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
    check_choice("scale", scale, SCALES)
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
    rows = cut(target, len(inputs), valid, test, seed, own_test=extra is not None)
    in_file = is_mapped(inputs)
    xs = {part: inputs if in_file else inputs[rows[part]] for part in PARTS}
    ys = {part: target.y[rows[part]] for part in PARTS}
    at = {part: rows[part] for part in PARTS if in_file}
    if extra is not None:
        xs["test"], ys["test"] = extra, read_more(y_test, target)
        at.pop("test", None)
        if len(extra) != len(ys["test"]):
            raise ShoalError(
                f"x_test and y_test must have the same number of rows, but have {len(extra)} and "
                f"{len(ys['test'])}; give one target for each row"
            )

    if in_file:
        fitted = fit_mapped(inputs, rows["train"], scale=scale, columns=features)
    else:
        fitted = fit_array(xs["train"], scale=scale, columns=features)
    return finish(
        target,
        {part: _kept(x, fitted) for part, x in xs.items()},
        ys,
        scaling=fitted.scaling,
        at=at,
        name=name,
        source="arrays",
        target="y",
        features=fitted.columns,
        preprocessing=fitted,
        columns=_ranges(inputs, fitted.columns),
        notes=(("preprocessing", _words(fitted)),),
    )


def _kept(x: Array, fitted: ArrayPreparation) -> Array:
    """Inputs as they are kept: bytes, and what lies in a file, as they came; all else ready."""
    if not stays(x, fitted.scaling):
        return fitted.transform(x)
    if not is_mapped(x):
        return x.copy()
    if isinstance(fitted.scaling, Numbers):  # which may make them larger than float32 can hold
        for _, piece in pieces(x):
            fitted.transform(piece)
    return x


def _words(fitted: ArrayPreparation) -> str:
    """The scaling in words."""
    if not isinstance(fitted.scaling, Numbers):
        return "none" if fitted.scaling is None else "divided by 255"
    if fitted.scaling.clip is not None:
        return "median 0, middle half 1 wide by the training part, clipped smoothly"
    return "mean 0, standard deviation 1 by the training part"


def _ranges(x: Array, names: tuple[str, ...]) -> tuple[Column, ...]:
    """The smallest and largest value of each column."""
    if not names:
        return ()
    low, high = x.min(axis=0), x.max(axis=0)
    return tuple(
        Column(name, "number", low=float(a), high=float(b))
        for name, a, b in zip(names, low, high, strict=True)
    )
