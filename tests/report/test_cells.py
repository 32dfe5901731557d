"""Cells of a column are set so that decimal points stand beneath each other."""

from __future__ import annotations

import pytest

from shoal.report.cells import aligned


def shape(column: list[str]) -> list[str]:
    """The texts, with the spaces that are as wide as a digit or a point made visible."""
    return [c.text.replace("\u2007", "_").replace("\u2008", ",") for c in aligned(column)]


@pytest.mark.parametrize(
    ("column", "texts"),
    [
        (["1.5", "22.25"], ["1.5_", "22.25"]),
        (["0.05 ± 0.001", "1.5 ± 12.3"], ["0.05 ± _0.001", "1.5_ ± 12.3__"]),
        (["12", "3.5"], ["12,_", "3.5"]),
        (["98.05 %", "7.10 %"], ["98.05 %", "7.10 %"]),
        (["+0.50", "−12.25"], ["+0.50", "−12.25"]),
        (["diverged", "0/5", "1.2e-08 ± 3e-09"], ["diverged", "0/5", "1.2e-08 ± 3e-09"]),
        ([], []),
    ],
)
def test_texts(column, texts):
    assert shape(column) == texts


def test_what_follows_stands_outside():
    assert [cell.after for cell in aligned(["274 (3/5)", "26", "never"])] == ["(3/5)", "", ""]


def test_a_number_without_interval_keeps_its_place():
    first, second = aligned(["98.05 ± 0.42 %", "97.10 %"])
    assert first.ghost == ""
    assert (second.text, second.ghost) == ("97.10 %", " ± 0.00")
