"""A window that moves over an image: where it stands, and what the layers cut out with it.

Images are (height, width, channels): a window of size K that moves by S on an image padded by P
on every side stands at floor((H + 2P - K) / S) + 1 places in each direction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from shoal.errors import ShoalError, check_number
from shoal.nn.arrays import Array, Shape, namespace

Pair: TypeAlias = "int | tuple[int, int]"
"""One number for both directions, or (vertical, horizontal)."""


def as_pair(name: str, value: object, least: int) -> Pair:
    """The pair in its plain form, after a check: one number where both are equal.

    >>> as_pair("size", [5, 3], 1), as_pair("size", (5, 5), 1)
    ((5, 3), 5)
    """
    if not isinstance(value, tuple | list):
        check_number(name, value, least=least, whole=True)
        return value  # type: ignore[return-value]
    if len(value) != 2:
        raise ShoalError(f"{name}={value!r} must be a whole number, or two: (vertical, horizontal)")
    for one in value:
        check_number(name, one, least=least, whole=True)
    return value[0] if value[0] == value[1] else (value[0], value[1])


def both(value: Pair) -> tuple[int, int]:
    """(vertical, horizontal).

    >>> both(5)
    (5, 5)
    """
    return (value, value) if isinstance(value, int) else value


def image_shape(layer: str, in_shape: Shape) -> tuple[int, int, int]:
    """(height, width, channels) of one row, or the error that says what to do."""
    if len(in_shape) == 3:
        return in_shape[0], in_shape[1], in_shape[2]
    raise ShoalError(
        f"{layer} takes images (height, width, channels), not rows of shape {in_shape}; "
        + (
            "give it images, x.reshape(-1, height, width), and no Flatten before it"
            if len(in_shape) == 1
            else "put a Conv2D before it, or reshape the data to (rows, height, width, channels)"
        )
    )


@dataclass(frozen=True)
class Window:
    """A window of size (rows, columns), its stride, and the padding before and after the image.

    >>> Window((5, 5), (2, 2), ((1, 1), (1, 1))).places(28, 28)
    (13, 13)
    """

    size: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    @classmethod
    def of(cls, size: Pair, stride: Pair, padding: Pair | str) -> Window:
        """The window of a layer's settings; "same" pads by K - 1, the odd one after the image."""
        if isinstance(padding, str):
            up, left = ((k - 1) // 2 for k in both(size))
            down, right = (k // 2 for k in both(size))
        else:
            up, left = down, right = both(padding)
        return cls(both(size), both(stride), ((up, down), (left, right)))

    def places(self, height: int, width: int) -> tuple[int, int]:
        """At how many places it stands, (vertical, horizontal); not positive if it does not fit."""
        vertical, horizontal = (
            (n + sum(p) - k) // s + 1
            for n, p, k, s in zip(
                (height, width), self.padding, self.size, self.stride, strict=True
            )
        )
        return vertical, horizontal

    def check(self, layer: str, in_shape: Shape) -> tuple[int, int]:
        """The places on a row of shape (height, width, channels).

        Raises:
            ShoalError: the image is smaller than the window.
        """
        height, width, _ = image_shape(layer, in_shape)
        places = self.places(height, width)
        if min(places) < 1:
            (up, down), (left, right) = self.padding
            padded = f", {height + up + down} × {width + left + right} with padding"
            raise ShoalError(
                f"{layer} with size={self.size} does not fit an image of {height} × {width} pixels"
                f"{padded if any((up, down, left, right)) else ''}; "
                "take a smaller size, more padding, or fewer layers before it"
            )
        return places

    def pad(self, x: Array, value: float) -> Array:
        """x (…, height, width, channels) with `value` around every image."""
        (up, down), (left, right) = self.padding
        if not any((up, down, left, right)):
            return x
        *rows, height, width, channels = x.shape
        shape = (*rows, height + up + down, width + left + right, channels)
        padded = namespace(x).full(shape, value, dtype=x.dtype)
        padded[..., up : up + height, left : left + width, :] = x
        return padded

    def unpad(self, x: Array) -> Array:
        """The inverse of `pad`."""
        (up, down), (left, right) = self.padding
        return x[..., up : x.shape[-3] - down, left : x.shape[-2] - right, :]

    def rows_under(self, places: int) -> Iterator[slice]:
        """For each row of the window: on which rows of the image it lies, from place to place."""
        return _under(self.size[0], self.stride[0], places)

    def columns_under(self, places: int) -> Iterator[slice]:
        """The same for columns."""
        return _under(self.size[1], self.stride[1], places)


def _under(size: int, stride: int, places: int) -> Iterator[slice]:
    return (slice(i, i + stride * (places - 1) + 1, stride) for i in range(size))
