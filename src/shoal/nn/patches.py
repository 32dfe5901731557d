"""Patches: what lies under a window at every place, as rows, so that a convolution is a product.

This is known as im2col, and its transpose as col2im. Both go first along one direction and then
along the other, so that most of the copying is of runs of (columns of the window) · channels.
"""

from __future__ import annotations

from shoal.nn.arrays import Array, namespace
from shoal.nn.window import Window


def patches(x: Array, window: Window, places: tuple[int, int]) -> Array:
    """Padded images (…, batch, height, width, channels) to (…, batch · places, numbers + 1).

    One row for every image and place: the numbers under the window, row by row, channels last;
    and a 1, whose weight is the bias.
    """
    xp = namespace(x)
    *lead, batch, height, _, channels = x.shape
    vertical, horizontal = places
    run = window.size[1] * channels
    wide = xp.empty((*lead, batch, height, horizontal, run), dtype=x.dtype)
    for j, columns in enumerate(window.columns_under(horizontal)):
        wide[..., j * channels : (j + 1) * channels] = x[..., columns, :]
    numbers = window.size[0] * run
    found = xp.empty((*lead, batch, vertical, horizontal, numbers + 1), dtype=x.dtype)
    for i, rows in enumerate(window.rows_under(vertical)):
        found[..., i * run : (i + 1) * run] = wide[..., rows, :, :]
    found[..., numbers] = 1
    return xp.reshape(found, (*lead, batch * vertical * horizontal, numbers + 1))


def unpatch(d: Array, window: Window, shape: tuple[int, ...], places: tuple[int, int]) -> Array:
    """The transpose of `patches` (without the 1): each pixel sums over the patches it lies in.

    d (…, batch · places, numbers) to padded images of `shape` (…, batch, height, width, channels).
    """
    xp = namespace(d)
    *rest, height, width, channels = shape
    vertical, horizontal = places
    run = window.size[1] * channels
    d = xp.reshape(d, (*rest, vertical, horizontal, d.shape[-1]))
    wide = xp.zeros((*rest, height, horizontal, run), dtype=d.dtype)
    for i, rows in enumerate(window.rows_under(vertical)):
        wide[..., rows, :, :] += d[..., i * run : (i + 1) * run]
    dx = xp.zeros((*rest, height, width, channels), dtype=d.dtype)
    for j, columns in enumerate(window.columns_under(horizontal)):
        dx[..., columns, :] += wide[..., j * channels : (j + 1) * channels]
    return dx
