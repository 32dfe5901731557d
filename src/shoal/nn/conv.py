"""Convolution: an affine layer that looks through a small window, the same at every place."""

from __future__ import annotations

from dataclasses import dataclass

from shoal.errors import ShoalError, check_choice, check_number
from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.layer import Layer, Parameter
from shoal.nn.patches import patches, unpatch
from shoal.nn.window import Pair, Window, as_pair, image_shape


@dataclass(frozen=True)
class Conv2D(Layer):
    """y at a place is (numbers under the window) · W + b, one output for each filter.

    Images are (height, width, channels), channels last; grey ones may be (height, width), which
    is one channel. The window is not flipped (a cross-correlation, as everywhere in the field).
    LeCun et al. 1989.

    Attributes:
        filters: number of outputs at each place, the channels of the output.
        size: of the window; one number, or (vertical, horizontal), as for all that follow.
        stride: how far the window moves.
        padding: rows and columns of zeros around the image; or "same", which with stride 1 keeps
            height and width.

    >>> import numpy as np
    >>> params = {"W": np.ones((2, 2, 1, 1)), "b": np.zeros(1)}
    >>> y, cache = Conv2D(1, 2).forward(params, np.arange(9.0).reshape(1, 3, 3))
    >>> y[0, :, :, 0]
    array([[ 8., 12.],
           [20., 24.]])
    """

    filters: int
    size: Pair
    stride: Pair = 1
    padding: Pair | str = 0

    def __post_init__(self) -> None:
        check_number("filters", self.filters, least=1, whole=True)
        object.__setattr__(self, "size", as_pair("size", self.size, 1))
        object.__setattr__(self, "stride", as_pair("stride", self.stride, 1))
        if isinstance(self.padding, str):
            check_choice("padding", self.padding, ("same",))
            if self.stride != 1:
                raise ShoalError(
                    f"padding='same' needs stride=1, not stride={self.stride!r}; give a number"
                )
        else:
            object.__setattr__(self, "padding", as_pair("padding", self.padding, 0))

    @property
    def window(self) -> Window:
        """Where it looks."""
        return Window.of(self.size, self.stride, self.padding)

    def out_shape(self, in_shape: Shape) -> Shape:
        return (*self.window.check("Conv2D", _with_channels(in_shape)), self.filters)

    def parameters(self, in_shape: Shape) -> dict[str, Parameter]:
        self.out_shape(in_shape)
        (rows, columns), channels = self.window.size, _with_channels(in_shape)[-1]
        fans = (rows * columns * channels, rows * columns * self.filters)
        return {
            "W": Parameter((rows, columns, channels, self.filters), fans=fans),
            "b": Parameter((self.filters,)),
        }

    def multiply_adds(self, in_shape: Shape) -> int:
        vertical, horizontal, filters = self.out_shape(in_shape)
        (rows, columns), channels = self.window.size, _with_channels(in_shape)[-1]
        return vertical * horizontal * rows * columns * channels * filters

    def working(self, in_shape: Shape) -> int:
        """The patches."""
        vertical, horizontal, filters = self.out_shape(in_shape)
        return self.multiply_adds(in_shape) // filters + vertical * horizontal

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, height, width[, channels]) to y (…, batch, places, places, filters).

        All patches of all images are the rows of one matrix: the batch of an affine layer. If W has
        a member axis, x has one too; of length 1, its patches are made once for all members.
        """
        xp = namespace(x)
        W, b = params["W"], params["b"]
        images = x if x.ndim == W.ndim else x[..., None]  # W has as many axes as images (…, batch)
        *_, batch, height, width, _ = images.shape
        places = self.window.places(height, width)
        found = patches(self.window.pad(images, 0.0), self.window, places)
        lead, filters = W.shape[:-4], W.shape[-1]
        weights = xp.concat(
            [xp.reshape(W, (*lead, found.shape[-1] - 1, filters)), b[..., None, :]], axis=-2
        )
        y = found @ weights
        y = xp.reshape(y, (*y.shape[:-2], batch, *places, filters))
        return y, (found, x.shape)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """As for an affine layer: dW = (patches)ᵀ dy and d(patches) = dy Wᵀ.

        A pixel lies in several patches, and its gradient is the sum over them.
        """
        xp = namespace(dy)
        found, x_shape = cache
        W = params["W"]
        lead, filters = W.shape[:-4], W.shape[-1]
        *_, batch, vertical, horizontal, _ = dy.shape
        dy = xp.reshape(dy, (*dy.shape[:-4], batch * vertical * horizontal, filters))
        d = xp.matrix_transpose(found) @ dy
        grads = {"W": xp.reshape(d[..., :-1, :], W.shape), "b": d[..., -1, :]}
        if not need_dx:
            return None, grads
        weights = xp.reshape(W, (*lead, found.shape[-1] - 1, filters))
        d_found = dy @ xp.matrix_transpose(weights)
        (up, down), (left, right) = self.window.padding
        height, width = x_shape[len(lead) + 1 : len(lead) + 3]
        padded = (*lead, batch, height + up + down, width + left + right, W.shape[-2])
        dx = self.window.unpad(unpatch(d_found, self.window, padded, (vertical, horizontal)))
        return xp.reshape(dx, (*lead, *x_shape[len(lead) :])), grads


def _with_channels(in_shape: Shape) -> tuple[int, int, int]:
    """(height, width, channels) of one row; a grey image has one channel."""
    return image_shape("Conv2D", (*in_shape, 1) if len(in_shape) == 2 else in_shape)
