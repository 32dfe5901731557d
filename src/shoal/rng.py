"""Randomness without state: every draw is a function of its key.

A key is `(seed, purpose, *where)`, for example (seed, "weights", layer) or (seed, "dropout", layer,
step). Equal keys give equal numbers, in any order, in any process; so nothing has to be saved for
a run to resume exactly, and two arms with the same seed share weights, batches and masks.

The generator is Philox, which is counter-based (Salmon et al., "Parallel random numbers: as easy
as 1, 2, 3", 2011); NumPy's SeedSequence spreads the key over its 128 bits. This module is a leaf.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np

Purpose = Literal["weights", "batches", "dropout", "split", "check", "sample", "trials"]

# Fixed for good: a number that changed would change every result.
_PURPOSES: Final[dict[str, int]] = {
    "weights": 1,
    "batches": 2,
    "dropout": 3,
    "split": 4,
    "check": 5,
    "sample": 6,
    "trials": 7,
}


def generator(seed: int, purpose: Purpose, *where: int) -> np.random.Generator:
    """The random generator of one key.

    >>> a, b = generator(7, "weights", 0), generator(7, "weights", 0)
    >>> bool((a.standard_normal(3) == b.standard_normal(3)).all())
    True
    """
    # spawn_key, not one long tuple: a tuple is padded with zeros, and (7,) would equal (7, 0)
    key = np.random.SeedSequence(seed, spawn_key=(_PURPOSES[purpose], *where))
    return np.random.Generator(np.random.Philox(key))
