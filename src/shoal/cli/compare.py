"""`shoal compare`: train every arm with the same seeds, and say which is better."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

import shoal
from shoal.cli.asked import claim, default_folder, forget, read_asked, refuse_taken, write_asked
from shoal.cli.options import (
    INTERRUPTED,
    AsJson,
    Data,
    Drop,
    Engine,
    Target,
    Task,
    TestFile,
    anywhere,
    default_data,
    fitted,
    load_data,
    note,
    refuse_more,
)
from shoal.errors import ShoalError

DEFAULT_STEPS = 2000


def compare(
    context: typer.Context,
    recipes: Annotated[
        str | None,
        typer.Argument(
            metavar="[RECIPES.toml]",
            help="A table [arms.NAME] for each arm. [default: six optimizers on a 4×100 network]",
        ),
    ] = None,
    data: Data = None,
    target: Target = None,
    task: Task = None,
    test_file: TestFile = None,
    drop: Drop = None,
    steps: Annotated[
        int | None, typer.Option(help=f"Updates of every network. [default: {DEFAULT_STEPS}]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training part, instead of --steps.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Repetitions of every arm.")] = 5,
    batch_size: Annotated[
        int | None, typer.Option(help="Rows per step, for all arms instead of their own.")
    ] = None,
    tune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SETTING=LOW:HIGH:COUNT",
            help="Tune every arm first, with the same budget, on the validation part: "
            "optimizer.lr=1e-4:1:13 tries 13 values on a log scale, batch_size=32,128 those two.",
        ),
    ] = None,
    tune_seeds: Annotated[int, typer.Option(help="Trainings of every setting tried.")] = 2,
    metric: Annotated[
        str | None,
        typer.Option(help="What verdicts go by, such as test_accuracy, valid_loss or loss."),
    ] = None,
    margin: Annotated[
        float | None, typer.Option(help="The largest difference that does not matter.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the run. [default: runs/DATE-TIME-DATA]"),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="DIR", help="Go on with a run that was stopped.")
    ] = None,
    instruments: Annotated[
        bool,
        typer.Option(
            help="Read activations and gradients of every layer now and then, for the diagnosis."
        ),
    ] = True,
    engine: Engine = "auto",
    threads: Annotated[
        int | None, typer.Option(help="[default: one per processor]; results do not depend on it.")
    ] = None,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between two checkpoints.")] = 30.0,
    as_json: AsJson = False,
) -> int:
    """Train every arm with the same seeds side by side, and say which is better.

    Writes report.html, curves.png, result.json and checkpoints into the folder of the run.
    """
    if resume is not None:
        refuse_more(context, resume)
        folder = Path(resume)
        asked = read_asked(folder)
    else:
        if steps is not None and epochs is not None:
            raise ShoalError(f"give --steps={steps} or --epochs={epochs}, not both")
        name = default_data() if data is None else data
        command = ["shoal", *context.obj, *(["--data", name] if data is None else [])]
        folder = Path(out) if out else default_folder(name)
        asked = {
            "data": [anywhere(name), target, task, test_file and anywhere(test_file), drop or []],
            "recipes": _recipes_text(recipes),
            "where": recipes or _DEFAULT,
            "tune": tune or [],
            "settings": {
                "steps": DEFAULT_STEPS if steps is None and epochs is None else steps,
                "epochs": epochs,
                "seeds": seeds,
                "batch_size": batch_size,
                "tune_seeds": tune_seeds,
                "metric": metric,
                "margin": margin,
                "instruments": instruments,
                "engine": engine,
            },
            "command": shlex.join(command),
        }
    return _compare(
        folder,
        asked,
        resume=resume is not None,
        unique=not out and resume is None,
        threads=threads,
        checkpoint_seconds=checkpoint_seconds,
        as_json=as_json,
    )


_DEFAULT = "the default recipes"


def _compare(
    folder: Path, asked: dict[str, Any], *, resume: bool, unique: bool, as_json: bool, **how: Any
) -> int:
    """Run what was asked for in a folder, and write the results into it."""
    from shoal.comparison.recipes_file import parse_recipes

    if not unique:
        refuse_taken(folder, resume=resume)
    file = parse_recipes(asked["recipes"], asked["where"])
    tune = {**(file.tune or {}), **dict(_tune_option(text) for text in asked["tune"])}
    dataset, recipes = load_data(*asked["data"]), file.recipes
    if asked["where"] == _DEFAULT and asked["settings"]["batch_size"] is None:
        recipes = {name: fitted(recipe, dataset) for name, recipe in recipes.items()}
    new = unique or not folder.exists()
    if unique:
        folder = claim(folder)
    if not resume:
        write_asked(folder, asked)
    try:
        comparison = shoal.compare(
            recipes,
            dataset,
            **asked["settings"],
            tune=tune,
            out=folder,
            resume=resume,
            progress=None if not as_json else False,
            say=note,
            **how,
        )
        comparison.facts["command"] = asked["command"]
        text = comparison.to_json(folder / "result.json")
        comparison.plot(folder / "curves.png")
        report = comparison.report(folder / "report.html")
    except KeyboardInterrupt:
        note(f"interrupted; go on with: shoal compare --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    except (ShoalError, MemoryError):
        if not resume and not list(folder.glob("*/*")):  # nothing was trained
            forget(folder, new)
        raise
    print(text if as_json else comparison)
    note(f"report: {report}")
    if not comparison.complete:
        note(f"interrupted; go on with: shoal compare --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    if all(arm.diverged == arm.members for arm in comparison.arms):
        raise ShoalError(
            "every member of every arm diverged; lower the learning rates, "
            "or let --tune optimizer.lr=1e-5:0.1:9 find them"
        )
    return 0


def _recipes_text(path: str | None) -> str:
    """The text of a file of recipes, or of the default ones."""
    from shoal.comparison.recipes_file import default_text, read_text

    return default_text() if path is None else read_text(path)


def _tune_option(text: str) -> tuple[str, Any]:
    """`optimizer.lr=1e-4:1:13` or `batch_size=32,128`."""
    path, equals, values = text.partition("=")
    try:
        if not equals:
            raise ValueError
        if ":" in values:
            low, high, count = values.split(":")
            return path, shoal.log_grid(float(low), float(high), int(count))
        return path, _values(values)
    except ShoalError as error:
        raise ShoalError(f"--tune {text}: {error}") from None
    except ValueError:
        raise ShoalError(
            f"--tune {text} must be SETTING=LOW:HIGH:COUNT, such as optimizer.lr=1e-4:1:13, "
            "or SETTING=VALUE,VALUE, such as batch_size=32,128"
        ) from None


def _values(text: str) -> Any:
    """`0.1,0.2` or `[100],[100,100]` as numbers and lists; `he,xavier` as text."""
    try:
        return json.loads(f"[{text}]")
    except ValueError:
        return text.split(",")
