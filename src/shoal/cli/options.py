"""What several verbs share: options, reading the data, and where words go."""

from __future__ import annotations

import csv
import itertools
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
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
        help="A data set that `shoal data` lists, or a file .csv, .tsv, .csv.gz or .parquet. "
        "[default: mnist if it is at hand, else digits]",
    ),
]
Target = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN",
        help="Column of the file that is to be predicted; several numbers, or labels of which "
        "each is 0 or 1, as A,B, or repeated.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option(metavar="COLUMN", help="Column of the file to leave out; may be repeated."),
]
Task = Annotated[
    str | None,
    typer.Option(
        metavar="TASK",
        help="classification, regression, or multilabel, where the target does not say.",
    ),
]
TestFile = Annotated[
    str | None, typer.Option(metavar="FILE", help="A file that holds the test part.")
]
Engine = Annotated[
    str,
    typer.Option(
        metavar="ENGINE",
        help="compiled, reference (NumPy), or auto: compiled where it can be; the same numbers "
        "but for rounding.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and nothing else.")]


def load_data(
    name: str,
    target: str | Sequence[str] | None,
    task: str | None,
    test_file: str | None = None,
    drop: Sequence[str] = (),
) -> shoal.Dataset:
    """A data set by its name or file; `target` is text in folders of old runs."""
    target = [target] if isinstance(target, str) else target or ()
    named = any(entry.name == name for entry in shoal.available())
    if not named and ("/" in name or "." in name or Path(name).is_file()):
        try:
            targets = target_columns(name, target)
            return shoal.Dataset.from_file(
                name, targets, task=cast(Any, task), test_file=test_file, drop=drop
            )
        except ShoalError as error:
            raise ShoalError(as_options(str(error))) from error
    for option, value in (
        *(("target", column) for column in target),
        ("task", task),
        ("test-file", test_file),
        *(("drop", column) for column in drop),
    ):
        if value is not None:
            raise ShoalError(
                f"--{option}={value} goes with a file; the data set {name!r} has its own"
            )
    return shoal.load(name)


def target_columns(name: str, target: Sequence[str]) -> str | list[str]:
    """The target's column, or several: A,B, or '"A, B",C' where a name has a comma in it."""
    from shoal.data.files import column_names

    if len(target) == 1 and "," not in target[0]:
        return target[0]
    columns = column_names(name)
    if not target:
        some = ", ".join(columns[:_MOST_NAMES]) + (", ..." if len(columns) > _MOST_NAMES else "")
        raise ShoalError(
            f"--target is missing: which column of {name} is to be predicted? It has {some}"
        )
    asked = [[each] if each in columns else next(csv.reader([each])) for each in target]
    found = list(itertools.chain.from_iterable(asked))
    for each in found:
        if found.count(each) > 1:
            raise ShoalError(f"--target names {each!r} twice; give each column once")
    return found[0] if len(found) == 1 else found


_MOST_NAMES = 20


def fitted(recipe: shoal.Recipe, dataset: shoal.Dataset) -> shoal.Recipe:
    """A recipe that nobody chose, on data that may have fewer rows than its batch: then a quarter.

    >>> fitted(shoal.Recipe(shoal.mlp([9]), shoal.SGD()), shoal.load("digits")).batch_size
    128
    """
    rows = len(dataset.train)
    if recipe.batch_size <= rows:
        return recipe
    return replace(recipe, batch_size=max(1, rows // 4))


def as_options(line: str) -> str:
    """A line of the library with what to do said in options: `drop=['a']` as `--drop a`."""
    line = re.sub(r"\bdrop=\[(?:'([^']+)'|\"([^\"]+)\")\]", _drop_option, line)
    return re.sub(r"\btask='(\w+)'", r"--task \1", line)


def _drop_option(found: re.Match[str]) -> str:
    return f"--drop {shlex.quote(found[1] or found[2])}"


def refuse_more(context: typer.Context, folder: str) -> None:
    """What a run was asked to do stays; only how it is done may change."""
    kept = {"resume", "threads", "checkpoint_seconds", "as_json"}
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in kept and source is not None and source.name == "COMMANDLINE":
            raise ShoalError(
                f"--resume={folder} goes on with what was asked; leave out {parameter.opts[0]}"
            )


def anywhere(name: str) -> str:
    """A file's absolute path, so that a run can be resumed from any folder."""
    return str(Path(name).absolute()) if "." in name or "/" in name else name


def default_data() -> str:
    """MNIST if it is at hand, else digits."""
    return "mnist" if at_hand("mnist") else "digits"


def at_hand(name: str) -> bool:
    """Whether a data set is on this machine."""
    return any(entry.name == name and entry.at_hand for entry in shoal.available())


def to_json(value: Any) -> str:
    """JSON for people and machines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def note(line: str) -> None:
    """A line that is no result: on standard error, at once."""
    print(line, file=sys.stderr, flush=True)
