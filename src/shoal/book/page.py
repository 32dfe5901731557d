"""The book as one HTML page: every experiment with its words, formula, pictures and code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from shoal.book.experiment import Draw, Table
from shoal.book.formula import formula
from shoal.book.run import Done, label_language
from shoal.book.show import published_table
from shoal.book.snippet import snippet
from shoal.book.text import Language, Text, say
from shoal.engine.checkpoint import write_whole
from shoal.report.page import template
from shoal.report.svg import inline, style_variables

REM_PER_INCH = 6.4
"""Makes the 9 points of our labels 13 pixels."""

HEADING = Text(
    "The book's experiments, each with seeds and the published figures beside ours",
    "书中的实验：多个随机种子，并与书中数值对照",
)
INTRODUCTION = Text(
    "Each experiment of the textbook Deep Learning from Scratch (chapters 4 and 6) that shows a "
    "choice in training. The book shows single runs without a seed; here every one that is random "
    "was repeated, and bands go from the lowest to the highest seed.",
    "这里收录了教科书《Deep Learning from Scratch》第 4 章和第 6 章中涉及训练方法选择的"
    "每一个实验。书中各实验只运行一次，也没有固定随机种子；这里凡含随机性的实验都重复了多次，"
    "色带从各种子的最低值画到最高值。",
)
QUICK = Text(
    "This is a quick run, made to see that everything works: its figures mean nothing.",
    "这是一次快速运行，只为确认一切能正常运行，其中的数值没有意义。",
)
WORDS = {
    "contents": Text("Contents", "目录"),
    "code": Text("The code that makes it", "所用代码"),
    "published": Text("Published figures and ours", "书中数值与本次结果"),
    "made": Text("How it was made", "运行环境"),
    "seconds": Text("{seconds:.0f} s", "{seconds:.0f} 秒"),
}


def write_book(done: Sequence[Done], folder: Path, language: Language) -> Path:
    """Write all experiments as one page that opens offline.

    Returns:
        Its path: book.html, or book.zh.html in Chinese.

    Raises:
        ShoalError: the folder cannot be written.
    """
    path = folder / ("book.html" if language == "en" else f"book.{language}.html")
    write_whole(path, render(done, language).encode())
    return path


def render(done: Sequence[Done], language: Language) -> str:
    """The text of the page."""
    quick = any(each.setting.quick for each in done)
    facts = done[0].facts if done else {}
    page: str = template("book", "book.html").render(
        language_of_page=language,
        heading=HEADING[language],
        introduction=INTRODUCTION[language],
        quick=QUICK[language] if quick else "",
        experiments=[_chapter(each, language) for each in done],
        facts=list(facts.items()),
        words={key: text[language] for key, text in WORDS.items()},
        light=style_variables(dark=False),
        dark=style_variables(dark=True),
    )
    return page


def _chapter(done: Done, language: Language) -> dict[str, Any]:
    """One experiment in a language."""
    experiment, findings = done.experiment, done.findings
    seconds = WORDS["seconds"].format(seconds=done.seconds)[language]
    return {
        "name": experiment.name,
        "title": experiment.title[language],
        "idea": experiment.idea[language],
        "formulas": [formula(line) for line in experiment.formula],
        "pictures": [
            embed(draw, f"{experiment.name}-{key}", experiment.title, findings.caption, language)
            for key, draw in findings.pictures.items()
        ],
        "caption": findings.caption[language],
        "remark": "" if findings.remark is None else findings.remark[language],
        "table": words_of(findings.table, language),
        "published": words_of(
            published_table(findings.published) if findings.published else None, language
        ),
        "code": snippet(experiment.code),
        "command": f"{done.command}  # {seconds}",
    }


def embed(draw: Draw, key: str, title: Text, description: Text, language: Language) -> Markup:
    """A picture as an `<svg>` element in a language, described for those who do not see it.

    All are as wide as makes their letters equally large.
    """
    figure = draw(label_language(language))
    svg = inline(figure, key.strip("-"), title[language], description[language])
    width = REM_PER_INCH * figure.get_figwidth()
    return Markup(f'<div class="pictures" style="max-width: {width:.1f}rem">{svg}</div>')


def words_of(table: Table | None, language: Language) -> dict[str, Any] | None:
    """A table's cells in a language."""
    if table is None:
        return None
    return {
        "header": [say(cell, language) for cell in table.header],
        "rows": [[say(cell, language) for cell in row] for row in table.rows],
    }
