"""Tables in files, CSV and Parquet, and what can be wrong with such a file.

A file's ending says how to read it: .csv, .tsv and .tab (each also with .gz), .parquet and .pq.
"""

from __future__ import annotations

import os
import re
import warnings
import zlib
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from shoal.data.tables import from_frame
from shoal.data.targets import Task
from shoal.errors import ShoalError

if TYPE_CHECKING:
    import pandas as pd

    from shoal.data.dataset import Dataset

KINDS: Final = ".csv, .tsv or .tab (each also .gz), .parquet or .pq"
_TEXT: Final = {".csv": ",", ".tsv": "\t", ".tab": "\t"}  # what stands between cells
_PARQUET: Final = (".parquet", ".pq")
_ENDINGS: Final = (".gz", *_TEXT, ".txt", *_PARQUET)
_MARKS: Final = ",;\t|"
_GZIP: Final = b"\x1f\x8b"
_DECIMAL_COMMA: Final = re.compile(r"\s*[-+]?\d*,\d+([eE][-+]?\d+)?\s*")

_Read = tuple["pd.DataFrame", str]  # a table, and in words how it was read if that was inferred


def from_file(
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
    """A data set from a file that is read as its ending says; `from_csv` has the arguments.

    Raises:
        ShoalError: if the ending is of no kind that is known, and as `from_csv`.
    """
    options = {"valid": valid, "test": test, "seed": seed, "task": task, "drop": drop}
    return _from_file(path, _read_file, target, test_file, name, options)


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
    separator: str | None = None,
    name: str | None = None,
) -> Dataset:
    r"""A data set from a CSV file (also gzipped) whose first row names the columns.

    Args:
        path: the file, in UTF-8; a gzipped one is gunzipped.
        target: the column to predict, or several: numbers, or 0 and 1 for labels of which more
            than one may hold.
        test_file: a test part of your own, with the same columns.
        valid: share (float) or number (int) of rows of the validation part.
        test: the same for the test part; 0.2 unless `test_file` is given.
        seed: of the split, which is stratified for classification.
        task: overrides the inference (see `from_arrays`).
        drop: columns to leave out.
        separator: what stands between cells; by default a tab in .tsv and .tab, else a comma, or
            whichever of ; | and tab the first row has if it has no comma. Where that is no comma,
            numbers may have a decimal comma.
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
    return _from_file(path, lambda p: _read_csv(p, separator), target, test_file, name, options)


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
    return _from_file(path, _read_parquet, target, test_file, name, options)


def _from_file(
    path: str | os.PathLike[str],
    read: Callable[[Path], _Read],
    target: str | Sequence[str],
    test_file: str | os.PathLike[str] | None,
    name: str | None,
    options: dict[str, Any],
) -> Dataset:
    """A data set from a file, and perhaps a second one to test on; named after the first."""
    first = Path(path)
    frame, how = read(first)
    source, test_frame = first.name + how, None
    if test_file is not None:
        test_frame, how = read(Path(test_file))
        source += f", tested on {Path(test_file).name}{how}"
    stem = first.name
    while stem.lower().endswith(_ENDINGS):
        stem = stem[: stem.rindex(".")]
    named = name or stem or first.name
    return from_frame(frame, target, test_frame=test_frame, name=named, source=source, **options)


def column_names(path: str | os.PathLike[str]) -> list[str]:
    """The names of a file's columns.

    Raises:
        ShoalError: as `from_file`.
    """
    return [str(name) for name in _read_file(Path(path))[0].columns]


def _read_file(path: Path) -> _Read:
    """A file as a table, read as its ending says."""
    lower = path.name.lower()
    if lower.endswith(_PARQUET):
        return _read_parquet(path)
    if lower.removesuffix(".gz").endswith(tuple(_TEXT)):
        return _read_csv(path)
    raise _kind_error(path)


def read_table(path: str | os.PathLike[str]) -> pd.DataFrame:
    """A file as a table, read as its ending says.

    Raises:
        ShoalError: as `from_file`.
    """
    return _read_file(Path(path))[0]


def read_pieces(
    path: str | os.PathLike[str], cells: int = 2**21, texts: Collection[str] = ()
) -> Iterator[pd.DataFrame]:
    r"""The rows of a file in pieces, so that one that is larger than the memory can be read.

    Args:
        path: a file of a kind that `from_file` takes.
        cells: rows times columns of a piece, about.
        texts: columns whose cells stay text as they stand in a CSV file, be they like numbers.

    Raises:
        ShoalError: as `from_file`; of rows that are wrong only when they are reached.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "sizes.csv")
    ...     _ = path.write_text("size,kind\n1,a\n2,a\n3,b\n")
    ...     [piece["size"].tolist() for piece in read_pieces(path, cells=4)]
    [[1, 2], [3]]
    """
    path = Path(path)
    lower = path.name.lower()
    if lower.endswith(_PARQUET):
        yield from _parquet_pieces(path, cells)
        return
    if not lower.removesuffix(".gz").endswith(tuple(_TEXT)):
        raise _kind_error(path)
    import pandas as pd

    look = _look_at_csv(path, None)
    how = look.how | {"dtype": {name: str for name in texts if name in look.names}}
    with _csv_errors(path, look.separator):
        pieces = pd.read_csv(
            path,
            sep=look.separator,
            low_memory=False,
            index_col=False,
            chunksize=max(1, cells // len(look.names)),
            **how,
        )
    with pieces:
        while True:
            with _csv_errors(path, look.separator):
                piece = next(pieces, None)
            if piece is None:
                return
            if look.separator != ",":
                _mend_decimal_commas(piece, texts)
            yield piece


def _parquet_pieces(path: Path, cells: int) -> Iterator[pd.DataFrame]:
    """A Parquet file piece by piece; an index that has a name is a column as any other."""
    import pyarrow as pa
    from pyarrow import parquet

    _check_file(path)
    try:
        with parquet.ParquetFile(path) as file:
            rows = max(1, cells // max(1, len(file.schema_arrow.names)))
            for batch in file.iter_batches(batch_size=rows):
                piece = pa.Table.from_batches([batch]).to_pandas()
                named = [name for name in piece.index.names if name is not None]
                yield piece.reset_index(named) if named else piece
    except (OSError, pa.ArrowInvalid, NotImplementedError) as error:
        raise _parquet_error(path, error) from error


@dataclass(frozen=True)
class _Look:
    """What the first row of a CSV file says: names, separator, and how to read it."""

    names: list[str]
    separator: str
    marks: list[str]
    how: dict[str, Any]


def _look_at_csv(path: Path, given: str | None) -> _Look:
    """Look at the first row of a CSV file, which must name the columns."""
    import pandas as pd

    _check_file(path)
    separator = given
    if separator is None:
        separator = _TEXT.get(Path(path.name.lower().removesuffix(".gz")).suffix, ",")
    with _csv_errors(path, separator):
        with path.open("rb") as file:
            zipped = file.read(2) == _GZIP or path.name.lower().endswith(".gz")
        how: Any = {"compression": "gzip" if zipped else None}
        top = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, **how)
        names = ["" if pd.isna(c) else str(c) for c in top.iloc[0].tolist()]
        marks = [m for m in _MARKS if m in names[0]] if len(names) == 1 else []
        if marks and given is None:
            separator = marks[0]
            top = pd.read_csv(path, sep=separator, header=None, nrows=1, dtype=str, **how)
            names = ["" if pd.isna(c) else str(c) for c in top.iloc[0].tolist()]
        elif marks:
            raise ShoalError(
                f"{path.name} seems to be separated by {marks[0]!r}; pass separator={marks[0]!r}"
            )
        _check_header(names, path.name)
    return _Look(names, separator, marks, how)


@contextmanager
def _csv_errors(path: Path, separator: str) -> Iterator[None]:
    """Say in one line what is wrong with a CSV file."""
    import pandas as pd

    try:
        with warnings.catch_warnings():
            # Surplus cells would be dropped (or, by default, taken for row names).
            warnings.simplefilter("error", pd.errors.ParserWarning)
            yield
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


def _read_csv(path: Path, separator: str | None = None) -> _Read:
    """A CSV file as a table; it must be whole, and its first row must name the columns."""
    import pandas as pd

    look = _look_at_csv(path, separator)
    with _csv_errors(path, look.separator):
        frame = pd.read_csv(path, sep=look.separator, low_memory=False, index_col=False, **look.how)
    words = [f"separated by {look.separator!r}"] if look.marks else []
    if look.separator != ",":
        commas = _mend_decimal_commas(frame)
        words += [f"decimal commas in {', '.join(commas)}"] if commas else []
    return frame, f" ({'; '.join(words)})" if words else ""


def _mend_decimal_commas(frame: pd.DataFrame, texts: Collection[str] = ()) -> list[str]:
    """Turn columns of numbers with decimal commas into numbers; gives their names."""
    import pandas as pd

    mended = []
    for name in frame.columns:
        if name in texts or not pd.api.types.is_string_dtype(frame[name]):
            continue
        cells = frame[name].dropna().astype(str)
        whole = cells.str.fullmatch(r"\s*[-+]?\d+\s*")
        commas = cells.str.fullmatch(_DECIMAL_COMMA)
        if commas.any() and (whole | commas).all():
            numbers = np.full(len(frame), np.nan)
            numbers[frame[name].notna()] = cells.str.replace(",", ".").astype(np.float64)
            frame[name] = numbers
            mended.append(str(name))
    return mended


def _read_parquet(path: Path) -> _Read:
    """A Parquet file as a table; an index that has a name is a column as any other."""
    import pandas as pd

    _check_file(path)
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError, NotImplementedError) as error:
        raise _parquet_error(path, error) from error
    named = [name for name in frame.index.names if name is not None]
    return (frame.reset_index(named) if named else frame), ""


def _parquet_error(path: Path, error: Exception) -> ShoalError:
    reason = " ".join(str(error).split())
    return ShoalError(
        f"{path.name} must be a Parquet file, but: {reason}; get it again, or use from_csv"
    )


def _check_file(path: Path) -> None:
    """There must be a file that we may read, and no spreadsheet."""
    if not path.exists():
        raise ShoalError(f"there is no file {str(path)!r}; check the path")
    if not path.is_file():
        raise ShoalError(f"{str(path)!r} must be a file, but is a folder; name a file in it")
    if not os.access(path, os.R_OK):
        raise ShoalError(f"{str(path)!r} cannot be read: permission denied; change its permissions")
    if path.suffix.lower() in _ELSEWHERE:
        raise _kind_error(path)


_ELSEWHERE: Final = {
    **dict.fromkeys(
        (".xlsx", ".xls", ".xlsm", ".ods", ".numbers"),
        "save its sheet as CSV (UTF-8) in the spreadsheet program",
    ),
    **dict.fromkeys(
        (
            ".json",
            ".jsonl",
            ".feather",
            ".arrow",
            ".orc",
            ".pkl",
            ".h5",
            ".sas7bdat",
            ".sav",
            ".dta",
        ),
        "read it with pandas and save it with frame.to_parquet, or give Dataset.from_frame",
    ),
    **dict.fromkeys(
        (".npy", ".npz", ".mat"), "read it with NumPy or SciPy and give Dataset.from_arrays"
    ),
    **dict.fromkeys((".zip", ".tar", ".bz2", ".xz", ".7z", ".zst"), "unpack it first"),
}
"""What to do with other kinds of file, by their ending."""


def _kind_error(path: Path) -> ShoalError:
    usual = "if it is a table in text, rename it to .csv or .tsv"
    advice = "name a file in it" if path.is_dir() else _ELSEWHERE.get(path.suffix.lower(), usual)
    what = ", but is a folder" if path.is_dir() else ""
    return ShoalError(f"{str(path)!r} must be a file {KINDS}{what}; {advice}")


def _check_header(names: list[str], file: str) -> None:
    """The first row must name columns, each once."""
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
