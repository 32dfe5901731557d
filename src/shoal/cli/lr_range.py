"""`shoal lr-range`: train a ladder of learning rates at once, and say which to take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import shoal
from shoal.cli.asked import claim, default_folder
from shoal.cli.options import (
    AsJson,
    Data,
    Drop,
    Target,
    Task,
    TestFile,
    default_data,
    fitted,
    load_data,
    note,
    to_json,
)
from shoal.errors import ShoalError

PICTURE = "lr-range.png"
RESULT = "lr-range.json"
BEST = "best.toml"


def lr_range(
    recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPE.toml]",
            help="One recipe; its own learning rate is not used. [default: SGD on a 4×100 network]",
        ),
    ] = None,
    data: Data = None,
    target: Target = None,
    task: Task = None,
    test_file: TestFile = None,
    drop: Drop = None,
    low: Annotated[float, typer.Option(help="Lowest learning rate.")] = 1e-6,
    high: Annotated[float, typer.Option(help="Highest learning rate.")] = 10.0,
    points: Annotated[int, typer.Option(help="Rates between them, evenly on a log scale.")] = 36,
    steps: Annotated[int, typer.Option(help="Updates of every network.")] = 200,
    seeds: Annotated[int, typer.Option(help="Repetitions of every rate.")] = 3,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the results. [default: runs/DATE-TIME-DATA]"),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="[default: one per processor]; results do not depend on it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a ladder of learning rates at once, and say which to take.

    Writes lr-range.png, lr-range.json and best.toml (the recipe with the rate to take) into the
    folder.
    """
    from shoal.engine.checkpoint import write_whole

    asked = None if recipe is None else _recipe(recipe)
    name = default_data() if data is None else data
    dataset = load_data(name, target, task, test_file, drop or ())
    if asked is None:
        asked = fitted(shoal.Recipe(shoal.mlp([100] * 4), shoal.SGD()), dataset)
    if out is not None and Path(out, RESULT).exists():
        raise ShoalError(f"--out={out} holds the results of another ladder; give another folder")
    found = shoal.lr_range(
        asked,
        dataset,
        low=low,
        high=high,
        points=points,
        steps=steps,
        seeds=seeds,
        threads=threads,
        progress=False if as_json else None,
    )
    folder = Path(out) if out else claim(default_folder(name))
    write_whole(folder / RESULT, to_json(found.to_dict()).encode())
    found.plot(folder / PICTURE)
    note(f"picture: {folder / PICTURE}")
    try:
        write_whole(folder / BEST, f"{found.best.to_toml()}\n".encode())  # says so if there is none
    finally:  # files first: who reads the output may close it
        if as_json:
            print(to_json(found.to_dict()))
    if not as_json:
        print(found)


def _recipe(path: str) -> shoal.Recipe:
    """The recipe of a file."""
    from shoal.comparison.recipes_file import read_text

    return shoal.Recipe.from_toml(read_text(path), path)
