"""What several verbs share: options, reading the data, and where words go."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any, cast

import typer

import shoal
from shoal.errors import ShoalError

INTERRUPTED = 130

Data = Annotated[
    str | None,
    typer.Option(
        "--data",
        metavar="NAME|FILE",
        help="A data set that `shoal data` lists, or a .csv, .csv.gz or .parquet file. "
        "[default: mnist if it is at hand, else digits]",
    ),
]
Target = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Column of the file that is to be predicted.")
]
Task = Annotated[
    str | None,
    typer.Option(
        metavar="TASK", help="classification or regression, where the target does not say."
    ),
]
TestFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="A file that holds the test part.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]


def load_data(
    name: str, target: str | None, task: str | None, test_file: str | None = None
) -> shoal.Dataset:
    """A data set by its name or file."""
    lower = name.lower()
    readers = {
        ".csv": shoal.Dataset.from_csv,
        ".csv.gz": shoal.Dataset.from_csv,
        ".parquet": shoal.Dataset.from_parquet,
    }
    for ending, reader in readers.items():
        if lower.endswith(ending):
            if target is None:
                raise ShoalError(f"--target is missing: which column of {name} is to be predicted?")
            targets = target.split(",") if "," in target else target
            return reader(name, targets, task=cast(Any, task), test_file=test_file)
    if "/" in name or "." in name:
        raise ShoalError(f"--data={name} must be a name, or a file .csv, .csv.gz or .parquet")
    for option, value in (("target", target), ("task", task), ("test-file", test_file)):
        if value is not None:
            raise ShoalError(
                f"--{option}={value} goes with a file; the data set {name!r} has its own"
            )
    return shoal.load(name)


def to_json(value: Any) -> str:
    """JSON for people and machines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def note(line: str) -> None:
    """A line that is no result: on standard error, at once."""
    print(line, file=sys.stderr, flush=True)
