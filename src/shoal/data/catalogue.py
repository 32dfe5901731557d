"""Data sets by name: `load("digits")`, `load("mnist")`, `load("signs")`.

A new one is one small file with two functions (load it, find it) and one line in the table below.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from shoal.data.dataset import Dataset
from shoal.data.images import labelled_images
from shoal.data.mnist import find_mnist, load_mnist
from shoal.data.signs import find_signs, load_signs
from shoal.errors import ShoalError, unknown


@dataclass(frozen=True)
class Entry:
    """One line of `shoal data`.

    Attributes:
        name: what to give to `load`.
        what: what it is.
        rows: how many examples in all.
        at_hand: whether it loads without a download.
        where: where it is, or how to get it.
    """

    name: str
    what: str
    rows: int
    at_hand: bool
    where: str


def load(
    name: str, *, valid: float | None = None, test: float | None = None, seed: int = 0
) -> Dataset:
    """A data set by its name: "digits", "mnist" or "signs".

    - digits: 1,797 images of 8×8, embedded in scikit-learn; valid and test 20 % each.
    - mnist: 60,000 + 10,000 images of 28×28; its own test part, valid 10,000 of the 60,000.
      Looked for in SHOAL_DATA, then in the user's cache, then downloaded (11 MB).
    - signs: 1,237 colour photographs of 64×64; the first 1,080 to train on, the rest to test, no
      validation part unless asked for. Only from SHOAL_DATA.

    Pixels are kept as bytes and become float32 in [0, 1] as they are used; images keep their shape.

    Args:
        name: which one.
        valid: share (float) or number (int) of rows of the validation part, carved from the
            training part; 0 for none.
        test: the same for the test part, where the data set has none of its own.
        seed: of the split.

    Raises:
        ShoalError: on an unknown name, files that are missing, truncated or wrong, no network.

    >>> load("digits")
    <Dataset digits: classification, 1079 + 359 + 359 rows, inputs (8, 8), 10 classes>
    """
    if name not in _TABLE:
        raise unknown("data set", name, _TABLE)
    return _TABLE[name].load(valid, test, seed)


def available() -> tuple[Entry, ...]:
    """All data sets that `load` knows, and whether they are at hand. Nothing is downloaded.

    >>> [entry.name for entry in available()]
    ['digits', 'mnist', 'signs']
    """
    entries = []
    for name, known in _TABLE.items():
        try:
            where = known.where()
        except ShoalError as error:
            where, at_hand = str(error), False
        else:
            at_hand = where is not None
        entries.append(Entry(name, known.what, known.rows, at_hand, where or known.otherwise))
    return tuple(entries)


def _digits(valid: float | None, test: float | None, seed: int) -> Dataset:
    from sklearn.datasets import load_digits

    raw = load_digits()
    return labelled_images(
        "digits",
        "scikit-learn (embedded)",
        raw.images.astype(np.uint8),  # whole numbers, which come as float64
        raw.target,
        top=16,
        classes=10,
        valid=0.2 if valid is None else valid,
        test=0.2 if test is None else test,
        seed=seed,
    )


@dataclass(frozen=True)
class _Known:
    """How to load a data set, and what to say about it before."""

    load: Callable[[float | None, float | None, int], Dataset]
    what: str
    rows: int
    where: Callable[[], str | None]  # None if it is not at hand
    otherwise: str = ""


_TABLE: Final[dict[str, _Known]] = {
    "digits": _Known(
        _digits, "handwritten digits, 8×8 grey", 1_797, lambda: "scikit-learn (embedded)"
    ),
    "mnist": _Known(
        load_mnist,
        "handwritten digits, 28×28 grey",
        70_000,
        find_mnist,
        "downloaded on first use (11 MB), or set SHOAL_DATA",
    ),
    "signs": _Known(
        load_signs,
        "hands showing 0 to 5, 64×64 colour",
        1_237,
        find_signs,
        "no download; set SHOAL_DATA to the folder that has signs/signs.npz",
    ),
}
