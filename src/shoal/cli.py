"""The command line: the same nouns and verbs as the library.

Exit status 0; 2 with one line on standard error for what the user got wrong; 130 after Ctrl-C.
Results go to standard output, everything else to standard error.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, cast

import typer

import shoal
from shoal.errors import ShoalError

app = typer.Typer(
    name="shoal",
    help="Train a whole shoal of neural networks at once, and see which way of training is best.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

USAGE_ERROR = 2
INTERRUPTED = 130
DEFAULT_STEPS = 2000

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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what a user got wrong becomes one line and status 2."""
    # click's base of all usage errors, which typer carries inside but does not export
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app(given, prog_name="shoal", standalone_mode=False, obj=given)
    except ShoalError as error:
        return _fail(str(error))
    except usage_error as error:
        message = error.format_message()  # type: ignore[attr-defined]
        return _fail(f"{' '.join(message.split()).rstrip('.')} (see shoal --help)")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def run() -> None:
    """The `shoal` program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # one that knows no ± prints ? instead of failing
            stream.reconfigure(errors="replace")
    sys.exit(main())


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Train a whole shoal of neural networks at once, and see which way of training is best."""
    if show:
        print(shoal.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


@app.command()
def data(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME|FILE]", help="What to describe.")
    ] = None,
    target: Target = None,
    task: Task = None,
    test_file: TestFile = None,
    as_json: AsJson = False,
) -> None:
    """List the data sets that there are, or describe one: shapes, classes, ranges, origin."""
    if name is not None:
        description = _load(name, target, task, test_file).describe()
        print(_json(description.to_dict()) if as_json else description)
        return
    entries = shoal.available()
    if as_json:
        print(_json([vars(entry) for entry in entries]))
        return
    for entry in entries:
        print(f"{entry.name:8} {entry.rows:>7,} rows  {entry.what:36} {entry.where}")
    print("\nOr a file of your own: shoal data FILE.csv --target COLUMN")


@app.command()
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
        _refuse_more(context, resume)
        folder = Path(resume)
        asked = _read_asked(folder)
    else:
        if steps is not None and epochs is not None:
            raise ShoalError(f"give --steps={steps} or --epochs={epochs}, not both")
        name = _default_data() if data is None else data
        command = ["shoal", *context.obj, *(["--data", name] if data is None else [])]
        folder = Path(out or time.strftime(f"runs/%Y%m%d-%H%M%S-{Path(name).name.split('.')[0]}"))
        asked = {
            "data": [_anywhere(name), target, task, test_file and _anywhere(test_file)],
            "recipes": _recipes_text(recipes),
            "where": recipes or "the default recipes",
            "tune": tune or [],
            "settings": {
                "steps": DEFAULT_STEPS if steps is None and epochs is None else steps,
                "epochs": epochs,
                "seeds": seeds,
                "batch_size": batch_size,
                "tune_seeds": tune_seeds,
                "metric": metric,
                "margin": margin,
            },
            "command": shlex.join(command),
        }
    return _compare(
        folder,
        asked,
        resume=resume is not None,
        threads=threads,
        checkpoint_seconds=checkpoint_seconds,
        as_json=as_json,
    )


def _compare(
    folder: Path, asked: dict[str, Any], *, resume: bool, as_json: bool, **how: Any
) -> int:
    """Run what was asked for in a folder, and write the results into it."""
    from shoal.comparison.recipes_file import parse_recipes
    from shoal.engine.checkpoint import write_whole

    if not resume and (folder / ASKED).exists():
        raise ShoalError(
            f"--out={folder} holds a run; go on with it by --resume {folder}, or give another"
        )
    if folder.is_file():
        raise ShoalError(f"--out={folder} is a file; give a folder")
    file = parse_recipes(asked["recipes"], asked["where"])
    tune = {**(file.tune or {}), **dict(_tune_option(text) for text in asked["tune"])}
    dataset = _load(*asked["data"])
    new = not folder.exists()
    if not resume:
        write_whole(folder / ASKED, _json(asked).encode())
        write_whole(folder / "recipes.toml", asked["recipes"].encode())
    try:
        comparison = shoal.compare(
            file.recipes,
            dataset,
            **asked["settings"],
            tune=tune,
            out=folder,
            resume=resume,
            progress=None if not as_json else False,
            say=_note,
            **how,
        )
        comparison.facts["command"] = asked["command"]
        text = comparison.to_json(folder / "result.json")
        comparison.plot(folder / "curves.png")
        report = comparison.report(folder / "report.html")
    except KeyboardInterrupt:
        _note(f"interrupted; go on with: shoal compare --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    except ShoalError:
        if not resume and not list(folder.glob("*/*")):  # nothing was trained
            _forget(folder, new)
        raise
    print(text if as_json else comparison)
    _note(f"report: {report}")
    if not comparison.complete:
        _note(f"interrupted; go on with: shoal compare --resume {shlex.quote(str(folder))}")
        return INTERRUPTED
    if all(arm.diverged == arm.members for arm in comparison.arms):
        raise ShoalError(
            "every member of every arm diverged; lower the learning rates, "
            "or let --tune optimizer.lr=1e-5:0.1:9 find them"
        )
    return 0


ASKED = "asked.json"
QUESTIONS = {"data", "recipes", "where", "tune", "settings", "command"}


def _read_asked(folder: Path) -> dict[str, Any]:
    """What a run was asked to do."""
    try:
        asked: dict[str, Any] = json.loads((folder / ASKED).read_text("utf-8"))
    except FileNotFoundError:
        raise ShoalError(f"--resume={folder} holds no run of `shoal compare`") from None
    except OSError as error:
        raise ShoalError(f"{folder / ASKED} cannot be read: {error.strerror}") from None
    except ValueError:
        asked = {}
    if not isinstance(asked, dict) or set(asked) != QUESTIONS:
        raise ShoalError(f"{folder / ASKED} is damaged; start anew in another folder")
    return asked


def _refuse_more(context: typer.Context, folder: str) -> None:
    """What a run was asked to do stays; only how it is done may change."""
    kept = {"resume", "threads", "checkpoint_seconds", "as_json"}
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name not in kept and source is not None and source.name == "COMMANDLINE":
            raise ShoalError(
                f"--resume={folder} goes on with what was asked; leave out {parameter.opts[0]}"
            )


def _forget(folder: Path, whole: bool) -> None:
    """Take away what was asked, so that it can be asked again in the same folder."""
    for name in (ASKED, "recipes.toml"):
        (folder / name).unlink(missing_ok=True)
    if whole:
        with suppress(OSError):  # somebody else has put something there
            folder.rmdir()


def _anywhere(name: str) -> str:
    """A file's absolute path, so that a run can be resumed from any folder."""
    return str(Path(name).absolute()) if "." in name or "/" in name else name


def _default_data() -> str:
    return "mnist" if any(e.name == "mnist" and e.at_hand for e in shoal.available()) else "digits"


def _recipes_text(path: str | None) -> str:
    """The text of a file of recipes, or of the default ones."""
    from shoal.comparison.recipes_file import default_text, read_text

    return default_text() if path is None else read_text(path)


def _load(
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


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _fail(line: str) -> int:
    print(f"shoal: {line}", file=sys.stderr)
    return USAGE_ERROR
