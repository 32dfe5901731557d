"""MNIST if it is at hand, else a stand-in of the same shape; nothing is downloaded."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

import shoal
from shoal import Dataset

ROWS = 60_000


@lru_cache(maxsize=2)
def mnist(valid: float) -> tuple[Dataset, str]:
    """The data, and what to call it.

    Args:
        valid: share of the training images for the validation part.
    """
    if any(entry.name == "mnist" and entry.at_hand for entry in shoal.available()):
        return shoal.load("mnist", valid=valid), "MNIST"
    return stand_in(valid, ROWS), "a stand-in for MNIST (scikit-learn's digits, enlarged and noisy)"


def stand_in(valid: float, rows: int) -> Dataset:
    """Digits of 8×8, enlarged to 28×28 and repeated with noise: as many rows, as large.

    >>> stand_in(valid=100, rows=1200)
    <Dataset stand-in: classification, 1100 + 100 + 200 rows, inputs (28, 28), 10 classes>
    """
    from sklearn.datasets import load_digits

    raw = load_digits()
    test = rows // 6
    random = np.random.default_rng(0)
    which = random.integers(0, len(raw.images), rows + test)
    images = np.zeros((rows + test, 28, 28), np.float32)
    small = raw.images[which].astype(np.float32) / 16
    images[:, 2:26, 2:26] = small.repeat(3, axis=1).repeat(3, axis=2)
    images += 0.1 * random.random(images.shape, np.float32)
    y = raw.target[which]
    return Dataset.from_arrays(
        images[:rows],
        y[:rows],
        x_test=images[rows:],
        y_test=y[rows:],
        valid=valid,
        scale="none",
        name="stand-in",
    )
