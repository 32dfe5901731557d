"""What is given as X: an array of numbers, images, or a table of pandas, polars or Arrow.

Arrays are checked by scikit-learn, as its own estimators do; a table stays as it is, and what
happens to its columns is up to the preparation that is fitted on the training rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
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
        ShoalError: no rows or features, one axis only, infinity, other features.
    """
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
    if axes == 1:
        raise ShoalError(
            f"{name} has shape {x.shape}, but must be (rows, features). Reshape your data: "
            f"{name}.reshape(-1, 1) is a single feature, {name}.reshape(1, -1) a single row"
        )
    if axes is not None and axes > 2:
        return _read_images(estimator, x, first, name)
    try:
        with in_one_line(name):
            checked: NDArray[Any] = validate_data(
                estimator, x, reset=first, dtype="numeric", ensure_all_finite="allow-nan"
            )
    except ShoalError as error:
        if re.search("convert string|bytes/strings", str(error)):
            raise ShoalError(
                f"{name} holds text; give it as a table (pandas, polars or Arrow), whose columns "
                "may have levels, or turn it into numbers"
            ) from error
        raise
    return checked


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
    for other, values in others.items():
        if values is not None and len(values) != len(x):
            raise ShoalError(
                f"{name} has {len(x)} rows and {other} {len(values)}; give one value for each row"
            )
