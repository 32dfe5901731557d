"""The page: gathers what a comparison says, and fills the template."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from shoal.comparison import Metric
from shoal.comparison.recipes_file import write_recipes
from shoal.comparison.words import signed
from shoal.engine.checkpoint import write_whole
from shoal.errors import ShoalError
from shoal.plot import plot_curves, plot_differences, plot_instruments, plot_sensitivity
from shoal.plot.axes import capital
from shoal.plot.comparison import evaluated
from shoal.plot.differences import why_absent
from shoal.plot.instruments import caption as instruments_caption
from shoal.plot.sensitivity import tuned_settings
from shoal.plot.style import OTHER, looks
from shoal.report import words
from shoal.report.again import command
from shoal.report.cells import aligned
from shoal.report.svg import inline, style_variables, swatch

if TYPE_CHECKING:
    from jinja2 import Template

    from shoal.comparison import Comparison, Pair

OPEN_PAIRS = 10
"""A longer table of pairs is folded."""


def write_report(comparison: Comparison, path: str | Path) -> Path:
    """Write the report of a comparison: one HTML file that opens offline.

    Args:
        comparison: what to report.
        path: of the file, .html.

    Returns:
        The path.

    Raises:
        ShoalError: another ending, or a file that cannot be written.
    """
    return save_page(path, lambda: render(comparison))


def save_page(path: str | Path, text: Callable[[], str]) -> Path:
    """Write a page whose text is made when the path is known to be one of a page.

    Raises:
        ShoalError: another ending, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in (".html", ".htm"):
        raise ShoalError(f"a report is an HTML file; {path} must end in .html")
    write_whole(path, text().encode())
    return path


def render(comparison: Comparison) -> str:
    """The text of the page.

    >>> import shoal
    >>> recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=0.1))
    >>> comparison = shoal.compare({"SGD": recipe}, shoal.load("digits"), epochs=2, seeds=2)
    >>> page = render(comparison)
    >>> page.splitlines()[0], "[arms.SGD]" in page
    ('<!doctype html>', True)
    """
    lead, rest = words.verdict(comparison)
    text, language = command(comparison)
    page: str = template("report", "comparison.html").render(
        heading=words.heading(comparison),
        compared=words.compared(comparison),
        date=comparison.facts.get("date", ""),
        lead=lead,
        rest=rest,
        notes=words.notes(comparison),
        swatches=_swatches(comparison),
        legend=_legend(comparison),
        table=_table(comparison),
        table_caption=words.table_caption(comparison),
        curves=_curves(comparison),
        curves_caption=words.curves_caption(comparison, evaluated(comparison)),
        differences=_differences(comparison),
        diagnosis=_diagnosis(comparison),
        tuning=_tuning(comparison),
        recipes=write_recipes(comparison.recipes),
        seeds=_seeds(comparison),
        facts=_facts(comparison),
        command=text,
        language=language,
        plain=comparison.to_dict(),
        light=style_variables(dark=False),
        dark=style_variables(dark=True),
    )
    return page


@cache
def template(package: str, name: str) -> Template:
    """A template of a package of ours; `base.html` is the report's, whose look all pages share."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    folders = [PackageLoader("shoal", folder) for folder in dict.fromkeys((package, "report"))]
    environment = Environment(
        loader=ChoiceLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)


def _swatches(comparison: Comparison) -> dict[str, Markup]:
    return {name: Markup(swatch(look)) for name, look in looks(comparison).items()}


def _legend(comparison: Comparison) -> list[tuple[Markup, str, str]]:
    """Sample, name and how many diverged of every arm, best first."""
    given = looks(comparison)
    arms = {arm.name: arm for arm in comparison.arms}
    rows = []
    for name in comparison.ranking:
        if given[name] is not OTHER:
            gone = f"diverged {arms[name].diverged}/{arms[name].members}"
            rows.append((Markup(swatch(given[name])), name, gone if arms[name].diverged else ""))
    others = len(comparison.names) - len(rows)
    return [*rows, (Markup(swatch(OTHER)), f"{others} others", "")] if others else rows


def _table(comparison: Comparison) -> dict[str, Any]:
    """The table of arms; numbers aligned."""
    header, rows = comparison.table()
    columns = [aligned([row[k] for row in rows]) for k in range(1, len(header))]
    return {
        "header": header,
        "rows": [(row[0], [column[i] for column in columns]) for i, row in enumerate(rows)],
        "after": [any(cell.after for cell in column) for column in columns],
    }


def _curves(comparison: Comparison) -> list[Markup]:
    pictures = []
    for quantity in ("loss", evaluated(comparison)):
        label = capital(Metric(quantity).label)
        figure = plot_curves(comparison, quantity, bare=True)
        text = f"Curves of {words.listed(comparison.names)}. The table above has their ends."
        title = f"{label} against training, with bands over seeds"
        pictures.append(Markup(inline(figure, f"curves-{quantity}", title, text)))
    return pictures


def _differences(comparison: Comparison) -> list[dict[str, Any]]:
    """Picture, caption and table of all pairs, for the metric and for the training loss."""
    if len(comparison.names) < 2:
        return []
    sections = []
    for metric in dict.fromkeys((comparison.metric, Metric("loss"))):
        pairs = comparison.pairs(metric)
        first = [pair for pair in pairs if pair.a == pairs[0].a]
        picture = ""
        if any(pair.difference.n for pair in first):
            figure = plot_differences(comparison, metric.name, width=4.8, bare=True)
            title = f"Differences in {metric.label} between {pairs[0].a} and each other arm"
            said = ". ".join(pair.words for pair in first) + "."
            picture = inline(figure, f"differences-{metric.name}", title, said)
        sections.append(
            {
                "label": capital(metric.label),
                "picture": Markup(picture),
                "caption": words.differences_caption(comparison, first, metric),
                "rows": _pair_rows(comparison, pairs, metric),
                "open": len(pairs) <= OPEN_PAIRS,
                "unit": ", percentage points" if metric.measure == "accuracy" else "",
            }
        )
    return sections


def _pair_rows(
    comparison: Comparison, pairs: Sequence[Pair], metric: Metric
) -> list[dict[str, Any]]:
    """One row for each pair: who, verdict, difference, interval, p, pairs of runs."""
    texts = [_numbers(pair, metric, why_absent(comparison, pair)) for pair in pairs]
    columns = [aligned(list(column)) for column in zip(*texts, strict=True)]
    return [
        {
            "a": pair.a,
            "b": pair.b,
            "verdict": pair.verdict,
            "sentence": {
                "better": "is better than",
                "worse": "is worse than",
                "tied": "is tied with",
                "undecided": "undecided against",
            }[pair.verdict],
            "mean": columns[0][i].text,
            "low": columns[1][i].text,
            "high": columns[2][i].text,
            "p": columns[3][i].text,
            "runs": f"{pair.difference.n}/{len(comparison.seeds)}",
        }
        for i, pair in enumerate(pairs)
    ]


def _numbers(pair: Pair, metric: Metric, absent: str) -> tuple[str, str, str, str]:
    difference = pair.difference
    if not difference.n:
        return absent, "–", "–", "–"
    if difference.n == 1:
        return signed(metric, difference.mean)[0], "–", "–", "–"
    mean, low, high = signed(metric, difference.mean, difference.low, difference.high)
    p = "< 0.001" if difference.p < 0.001 else f"{difference.p:.3f}"
    return mean, low, high, p


def _diagnosis(comparison: Comparison) -> dict[str, Any]:
    """What went wrong in training, in words, and the instruments in a picture."""
    findings = comparison.diagnosis
    picture = caption = ""
    if comparison.history.instruments:
        figure = plot_instruments(comparison, bare=True)
        title = "Spread of outputs, dead or saturated units, gradients and updates in every layer"
        said = words.diagnosis(comparison)
        picture = inline(figure, "instruments", title, said)
        caption = instruments_caption(comparison)
    return {
        "words": words.diagnosis(comparison),
        "rows": [
            {
                "arm": finding.arm,
                "seen": capital(f"{finding.where}: {finding.seen}".removeprefix(": ")),
                "affected": finding.affected,
                "advice": finding.advice,
            }
            for finding in findings
        ],
        "picture": Markup(picture),
        "caption": caption,
    }


def _tuning(comparison: Comparison) -> dict[str, Any] | None:
    """Sensitivity curves, and what was chosen for each arm."""
    tuning = comparison.tuning
    if tuning is None:
        return None
    pictures = []
    for k, setting in enumerate(tuned_settings(comparison)):
        figure = plot_sensitivity(comparison, setting, bare=True, size=(4.8, 3.5))
        title = f"{capital(tuning.metric.label)} against {setting}"
        said = f"Chosen: {tuning.chosen}."
        pictures.append(Markup(inline(figure, f"sensitivity-{k}", title, said)))
    values, rows = [], []
    for arm in tuning.arms:
        lost = sum(any(map(math.isnan, row)) for row in arm.values)
        if arm.best is None:
            chosen, mean = ["nothing: all diverged"], "–"
        else:
            chosen = [f"{path} = {value!r}" for path, value in arm.points[arm.best].items()]
            tried = arm.values[arm.best]
            mean = words.value(tuning.metric, sum(tried) / len(tried))
        values.append(mean)
        rows.append({"arm": arm.arm, "chosen": chosen, "lost": f"{lost}/{len(arm.points)}"})
    for row, cell in zip(rows, aligned(values), strict=True):
        row["value"] = cell.text
    return {
        "pictures": pictures,
        "caption": words.sensitivity_caption(comparison),
        "label": tuning.metric.label,
        "rows": rows,
    }


def _seeds(comparison: Comparison) -> list[dict[str, Any]]:
    """Every run's metric and training loss at the end: what all else is made from."""
    tables = []
    for metric in dict.fromkeys((comparison.metric, Metric("loss"))):
        values = comparison.values(metric)
        columns = [
            aligned([_run(comparison, metric, name, k, values[name][k]) for name in values])
            for k in range(len(comparison.seeds))
        ]
        tables.append(
            {
                "label": f"{capital(metric.label)} at the end",
                "seeds": comparison.seeds,
                "rows": [(name, [c[i] for c in columns]) for i, name in enumerate(values)],
            }
        )
    return tables


def _run(comparison: Comparison, metric: Metric, arm: str, k: int, end: float) -> str:
    """One run's value at the end, or the step at which it diverged."""
    step = int(comparison.history.diverged[comparison.members(arm)[k]])
    if step >= 0:
        return f"× step {step}"
    return words.value(metric, end) if math.isfinite(end) else "–"


def _facts(comparison: Comparison) -> Iterable[tuple[str, str]]:
    """What a reader needs to trust or repeat it: data, versions, machine, time."""
    facts = comparison.facts
    data = facts.get("data", {})
    seconds = facts.get("wall_seconds")
    rows = [
        ("Data", data.get("name", "")),
        ("Source", data.get("source", "")),
        ("Fingerprint", data.get("fingerprint", "")),
        ("Shoal", facts.get("shoal", "")),
        ("Python, NumPy", ", ".join(str(facts[k]) for k in ("python", "numpy") if k in facts)),
        ("Machine", facts.get("machine", "")),
        ("Date", facts.get("date", "")),
        ("Time", f"{seconds:,.1f} s from start to end" if seconds is not None else ""),
    ]
    return [(name, str(text)) for name, text in rows if text]
