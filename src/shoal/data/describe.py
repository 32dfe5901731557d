"""A data set in words and numbers: what `shoal data NAME` prints."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from shoal.data.columns import Column
    from shoal.data.dataset import Dataset

_MOST_LINES: Final = 40  # of a table, when printed


@dataclass(frozen=True)
class ClassCount:
    """How many rows of a class are in each part."""

    label: Any
    train: int
    valid: int
    test: int


@dataclass(frozen=True)
class Description:
    """What there is to say about a data set.

    Attributes:
        facts: pairs of a label and a value, in the order to print them.
        classes: rows of each class in each part; empty for regression.
        columns: the original columns; empty for images.
    """

    facts: tuple[tuple[str, str], ...]
    classes: tuple[ClassCount, ...]
    columns: tuple[Column, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists, for JSON."""
        return {
            "facts": dict(self.facts),
            "classes": [asdict(c) for c in self.classes],
            "columns": [asdict(c) for c in self.columns],
        }

    def class_table(self) -> list[tuple[str, ...]]:
        """Header and rows of the table of classes, as text."""
        rows = [(str(c.label), str(c.train), str(c.valid), str(c.test)) for c in self.classes]
        return [("class", "train", "valid", "test"), *rows]

    def column_table(self) -> list[tuple[str, ...]]:
        """Header and rows of the table of columns, as text."""
        rows = [
            (c.name, c.kind, _range(c), f"{c.missing:.1%}" if c.missing else "")
            for c in self.columns
        ]
        return [("column", "kind", "range", "missing"), *rows]

    def __str__(self) -> str:
        """The facts, then the tables."""
        blocks = [_aligned(list(self.facts))]
        if self.classes:
            blocks.append(_aligned(self.class_table()))
        if self.columns:
            blocks.append(_aligned(self.column_table()))
        return "\n\n".join(blocks)


def describe(data: Dataset) -> Description:
    """Describe a data set; ranges of inputs are those of the training part.

    >>> from shoal.data import load
    >>> for label, value in describe(load("digits")).facts[:5]:
    ...     print(label, "-", value)
    name - digits
    from - scikit-learn (embedded)
    task - classification, given
    rows - 1797: 1079 train, 359 valid, 359 test
    inputs - (8, 8), float32
    """
    notes = dict(data.notes)
    sizes = (len(data.train), len(data.valid), len(data.test))
    train = data.train.x
    shape = f"{data.in_shape}, float32"
    if data.columns and data.features and len(data.columns) != len(data.features):
        shape += f", from {len(data.columns)} columns"
    facts = [
        ("name", data.name),
        ("from", data.source),
        ("task", notes.pop("task", data.task)),
        ("rows", "{}: {} train, {} valid, {} test".format(sum(sizes), *sizes)),
        ("inputs", shape),
        ("input range", f"{train.min():.4g} to {train.max():.4g} (training part)"),
    ]
    if data.columns:
        gaps = sum(c.missing for c in data.columns) / len(data.columns)
        facts.append(("missing", f"{gaps:.2%} of all cells" if gaps else "none"))
    counts: tuple[ClassCount, ...] = ()
    if data.classes is not None:
        parts = [
            np.bincount(p.y, minlength=data.outputs) for p in (data.train, data.valid, data.test)
        ]
        columns = [p.tolist() for p in parts]
        counts = tuple(ClassCount(*row) for row in zip(data.classes, *columns, strict=True))
        top = int(np.argmax(parts[0]))
        share = parts[0][top] / parts[0].sum()
        facts.append(("target", f"{data.target}, {data.outputs} classes"))
        facts.append(
            ("balance", f"always guessing {data.classes[top]!r} is right in {share:.1%} (training)")
        )
    elif data.target_mean is not None and data.target_scale is not None:
        pairs = zip(data.target.split(", "), data.target_mean, data.target_scale, strict=False)
        texts = [f"{name}: mean {m:.4g}, standard deviation {s:.4g}" for name, m, s in pairs]
        facts.append(("target", "; ".join(texts) + " (training part; standardised inside)"))
    facts += notes.items()
    facts.append(("fingerprint", data.fingerprint))
    return Description(tuple(facts), counts, data.columns)


def _range(column: Column) -> str:
    """The values in words: "17 to 90", "5 levels" or "no values"."""
    if column.kind == "level":
        return f"{column.levels} level" + ("s" if column.levels != 1 else "")
    if column.low is None or column.high is None or math.isnan(column.low):
        return "no values"
    return f"{column.low:.6g} to {column.high:.6g}"


def _aligned(rows: list[tuple[str, ...]]) -> str:
    """Columns of text, left-aligned, cut short when there are very many rows."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows[: _MOST_LINES + 1]
    ]
    if len(rows) > _MOST_LINES + 1:
        lines.append(f"... and {len(rows) - _MOST_LINES - 1} more")
    return "\n".join(lines)
