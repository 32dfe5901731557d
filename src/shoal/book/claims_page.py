"""The claims as one HTML page: a table of answers, then each claim with its evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shoal.book.claims_run import Answered
from shoal.book.claims_show import findings_table
from shoal.book.experiment import Cell, Table
from shoal.book.page import QUICK, WORDS, embed, words_of
from shoal.book.snippet import snippet
from shoal.book.text import Language, Text
from shoal.engine.checkpoint import write_whole
from shoal.report.page import template
from shoal.report.svg import style_variables

HEADING = Text("The book's claims, put to the test", "书中论断的检验")
INTRODUCTION = Text(
    "What the textbook Deep Learning from Scratch says about training, from single runs, tested "
    "with paired seeds: two ways of training start from the same weights and see the same "
    "batches, and the difference is taken within each seed. An answer is “supported” if the whole "
    "interval of the difference lies beyond what does not matter, on the side that is claimed; "
    "“not supported” if none of it does; else “undecided”. Intervals are at 95 % for all findings "
    "of a claim together (Holm). A claim some of whose findings are supported and some are not "
    "depends on what was varied between them. Further questions are answered too, but the verdict "
    "on the claim does not hang on them.",
    "教科书《Deep Learning from Scratch》根据单次运行得出了一些关于训练的论断，"
    "这里用配对的随机种子加以检验：两种训练方式从相同的权重出发，看到相同的小批量，"
    "并在每个种子内求差。若差异的置信区间全部位于论断所说的一侧，且超出可忽略的范围，"
    "结论为“成立”；若区间没有任何部分如此，为“不成立”；其余情况为“无法判定”。"
    "同一论断的全部结果合起来，置信水平为 95 %（Holm 方法）。若同一论断的结果有的成立、"
    "有的不成立，则该论断取决于它们之间改变的条件。附加问题也一并回答，但不影响对论断的结论。",
)
HEADER = (
    Text("claim", "论断"),
    Text("answer", "结论"),
    Text("supported", "成立"),
    Text("not supported", "不成立"),
    Text("undecided", "无法判定"),
    Text("seeds", "种子数"),
)
LABELS = {
    "answers": Text("Answers", "结论"),
    "findings": Text("Findings", "结果"),
    "effects": Text(
        "Every effect as a multiple of the largest that does not matter: the shaded zone. On its "
        "right, it is as claimed; where two things are claimed to be the same, inside it. "
        "Circles: supported; squares: not supported; hollow diamonds: undecided.",
        "每个效应以可忽略的最大差异为单位（阴影区）。阴影右侧表示与论断一致；若论断是两者相同，"
        "则在阴影内表示一致。圆点：成立；方块：不成立；空心菱形：无法判定。",
    ),
    **WORDS,
}


def write_claims(tested: Sequence[Answered], folder: Path, language: Language) -> Path:
    """Write all claims as one page that opens offline.

    Returns:
        Its path: claims.html, or claims.zh.html in Chinese.

    Raises:
        ShoalError: the folder cannot be written.
    """
    path = folder / ("claims.html" if language == "en" else f"claims.{language}.html")
    write_whole(path, render(tested, language).encode())
    return path


def render(tested: Sequence[Answered], language: Language) -> str:
    """The text of the page."""
    quick = any(each.setting.quick for each in tested)
    facts = tested[0].facts if tested else {}
    page: str = template("book", "claims.html").render(
        language_of_page=language,
        heading=HEADING[language],
        introduction=INTRODUCTION[language],
        quick=QUICK[language] if quick else "",
        answers=words_of(answers_table(tested), language),
        claims=[_section(each, language) for each in tested],
        facts=list(facts.items()),
        words={key: text[language] for key, text in LABELS.items()},
        light=style_variables(dark=False),
        dark=style_variables(dark=True),
    )
    return page


def answers_table(tested: Sequence[Answered]) -> Table:
    """One row for each claim: what, the answer, and how many findings say so."""
    rows: list[Sequence[Cell]] = []
    for each in tested:
        judged = each.judged
        number = Text("{k}. {what}", "{k}. {what}").format(
            k=each.claim.number, what=each.claim.statement
        )
        counts = [str(judged.count(a)) for a in ("supported", "not supported", "undecided")]
        rows.append((number, judged.answer, *counts, str(each.setting.seeds)))
    return Table(HEADER, rows)


def _section(tested: Answered, language: Language) -> dict[str, Any]:
    """One claim in a language."""
    claim, judged = tested.claim, tested.judged
    captions = {"": LABELS["effects"], **judged.captions}
    seconds = LABELS["seconds"].format(seconds=tested.seconds)[language]
    return {
        "name": claim.name,
        "number": claim.number,
        "statement": claim.statement[language],
        "question": claim.question[language],
        "answer": judged.answer[language],
        "verdict": judged.verdict.replace(" ", "-"),
        "words": judged.words[language],
        "findings": words_of(findings_table(judged.findings), language),
        "pictures": [
            (
                embed(draw, f"{claim.name}-{key}", claim.statement, judged.words, language),
                captions[key][language] if key in captions else "",
            )
            for key, draw in tested.pictures.items()
        ],
        "code": snippet(claim.code),
        "command": f"{tested.command}  # {seconds}",
    }
