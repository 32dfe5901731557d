"""The claims of the book, each put to the test; one file each, numbered as in the book's list."""

from __future__ import annotations

from shoal.book.claims import (
    batch_norm,
    dropout,
    ensemble,
    equal_weights,
    guided_search,
    importance,
    init,
    optimizers,
    ranges,
    sampling,
    weight_decay,
)
from shoal.book.claims.claim import MIN_SEEDS, Claim
from shoal.errors import unknown

__all__ = ["CLAIMS", "MIN_SEEDS", "Claim", "claim"]

CLAIMS: dict[str, Claim] = {
    module.CLAIM.name: module.CLAIM
    for module in (
        optimizers,
        init,
        equal_weights,
        batch_norm,
        weight_decay,
        dropout,
        ensemble,
        ranges,
        guided_search,
        sampling,
        importance,
    )
}
"""Every claim by its name; a new one is a file and a line here."""


def claim(name: str) -> Claim:
    """The claim of that name.

    Raises:
        ShoalError: there is none; the nearest name is suggested.
    """
    if name not in CLAIMS:
        raise unknown("claim", name, list(CLAIMS))
    return CLAIMS[name]
