"""Arrays: what turns rows of numbers, or images, into a network's inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from shoal.data.mapped import is_mapped, pieces
from shoal.data.preparation.numbers import Numbers, Scaling, fit_numbers
from shoal.data.preparation.plain import numbers_arrays, numbers_facts, read_numbers
from shoal.data.scaling import Pixels
from shoal.errors import ShoalError, check_choice

Array = NDArray[Any]
Missing = Literal["refuse", "flag"]


@dataclass(frozen=True, eq=False)
class ArrayPreparation:
    """The fitted preparation of arrays: a scaling, and inputs that say what is missing.

    Attributes:
        shape: of one row: (columns,), (height, width) or (height, width, channels).
        scaling: `Numbers`, column by column; `Pixels`, one factor for all; None for none.
        flags: columns whose gaps have an input of their own.
        columns: the names of the columns of `(rows, columns)`; empty for images.

    >>> fitted = fit_array(np.array([[1.0], [3.0], [np.nan]]), missing="flag")
    >>> fitted.features, fitted.transform([[np.nan]]).tolist()
    (('x0', 'x0 is missing'), [[0.0, 1.0]])
    """

    shape: tuple[int, ...]
    scaling: Numbers | Pixels | None = None
    flags: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()

    @cached_property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one input of the network."""
        return (self.shape[0] + len(self.flags),) if self.flags else self.shape

    @cached_property
    def features(self) -> tuple[str, ...]:
        """The names of the inputs; none for images."""
        return (*self.columns, *(f"{self.columns[i]} is missing" for i in self.flags))

    @property
    def takes_gaps(self) -> bool:
        """Whether NaN may stand for a missing number."""
        return isinstance(self.scaling, Numbers) and self.scaling.fill is not None

    def transform(self, x: Any, /) -> NDArray[np.float32]:
        """A network's inputs, float32 `(rows, *in_shape)`.

        Raises:
            ShoalError: rows of another shape, text, NaN where nothing was missing in training,
                infinity.
        """
        rows = x if type(x) is np.ndarray else _as_array(x)
        if rows.shape[1:] != self.shape or rows.dtype.kind not in "fiub" or rows.ndim < 2:
            self._refuse(rows)
        if rows.dtype.kind == "f" and rows.dtype.itemsize not in (4, 8):
            rows = rows.astype(np.float32 if rows.dtype.itemsize == 2 else np.float64)
        if self.scaling is None:
            ready = rows.astype(np.float32)
        else:
            with np.errstate(over="ignore", invalid="ignore"):  # is reported below
                ready = self.scaling.transform(rows)
        if self.flags:
            gone = np.isnan(rows[:, self.flags]) if rows.dtype.kind == "f" else False
            flags = np.broadcast_to(gone, (len(rows), len(self.flags)))
            ready = np.concatenate([ready, flags.astype(np.float32)], axis=1)
        if not np.isfinite(ready).all():
            check_inputs(rows, "x", gaps=self.takes_gaps)
            raise ShoalError(
                "x must be of a size that float32 can hold after scaling; look for columns with "
                "extreme values"
            )
        return ready

    def _refuse(self, rows: Array) -> None:
        """Say what is wrong with rows that do not fit."""
        check_inputs(rows, "x", gaps=True, empty=True)
        raise ShoalError(
            f"x must have rows of shape {self.shape}, but has {rows.shape[1:]}; "
            "give the features that the network was trained on"
        )

    def facts(self) -> dict[str, Any]:
        """Everything but the arrays, for a file; `read` is the inverse."""
        plain: dict[str, Any] = {"shape": list(self.shape), "columns": list(self.columns)}
        if self.flags:
            plain["flags"] = list(self.flags)
        if isinstance(self.scaling, Pixels):
            plain["pixels"] = self.scaling.top
        elif self.scaling is not None:
            plain["numbers"] = numbers_facts(self.scaling)
        return plain

    def arrays(self) -> dict[str, Array]:
        """The arrays, for a file."""
        return numbers_arrays(self.scaling) if isinstance(self.scaling, Numbers) else {}

    @classmethod
    def read(cls, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> ArrayPreparation:
        """The inverse of `facts` and `arrays`.

        Raises:
            ValueError, TypeError, KeyError: if they do not come from there.
        """
        shape = tuple(int(n) for n in facts["shape"])
        columns, flags = tuple(map(str, facts["columns"])), tuple(map(int, facts.get("flags", ())))
        scaling: Numbers | Pixels | None = None
        if "pixels" in facts:
            scaling = Pixels(float(facts["pixels"]))
        elif "numbers" in facts:
            scaling = read_numbers(facts["numbers"], arrays, shape)
        if not shape or min(shape) < 1 or (columns and len(columns) != shape[0]):
            raise ValueError(f"shape={shape} with {len(columns)} names")
        if flags and not (len(shape) == 1 and columns and 0 <= min(flags) <= max(flags) < shape[0]):
            raise ValueError(f"flags={flags}")
        return cls(shape, scaling, flags, columns)


Scale = Literal["auto", "standard", "robust", "pixels", "none"]
SCALES: Final[tuple[Scale, ...]] = ("auto", "standard", "robust", "pixels", "none")


def fit_array(
    x: Any,
    weights: Array | None = None,
    *,
    scale: Scale = "auto",
    missing: Missing = "refuse",
    columns: Sequence[str] | None = None,
) -> ArrayPreparation:
    """The preparation of arrays, from the training rows.

    Args:
        x: `(rows, columns)`, or images `(rows, height, width[, channels])`.
        weights: of the rows, ≥ 0, or None: see `fit_numbers`.
        scale: "standard", "robust" (see `fit_numbers`), "pixels" (divided by 255), "none", or
            "auto": "standard" for `(rows, columns)`, "pixels" for images of bytes, else "none".
        missing: "refuse" NaN, or "flag" it: the median stands for it, and in columns where some
            are missing in training an input of its own says so. For `(rows, columns)` that are
            scaled.
        columns: the names of the columns; by default x0, x1, …

    Raises:
        ShoalError: what `check_inputs` refuses; an unknown way.

    >>> fit_array([[0, 7], [2, 7]]).transform([[0, 7]]).tolist()
    [[-1.0, 0.0]]
    """
    check_choice("scale", scale, SCALES)
    check_choice("missing", missing, ("refuse", "flag"))
    rows = check_inputs(x, "x", gaps=missing == "flag")
    shape = rows.shape[1:]
    scale = _settled(scale, rows)
    if scale in ("pixels", "none"):
        check_inputs(rows, "x")  # nothing would stand for a gap
        return _unfitted(scale, shape, columns)
    flat = rows.reshape(len(rows), -1)
    gaps = missing == "flag" and rows.ndim == 2
    if not gaps:
        check_inputs(rows, "x")
    way: Scaling = "robust" if scale == "robust" else "standard"
    fitted = fit_numbers(flat, weights, scaling=way, gaps=gaps)
    flags: tuple[int, ...] = ()
    if gaps and rows.dtype.kind == "f":
        counted = rows if weights is None else rows[np.asarray(weights) > 0]
        flags = tuple(np.flatnonzero(np.isnan(counted).any(axis=0)).tolist())
    if rows.ndim > 2:
        fitted = Numbers(fitted.mean.reshape(shape), fitted.scale.reshape(shape), None, fitted.clip)
    return ArrayPreparation(shape, fitted, flags, _names(shape, columns))


def fit_mapped(
    x: Array,
    rows: NDArray[np.int64],
    *,
    scale: Scale = "auto",
    columns: Sequence[str] | None = None,
) -> ArrayPreparation:
    """The preparation of an array in a file, from some of its rows, looked at piece by piece.

    Means and deviations are those of `fit_array` but for rounding.

    Args:
        x: what `check_inputs` lets through.
        rows: the training rows.
        scale: as for `fit_array`, but not "robust", which needs all rows in memory.
        columns: the names of the columns.

    Raises:
        ShoalError: "robust", or an unknown way.

    >>> fit_mapped(np.array([[1.0], [3.0], [9.0]]), np.array([0, 1])).transform([[5.0]]).tolist()
    [[3.0]]
    """
    check_choice("scale", scale, SCALES)
    shape = x.shape[1:]
    scale = _settled(scale, x)
    if scale == "robust":
        raise ShoalError(
            "scale='robust' needs medians, so the whole array in memory, but x lies in a file; "
            "choose scale='standard', or load it (numpy.array(x))"
        )
    if scale != "standard":
        return _unfitted(scale, shape, columns)
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler()
    with np.errstate(all="ignore"):  # what overflows here does so in `transform`, too
        for _, piece in pieces(x, rows):
            scaler.partial_fit(piece.reshape(len(piece), -1).astype(np.float64, copy=False))
    mean, deviation = (np.asarray(v, np.float64) for v in (scaler.mean_, scaler.scale_))
    fitted = Numbers(mean.reshape(shape), deviation.reshape(shape))
    return ArrayPreparation(shape, fitted, (), _names(shape, columns))


def _settled(scale: Scale, x: Array) -> Scale:
    """The way that "auto" stands for."""
    if scale != "auto":
        return scale
    return "standard" if x.ndim == 2 else "pixels" if x.dtype == np.uint8 else "none"


def _unfitted(
    scale: Scale, shape: tuple[int, ...], columns: Sequence[str] | None
) -> ArrayPreparation:
    """The ways that need no training rows."""
    return ArrayPreparation(
        shape, Pixels(255) if scale == "pixels" else None, (), _names(shape, columns)
    )


def check_inputs(x: object, name: str, *, gaps: bool = False, empty: bool = False) -> Array:
    """Require `(n, features)` or images, of finite numbers that float32 can hold.

    Args:
        x: the inputs.
        name: what to call them in an error.
        gaps: whether NaN is allowed.
        empty: whether there may be no rows.
    """
    inputs = _as_array(x, name)
    if inputs.dtype.kind not in "biuf":
        raise ShoalError(
            f"{name} must hold numbers, but its type is {inputs.dtype}; convert it, or use "
            "Dataset.from_frame for a table with text"
        )
    if inputs.ndim < 2:
        raise ShoalError(
            f"{name} must have shape (rows, features) or (rows, height, width, ...), but has "
            f"{inputs.shape}; for a single feature use {name}.reshape(-1, 1)"
        )
    if inputs.size == 0 and not empty:
        raise ShoalError(f"{name} of shape {inputs.shape} is empty; give at least two rows")
    if inputs.dtype.kind == "f":
        odd = inputs.dtype.itemsize not in (4, 8)
        if odd and not is_mapped(inputs):  # half and long double are no use to BLAS
            inputs = inputs.astype(np.float32 if inputs.dtype.itemsize == 2 else np.float64)
        _check_finite(inputs, name, gaps)
    return inputs


def _check_finite(inputs: Array, name: str, gaps: bool) -> None:
    """Refuse numbers that float32 cannot hold; how many there are, and the first."""
    found, at = 0, list[int]()
    for first, piece in pieces(inputs):
        with np.errstate(over="ignore"):  # too large becomes infinite, and is reported
            single = piece.astype(np.float32, copy=False)
            bad = np.isinf(single) if gaps else ~np.isfinite(single)
        if bad.any():
            if not found:
                row, *others = (int(i) for i in np.argwhere(bad)[0])
                at = [first + row, *others]
            found += int(bad.sum())
    if found:
        value = inputs[tuple(at)]
        what = "finite" if not np.isfinite(value) else "within the range of float32"
        raise ShoalError(
            f"{name}{at}={value} must be {what} ({found} such values, this is "
            "the first; row and column counted from 0); mend or leave out those rows"
        )


def _as_array(x: object, name: str = "x") -> Array:
    try:
        return np.asarray(x)
    except ValueError as error:
        raise ShoalError(f"{name} must have rows of equal length ({error})") from error


def _names(shape: tuple[int, ...], columns: Sequence[str] | None) -> tuple[str, ...]:
    """One name per column; images have none."""
    if len(shape) != 1:
        if columns is not None:
            raise ShoalError("features must be left out for images; it names columns")
        return ()
    names = tuple(f"x{i}" for i in range(shape[0])) if columns is None else tuple(columns)
    if len(names) != shape[0]:
        raise ShoalError(
            f"features must name the {shape[0]} columns of x, but has {len(names)} names"
        )
    return names
