"""A data set in words and numbers: what `shoal data NAME` prints."""

from __future__ import annotations

import csv
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shoal.data.mapped import is_mapped
from shoal.data.part import PARTS
from shoal.errors import counted

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
        classes: rows of each class (or for which each label holds) in each part; empty for
            regression.
        columns: the original columns; empty for images.
        numbers: the same facts for a machine: numbers, lists and names, no sentences.
    """

    facts: tuple[tuple[str, str], ...]
    classes: tuple[ClassCount, ...]
    columns: tuple[Column, ...]
    numbers: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries and lists, for JSON; what is not there is None.

        >>> from shoal.data import load
        >>> told = load("digits").describe().to_dict()
        >>> told["rows"], told["inputs"]["shape"], len(told["classes"])
        ({'train': 1079, 'valid': 359, 'test': 359}, [8, 8], 10)
        """
        return {
            **self.numbers,
            "classes": [asdict(c) for c in self.classes],
            "columns": [asdict(c) for c in self.columns],
        }

    def class_table(self) -> list[tuple[str, ...]]:
        """Header and rows of the table of classes, as text."""
        rows = [(str(c.label), str(c.train), str(c.valid), str(c.test)) for c in self.classes]
        noun = "label" if self.numbers["task"] == "multilabel" else "class"
        return [(noun, "train", "valid", "test"), *rows]

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
    inputs - (8, 8), float32 (kept as uint8)
    """
    notes = dict(data.notes)
    sizes = (len(data.train), len(data.valid), len(data.test))
    low, high = data.train.range
    shape = f"{data.in_shape}, float32"
    if data.train.stored.dtype != np.float32:
        shape += f" (kept as {data.train.stored.dtype})"
    if is_mapped(data.train.stored):
        shape += " in a file"
    if data.columns and data.features and len(data.columns) != len(data.features):
        shape += f", from {counted(len(data.columns), 'column')}"
    facts = [
        ("name", data.name),
        ("from", data.source),
        ("task", notes.pop("task", data.task)),
        ("rows", "{}: {} train, {} valid, {} test".format(sum(sizes), *sizes)),
        ("inputs", shape),
        ("input range", f"{low:.4g} to {high:.4g} (training part)"),
    ]
    if data.columns:
        gaps = sum(c.missing for c in data.columns) / len(data.columns)
        facts.append(("missing", f"{gaps:.2%} of all cells" if gaps else "none"))
    counts: tuple[ClassCount, ...] = ()
    if data.classes is not None:
        several = data.task == "multilabel"
        parts = [
            p.y.sum(axis=0).astype(int) if several else np.bincount(p.y, minlength=data.outputs)
            for p in (data.train, data.valid, data.test)
        ]
        columns = [p.tolist() for p in parts]
        counts = tuple(ClassCount(*row) for row in zip(data.classes, *columns, strict=True))
        top = int(np.argmax(parts[0]))
        share = parts[0][top] / len(data.train)
        facts.append(
            ("target", f"{data.target}, {data.outputs} {'labels' if several else 'classes'}")
        )
        mean = parts[0].sum() / len(data.train)
        balance = (
            f"{mean:.3g} labels hold in a row on average (training)"
            if several
            else f"always guessing {data.classes[top]!r} is right in {share:.1%} (training)"
        )
        facts.append(("balance", balance))
    elif data.target_mean is not None and data.target_scale is not None:
        pairs = zip(_targets(data), data.target_mean, data.target_scale, strict=True)
        texts = [f"{name}: mean {m:.4g}, standard deviation {s:.4g}" for name, m, s in pairs]
        facts.append(("target", "; ".join(texts) + " (training part; standardised inside)"))
    facts += notes.items()
    facts.append(("fingerprint", data.fingerprint))
    return Description(tuple(facts), counts, data.columns, _numbers(data))


def _targets(data: Dataset) -> list[str]:
    """The name of each target; a comma may also be a part of the name."""
    if data.outputs == 1:
        return [data.target]
    names = next(csv.reader([data.target], skipinitialspace=True))
    if len(names) == data.outputs:
        return names
    return [f"target {i}" for i in range(data.outputs)]


def _numbers(data: Dataset) -> dict[str, Any]:
    """What `Description.numbers` holds."""
    low, high = data.train.range
    targets: list[dict[str, Any]] = [{"name": data.target, "classes": data.outputs}]
    if data.target_mean is not None and data.target_scale is not None:
        scaling = zip(_targets(data), data.target_mean, data.target_scale, strict=True)
        targets = [{"name": n, "mean": float(m), "scale": float(s)} for n, m, s in scaling]
    return {
        "name": data.name,
        "source": data.source,
        "task": data.task,
        "rows": {part: len(data.part(part)) for part in PARTS},
        "inputs": {
            "shape": list(data.in_shape),
            "type": "float32",
            "low": low,
            "high": high,
            "features": list(data.features),
        },
        "targets": targets,
        "missing_cells": sum(c.missing_rows for c in data.columns),
        "notes": dict(data.notes),
        "fingerprint": data.fingerprint,
    }


def _range(column: Column) -> str:
    """The values in words: "17 to 90", "5 levels" or "no values"."""
    if column.kind == "level":
        return counted(column.levels, "level")
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
