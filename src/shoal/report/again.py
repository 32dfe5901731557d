"""How to make a comparison again: its command, or Python that does the same."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shoal.comparison import Comparison, Tuning


def command(comparison: Comparison) -> tuple[str, str]:
    """What makes the comparison again, and its language: "console" or "python"."""
    given = comparison.facts.get("command")
    return (str(given), "console") if given else (python(comparison), "python")


def python(comparison: Comparison) -> str:
    """Python that makes the comparison again, from what it knows of itself."""
    import shoal

    facts = comparison.facts
    arms = "".join(
        f"        {name!r}: {recipe!r},\n" for name, recipe in comparison.recipes.items()
    )
    lines = [f"    {key}={value},\n" for key, value in _settings(comparison).items()]
    data, note = data_lines(facts.get("data", {}))
    body = (
        f"{data}{note}\n"
        f"comparison = compare(\n    {{\n{arms}    }},\n    data,\n{''.join(lines)})\n"
        'comparison.report("report.html")\n'
    )
    code = " ".join(["compare", data, *map(repr, comparison.recipes.values())])
    words = set(re.findall(r"\w+", code))
    # constants, classes, functions: the order that tools which sort imports give
    used = sorted(words & set(shoal.__all__), key=lambda n: (not n.isupper(), n.islower(), n))
    return f"from shoal import {', '.join(used)}\n\n{body}"


def data_lines(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Python that loads the data again, and a remark on it."""
    from shoal.data import available

    name, source = str(facts.get("name", "")), str(facts.get("source", ""))
    if name in {entry.name for entry in available()}:
        fingerprint = str(facts.get("fingerprint", ""))
        return f"data = load({name!r})", f"  # its fingerprint must start with {fingerprint[:12]}\n"
    return "data = ...", f"  # {' '.join(name.split())}, from {' '.join(source.split())}\n"


def _settings(comparison: Comparison) -> dict[str, str]:
    """The arguments of `compare` that differ from its defaults."""
    facts = comparison.facts
    settings: dict[str, str] = {}
    if facts.get("epochs"):
        settings["epochs"] = repr(facts["epochs"])
    elif facts.get("total_steps"):
        settings["steps"] = repr(facts["total_steps"])
    seeds = comparison.seeds
    settings["seeds"] = repr(len(seeds) if seeds == tuple(range(len(seeds))) else list(seeds))
    if comparison.tuning is not None:
        settings["tune"] = _grids(comparison.tuning)
        settings["tune_seeds"] = repr(len(comparison.tuning.seeds))
    settings["metric"] = repr(comparison.metric.name)
    if comparison.margin is not None:
        settings["margin"] = repr(comparison.margin)
    if facts.get("sampling", "epochs") != "epochs":
        settings["sampling"] = repr(facts["sampling"])
    if facts.get("evaluate_rows", 10_000) != 10_000:
        settings["evaluate_rows"] = repr(facts["evaluate_rows"])
    return settings


def _grids(tuning: Tuning) -> str:
    """What was tried, once if it was the same for all arms."""
    grids = {arm.arm: _grid(arm.points) for arm in tuning.arms}
    first = next(iter(grids.values()))
    return repr(first if all(grid == first for grid in grids.values()) else grids)


def _grid(points: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    grid: dict[str, list[Any]] = {}
    for point in points:
        for path, value in point.items():
            tried = grid.setdefault(path, [])
            if value not in tried:
                tried.append(value)
    return grid
