"""What an experiment found, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.book.experiment import Cell, Published, Table
from shoal.book.text import Language, Text, say

if TYPE_CHECKING:
    from shoal.book.run import Done

AGREES = {
    True: Text("inside", "在范围内"),
    False: Text("outside", "不在范围内"),
    None: Text("not comparable", "不可比"),
}
PUBLISHED = (
    Text("figure", "指标"),
    Text("published", "书中数值"),
    Text("ours", "本次结果"),
    Text("published band", "书中范围"),
)


def published_table(rows: Sequence[Published]) -> Table:
    """Published figures beside ours."""
    return Table(
        PUBLISHED, [(row.what, row.published, row.ours, AGREES[row.agrees]) for row in rows]
    )


def show(done: Done, language: Language) -> None:
    """Print title, table, published figures, caption and remark on standard output."""
    from rich.console import Console

    findings = done.findings
    console = Console(highlight=False, markup=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=100)
    console.print(done.experiment.title[language], style="bold")
    if findings.table is not None:
        show_table(console, findings.table, language)
    if findings.published:
        show_table(console, published_table(findings.published), language)
    for text in (findings.caption, findings.remark):
        if text is not None:
            console.print(text[language])
    console.print(f"{done.command} ({done.seconds:.1f} s)", style="dim")


def show_table(console: object, table: Table, language: Language) -> None:
    """Print a table; the first column left, the others right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable

    def words(cell: Cell) -> str:
        return str(say(cell, language))

    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for k, cell in enumerate(table.header):
        drawn.add_column(words(cell), justify="right" if k else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*map(words, row))
    assert isinstance(console, Console)
    console.print(drawn)
