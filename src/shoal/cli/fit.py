"""`shoal fit`: train a model on a table, and write it to a file."""

from __future__ import annotations

import re
import shlex
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

import shoal
from shoal.cli.options import (
    INTERRUPTED,
    AsJson,
    Drop,
    Target,
    Task,
    TestFile,
    as_options,
    note,
    target_columns,
    to_json,
)
from shoal.errors import ShoalError, check_number, counted, unknown

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.columns import Column


def fit(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The table: .csv, .tsv, .csv.gz or .parquet.")
    ],
    target: Target = None,
    task: Task = None,
    drop: Drop = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="RECIPE.toml",
            help="How to train: a file such as best.toml of `shoal search`. [default: --preset]",
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="Which settings stand for all that is not said.")
    ] = None,
    hidden: Annotated[
        str | None, typer.Option(metavar="N,N", help="Units of each hidden layer.")
    ] = None,
    members: Annotated[int, typer.Option(help="Networks that answer together.")] = 1,
    epochs: Annotated[
        int | None, typer.Option(help="Passes over the training rows, at most.")
    ] = None,
    valid: Annotated[
        str | None,
        typer.Option(
            metavar="SHARE|ROWS",
            help="Rows kept aside to stop, choose and calibrate by: 0.1 or 500; 0 for none. "
            "[default: 0.1, none of fewer than 200 rows]",
        ),
    ] = None,
    valid_file: Annotated[
        str | None, typer.Option(metavar="FILE", help="A file that holds these rows.")
    ] = None,
    test_file: TestFile = None,
    split: Annotated[
        str, typer.Option(help="Which rows: shuffle (stratified), time (the last), groups or auto.")
    ] = "auto",
    groups: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN", help="No value of it is trained on and validated by; left out of X."
        ),
    ] = None,
    weight: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="How much each row counts; left out of X."),
    ] = None,
    balanced: Annotated[
        bool, typer.Option("--balanced", help="Let each class count as much as any other.")
    ] = False,
    seed: Annotated[int, typer.Option(help="Of weights, batches and the split.")] = 0,
    threads: Annotated[
        int | None, typer.Option(help="[default: one per processor]; results do not depend on it.")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(metavar="MODEL.shoal", help="Where to write the model. [default: FILE.shoal]"),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a model that is there.")
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train a model on a table, and write it to a file that `shoal predict` takes.

    Text becomes one input per level, missing values are flagged, numbers are scaled.
    """
    check_number("--seed", seed, least=0, most=2**32 - 1, whole=True)
    path = model_path(file, out, overwrite)
    table = _open(file, target, task, drop or [], groups, weight)
    settings = {
        **_recipe_settings(recipe, table.task, hidden, preset),
        "members": members,
        "random_state": seed,
        "threads": threads,
        "verbose": not as_json,
        **({} if epochs is None else {"epochs": epochs}),
        **({"class_weight": "balanced"} if balanced else {}),
    }
    if balanced and table.task != "classification":
        raise ShoalError(
            f"--balanced is for one label a row, but {file} is for {table.task}; leave it out"
        )
    share = _share(valid)
    if valid_file is not None and share != "auto":
        raise ShoalError(f"give --valid={valid} or --valid-file={valid_file}, not both")
    if valid_file is not None and groups is not None:
        raise ShoalError(
            f"--groups={groups} says which rows may be kept aside, but --valid-file={valid_file} "
            f"is given for that; to leave the column out say --drop {shlex.quote(groups)}"
        )
    further = {
        name: _more(table, other)
        for name, other in (("validation", valid_file), ("test", test_file))
        if other is not None
    }
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always", UserWarning)
            model, parts = _train(table, settings, share, split, further)
    except ShoalError as error:
        raise ShoalError(_in_options(str(error), table)) from error
    except KeyboardInterrupt:
        note("interrupted; no model was written")
        return INTERRUPTED
    for each in said:
        note(f"note: {' '.join(str(each.message).split())}")
    model.save(path)
    summary = _summary(table, model, parts, path)
    print(to_json(summary) if as_json else _text(table, model, parts))
    note(f"model: {path}")
    return 0


def model_path(file: str, out: str | None, overwrite: bool) -> Path:
    """Where the model goes; that it can go there is checked before it is trained."""
    import os

    path = Path(f"{Path(file).name.split('.')[0]}.shoal") if out is None else Path(out)
    if path.is_dir():
        raise ShoalError(f"--out={path} is a folder; give a file, such as {path / 'model.shoal'}")
    if path.exists() and not overwrite:
        raise ShoalError(f"{path} is there already; give --overwrite, or another --out")
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise ShoalError(f"cannot write {path}: {folder} is no folder that can be written to")
    return path


class _Table:
    """A file that was read: what to predict from, what to predict, and what rows weigh."""

    def __init__(
        self, file: str, targets: list[str], drop: list[str], groups: str | None, weight: str | None
    ) -> None:
        self.file, self.targets, self.drop = file, targets, drop
        self.groups_column, self.weight_column = groups, weight
        self.task = ""
        self.why = ""
        self.x: pd.DataFrame
        self.y: Any
        self.frame: pd.DataFrame

    @property
    def aside(self) -> list[str]:
        """Columns that are not predicted from."""
        return [*self.drop, *(c for c in (self.groups_column, self.weight_column) if c)]

    def values(self, column: str | None) -> Any:
        """What a column holds; None for no column."""
        return None if column is None else self.frame[column].to_numpy()


def _open(
    file: str,
    target: list[str] | None,
    task: str | None,
    drop: list[str],
    groups: str | None,
    weight: str | None,
) -> _Table:
    """Read the training table, and refuse what cannot be trained on."""
    from shoal.data.columns import read_columns
    from shoal.data.files import read_table
    from shoal.data.tables import inputs_and_target

    if "." not in file and not Path(file).exists():
        raise ShoalError(f"there is no file {file!r}; shoal fit takes a table in a file")
    frame = read_table(file)
    names = [str(name) for name in frame.columns]
    for option, column in (("groups", groups), ("weight", weight)):
        if column is not None and column not in names:
            raise unknown(f"column --{option}", column, names)
    given = target_columns(file, target or ())
    targets = [given] if isinstance(given, str) else list(given)
    table = _Table(file, targets, drop, groups, weight)
    asked: Any = task
    try:
        x, read, table.frame = inputs_and_target(
            frame, targets, task=asked, drop=table.aside, name=Path(file).name
        )
        columns = read_columns(x)  # says what to leave out in words that hold here
    except ShoalError as error:
        raise ShoalError(as_options(str(error))) from error
    table.x, table.task, table.why = x, read.task, read.why
    table.y = _said(read.y, read.classes if read.task == "classification" else None)
    _note_columns(x, columns)
    return table


def _note_columns(x: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Say which columns can teach nothing, or something that new rows will not have."""
    for column in columns:
        steps = column.kind == "number" and len(x) > 2 and not column.missing_rows
        if steps and (np.diff(x[column.name].to_numpy(np.float64)) == 1).all():
            note(
                f"note: column {column.name!r} counts the rows from {column.low:g}; if it is a row "
                f"number, leave it out with --drop {shlex.quote(column.name)}"
            )
    same = [repr(column.name) for column in columns if column.is_constant]
    if same:
        it = "says" if len(same) == 1 else "say"
        note(f"note: {counted(len(same), 'column')} {it} the same in every row: {', '.join(same)}")


def _more(table: _Table, file: str) -> tuple[pd.DataFrame, Any]:
    """Further rows, with the target in the way of the first."""
    from shoal.data.files import read_table
    from shoal.data.preparation import refuse_missing
    from shoal.data.tables import target_values
    from shoal.data.targets import Target, read_more

    frame = read_table(file)
    names = [str(name) for name in frame.columns]
    frame = frame.set_axis(names, axis="columns")
    refuse_missing((*table.targets, *table.x.columns), names, f" in {file}")
    classes: tuple[Any, ...] | None = None
    if table.task != "regression":
        several = table.task == "multilabel"
        classes = tuple(table.targets) if several else tuple(np.unique(table.y).tolist())
    like = Target(table.task, np.zeros((1, len(table.targets))), classes, "")  # type: ignore[arg-type]
    y = read_more(target_values(frame, table.targets), like, name=f"the target in {file}")
    return frame, _said(y, classes if table.task == "classification" else None)


def _said(y: Any, classes: Sequence[Any] | None) -> Any:
    """A target as an estimator takes it: labels for their indices; one number a row as (rows,)."""
    if classes is not None:
        return np.array(classes)[y]
    return y[:, 0] if y.shape[1] == 1 else y


def _recipe_settings(
    path: str | None, task: str, hidden: str | None, preset: str | None
) -> dict[str, Any]:
    """What a recipe's file, or options in its place, say to the estimator's constructor."""
    if path is not None:
        for option, value in (("hidden", hidden), ("preset", preset)):
            if value is not None:
                raise ShoalError(f"--{option}={value} is said by --recipe; change it in {path}")
        return {"recipe": _read_recipe(path)}
    settings: dict[str, Any] = {} if preset is None else {"preset": preset}
    if hidden is not None:
        try:
            settings["hidden"] = tuple(int(units) for units in hidden.split(",") if units.strip())
        except ValueError:
            raise ShoalError(f"--hidden={hidden} must be whole numbers, such as 100,100") from None
    return settings


def _read_recipe(path: str) -> Any:
    """The recipe of a file: a recipe alone, or the only arm of a file of recipes."""
    import tomllib

    from shoal.comparison.recipes_file import parse_recipes, read_text

    text = read_text(path)
    try:
        several = "arms" in tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ShoalError(f"{path} is not TOML: {error}") from None
    if not several:
        recipe = shoal.Recipe.from_toml(text, path)
        if recipe.is_space:
            raise ShoalError(
                f"{path} has distributions in it, so it is no recipe but a search space; `shoal "
                f"search {shlex.quote(path)}` finds a recipe in it"
            )
        return recipe
    recipes = parse_recipes(text, path).recipes
    if len(recipes) > 1:
        raise ShoalError(
            f"{path} has {len(recipes)} arms ({', '.join(recipes)}); "
            "give a file with one recipe to fit by"
        )
    return next(iter(recipes.values()))


def _share(valid: str | None) -> Any:
    """A share or a number of rows, "auto" if nothing was said."""
    if valid is None:
        return "auto"
    try:
        return float(valid) if "." in valid or "e" in valid.lower() else int(valid)
    except ValueError:
        raise ShoalError(
            f"--valid={valid} must be a share, such as 0.1, or a number of rows"
        ) from None


Parts = dict[str, tuple["pd.DataFrame", Any]]


def _train(
    table: _Table, settings: dict[str, Any], share: Any, split: str, further: Parts
) -> tuple[Any, Parts]:
    """Train, as the estimator would with these settings; and the rows it was judged by."""
    from dataclasses import replace

    from shoal.estimators.presets import share_of_valid
    from shoal.estimators.validation import carve
    from shoal.estimators.weights import row_weights

    kind: Any = shoal.ShoalRegressor if table.task == "regression" else shoal.ShoalClassifier
    recipe = settings.pop("recipe", None)
    model = kind(**settings) if recipe is None else kind.from_recipe(recipe, **settings)
    x, y = table.x, table.y
    frame, groups = table.frame, table.values(table.groups_column)
    weights = row_weights(table.values(table.weight_column), len(y))
    if weights is not None and not weights.all():  # such rows validate nothing either
        kept = np.flatnonzero(weights)
        x, y, frame, weights = x.iloc[kept], y[kept], frame.iloc[kept], weights[kept]
        groups = None if groups is None else groups[kept]
    if "validation" not in further:
        classes, indices = None, None
        if table.task == "classification":
            classes, indices = np.unique(y, return_inverse=True)
        train, valid = carve(
            len(y),
            share_of_valid(share, len(y)),
            split,
            model._seeds()[0],
            labels=indices,
            classes=classes,
            groups=groups,
        )
        if len(valid):
            further = {"validation": (frame.iloc[valid], y[valid]), **further}
        x, y = x.iloc[train], y[train]
        weights = None if weights is None else weights[train]
    if "validation" in further:
        judge, y_val = further["validation"]
        model.fit(x, y, sample_weight=weights, X_val=judge[x.columns], y_val=y_val)
    else:
        model.set_params(valid=0).fit(x, y, sample_weight=weights)
    model.model_ = replace(model.model_, targets=tuple(table.targets))
    return model, {"training": (x, y), **further}


def _figures(table: _Table, model: Any, part: tuple[pd.DataFrame, Any]) -> Any:
    from shoal.cli.figures import Figures

    frame, _ = part
    core = model.model_
    figures = Figures(core, table.targets)
    rows = frame[table.x.columns]
    answers = core.numbers(rows) if table.task == "regression" else core.scores(rows)
    figures.add(answers, frame)
    return figures


def _in_options(line: str, table: _Table) -> str:
    """A line of the estimator in the words of the options."""
    line = as_options(line).replace("give fit(X, y, groups=...)", "give --groups COLUMN")
    line = re.sub(r"\bsplit='(\w+)'", r"--split \1", line)
    line = re.sub(r"\b(valid|members|epochs|preset|threads|hidden)=", r"--\1=", line)
    line = re.sub(r"\bsample_weight\[", f"{table.weight_column}[", line)
    return line.replace("sample_weight", f"--weight={table.weight_column}")


def _summary(table: _Table, model: Any, parts: Parts, path: Path) -> dict[str, Any]:
    """What was trained on what, and how right it is, for machines."""
    history = model.history_
    return {
        "model": str(path),
        "file": table.file,
        "task": table.task,
        "target": table.targets,
        "rows": {"training": len(parts["training"][1])},
        "columns": list(table.x.columns),
        "inputs": int(np.prod(model.model_.in_shape)),
        "members": model.model_.members,
        "recipe": model.recipe_.to_dict(),
        "epochs": len(history),
        "best_epoch": history.best_epoch.tolist(),
        "seconds": history.seconds,
        **{
            name: _figures(table, model, part).numbers()
            for name, part in parts.items()
            if name != "training"
        },
    }


def _text(table: _Table, model: Any, parts: Parts) -> str:
    """The same for people."""
    core, history = model.model_, model.history_
    count = core.outputs_count
    noun = f"{count} classes" if table.task == "classification" else counted(count, "number")
    noun = f"{count} labels" if table.task == "multilabel" else noun
    best = history.best_epoch
    epochs = f"{best.min()}" if best.min() == best.max() else f"{best.min()} to {best.max()}"
    kept = f"the weights of epoch {epochs} are kept" if "validation" in parts else "the last kept"
    rows = f"{len(parts['training'][1]):,} rows"
    lines = [
        f"{', '.join(table.targets)} of {table.file}: {table.task}, {noun}{_doubt(table, count)}",
        f"trained on {rows}, {counted(table.x.shape[1], 'column')}, "
        f"{counted(int(np.prod(core.in_shape)), 'input')}",
        f"{counted(core.members, 'network')}: {model.recipe_.network!r}",
        f"{counted(len(history), 'epoch')} in {history.seconds:.1f} s, {kept}",
        "",
    ]
    for name in ("validation", "test"):
        if name in parts:
            lines.append(f"{name:<10}  {_figures(table, model, parts[name]).words()}")
    if "validation" in parts:
        lines += [_baseline(table, model, parts), _CHOSE]
    else:
        lines.append("No rows were kept aside, so nothing is known of how right it is on new ones.")
    return "\n".join(lines)


def _doubt(table: _Table, count: int) -> str:
    """What to say if the target's numbers were meant for the other task."""
    if "different" not in table.why or count == 2:
        return ""
    if table.task == "regression":
        return " (if they are labels, say --task classification)"
    return " (if they are amounts, say --task regression)"


_CHOSE = "The validation rows chose when to stop, so they flatter a little; test rows would not."


def _baseline(table: _Table, model: Any, parts: Parts) -> str:
    """What one would be right by without a network, on the validation rows."""
    y, truth = parts["training"][1], parts["validation"][1]
    if table.task == "multilabel":
        right = 100 * np.mean(truth == (y.mean(axis=0) > 0.5))
        return f"{'baseline':<10}  always saying what is usual: {right:.2f} % of the labels right"
    if table.task == "classification":
        labels, counts = np.unique(y, return_counts=True)
        usual = labels[counts.argmax()]
        share = 100 * np.mean(truth == usual)
        return f"{'baseline':<10}  always saying {usual}: accuracy {share:.2f} %"
    rmse = np.sqrt(np.mean(np.square(truth - y.mean(axis=0)), axis=0))
    shown = ", ".join(f"{value:.5g}" for value in np.atleast_1d(rmse))
    return f"{'baseline':<10}  always saying the mean: RMSE {shown}"
