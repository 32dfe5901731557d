"""`shoal search`: try many recipes of a space, drop losers early, name the best."""

from __future__ import annotations

import shlex
import shutil
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


def search(
    context: typer.Context,
    space: Annotated[
        str | None,
        typer.Argument(
            metavar="[SPACE.toml]",
            help="A recipe with ranges in it. [default: learning rate and decay of 6×100]",
        ),
    ] = None,
    data: Data = None,
    target: Target = None,
    task: Task = None,
    test_file: TestFile = None,
    drop: Drop = None,
    trials: Annotated[int, typer.Option(help="Recipes to try.")] = 100,
    steps: Annotated[
        int | None, typer.Option(help=f"Updates of a full training. [default: {DEFAULT_STEPS}]")
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training part, instead of --steps.")
    ] = None,
    sampler: Annotated[
        str, typer.Option(help="What to try next: random, grid, sobol, tpe, gp or narrowing.")
    ] = "random",
    strategy: Annotated[
        str, typer.Option(help="How long to train each: halving, hyperband, full or pbt.")
    ] = "halving",
    metric: Annotated[
        str | None,
        typer.Option(help="What trials are judged by: valid_accuracy, valid_loss, valid_rmse …"),
    ] = None,
    finalists: Annotated[
        int, typer.Option(help="The best so many are trained anew on fresh seeds; 0 for none.")
    ] = 5,
    final_seeds: Annotated[int, typer.Option(help="Fresh seeds for each finalist.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the sampler, of weights and of batches.")] = 0,
    out: Annotated[
        str | None,
        typer.Option(metavar="DIR", help="Folder of the study. [default: runs/DATE-TIME-DATA]"),
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="DIR", help="Go on with a study that was stopped.")
    ] = None,
    engine: Engine = "auto",
    threads: Annotated[
        int | None, typer.Option(help="[default: one per processor]; results do not depend on it.")
    ] = None,
    checkpoint_seconds: Annotated[float, typer.Option(help="Time between two checkpoints.")] = 30.0,
    as_json: AsJson = False,
) -> int:
    """Try many recipes side by side, drop the worse early, and say which is best, and how sure.

    The validation part chooses; the test part is looked at once, at the end, for the winner.
    Writes report.html, best.toml, result.json and pictures into the folder of the study.
    """
    if resume is not None:
        refuse_more(context, resume)
        folder = Path(resume)
        asked = read_asked(folder, "search")
    else:
        if steps is not None and epochs is not None:
            raise ShoalError(f"give --steps={steps} or --epochs={epochs}, not both")
        name = default_data() if data is None else data
        command = ["shoal", *context.obj, *(["--data", name] if data is None else [])]
        folder = Path(out) if out else default_folder(name)
        asked = {
            "data": [anywhere(name), target, task, test_file and anywhere(test_file), drop or []],
            "space": _space_text(space),
            "where": space or _DEFAULT,
            "settings": {
                "trials": trials,
                "steps": DEFAULT_STEPS if steps is None and epochs is None else steps,
                "epochs": epochs,
                "sampler": sampler,
                "strategy": strategy,
                "metric": metric,
                "finalists": finalists,
                "final_seeds": final_seeds,
                "seed": seed,
                "engine": engine,
            },
            "command": shlex.join(command),
        }
    return _search(
        folder,
        asked,
        resume=resume is not None,
        unique=not out and resume is None,
        threads=threads,
        checkpoint_seconds=checkpoint_seconds,
        as_json=as_json,
    )


_DEFAULT = "the default space"


def _search(
    folder: Path, asked: dict[str, Any], *, resume: bool, unique: bool, as_json: bool, **how: Any
) -> int:
    """Run what was asked for in a folder, and write the results into it."""
    from shoal.study.space_file import parse_space

    if not unique:
        refuse_taken(folder, resume=resume)
    space = parse_space(asked["space"], asked["where"])
    dataset = load_data(*asked["data"])
    if asked["where"] == _DEFAULT:
        space = fitted(space, dataset)
    new = unique or not folder.exists()
    if unique:
        folder = claim(folder)
    if not resume:
        write_asked(folder, asked)
    try:
        study = shoal.search(
            space,
            dataset,
            **asked["settings"],
            out=folder,
            resume=resume,
            progress=None if not as_json else False,
            say=note,
            **how,
        )
        study.facts["command"] = asked["command"]
        text = study.to_json(folder / "result.json")
        if study.ranked:
            from shoal.engine.checkpoint import write_whole

            write_whole(folder / "best.toml", (study.best.to_toml() + "\n").encode())
            study.plot(folder / "pictures")
        report = study.report(folder / "report.html")
    except KeyboardInterrupt:
        note(f"interrupted; go on with: shoal search --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    except (ShoalError, MemoryError):
        if not resume and not _judged(folder):
            _clear(folder)
            forget(folder, new)
        raise
    print(text if as_json else study)
    note(f"report: {report}")
    if not study.complete:
        note(f"interrupted; go on with: shoal search --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    return 0


def _judged(folder: Path) -> bool:
    """Whether anything was decided in a folder that would be lost."""
    log = folder / "log.jsonl"
    return log.exists() and '"rung"' in log.read_text("utf-8")


def _clear(folder: Path) -> None:
    """Take away what a study that came to nothing has left."""
    for name in ("study.json", "log.jsonl"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "waves", ignore_errors=True)


def _space_text(path: str | None) -> str:
    """The text of a file with a space, or of the default one."""
    from shoal.study.space_file import default_space, read_space

    return default_space() if path is None else read_space(path)
