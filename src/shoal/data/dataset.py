"""A data set, ready to train on: three parts of inputs and targets, and what they mean.

A `Dataset` is made by `shoal.load(name)` or one of `Dataset.from_arrays`, `from_frame`,
`from_file`, `from_csv`, `from_parquet`; each checks its input, splits it, and fits whatever it fits
(means, levels, medians) on the training part only. Its arrays are read-only, because every member
of a shoal trains on these very numbers.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shoal.data.arrays import from_arrays
from shoal.data.columns import Column
from shoal.data.describe import Description, describe
from shoal.data.files import from_csv, from_file, from_parquet
from shoal.data.part import PARTS, Part, PartName
from shoal.data.preparation import ArrayPreparation, Preparation, TablePreparation
from shoal.data.scaling import Pixels, Transformer
from shoal.data.split import sample_rows, split_rows
from shoal.data.tables import from_frame
from shoal.data.targets import TASKS, Task
from shoal.errors import ShoalError, check_choice

_COLUMNS = {"multilabel": "labels", "regression": "targets"}


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Training, validation and test parts, what their numbers mean, and where they came from.

    Attributes:
        name: what to call it.
        source: where it came from: a file's name, an address, "arrays", …
        task: "classification" (one class a row), "multilabel" (several labels a row, each of
            which holds or not) or "regression".
        train: the part to learn from; its weights, if it has any, are scaled to a mean of 1.
        valid: the part to choose by; may be empty.
        test: the part to judge by; may be empty.
        classes: the original labels in the order of their indices (of the columns of y for
            "multilabel"); None for regression.
        features: the names of the inputs after preprocessing; empty for images.
        target: the name of the target (several are joined by ", ", those with a comma in quotes).
        target_mean: mean of each target over the training part, float64 `(outputs,)`;
            None for labels.
        target_scale: standard deviation of the same.
        preprocessing: what `prepare` puts new inputs through; None if they are used as they are.
        columns: the original columns with their ranges, for `describe`; empty for images.
        notes: what only the loader knew, as (label, text), for `describe`.

    >>> data = Dataset.from_arrays([[0.0], [1.0], [2.0], [3.0]], list("aabb"), valid=0, test=2)
    >>> data
    <Dataset arrays: classification, 2 + 0 + 2 rows, inputs (1,), 2 classes>
    >>> data.labels([1, 0])
    array(['b', 'a'], dtype='<U1')
    """

    name: str
    source: str
    task: Task
    train: Part
    valid: Part
    test: Part
    classes: tuple[Any, ...] | None = None
    features: tuple[str, ...] = ()
    target: str = "y"
    target_mean: NDArray[np.float64] | None = None
    target_scale: NDArray[np.float64] | None = None
    preprocessing: Transformer | None = None
    columns: tuple[Column, ...] = ()
    notes: tuple[tuple[str, str], ...] = ()

    # Where data sets come from; each is documented where it is written.
    from_arrays = staticmethod(from_arrays)
    from_frame = staticmethod(from_frame)
    from_file = staticmethod(from_file)
    from_csv = staticmethod(from_csv)
    from_parquet = staticmethod(from_parquet)

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together, and labels out of range."""
        check_choice("task", self.task, TASKS)
        if not len(self.train):
            raise ShoalError(f"data set {self.name!r} must have rows to train on, but has none")
        for which in PARTS:
            part = self.part(which)
            if part.in_shape != self.in_shape or part.y.shape[1:] != self.train.y.shape[1:]:
                raise ShoalError(
                    f"the {which} part must have inputs {self.in_shape} as the training part, "
                    f"but has {part.in_shape}; give rows of one shape"
                )
            if self.task == "classification" and self.classes is not None:
                _check_range(part.y, len(self.classes), f"{which}.y")
        if (self.task == "regression") == (self.classes is not None):
            raise ShoalError(
                f"classes={self.classes!r} must be given for labels, and only for them"
            )
        if self.task != "classification" and self.train.y.ndim != 2:
            raise ShoalError(
                f"train.y of shape {self.train.y.shape} must be (rows, {_COLUMNS[self.task]}) for "
                f"{self.task}"
            )
        if self.task == "multilabel":
            self._check_labels()
        if self.train.weights is not None:
            object.__setattr__(self, "train", _of_mean_1(self.train))

    def _check_labels(self) -> None:
        """Require a column for each label, and nothing but 0 and 1 in it."""
        names = self.classes or ()
        if len(names) != self.train.y.shape[1]:
            raise ShoalError(
                f"train.y has {self.train.y.shape[1]} columns, but there are {len(names)} classes; "
                "give one name for each column"
            )
        for which in PARTS:
            y = self.part(which).y
            if not np.isin(y, (0, 1)).all():
                raise ShoalError(f"{which}.y must be 0 (does not hold) or 1 (holds) everywhere")

    @property
    def in_shape(self) -> tuple[int, ...]:
        """The shape of one input: (features,), (height, width) or (height, width, channels)."""
        return self.train.in_shape

    @property
    def outputs(self) -> int:
        """What a network must put out: the number of classes, or of targets."""
        return len(self.classes) if self.classes is not None else int(self.train.y.shape[1])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that is trained on: task, classes, each part's shapes and numbers.

        Two data sets with the same fingerprint give the same results; where the data came from
        does not matter, nor how inputs are kept.
        """
        digest = hashlib.sha256(f"shoal 1|{self.task}|{self.classes!r}".encode())
        for scaling in (self.target_mean, self.target_scale):
            digest.update(b"|" if scaling is None else scaling.tobytes())
        for which in PARTS:
            part = self.part(which)
            inputs = f"{np.dtype(np.float32).str}|{(len(part), *part.in_shape)}"
            digest.update(f"|{which}|{inputs}|".encode())
            for x in part.pieces():
                digest.update(x.reshape(-1).view(np.uint8).data)
            digest.update(f"|{which}|{part.y.dtype.str}|{part.y.shape}|".encode())
            digest.update(part.y.reshape(-1).view(np.uint8).data)
            if part.weights is not None:
                digest.update(f"|{which}|weights|".encode())
                digest.update(part.weights.view(np.uint8).data)
        return digest.hexdigest()

    def part(self, which: PartName) -> Part:
        """The part of that name.

        Raises:
            ShoalError: if there is no such part.
        """
        check_choice("part", which, PARTS)
        found: Part = getattr(self, which)
        return found

    def take(self, n: int, seed: int = 0) -> Dataset:
        """The same data set with only `n` rows to train on; the other parts stay.

        The rows are the first `n` of a seeded random order in which classes take fair turns, so
        `take(300)` is the beginning of `take(500)`. Scaling is not fitted again.

        Raises:
            ShoalError: if `n` is not a whole number from 1 to the rows there are.

        >>> from shoal.data import load
        >>> load("digits").take(100)
        <Dataset digits: classification, 100 + 359 + 359 rows, inputs (8, 8), 10 classes>
        """
        y = self.train.y if self.task == "classification" else None
        rows = sample_rows(len(self.train), n, seed, y)
        note = f"{n} of {len(self.train)} training rows (take, seed {seed})"
        return replace(
            self, train=self.train.rows(rows), notes=(*self.notes, ("training rows", note))
        )

    def with_valid(self, valid: float, seed: int = 0) -> Dataset:
        """The same data set with a validation part carved from the training part.

        `valid` is a share in [0, 1) or a number of rows; the cut is stratified. What was fitted
        (means, levels) stays as it is.

        Raises:
            ShoalError: if there is a validation part already, or `valid` is out of range.

        >>> from shoal.data import load
        >>> load("digits", valid=0).take(500).with_valid(100)
        <Dataset digits: classification, 400 + 100 + 359 rows, inputs (8, 8), 10 classes>
        """
        if len(self.valid):
            raise ShoalError(
                f"data set {self.name!r} has a validation part of {len(self.valid)} rows already; "
                "load it with valid=0 to carve another"
            )
        one_class = self.task == "classification"
        y, classes = (self.train.y, self.classes or ()) if one_class else (None, ())
        train, carved, _ = split_rows(len(self.train), valid, 0, seed, y, classes)
        return replace(self, train=self.train.rows(train), valid=self.train.rows(carved))

    def labels(self, indices: ArrayLike) -> NDArray[Any]:
        """The original labels of class indices, in an array of the same shape.

        Raises:
            ShoalError: for regression, or if an index is out of range.
        """
        if self.classes is None:
            raise ShoalError(f"data set {self.name!r} is for regression and has no labels")
        at = np.asarray(indices)
        _check_range(at, len(self.classes), "indices")
        return np.array(self.classes)[at.astype(np.int64)]

    def values(self, standardised: ArrayLike) -> NDArray[np.float64]:
        """Standardised predictions `(n, outputs)` in the targets' own units: mean + scale · y.

        Raises:
            ShoalError: for labels.

        >>> data = Dataset.from_arrays([[0.0], [1.0]], [10.0, 30.0], valid=0, test=0)
        >>> data.values(data.train.y)
        array([[10.],
               [30.]])
        """
        if self.target_mean is None or self.target_scale is None:
            raise ShoalError(f"data set {self.name!r} is for {self.task}; use labels(indices)")
        return self.target_mean + self.target_scale * np.asarray(standardised, dtype=np.float64)

    def prepare(self, x: Any) -> NDArray[np.float32]:
        """New raw inputs, made ready for a network that was trained on this data set.

        Args:
            x: what the data set was made from: an array `(n, *in_shape)`, or a table with
                its columns (further ones, such as the target, are left aside).

        Raises:
            ShoalError: on another shape, missing columns, NaN or infinity.

        >>> data = Dataset.from_arrays([[0.0], [2.0]], [0, 1], valid=0, test=0)
        >>> data.prepare([[4.0]])
        array([[3.]], dtype=float32)
        """
        if self._is_plain:
            return self.preparation.transform(x)
        ArrayPreparation(self.in_shape).transform(x)  # refuses what it cannot take
        return np.asarray(self.preprocessing.transform(np.asarray(x)), np.float32)  # type: ignore[union-attr]

    @property
    def preparation(self) -> Preparation:
        """What `prepare` does, as plain data that a file can hold.

        Raises:
            ShoalError: `preprocessing` is a transformer of somebody else.
        """
        if isinstance(self.preprocessing, ArrayPreparation | TablePreparation):
            return self.preprocessing
        if self.preprocessing is None or isinstance(self.preprocessing, Pixels):
            names = self.features if len(self.in_shape) == 1 else ()
            return ArrayPreparation(self.in_shape, self.preprocessing, columns=names)
        raise ShoalError(
            f"preprocessing={self.preprocessing!r} cannot be kept as plain numbers; make the data "
            "set with Dataset.from_arrays or from_frame, which fit their own"
        )

    @property
    def _is_plain(self) -> bool:
        plain = (ArrayPreparation, TablePreparation, Pixels)
        return self.preprocessing is None or isinstance(self.preprocessing, plain)

    def describe(self) -> Description:
        """Shapes, classes, ranges, gaps, origin and preprocessing; `print` it to read it."""
        return describe(self)

    def __repr__(self) -> str:
        """One line; the rows are those to train on, to choose by and to judge by."""
        rows = " + ".join(str(len(self.part(which))) for which in PARTS)
        nouns = {"classification": ("class", "classes"), "multilabel": ("label", "labels")}
        noun = nouns.get(self.task, ("target", "targets"))[self.outputs > 1]
        return (
            f"<Dataset {self.name}: {self.task}, {rows} rows, "
            f"inputs {self.in_shape}, {self.outputs} {noun}>"
        )


def _of_mean_1(part: Part) -> Part:
    """The part with weights of mean 1; those that are so but for rounding stay as they are."""
    assert part.weights is not None
    mean = part.weights.mean(dtype=np.float64)
    if abs(mean - 1) < 1e-6:
        return part
    return replace(part, weights=(part.weights / mean).astype(np.float32))


def _check_range(indices: NDArray[Any], count: int, name: str) -> None:
    """Require class indices from 0 to count − 1."""
    if indices.dtype.kind not in "iu":
        raise ShoalError(f"{name} must be class indices (whole numbers), not {indices.dtype}")
    wrong = (indices < 0) | (indices >= count)
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise ShoalError(
            f"{name}{list(where)}={indices[where]} must be a class index from 0 to {count - 1}; "
            "labels are numbered from 0 in the order of `classes`"
        )
