"""`shoal data`: what data there is, and what is in it."""

from __future__ import annotations

from typing import Annotated

import typer

import shoal
from shoal.cli.options import AsJson, Drop, Target, Task, TestFile, load_data, to_json


def data(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="What to describe.")
    ] = None,
    target: Target = None,
    task: Task = None,
    test_file: TestFile = None,
    drop: Drop = None,
    as_json: AsJson = False,
) -> None:
    """List the data sets that there are, or describe one: shapes, classes, ranges, origin."""
    if name is not None:
        description = load_data(name, target, task, test_file, drop or ()).describe()
        print(to_json(description.to_dict()) if as_json else description)
        return
    entries = shoal.available()
    if as_json:
        print(to_json([vars(entry) for entry in entries]))
        return
    for entry in entries:
        print(f"{entry.name:8} {entry.rows:>7,} rows  {entry.what:36} {entry.where}")
    print("\nOr a file of your own: shoal data FILE.csv --target COLUMN")
