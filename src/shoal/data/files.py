"""Tables in files, CSV and Parquet, and what can be wrong with such a file."""

from __future__ import annotations

import os
import warnings
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shoal.data.tables import from_frame
from shoal.data.targets import Task
from shoal.errors import ShoalError

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.dataset import Dataset

_ENDINGS = (".gz", ".csv", ".tsv", ".txt", ".parquet", ".pq")


def from_csv(
    path: str | os.PathLike[str],
    target: str | Sequence[str],
    *,
    test_file: str | os.PathLike[str] | None = None,
    valid: float = 0.2,
    test: float | None = None,
    seed: int = 0,
    task: Task | None = None,
    drop: Sequence[str] = (),
    separator: str = ",",
    name: str | None = None,
) -> Dataset:
    r"""A data set from a CSV file (also gzipped) whose first row names the columns.

    Args:
        path: the file, in UTF-8; a name ending in .gz is gunzipped.
        target: the column to predict, or several for regression.
        test_file: a test part of your own, with the same columns.
        valid: share (float) or number (int) of rows of the validation part.
        test: the same for the test part; 0.2 unless `test_file` is given.
        seed: of the split, which is stratified for classification.
        task: overrides the inference (see `from_arrays`).
        drop: columns to leave out.
        separator: what stands between cells.
        name: what to call the data set; by default the file's name without its ending.

    What becomes of the columns is said at `from_frame`.

    Raises:
        ShoalError: if the file is missing, empty, truncated or not CSV, and as `from_frame`.

    >>> import tempfile
    >>> from shoal.data import Dataset
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "sizes.csv")
    ...     _ = path.write_text("size,kind\n1,a\n2,a\n3,b\n4,b\n")
    ...     Dataset.from_csv(path, "kind", valid=0, test=2)
    <Dataset sizes: classification, 2 + 0 + 2 rows, inputs (1,), 2 classes>
    """
    options = {"valid": valid, "test": test, "seed": seed, "task": task, "drop": drop}
    return _from_file(path, lambda p: read_csv(p, separator), target, test_file, name, options)


def from_parquet(
    path: str | os.PathLike[str],
    target: str | Sequence[str],
    *,
    test_file: str | os.PathLike[str] | None = None,
    valid: float = 0.2,
    test: float | None = None,
    seed: int = 0,
    task: Task | None = None,
    drop: Sequence[str] = (),
    name: str | None = None,
) -> Dataset:
    """A data set from a Parquet file; the arguments are those of `from_csv`.

    Raises:
        ShoalError: if the file is missing or not Parquet, and as `from_frame`.
    """
    options = {"valid": valid, "test": test, "seed": seed, "task": task, "drop": drop}
    return _from_file(path, read_parquet, target, test_file, name, options)


def _from_file(
    path: str | os.PathLike[str],
    read: Callable[[Path], pd.DataFrame],
    target: str | Sequence[str],
    test_file: str | os.PathLike[str] | None,
    name: str | None,
    options: dict[str, Any],
) -> Dataset:
    """A data set from a file, and perhaps a second one to test on; named after the first."""
    first = Path(path)
    frame = read(first)
    source, test_frame = first.name, None
    if test_file is not None:
        test_frame = read(Path(test_file))
        source += f", tested on {Path(test_file).name}"
    stem = first.name
    while stem.lower().endswith(_ENDINGS):
        stem = stem[: stem.rindex(".")]
    named = name or stem or first.name
    return from_frame(frame, target, test_frame=test_frame, name=named, source=source, **options)


def read_csv(path: Path, separator: str = ",") -> pd.DataFrame:
    """A CSV file as a table.

    Raises:
        ShoalError: if it is missing, empty, truncated, or its first row does not name the columns.
    """
    import pandas as pd

    _check_file(path)
    try:
        top = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str)
        _check_header(["" if pd.isna(c) else c for c in top.iloc[0].tolist()], path.name)
        with warnings.catch_warnings():
            # Surplus cells would be dropped (or, by default, taken for row names).
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(path, sep=separator, low_memory=False, index_col=False)
    except pd.errors.ParserWarning as error:
        raise ShoalError(
            f"{path.name} must have a name for each column, but its rows are longer than its first "
            "row; complete the names"
        ) from error
    except pd.errors.EmptyDataError as error:
        raise ShoalError(f"{path.name} is empty; give a file with a row of column names") from error
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).split())
        raise ShoalError(
            f"{path.name} must be a table of equally long rows, but: {reason}; correct that line, "
            f"or pass the right separator= (now {separator!r})"
        ) from error
    except UnicodeDecodeError as error:
        raise ShoalError(f"{path.name} must be UTF-8 text ({error}); save it as UTF-8") from error
    except (OSError, EOFError, zlib.error) as error:
        raise ShoalError(
            f"{path.name} cannot be read ({error}); the file may be truncated: get it again"
        ) from error
    return frame


def read_parquet(path: Path) -> pd.DataFrame:
    """A Parquet file as a table.

    Raises:
        ShoalError: if it is missing or cannot be read.
    """
    import pandas as pd

    _check_file(path)
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError, NotImplementedError) as error:
        reason = " ".join(str(error).split())
        raise ShoalError(
            f"{path.name} must be a Parquet file, but: {reason}; get it again, or use from_csv"
        ) from error


def _check_file(path: Path) -> None:
    if not path.exists():
        raise ShoalError(f"there is no file {str(path)!r}; check the path")
    if not path.is_file():
        raise ShoalError(f"{str(path)!r} must be a file, but is a folder; name a file in it")


def _check_header(names: list[str], file: str) -> None:
    """The first row must name columns, each once."""
    if len(names) == 1 and any(mark in names[0] for mark in ";\t|"):
        mark = next(m for m in ";\t|" if m in names[0])
        raise ShoalError(f"{file} seems to be separated by {mark!r}; pass separator={mark!r}")
    # Columns called 0, 1, 2, … are what pandas writes for an array.
    if all(map(_is_number, names)) and names != [str(i) for i in range(len(names))]:
        raise ShoalError(
            f"{file} must name its columns in the first row, but that row is {names[:4]}; "
            "add a row of names"
        )
    twice = sorted({n for n in names if n and names.count(n) > 1})
    if twice:
        raise ShoalError(f"{file} must name each column once, but {twice[0]!r} comes twice")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
