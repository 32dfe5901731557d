"""What arrays and tables have in common: cut the rows into parts, and put a data set together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from shoal.data.part import PARTS, Part, PartName, stays
from shoal.data.scaling import Transformer
from shoal.data.split import Rows, split_rows
from shoal.data.targets import Target, standardise
from shoal.errors import ShoalError, check_number

if TYPE_CHECKING:
    from shoal.data.dataset import Dataset

DEFAULT_TEST: Final = 0.2


def cut(
    target: Target, n: int, valid: float, test: float | None, seed: int, own_test: bool
) -> dict[PartName, Rows]:
    """The rows of each part, stratified for classification.

    Args:
        target: all targets.
        n: rows of the inputs.
        valid: share or number of rows of the validation part.
        test: the same for the test part; by default 0.2, or none with a test set of its own.
        seed: of the split.
        own_test: whether there is a test set of its own.

    Raises:
        ShoalError: if lengths differ, or the parts leave nothing to train on.
    """
    if len(target.y) != n:
        raise ShoalError(
            f"x and y must have the same number of rows, but x has {n} and y {len(target.y)}; "
            "give one target for each row"
        )
    check_number("the number of rows", n, least=2, whole=True)
    if own_test and test:
        raise ShoalError(f"test={test} must be left out when a test set is given; choose one")
    if test is None:
        test = 0 if own_test else DEFAULT_TEST
    y = target.y if target.task == "classification" else None
    rows = split_rows(n, valid, test, seed, y, target.classes or ())
    return dict(zip(PARTS, rows, strict=True))


def finish(
    read: Target,
    xs: Mapping[PartName, NDArray[Any]],
    ys: Mapping[PartName, NDArray[Any]],
    /,
    scaling: Transformer | None = None,
    at: Mapping[PartName, Rows] | None = None,
    **about: Any,
) -> Dataset:
    """The data set of inputs and raw targets.

    Args:
        read: the target.
        xs: the inputs of each part, ready, or as they are kept until they are used (see `Part`).
        ys: the targets of each part.
        scaling: what makes inputs ready that are not.
        at: where the rows of a part lie in its inputs; by default they are all of them.
        about: the other attributes.
    """
    from shoal.data.dataset import Dataset  # which has us as its constructors

    if read.task == "regression":
        mean, scale = standardise(ys["train"], f"target {about['target']!r}")
        ys = {part: ((y - mean) / scale).astype(np.float32) for part, y in ys.items()}
        about |= {"target_mean": mean, "target_scale": scale}
    parts: dict[str, Any] = {
        part: Part(
            xs[part],
            ys[part],
            scaling=scaling if stays(xs[part], scaling) else None,
            at=None if at is None else at.get(part),
        )
        for part in PARTS
    }
    notes = (("task", f"{read.task}, {read.why}"), *about.pop("notes"))
    return Dataset(task=read.task, classes=read.classes, notes=notes, **parts, **about)
