"""`shoal predict`: what a model says of the rows of a file, which may be larger than the memory."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

from shoal.cli.options import INTERRUPTED, note
from shoal.errors import ShoalError, check_number, unknown

if TYPE_CHECKING:
    import pandas as pd

    from shoal.estimators.model import Model

KINDS = (".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet")


def predict(
    model: Annotated[
        str, typer.Argument(metavar="MODEL.shoal", help="A model that `shoal fit` or save wrote.")
    ],
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The rows: .csv, .tsv, .csv.gz or .parquet.")
    ],
    out: Annotated[
        str | None,
        typer.Option(
            metavar="FILE", help="A .csv, .csv.gz, .tsv or .parquet. [default: CSV, printed]"
        ),
    ] = None,
    proba: Annotated[
        bool, typer.Option("--proba", help="Also the probability of each class, as p(CLASS).")
    ] = False,
    interval: Annotated[
        float | None,
        typer.Option(
            metavar="COVERAGE",
            help="Also where numbers will lie with this probability, such as 0.9, as COLUMN_low "
            "and COLUMN_high.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Column of FILE to keep beside; may be repeated."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an --out that is there.")
    ] = False,
) -> int:
    """Say what a model predicts for every row of a file, in the order of the rows.

    The file is read and answered piece by piece, so it may be larger than the memory. Columns that
    the model does not know are left aside. If the target is among them, it is said how right the
    predictions are.
    """
    from shoal.cli.figures import Figures
    from shoal.estimators.file import read_model

    core = read_model(model).model
    answer = _Answer(core, proba, interval)
    path = None if out is None else _out_path(out, overwrite)
    figures = None
    rows = 0
    try:
        with _pieces(file, core) as (pieces, watch), _writer(path) as write:
            for piece in pieces:
                if not len(piece):
                    continue
                if not rows:
                    _check_columns(piece, keep or [], answer.names, file)
                    _check_inputs(piece, core, file)
                    if core.targets and set(core.targets) <= set(piece.columns):
                        figures = Figures(core, list(core.targets))
                with _counted_from(rows):
                    said, table = answer(piece)
                if figures is not None:
                    figures = _judged(figures, said, piece)
                if keep:
                    table = piece[keep].reset_index(drop=True).join(table)
                write(table)
                rows += len(piece)
                watch(rows)
    except KeyboardInterrupt:
        note("interrupted" if path is None else f"interrupted; {path} was not written")
        return INTERRUPTED
    if not rows:
        raise ShoalError(f"{file} has column names but no rows; there is nothing to predict")
    if path is not None:
        note(f"{rows:,} rows: {path}")
    if figures is not None and figures.rows:
        verb = "is" if len(core.targets) == 1 else "are"
        note(f"{', '.join(core.targets)} {verb} in {file}: {figures.words()}")
    return 0


class _Answer:
    """What is written for some rows.

    Args:
        model: what answers.
        proba: whether to write probabilities.
        coverage: of intervals; None for none.
    """

    def __init__(self, model: Model, proba: bool, coverage: float | None) -> None:
        from shoal.estimators.intervals import half_width

        self.model = model
        labels = model.classes is not None
        if proba and not labels:
            raise ShoalError(
                "--proba is for classes, but the model is for regression; leave it out"
            )
        self.width = None
        if coverage is not None:
            check_number("--interval", coverage, above=0, below=1)
            if labels:
                raise ShoalError(
                    "--interval is for numbers, but the model is for classes; take --proba"
                )
            try:
                self.width = half_width(model.conformal, coverage)
            except ShoalError as error:
                line = str(error).replace("coverage=", "--interval=").replace("valid=", "--valid")
                line = line.replace("give X_val and y_val", "with --valid-file")
                raise ShoalError(line) from error
        self.proba = proba
        self.names = self._names()

    def _names(self) -> list[str]:
        """The columns that are written."""
        model = self.model
        several = model.task != "classification"
        count = model.outputs_count if several else 1
        known = list(model.targets)
        if len(known) != count:
            known = ["prediction"] if count == 1 else [f"prediction {i}" for i in range(count)]
        names = list(known)
        if self.proba:
            labels = known if model.task == "multilabel" else model.classes.tolist()  # type: ignore[union-attr]
            names += [f"p({label})" for label in labels]
        if self.width is not None:
            names += [f"{name}_{end}" for name in known for end in ("low", "high")]
        return names

    def __call__(self, piece: pd.DataFrame) -> tuple[Any, pd.DataFrame]:
        """Scores or numbers of the rows, and the table to write."""
        import pandas as pd

        model = self.model
        x = _inputs(piece, model)
        columns: list[Any] = []
        if model.classes is not None:
            said = model.scores(x)
            labels = model.labels_of(said)
            columns += [labels] if labels.ndim == 1 else list(labels.T)
            if self.proba:
                columns += list(model.probabilities_of(said).T)
        else:
            said = model.numbers(x)
            columns += list(said.T)
            if self.width is not None:
                low, high = said - self.width, said + self.width
                if model.link == "exp":  # rates and counts are not negative
                    low = np.maximum(low, 0.0)
                columns += [end[:, i] for i in range(said.shape[1]) for end in (low, high)]
        return said, pd.DataFrame(dict(zip(self.names, columns, strict=True)))


def _inputs(piece: pd.DataFrame, model: Model) -> Any:
    """The rows as the model's preparation takes them."""
    from shoal.data.columns import as_numbers
    from shoal.data.preparation import TablePreparation

    preparation = model.preparation
    if isinstance(preparation, TablePreparation):
        return piece
    if len(preparation.shape) != 1:
        raise ShoalError(
            f"the model takes images of shape {preparation.shape}, which no table holds; "
            "predict in Python, with shoal.load_model"
        )
    names = list(preparation.columns)
    if not set(names) <= set(piece.columns):  # it was fitted on an array, whose columns have none
        names = [name for name in piece.columns if name not in model.targets]
    if len(names) != preparation.shape[0]:
        raise ShoalError(
            f"the model was fitted on an array of {preparation.shape[0]} columns, so the file must "
            f"have as many, in the same order, but has {len(names)}"
        )
    return np.stack([as_numbers(piece[name], name) for name in names], axis=1)


def _judged(figures: Any, said: Any, piece: pd.DataFrame) -> Any:
    """The figures with some more rows; None where the target cannot be read."""
    try:
        figures.add(said, piece)
    except ShoalError as error:
        note(f"how right it is cannot be said: {error}")
        return None
    return figures


def _check_columns(piece: pd.DataFrame, keep: list[str], names: list[str], file: str) -> None:
    for column in keep:
        if column not in piece.columns:
            raise unknown(f"column to keep from {file}", column, map(str, piece.columns))
        if column in names:
            raise ShoalError(
                f"--keep={column} is the name of a column of the predictions; rename it in {file}"
            )


def _check_inputs(piece: pd.DataFrame, model: Model, file: str) -> None:
    """Require the columns that a model of a table was fitted on."""
    from shoal.data.preparation import TablePreparation, refuse_missing

    if isinstance(model.preparation, TablePreparation):
        refuse_missing(model.preparation.columns, piece.columns, f" in {file}")


@contextmanager
def _counted_from(first: int) -> Iterator[None]:
    """Let errors count rows from the start of the file, not of the piece."""
    try:
        yield
    except ShoalError as error:
        if not first:
            raise
        line = re.sub(r"\brow (\d+)\b", lambda found: f"row {int(found[1]) + first}", str(error))
        raise ShoalError(line) from error


@contextmanager
def _pieces(
    file: str, model: Model
) -> Iterator[tuple[Iterator[pd.DataFrame], Callable[[int], None]]]:
    """The rows of the file in pieces, and what to tell how many are done."""
    from shoal.data.files import read_pieces
    from shoal.data.preparation import TablePreparation

    texts: list[str] = []
    if isinstance(model.preparation, TablePreparation):
        # as they stand in the file: "007" is no number there; but True may be written TRUE
        booleans = {"True", "False", "(missing)"}
        texts = [c.name for c in model.preparation.levels if not booleans >= set(c.levels)]
    pieces = read_pieces(file, texts=texts)
    if not sys.stderr.isatty():
        yield pieces, lambda rows: None
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield pieces, lambda rows: status.update(f"{rows:,} rows predicted")


def _out_path(out: str, overwrite: bool) -> Path:
    """Where predictions go; that they can go there is checked before anything is read."""
    path = Path(out)
    if not path.name.lower().endswith(KINDS):
        raise ShoalError(f"--out={out} must end in one of {', '.join(KINDS)}")
    if path.is_dir():
        raise ShoalError(f"--out={out} is a folder; give a file")
    if path.exists() and not overwrite:
        raise ShoalError(f"{out} is there already; give --overwrite, or another --out")
    return path


@contextmanager
def _writer(path: Path | None) -> Iterator[Callable[[pd.DataFrame], None]]:
    """What takes tables one after another; a file appears only when it is whole."""
    if path is None:
        yield _text_writer(sys.stdout, ",")
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        os.close(handle)
    except (FileExistsError, NotADirectoryError):
        raise ShoalError(f"cannot write {path}: {path.parent} is no folder") from None
    except OSError as error:
        raise ShoalError(f"cannot write {path}: {error.strerror}") from None
    try:
        lower = path.name.lower()
        with _parquet(name) if lower.endswith(".parquet") else _text(name, lower) as write:
            yield write
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp lets nobody else read
        os.replace(name, path)
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


@contextmanager
def _text(name: str, lower: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    import gzip

    separator = "\t" if ".tsv" in lower else ","
    opened: Any = gzip.open if lower.endswith(".gz") else open
    with opened(name, "wt", encoding="utf-8", newline="") as file:
        yield _text_writer(file, separator)


def _text_writer(file: Any, separator: str) -> Callable[[pd.DataFrame], None]:
    begun = False

    def write(table: pd.DataFrame) -> None:
        nonlocal begun
        table.to_csv(
            file,
            sep=separator,
            index=False,
            header=not begun,
            float_format="%.9g",  # all that float32 holds
            lineterminator="\n",
        )
        begun = True

    return write


@contextmanager
def _parquet(name: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    import pyarrow as pa
    from pyarrow import parquet

    writer: Any = None

    def write(table: pd.DataFrame) -> None:
        nonlocal writer
        schema = None if writer is None else writer.schema
        arrow = pa.Table.from_pandas(table, schema=schema, preserve_index=False)
        if writer is None:
            writer = parquet.ParquetWriter(name, arrow.schema)
        writer.write_table(arrow)

    try:
        yield write
    finally:
        with nullcontext() if writer is None else writer:
            pass
