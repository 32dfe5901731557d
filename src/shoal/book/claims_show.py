"""What a claim's study found, on the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from shoal.book.claims.claim import Finding
from shoal.book.claims.weigh import answer_words, effect_words, margin_words
from shoal.book.experiment import Table
from shoal.book.show import show_table
from shoal.book.text import Language, Text

if TYPE_CHECKING:
    from shoal.book.claims_run import Answered

HEADER = (
    Text("what is claimed", "论断内容"),
    Text("condition", "条件"),
    Text("effect and 95 % interval", "效应与 95 % 置信区间"),
    Text("too small", "可忽略"),
    Text("seeds", "种子数"),
    Text("answer", "结论"),
)


def findings_table(findings: Sequence[Finding]) -> Table:
    """The findings of a claim, one row each; a statement is said once."""
    rows = []
    before: Text | None = None
    for finding in findings:
        what = finding.what if finding.what != before else ""
        before = finding.what
        rows.append(
            (
                what,
                finding.condition,
                effect_words(finding),
                margin_words(finding),
                str(finding.n),
                answer_words(finding),
            )
        )
    return Table(HEADER, rows)


def show(tested: Answered, language: Language) -> None:
    """Print statement, answer, findings and words on standard output."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=120)
    judged = tested.judged
    answer = judged.answer[language]
    console.print(f"{tested.claim.number}. {tested.claim.statement[language]}", style="bold")
    console.print(f"→ {answer}", style="bold")
    show_table(console, findings_table(judged.findings), language)
    console.print(judged.words[language])
    console.print(f"{tested.command} ({tested.seconds:.1f} s)", style="dim")
