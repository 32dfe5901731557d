"""From labelled images of whole-number pixels to a data set."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.data.dataset import Dataset
from shoal.data.part import Part
from shoal.data.scaling import Pixels
from shoal.data.split import split_rows
from shoal.errors import ShoalError


def labelled_images(
    name: str,
    source: str,
    x: NDArray[Any],
    y: NDArray[Any],
    *,
    top: float,
    classes: int,
    valid: float,
    test: float,
    seed: int,
    own_test: tuple[NDArray[Any], NDArray[Any]] | None = None,
) -> Dataset:
    """Split images, stratified by label; pixels, kept as bytes, become [0, 1] when they are used.

    Args:
        name: what to call the data set.
        source: where it came from.
        x: images `(n, height, width)` or `(n, height, width, channels)`, uint8.
        y: labels `(n,)`, from 0 to `classes` - 1.
        top: the largest possible pixel.
        classes: how many classes.
        valid: share or number of rows of the validation part.
        test: the same for the test part.
        seed: of the split.
        own_test: images and labels of a test part of its own.
    """
    labels = tuple(range(classes))
    pixels = Pixels(top)
    train_rows, valid_rows, test_rows = split_rows(
        len(y), valid, test, seed, y.astype(np.int64), labels
    )

    def part(images: NDArray[Any], targets: NDArray[Any]) -> Part:
        return Part(images, targets, scaling=pixels)

    return Dataset(
        name=name,
        source=source,
        task="classification",
        train=part(x[train_rows], y[train_rows]),
        valid=part(x[valid_rows], y[valid_rows]),
        test=part(*own_test) if own_test else part(x[test_rows], y[test_rows]),
        classes=labels,
        target="label",
        preprocessing=pixels,
        notes=(
            ("task", "classification, given"),
            ("preprocessing", f"pixels divided by {top:g}"),
        ),
    )


def refuse_test(name: str, test: float | None) -> None:
    """Nothing is carved where the data set has its own test part."""
    if test is not None:
        raise ShoalError(f"test={test} must be left out: {name} has a test part of its own")
