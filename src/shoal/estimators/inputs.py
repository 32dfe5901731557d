"""What is given as X: an array of numbers, images, or a table of pandas, polars or Arrow.

Arrays are checked by scikit-learn, as its own estimators do; a table stays as it is, and what
happens to its columns is up to the preparation that is fitted on the training rows. A sparse matrix
becomes the array that it stands for: what a network is given after scaling has no zeros to leave
out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from shoal.data.preparation import as_pandas, check_inputs, is_table
from shoal.errors import ShoalError

LONGEST: Final = 300  # letters of a line; some of scikit-learn's show all values


@contextmanager
def in_one_line(name: str = "X") -> Iterator[None]:
    """Let what scikit-learn says of bad values be a `ShoalError` of one line.

    Args:
        name: of the inputs, if they are not X.
    """
    try:
        yield
    except ShoalError:
        raise
    except ValueError as error:
        line = " ".join(str(error).split())
        if name != "X":
            line = re.sub(r"^X has\b", f"{name} has", line)
            line = line if line.startswith(name) else f"{name}: {line}"
        raise ShoalError(line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…") from error


def read_inputs(estimator: Any, x: Any, *, first: bool, name: str = "X") -> Any:
    """Check X, and that it has the features that were there in `fit`.

    Args:
        estimator: learns or knows `n_features_in_` and `feature_names_in_`.
        x: what was given.
        first: whether this is the first call, from which the estimator learns them.
        name: what to call it in an error.

    Returns:
        The table as one of pandas; or an array of numbers (rows, features), or of images.

    Raises:
        ShoalError: no rows or features, one axis only, infinity, other features, a sparse matrix
            that does not fit into the memory as an array.
    """
    if issparse(x):
        x = dense_of(x, name)
    if is_table(x):
        x = as_pandas(x, name)
        with in_one_line(name):
            validate_data(estimator, x, reset=first, skip_check_array=True)
        if not len(x):
            raise ShoalError(f"{name} has column names but no rows; give at least one row")
        if not x.shape[1]:
            raise ShoalError(f"{name} has 0 feature(s); give at least one column")
        return x
    axes = getattr(x, "ndim", None)
    if axes is not None and axes < 2:
        raise _flat(name, f"has shape {x.shape}")
    if axes is not None and axes > 2:
        return _read_images(estimator, x, first, name)
    try:
        with in_one_line(name):
            checked: NDArray[Any] = validate_data(
                estimator, x, reset=first, dtype="numeric", ensure_all_finite="allow-nan"
            )
    except ShoalError as error:
        if found := re.match(rf"(?:{name}: )?Expected 2D array, got (1D|scalar)", str(error)):
            raise _flat(
                name, f"is a {'list of values' if found[1] == '1D' else 'number'}"
            ) from error
        if "Complex data not supported" in str(error):
            raise ShoalError(
                f"Complex data not supported: {name} must hold real numbers; give real and "
                "imaginary parts as two features"
            ) from error
        if re.search("convert string|bytes/strings", str(error)):
            raise ShoalError(
                f"{name} holds text; give it as a table (pandas, polars or Arrow), whose columns "
                "may have levels, or turn it into numbers"
            ) from error
        raise
    return checked


def _flat(name: str, what: str) -> ShoalError:
    """The error for inputs with fewer than two axes."""
    return ShoalError(
        f"{name} {what}, but must be (rows, features). Reshape your data: "
        f"{name}.reshape(-1, 1) is a single feature, {name}.reshape(1, -1) a single row"
    )


def dense_of(x: Any, name: str) -> NDArray[Any]:
    """The array that a sparse matrix stands for.

    Raises:
        ShoalError: it does not fit into the memory.

    >>> from scipy.sparse import csr_array
    >>> dense_of(csr_array([[0, 2], [0, 0]]), "X").tolist()
    [[0, 2], [0, 0]]
    """
    try:
        dense: NDArray[Any] = x.toarray()
    except MemoryError:
        size = np.prod([float(n) for n in x.shape]) * x.dtype.itemsize / 2**30
        raise ShoalError(
            f"{name} of shape {x.shape} would take {size:,.0f} GiB as an array, which networks "
            "need; take fewer columns first, by sklearn.decomposition.TruncatedSVD, say"
        ) from None
    return dense


def count_of(x: Any) -> int:
    """How many rows there are, of a sparse matrix, too."""
    shape = getattr(x, "shape", ())
    return int(shape[0]) if shape else len(x)


def _read_images(estimator: Any, x: Any, first: bool, name: str) -> NDArray[Any]:
    """Images, whose shape the preparation checks: their height alone is no number of features."""
    if not x.shape[0]:
        raise ShoalError(f"{name} of shape {tuple(x.shape)} has no rows; give at least one image")
    with in_one_line(name):
        images: NDArray[Any] = check_array(
            x, allow_nd=True, dtype="numeric", ensure_all_finite=False, input_name=name
        )
    check_inputs(images, name)
    if first:
        validate_data(estimator, images, skip_check_array=True)  # forgets names of an earlier fit
    return images


def is_plain(x: Any, features: int) -> bool:
    """Whether X needs no look from scikit-learn: real numbers (rows, features).

    A look costs more than a small network's whole answer for one row; the preparation refuses
    infinity by itself.
    """
    return (
        type(x) is np.ndarray
        and x.ndim == 2
        and x.dtype.char in "fd"
        and x.shape[0] > 0
        and x.shape[1] == features
    )


def rows_of(x: Any, which: NDArray[np.int64]) -> Any:
    """Some rows of what `read_inputs` gave."""
    return x[which] if isinstance(x, np.ndarray) else x.iloc[which]


def check_lengths(x: Any, others: dict[str, Any], name: str = "X") -> None:
    """Require as many rows of everything as X has.

    Raises:
        ShoalError: naming both.

    >>> check_lengths(np.zeros((3, 1)), {"y": [1, 2]})
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: X has 3 rows and y 2; give one value for each row
    """
    rows = count_of(x)
    for other, values in others.items():
        if values is not None and len(values) != rows:
            raise ShoalError(
                f"{name} has {rows} rows and {other} {len(values)}; give one value for each row"
            )
