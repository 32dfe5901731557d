"""Cells of tables: numbers so set that their decimal points stand beneath each other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

SPACE = "\u2007"
"""As wide as a digit."""

NUMBER = re.compile(r"([+−-]?\d+)(\.\d+)?(?: ± (\d+)(\.\d+)?)?( %| \(.*\))?")


@dataclass(frozen=True)
class Cell:
    """One cell.

    Attributes:
        text: what it says.
        ghost: what takes up room behind it, unseen, so that columns stay straight.
        after: what follows, outside of the alignment, such as "(3/5)".
    """

    text: str
    ghost: str = ""
    after: str = ""


def aligned(column: Sequence[str]) -> list[Cell]:
    """The cells of a column, set right; what is no number stays as it is.

    >>> for cell in aligned(["98.05 ± 0.42 %", "7.1 ± 10.4 %", "diverged"]):
    ...     print(repr(cell.text.replace(SPACE, "_")))
    '98.05 ± _0.42 %'
    '7.1_ ± 10.4_ %'
    'diverged'
    """
    matches = [NUMBER.fullmatch(text) for text in column]
    found = [m for m in matches if m]
    if not found:
        return [Cell(text) for text in column]
    fraction = max(len(m[2] or "") for m in found)
    whole_half = max(len(m[3] or "") for m in found)
    fraction_half = max(len(m[4] or "") for m in found)
    cells = []
    for text, match in zip(column, matches, strict=True):
        if not match:
            cells.append(Cell(text))
            continue
        mean, half, rest = match[1] + _fill(match[2], fraction), "", match[5] or ""
        if match[3]:
            half = f" ± {match[3].rjust(whole_half, SPACE)}{_fill(match[4], fraction_half)}"
        unit = rest if rest == " %" else ""
        ghost = ""
        if whole_half and not half:
            ghost = " ± " + "0" * whole_half + "." * (fraction_half > 0) + "0" * (fraction_half - 1)
        cells.append(Cell(mean + half + unit, ghost, "" if unit else rest.strip()))
    return cells


def _fill(fraction: str | None, width: int) -> str:
    """The fraction with spaces behind it; one of a number without is all spaces."""
    given = fraction or ""
    point = "\u2008" if width and not given else ""  # as wide as a point
    return given + point + SPACE * (width - len(given) - len(point))
