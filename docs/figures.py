"""Makes all that is measured in the README and in docs/ anew: `make docs`.

    python docs/figures.py [comparison] [book] [claims]

`comparison`: what `shoal compare` runs by default; its picture, report and table. `book`: every
experiment, as docs/book.md with pictures and as an HTML book in two languages. `claims`: every
claim, as docs/claims.md and pages. With MNIST if it is at hand; about half an hour in all.
"""

from __future__ import annotations

import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import shoal
from shoal.book import LANGUAGES, Setting, Table
from shoal.book.claims import CLAIMS
from shoal.book.claims_page import write_claims
from shoal.book.claims_run import Answered, put_to_test
from shoal.book.claims_run import save as save_claim
from shoal.book.claims_show import findings_table
from shoal.book.experiments import EXPERIMENTS
from shoal.book.page import write_book
from shoal.book.run import Done, picture_name, run, save
from shoal.book.show import published_table
from shoal.book.text import say
from shoal.cli.compare import DEFAULT_STEPS
from shoal.cli.options import default_data
from shoal.comparison.recipes_file import default_recipes
from shoal.engine.checkpoint import write_whole
from shoal.plot.axes import capital
from shoal.plot.figure import encode

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
RUNS = ROOT / "runs" / "docs"
DPI = 110


def main() -> None:
    """Make what is asked for, or everything."""
    makers = {"comparison": comparison, "book": book, "claims": claims}
    for name in sys.argv[1:] or makers:
        started = time.perf_counter()
        makers[name]()
        print(f"{name}: {time.perf_counter() - started:.0f} s", flush=True)


def comparison() -> None:
    """Run the default comparison and put its table into both READMEs."""
    data = shoal.load(default_data())
    found = shoal.compare(default_recipes().recipes, data, steps=DEFAULT_STEPS, seeds=5)
    found.facts["command"] = f"shoal compare --data {data.name} --steps {DEFAULT_STEPS}"
    IMAGES.mkdir(parents=True, exist_ok=True)
    found.plot(IMAGES / f"optimizers-{data.name}.png")
    found.report(RUNS / "optimizers.html")
    for readme in ("README.md", "README.zh-CN.md"):
        replace_block(ROOT / readme, "optimizers", as_markdown(found))
    print(found)


def as_markdown(found: shoal.Comparison) -> str:
    """The headline, the table, and where the numbers come from."""
    header, rows = found.table()
    facts = found.facts
    lines = [f"> {found.headline}", "", *markdown(Table(header, rows)), ""]
    lines += [
        f"Mean over {len(found.seeds)} seeds ± half of the 95 % interval; best is where the "
        f"validation part would stop. `{facts['command']}` printed this on {facts['date']} in "
        f"{facts['wall_seconds']:.0f} s ({facts['machine']}, Python {facts['python']}, "
        f"NumPy {facts['numpy']}).",
    ]
    return "\n".join(lines)


def book() -> None:
    """Run every experiment of the book; write the HTML books and docs/book.md."""
    setting = Setting(default_data())
    done = []
    for experiment in EXPERIMENTS.values():
        done.append(run(experiment, replace(setting, seeds=experiment.seeds)))
        for language in LANGUAGES:
            save(done[-1], RUNS / "book", language, LANGUAGES)
        print(f"{done[-1].command}: {done[-1].seconds:.0f} s", flush=True)
    for language in LANGUAGES:
        write_book(done, RUNS / "book", language)
    write_whole(ROOT / "docs" / "book.md", book_page(done).encode())


def book_page(done: list[Done]) -> str:
    """The experiments as Markdown: caption, picture, published figures beside ours."""
    facts, seconds = done[0].facts, sum(each.seconds for each in done)
    lines = [
        "# The book's experiments",
        "",
        "*Deep Learning from Scratch*, chapters 4 and 6, with Andrew Ng's week on hyperparameters, "
        "batch norm and softmax: every experiment with seeds, and the published figures, which are "
        "of unseeded single runs, beside ours. `shoal book --all` makes the same as one HTML page, "
        "with formulas and code, in English or (`--lang zh`) in Chinese.",
        "",
        f"`make docs` printed this on {facts['date']} in {seconds / 60:.0f} minutes "
        f"({facts['machine']}, Python {facts['python']}, NumPy {facts['numpy']}).",
        "",
        *markdown(overview(done)),
    ]
    for each in done:
        lines += ["", *section(each)]
    return "\n".join(lines).replace("\n\n\n", "\n\n").rstrip() + "\n"


def section(done: Done) -> list[str]:
    """One experiment of the book."""
    experiment, findings = done.experiment, done.findings
    lines = [f"## {experiment.title.en}", "", experiment.idea.en, ""]
    lines += [f"`{done.command}` ({done.seconds:.0f} s)", ""]
    for key, draw in findings.pictures.items():
        name = f"{picture_name(experiment.name, key)}.png"
        write_whole(IMAGES / "book" / name, encode(draw("en"), "png", DPI))
        lines += [f"![{experiment.title.en}](images/book/{name})", ""]
    lines += [findings.caption.en, ""]
    for table in (findings.table, findings.published and published_table(findings.published)):
        lines += [*markdown(table), ""] if table else []
    return [*lines, findings.remark.en, ""] if findings.remark else lines


def overview(done: list[Done]) -> Table:
    """One row for each experiment."""
    rows = []
    for each in done:
        judged = [row.agrees for row in each.findings.published if row.agrees is not None]
        inside = f"{sum(judged)} of {len(judged)}" if judged else "–"
        link = each.experiment.title.en.lower()
        anchor = re.sub(r"[^\w\- ]", "", link).replace(" ", "-")
        rows.append((f"[{each.experiment.name}](#{anchor})", each.experiment.line.en, inside))
    return Table(("experiment", "what it does", "published figures met"), rows)


def claims() -> None:
    """Put every claim to the test; write the HTML pages and docs/claims.md."""
    setting = Setting(default_data())
    answered = []
    for claim in CLAIMS.values():
        answered.append(put_to_test(claim, replace(setting, seeds=claim.seeds)))
        for language in LANGUAGES:
            save_claim(answered[-1], RUNS / "claims", language, LANGUAGES)
        print(f"{answered[-1].command}: {answered[-1].seconds:.0f} s", flush=True)
    for language in LANGUAGES:
        write_claims(answered, RUNS / "claims", language)
    write_whole(ROOT / "docs" / "claims.md", claims_page(answered).encode())


def claims_page(answered: list[Answered]) -> str:
    """The claims as Markdown: the answer to each, what was found, and the command behind it."""
    facts, seconds = answered[0].facts, sum(each.seconds for each in answered)
    rows = [
        (str(each.claim.number), each.claim.statement, each.judged.answer, f"`{each.command}`")
        for each in answered
    ]
    lines = [
        "# The book's claims, put to the test",
        "",
        "Each by paired seeds, with the effect, its 95 % interval, and an answer. *Supported*: the "
        "whole interval lies on the side that is claimed, and beyond what does not matter. "
        "`shoal claims` makes the same as an HTML page, in English or (`--lang zh`) in Chinese.",
        "",
        f"`make docs` printed this on {facts['date']} in {seconds / 60:.0f} minutes "
        f"({facts['machine']}, Python {facts['python']}, NumPy {facts['numpy']}).",
        "",
        *markdown(Table(("", "claim", "answer", "command"), rows)),
    ]
    for each in answered:
        claim, judged = each.claim, each.judged
        lines += ["", f"## {claim.number}. {claim.statement.en}", "", claim.question.en, ""]
        lines += [f"**{capital(judged.answer.en)}.** {judged.words.en}", ""]
        lines += [*markdown(findings_table(judged.findings)), ""]
        for key, draw in each.pictures.items():
            name = f"{picture_name(claim.name, key)}.png"
            write_whole(IMAGES / "claims" / name, encode(draw("en"), "png", DPI))
            lines += [f"![{claim.statement.en}](images/claims/{name})", ""]
    return "\n".join(lines).rstrip() + "\n"


def markdown(table: Table) -> list[str]:
    """A table as Markdown, in English."""

    def line(cells: object) -> str:
        words = [str(say(cell, "en")).replace("|", "\\|") for cell in cells]  # type: ignore[attr-defined]
        return f"| {' | '.join(words)} |"

    return [line(table.header), f"|{'---|' * len(table.header)}", *map(line, table.rows)]


def replace_block(path: Path, name: str, text: str) -> None:
    """Put `text` between the markers <!-- begin name --> and <!-- end name -->."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    old = path.read_text("utf-8")
    new = re.sub(
        f"{re.escape(begin)}.*?{re.escape(end)}",
        lambda _: f"{begin}\n{text}\n{end}",
        old,
        flags=re.S,
    )
    path.write_text(new, "utf-8")


if __name__ == "__main__":
    main()
