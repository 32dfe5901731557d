"""A column of levels: one input for each level, and what becomes of those nobody has seen."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

MOST_LEVELS: Final = 64  # inputs of one column; rarer levels share the last
MISSING: Final = "(missing)"
RARE: Final = "(rare)"
_FEW: Final = 32  # rows that are faster one by one


@dataclass(frozen=True)
class Levels:
    """Inputs that are 1 where the column has their level, and 0 elsewhere.

    A missing value is a level like any other. A level without an input of its own counts as rare
    where there is an input for rare ones; where there is none, all inputs are 0.

    Attributes:
        name: of the column.
        levels: those that have an input of their own, as text.
        rare: whether one more input stands for all others.

    >>> import pandas as pd
    >>> colours = Levels("colour", ("blue", "red"), rare=False)
    >>> colours.features
    ('colour=blue', 'colour=red')
    >>> colours.places(pd.Series(["red", "violet", "blue"]))
    array([ 1, -1,  0])
    """

    name: str
    levels: tuple[str, ...]
    rare: bool = False

    def __len__(self) -> int:
        """How many inputs."""
        return len(self.levels) + self.rare

    @property
    def features(self) -> tuple[str, ...]:
        """The names of the inputs."""
        shown = (*self.levels, RARE) if self.rare else self.levels
        return tuple(f"{self.name}={level}" for level in shown)

    def places(self, values: pd.Series[Any]) -> NDArray[np.int64]:
        """Which of the inputs is 1 in each row (rows,); -1 for none."""
        found, texts = coded(values)
        otherwise = len(self.levels) if self.rare else -1
        of_texts = [self.known.get(text, otherwise) for text in texts]
        return np.array(of_texts, np.int64)[found] if len(found) else np.empty(0, np.int64)

    def unseen(self, values: pd.Series[Any]) -> tuple[int, str] | None:
        """The first row, counted from 0, with a level that has no input of its own, and it."""
        found, texts = coded(values)
        new = [text not in self.known for text in texts]
        rows = np.flatnonzero(np.array(new, bool)[found])
        return (int(rows[0]), texts[found[rows[0]]]) if rows.size else None

    @cached_property
    def known(self) -> dict[str, int]:
        """The input of each level, and of whole numbers also as real ones: "3" and "3.0".

        Where others are missing, whole numbers become real ones in most libraries.
        """
        known = {level: place for place, level in enumerate(self.levels)}
        for level, place in list(known.items()):
            if re.fullmatch(r"-?\d+(\.0)?", level):
                known.setdefault(level.removesuffix(".0"), place)
                known.setdefault(f"{level.removesuffix('.0')}.0", place)
        return known


def fit_levels(
    values: pd.Series[Any], name: str, weights: NDArray[np.float64] | None = None
) -> Levels:
    """The levels of the training rows, sorted; beyond 64 the 63 that most rows have.

    >>> import pandas as pd
    >>> fit_levels(pd.Series(["b", None, "a"]), "kind").levels
    ('(missing)', 'a', 'b')
    """
    found, texts = coded(values)
    counts = np.bincount(found, weights, minlength=len(texts))
    order = sorted((i for i in range(len(texts)) if counts[i] > 0), key=texts.__getitem__)
    if len(order) <= MOST_LEVELS:
        return Levels(name, tuple(texts[i] for i in order))
    # among equally frequent ones the later in the alphabet stay, as in scikit-learn
    ranked = np.argsort(counts[order], kind="stable")
    kept = sorted(ranked[-(MOST_LEVELS - 1) :])
    return Levels(name, tuple(texts[order[i]] for i in kept), rare=True)


def coded(values: pd.Series[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Every row as a place in a list of different texts; `MISSING` is one of them if it occurs."""
    import pandas as pd

    if len(values) <= _FEW:  # factorize takes its time to begin
        shown = [
            MISSING if value is None or value is pd.NA or value != value else str(value)
            for value in values.tolist()
        ]
        few = {text: i for i, text in enumerate(dict.fromkeys(shown))}
        return np.array([few[text] for text in shown], np.int64), list(few)
    codes, different = pd.factorize(values)
    texts = [str(value) for value in different]
    gone = codes < 0
    if gone.any():
        codes = np.where(gone, len(texts), codes)
        texts.append(MISSING)
    # 1 and "1" differ as values, not as texts
    place = {text: i for i, text in enumerate(dict.fromkeys(texts))}
    if len(place) < len(texts):
        codes = np.array([place[text] for text in texts])[codes]
    return codes.astype(np.int64), list(place)
