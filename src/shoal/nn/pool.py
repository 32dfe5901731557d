"""Pooling: every window of an image becomes one number, channel by channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from itertools import product, repeat
from typing import Any, TypeAlias

from shoal.errors import ShoalError
from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.layer import Layer
from shoal.nn.window import Pair, Window, as_pair, both

Places: TypeAlias = tuple[Any, ...]
"""An index into padded images."""


@dataclass(frozen=True)
class Pool(Layer):
    """Base of the poolings. Images are (height, width, channels).

    Attributes:
        size: of the window; one number, or (vertical, horizontal), as for all that follow.
        stride: how far the window moves; None for its size, so that windows do not overlap.
        padding: rows and columns around the image, at most half of the size. It counts: the
            output has floor((H + 2 · padding - size) / stride) + 1 rows. What is left over at the
            lower and right edge is not seen.
    """

    size: Pair
    stride: Pair | None = None
    padding: Pair = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", as_pair("size", self.size, 1))
        if self.stride is not None:
            object.__setattr__(self, "stride", as_pair("stride", self.stride, 1))
        object.__setattr__(self, "padding", as_pair("padding", self.padding, 0))
        if any(2 * p > k for p, k in zip(both(self.padding), both(self.size), strict=True)):
            raise ShoalError(
                f"padding={self.padding!r} must be at most half of size={self.size!r}: "
                "beyond that a window may see no pixel at all"
            )

    @property
    def window(self) -> Window:
        """Where it looks."""
        return Window.of(self.size, self.stride or self.size, self.padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (*self.window.check(type(self).__name__, in_shape), in_shape[-1])

    def _under(self, places: Shape) -> list[Places]:
        """For each number of the window: where in padded images it lies, from place to place."""
        vertical, horizontal = places
        pairs = product(self.window.rows_under(vertical), self.window.columns_under(horizontal))
        return [(..., rows, columns, slice(None)) for rows, columns in pairs]

    def _collect(self, shares: Iterable[Array], dy: Array, shape: Shape) -> Array:
        """dx of images of a padded shape: each pixel sums its shares of the windows it lies in.

        There is one share, of the shape of dy, for each number of the window.
        """
        xp = namespace(dy)
        window, places = self.window, dy.shape[-3:-1]
        tiles = window.stride == window.size and shape[-3:-1] == tuple(
            n * k for n, k in zip(places, window.size, strict=True)
        )
        make = xp.empty if tiles else xp.zeros
        dx = make((*dy.shape[:-3], *shape[-3:]), dtype=dy.dtype)
        for at, share in zip(self._under(places), shares, strict=True):
            if tiles:  # then every pixel gets one share, and nothing has to be added
                dx[at] = share
            else:
                dx[at] += share
        return window.unpad(dx)


@dataclass(frozen=True)
class MaxPool2D(Pool):
    """y = the largest number under the window.

    Padding is -∞, so that it is never the largest.

    >>> import numpy as np
    >>> y, cache = MaxPool2D(2).forward({}, np.arange(16.0).reshape(1, 4, 4, 1))
    >>> y[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, height, width, channels) to y (…, batch, places, places, channels)."""
        xp = namespace(x)
        places = self.window.places(x.shape[-3], x.shape[-2])
        x = self.window.pad(x, -xp.inf)
        y = reduce(xp.maximum, (x[at] for at in self._under(places)))
        return y, (x, y)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """dx = dy where x was the largest, else 0.

        Of several that are equally large the first gets it, row by row from the upper left.
        """
        x, y = cache
        return self._collect(
            _shares_of_largest(x, y, dy, self._under(y.shape[-3:-1])), dy, x.shape
        ), {}


@dataclass(frozen=True)
class AvgPool2D(Pool):
    """y = the mean of the numbers under the window.

    Padding is 0 and counts in the mean, which always divides by the size of the window, as in
    PyTorch by default (count_include_pad).

    >>> import numpy as np
    >>> y, cache = AvgPool2D(2).forward({}, np.arange(16.0).reshape(1, 4, 4, 1))
    >>> y[0, :, :, 0]
    array([[ 2.5,  4.5],
           [10.5, 12.5]])
    """

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, height, width, channels) to y (…, batch, places, places, channels)."""
        places = self.window.places(x.shape[-3], x.shape[-2])
        x = self.window.pad(x, 0.0)
        total = sum(x[at] for at in self._under(places))
        return total * (1 / self._numbers), (x.shape,)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """Every number has the same share: dx = Σ dy / size over the windows that it lies in."""
        (shape,) = cache
        share = dy * (1 / self._numbers)
        return self._collect(repeat(share, self._numbers), dy, shape), {}

    @property
    def _numbers(self) -> int:
        rows, columns = self.window.size
        return rows * columns


def _shares_of_largest(x: Array, y: Array, dy: Array, under: list[Places]) -> Iterator[Array]:
    """What each number of the window gets of dy: all where it is the first that equals y."""
    rest = dy  # what no number before it has got
    for at in under[:-1]:
        share = rest * namespace(dy).astype(x[at] == y, dy.dtype)
        yield share
        rest = rest - share
    yield rest
