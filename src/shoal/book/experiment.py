"""What an experiment of the book is: its words, the code that makes it, and what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import shoal
from shoal.book.text import Language, Text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Draw = Callable[[Language], "Figure"]
Cell = Text | str


@dataclass(frozen=True)
class Setting:
    """How an experiment is run.

    Attributes:
        data: "mnist" or "digits", for the experiments that train on images.
        seeds: repetitions.
        quick: much less work, to see that everything runs; no figure of it means anything.
    """

    data: str = "mnist"
    seeds: int = 5
    quick: bool = False

    def load(self, **how: Any) -> shoal.Dataset:
        """The data set; arguments as for `shoal.load`."""
        return shoal.load(self.data, **how)

    def work(self, full: int, quick: int) -> int:
        """So many steps, epochs or rows in full, or so many in a quick run."""
        return quick if self.quick else full

    @property
    def comparable(self) -> bool:
        """Whether the published figures, which are of MNIST, can be held against ours."""
        return self.data == "mnist" and not self.quick


@dataclass(frozen=True)
class Published:
    """A published figure beside ours.

    Attributes:
        what: it is.
        published: as it was published.
        ours: our figure, with its spread over seeds.
        agrees: whether ours lies in the published band; None where that cannot be said, such as
            on other data.
    """

    what: Cell
    published: Cell
    ours: Cell
    agrees: bool | None


def in_band(value: float, low: float, high: float, setting: Setting) -> bool | None:
    """Whether a figure lies in the published band; None where they cannot be compared.

    >>> in_band(0.2, 0.15, 0.23, Setting()), in_band(0.2, 0.15, 0.23, Setting(data="digits"))
    (True, None)
    """
    return low <= value <= high if setting.comparable else None


@dataclass(frozen=True)
class Table:
    """A table in words; the first column names the row."""

    header: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Findings:
    """What came out of an experiment.

    Attributes:
        numbers: everything measured, as plain data for JSON; tests hold on to these.
        caption: what the pictures show and what follows, written from the numbers.
        pictures: how to draw each, by name; "" for the only or the main one.
        table: the main numbers in words.
        published: published figures beside ours.
        remark: why ours differ from those, where they do; or what not to conclude.
    """

    numbers: Mapping[str, Any]
    caption: Text
    pictures: Mapping[str, Draw] = field(default_factory=dict)
    table: Table | None = None
    published: Sequence[Published] = ()
    remark: Text | None = None


@dataclass(frozen=True)
class Experiment:
    """One experiment of the book.

    Attributes:
        name: as in `shoal book NAME`.
        title: a few words.
        line: what it does, in one line, for the list.
        idea: the idea in a few sentences.
        formula: lines of TeX that matplotlib can set.
        code: the function that does the work with the public API; the book shows its source.
        run: does the experiment.
        seeds: repetitions unless others are asked for; 1 where nothing is random.
        uses: "nothing" if it needs no data, "images" if it trains on MNIST or digits, "signs".
    """

    name: str
    title: Text
    line: Text
    idea: Text
    formula: Sequence[str]
    code: Callable[..., Any]
    run: Callable[[Setting], Findings]
    seeds: int = 5
    uses: Literal["nothing", "images", "signs"] = "images"
