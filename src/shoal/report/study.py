"""The page of a study: gathers what a search found, and fills the template."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from shoal.comparison.words import signed
from shoal.errors import counted
from shoal.plot.axes import capital
from shoal.plot.best_so_far import best_so_far_note
from shoal.plot.importance import importance_note
from shoal.plot.isolation import PANELS, isolation_note
from shoal.plot.parallel import AXES, LINES
from shoal.plot.phase import phase_note
from shoal.plot.study import KINDS, drawable
from shoal.plot.study_axes import dimensions_note, drawn, left_out_note
from shoal.report.again import data_lines
from shoal.report.cells import aligned
from shoal.report.page import save_page, template
from shoal.report.svg import inline, style_variables
from shoal.study import words
from shoal.study.ranking import rows_judged

if TYPE_CHECKING:
    from shoal.study import Study

OPEN_ROWS = 15
"""A longer table of trials is folded."""
ROWS = 500
"""Rows of the table of trials at most; a page of ten thousand would be slow to open."""
TRIALS_AS_DATA = 1000
"""More trials are not put into the page as data."""
COLUMN = 7.5
"""Inches of a picture that the column of text has room for."""

TITLES = {
    "progress": "Best score so far, against what had been spent by then",
    "isolation": "Score of every trial against each dimension",
    "phase": "Score as colour over learning rate and other dimensions",
    "parallel": "Every trial as a line through its settings to its score",
    "importance": "Share of the variance of the score that each dimension explains",
}
HEADINGS = {
    "progress": "What it cost",
    "isolation": "Each dimension",
    "phase": "Learning rate and others",
    "parallel": "All dimensions at once",
    "importance": "What matters",
}


def write_study(study: Study, path: str | Path) -> Path:
    """Write the report of a study: one HTML file that opens offline.

    Args:
        study: what to report.
        path: of the file, .html.

    Returns:
        The path.

    Raises:
        ShoalError: another ending, or a file that cannot be written.
    """
    return save_page(path, lambda: render_study(study))


def render_study(study: Study) -> str:
    """The text of the page.

    >>> import shoal
    >>> space = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=shoal.log_uniform(0.01, 1)))
    >>> study = shoal.search(space, shoal.load("digits"), trials=4, epochs=2, finalists=0)
    >>> page = render_study(study)
    >>> page.splitlines()[0], study.best.to_toml().splitlines()[0].split(" = ")[0] in page
    ('<!doctype html>', True)
    """
    text, language = again(study)
    lead, _, rest = study.headline.partition("; ")
    page: str = template("report", "study.html").render(
        heading=f"A search on {study.data.name}",
        searched=searched(study),
        date=study.facts.get("date", ""),
        lead=f"{lead}." if rest else lead,
        rest=capital(rest),
        scored=[f"{capital(line)}." for line in words.scored(study)],
        notes=[f"{capital(line)}." for line in study.warnings],
        recipe=study.best.to_toml() if study.ranked else "",
        winner=study.winner.number if study.ranked else None,
        finalists=_finalists(study),
        pictures=_pictures(study),
        money=words.money(study),
        importance=words.importance_line(study),
        table=_table(study),
        space=study.space.recipe.to_toml(),
        settings=_settings(study),
        facts=_facts(study),
        command=text,
        language=language,
        plain=_plain(study),
        light=style_variables(dark=False),
        dark=style_variables(dark=True),
    )
    return page


def searched(study: Study) -> str:
    """What was searched, in three sentences."""
    data, plan = study.data, study.plan
    test = f", {len(data.test):,} to test" if len(data.test) else ", and no test part"
    dimensions = counted(len(study.space.dimensions), "dimension")
    trials = f"{len(study.trials):,} trial{'s' * (len(study.trials) != 1)}"
    return (
        f"{trials} in a space of {dimensions} on {data.name}, "
        f"{plan.budget:,} {plan.unit} for a full training. The data has {len(data.train):,} rows "
        f"to train on, {len(data.valid):,} to choose by{test}. Trials are judged by "
        f"{plan.metric.label} on {rows_judged(study):,} rows, all with the same seed."
    )


def _finalists(study: Study) -> dict[str, Any] | None:
    """Table, verdicts and differences of the finalists."""
    final = study.final
    if final is None:
        return None
    header, rows = final.table()
    columns = [aligned([row[k] for row in rows]) for k in range(1, len(header))]
    picture = ""
    pairs = final.pairs()
    first = [pair for pair in pairs if pair.a == final.ranking[0]]
    if any(pair.difference.n for pair in first):
        from shoal.plot import plot_differences

        figure = plot_differences(final, width=5.6, bare=True)
        title = f"Differences in {final.metric.label} between {first[0].a} and each other finalist"
        picture = inline(figure, "finalists", title, ". ".join(p.words for p in first))
    differences = {pair.b: pair.difference for pair in first}
    rivals = []
    for rival in study.rivals:
        found = differences[rival.name]
        known = found.n > 1
        told = signed(final.metric, found.mean, found.low, found.high) if known else ["–"] * 3
        rivals.append(
            {
                "name": rival.name,
                "verdict": {"better": "worse", "worse": "better"}.get(rival.verdict, rival.verdict),
                "difference": f"{told[0]} [{told[1]}, {told[2]}]" if known else "–",
                "p_seeds": f"{found.p:.3f}" if known else "–",
                "p_rows": f"{rival.p_rows:.3f}" if rival.p_rows == rival.p_rows else "–",
            }
        )
    return {
        "header": header,
        "rows": [(row[0], [column[i] for column in columns]) for i, row in enumerate(rows)],
        "rivals": rivals,
        "winner": final.ranking[0],
        "unit": ", points" if final.metric.measure == "accuracy" else "",
        "picture": Markup(picture),
        "seeds": counted(len(final.seeds), "seed"),
    }


def _pictures(study: Study) -> list[dict[str, Any]]:
    """Every picture there is something for, with its caption."""
    captions: dict[str, Callable[[], str]] = {
        "progress": lambda: best_so_far_note(study),
        "isolation": lambda: isolation_note(study, drawn(study)) + dimensions_note(study, PANELS),
        "phase": lambda: phase_note(study, drawn(study)),
        "parallel": lambda: (
            "The thick line is the winner. Light lines are good, dark ones poor; a line dips below "
            "an axis where the dimension does not exist."
            + left_out_note(drawn(study, LINES))
            + dimensions_note(study, AXES)
        ),
        "importance": lambda: "" if study.importance is None else importance_note(study.importance),
    }
    found = []
    for kind in drawable(study):
        figure = KINDS[kind](study, bare=True)
        picture = inline(figure, kind, TITLES[kind], captions[kind]())
        found.append(
            {
                "kind": kind,
                "heading": HEADINGS[kind],
                "picture": Markup(picture),
                "caption": captions[kind](),
                "wide": figure.get_figwidth() > COLUMN,  # a small one would only be magnified
            }
        )
    return found


def _table(study: Study) -> dict[str, Any]:
    """The table of trials, numbers aligned."""
    header, rows = study.table(ROWS)
    settings = {d.path for d in study.space.dimensions}
    columns = [
        aligned([row[k] for row in rows]) if name not in settings else None
        for k, name in enumerate(header)
    ]
    cells = [
        [
            {"text": text, "ghost": ""}
            if (column := columns[k]) is None
            else {"text": column[i].text, "ghost": column[i].ghost}
            for k, text in enumerate(row)
        ]
        for i, row in enumerate(rows)
    ]
    every = len(study.trials)
    title = counted(every, "trial")
    if every > len(rows):
        title = f"The best {len(rows):,} of {every:,} trials; all are in study.to_frame()"
    return {"header": header, "rows": cells, "open": every <= OPEN_ROWS, "title": title}


def _settings(study: Study) -> list[tuple[str, str]]:
    """Everything that the search was asked for."""
    settings = study.facts.get("settings", {})
    return [(name.replace("_", " "), str(value)) for name, value in settings.items()]


def _facts(study: Study) -> list[tuple[str, str]]:
    """What a reader needs to trust or repeat it: data, versions, machine, time."""
    facts = study.facts
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


def _plain(study: Study) -> dict[str, Any]:
    """All results as data; of very many trials only what is said of them."""
    plain = study.to_dict()
    if len(study.trials) > TRIALS_AS_DATA:
        plain |= {"trials": None, "rungs": None}
    return plain


def again(study: Study) -> tuple[str, str]:
    """What makes the study again, and its language: "console" or "python"."""
    given = study.facts.get("command")
    return (str(given), "console") if given else (python(study), "python")


def python(study: Study) -> str:
    """Python that makes the study again, from what it knows of itself."""
    import inspect

    import shoal

    defaults = inspect.signature(shoal.search).parameters
    asked = study.facts.get("settings", {})
    given = {
        name: value
        for name, value in asked.items()
        if name in defaults and (name == "trials" or value != defaults[name].default)
    }
    lines = [
        f"    {name}={value if name == 'strategy' and '(' in str(value) else repr(value)},\n"
        for name, value in given.items()
    ]
    data, note = data_lines(study.facts.get("data", {}))
    space = repr(study.space.recipe)
    code = " ".join(["search", data, space, *lines])
    names = set(re.findall(r"\w+", code))
    used = [name for name in shoal.__all__ if name in names]
    return (
        f"from shoal import {', '.join(used)}\n\n{data}{note}\nspace = {space}\n"
        f"study = search(\n    space,\n    data,\n{''.join(lines)})\n"
        'study.report("report.html")\n'
    )
