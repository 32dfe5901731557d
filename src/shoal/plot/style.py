"""How arms look: one colour and one marker each, the same in every picture.

The colours start from those of Okabe and Ito (2008), moved until each stands out from the page by
3:1 (WCAG) and any two stay apart under deuteranopia, protanopia and tritanopia, on a white page
and, with their second values, on a dark one. The markers tell arms apart in grey.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.comparison import Comparison

INK = "#1d2126"
MUTED = "#5f6670"
RULE = "#c9ced6"
GRID = "#e9ebef"
ZONE = "#e4e7ec"
PAGE = "#ffffff"


@dataclass(frozen=True)
class Look:
    """How one arm is drawn.

    Attributes:
        colour: on a white page.
        dark: on a dark page.
        marker: matplotlib's name of it; "" for none.
        size: of the marker in points; so that all look equally large.
        line: width in points.
    """

    colour: str
    dark: str
    marker: str
    size: float
    line: float = 1.6


LOOKS = (
    Look("#1b4685", "#3466d6", "o", 5.0),
    Look("#c22a00", "#ee620d", "s", 4.6),
    Look("#127b61", "#55a270", "^", 5.6),
    Look("#2e8de6", "#58d5f8", "D", 4.4),
    Look("#c955a3", "#c185c2", "v", 5.6),
    Look("#a28b39", "#eec715", "P", 6.2),
    Look("#733446", "#9a5278", "<", 5.6),
    Look("#222222", "#eeeeee", "*", 7.5),
)
"""So many arms can be told apart; dark blue, vermillion, green, blue, purple, gold, wine, black."""

OTHER = Look("#a3a9b2", "#737b87", "", 0.0, 0.8)
"""All arms beyond those."""


def looks(comparison: Comparison) -> dict[str, Look]:
    """The look of every arm, in the order given; beyond eight arms, only of the eight best.

    All others are grey, without a marker: nobody can tell twelve colours apart.
    """
    names = comparison.names
    if len(names) > len(LOOKS):
        best = comparison.ranking[: len(LOOKS)]
        names = [name for name in names if name in best]
    given = dict(zip(names, LOOKS, strict=False))
    return {name: given.get(name, OTHER) for name in comparison.names}


def plain(text: str) -> str:
    r"""A text that matplotlib draws as it stands: on one line, `$` not as mathematics.

    >>> print(plain("costs $5 or $6"))
    costs \$5 or \$6
    """
    return one_line(text).replace("$", r"\$")


def one_line(text: str) -> str:
    """The text without line breaks and whatever else cannot be printed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def short_names(names: Sequence[str], most: int) -> dict[str, str]:
    """A name of at most `most` characters for each arm.

    If one is too long, what all have in common at the start and the end is left out first, so that
    the names stay different; then the middle of those still too long.

    >>> short_names(["Adam, lr 0.1, four layers", "Adam, lr 0.02, four layers"], 20)
    {'Adam, lr 0.1, four layers': '…lr 0.1,…', 'Adam, lr 0.02, four layers': '…lr 0.02,…'}
    """
    lines = {name: one_line(name) for name in names}
    if any(len(line) > most for line in lines.values()) and len(names) > 1:
        words = [line.split() for line in lines.values()]
        start = max(_common(words) - 1, 0)  # one word of them says what it is about
        words = [row[start:] for row in words]
        end = _common([row[::-1] for row in words])
        kept = [" ".join(row[: len(row) - end]) for row in words]
        left, right = "…" * (start > 0), "…" * (end > 0)
        lines = {name: left + text + right for name, text in zip(names, kept, strict=True)}
    return {name: _without_middle(line, most) for name, line in lines.items()}


def _common(rows: Sequence[Sequence[str]]) -> int:
    """How many words all rows start with."""
    return sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, zip(*rows, strict=False)))


def _without_middle(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    tail = most // 2
    return f"{text[: most - tail - 1].rstrip()}…{text[-tail:].lstrip()}"


RC: dict[str, Any] = {
    "font.family": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": RULE,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": PAGE,
    "savefig.facecolor": PAGE,
    "svg.fonttype": "none",
    "svg.hashsalt": "shoal",
    "pdf.fonttype": 42,
}
"""Settings of matplotlib for all pictures; whatever a user has set stays outside."""
