import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.errors import ShoalError
from shoal.nn import AvgPool2D, MaxPool2D

settings_of_a_pool = st.tuples(
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.none() | st.integers(1, 4) | st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.data(),
)
quick = settings(deadline=None, max_examples=80, derandomize=True)


def windows(layer, shape):
    """For each place the pixels of the image under the window there, padding left out."""
    window = layer.window
    (down, right), ((up, _), (left, _)) = window.stride, window.padding
    height, width = shape[-3:-1]
    for i, j in np.ndindex(window.places(height, width)):
        top, first = i * down - up, j * right - left
        rows = slice(max(top, 0), top + window.size[0])
        columns = slice(max(first, 0), first + window.size[1])
        yield i, j, rows, columns


def drawn(kind, chosen, seed=0):
    size, stride, data = chosen
    padding = tuple(data.draw(st.integers(0, k // 2)) for k in size)
    layer = kind(size, stride, padding)
    height, width = (data.draw(st.integers(k, k + 5)) for k in size)
    rng = np.random.default_rng(seed)
    x = rng.integers(-3, 3, (2, height, width, 2)).astype(float)  # many ties
    y, cache = layer.forward({}, x)
    dy = rng.standard_normal(y.shape)
    return layer, x, y, dy, layer.backward({}, cache, dy)[0]


@quick
@given(settings_of_a_pool)
def test_max_is_that_of_the_pixels_and_the_first_of_them_takes_the_gradient(chosen):
    layer, x, y, dy, dx = drawn(MaxPool2D, chosen)
    expected = np.zeros_like(x)
    for i, j, rows, columns in windows(layer, x.shape):
        np.testing.assert_array_equal(y[:, i, j], x[:, rows, columns].max(axis=(1, 2)))
        for n, c in np.ndindex(2, 2):
            under = x[n, rows, columns, c]
            r, k = np.unravel_index(under.argmax(), under.shape)  # the first in rows
            expected[n, rows.start + r, columns.start + k, c] += dy[n, i, j, c]
    np.testing.assert_allclose(dx, expected, atol=1e-12)


@quick
@given(settings_of_a_pool)
def test_mean_divides_by_the_size_of_the_window_and_shares_the_gradient(chosen):
    layer, x, y, dy, dx = drawn(AvgPool2D, chosen)
    numbers = math.prod(layer.window.size)
    expected = np.zeros_like(x)
    for i, j, rows, columns in windows(layer, x.shape):
        np.testing.assert_allclose(y[:, i, j], x[:, rows, columns].sum(axis=(1, 2)) / numbers)
        expected[:, rows, columns] += (dy[:, i, j] / numbers)[:, None, None]
    np.testing.assert_allclose(dx, expected, atol=1e-12)


@pytest.mark.torch
@quick
@given(chosen=settings_of_a_pool)
@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
def test_ties_and_edges_are_as_in_pytorch(kind, chosen):
    torch = pytest.importorskip("torch")
    layer, x, y, dy, dx = drawn(kind, chosen)
    leaf = torch.tensor(x).movedim(-1, 1).contiguous().requires_grad_()
    function = (
        torch.nn.functional.max_pool2d if kind is MaxPool2D else torch.nn.functional.avg_pool2d
    )
    window = layer.window
    twin = function(leaf, window.size, window.stride, [p for p, _ in window.padding])
    twin.backward(torch.tensor(dy).movedim(-1, 1))
    np.testing.assert_allclose(y, twin.detach().movedim(1, -1), rtol=1e-12)
    np.testing.assert_allclose(dx, leaf.grad.movedim(1, -1), rtol=1e-12, atol=1e-12)


def test_negative_images_are_not_beaten_by_their_padding():
    y, cache = MaxPool2D(3, stride=1, padding=1).forward({}, -np.ones((1, 2, 2, 1)))
    np.testing.assert_array_equal(y, -1)
    dx, _ = MaxPool2D(3, stride=1, padding=1).backward({}, cache, np.ones_like(y))
    assert dx.shape == (1, 2, 2, 1)
    assert dx.sum() == 4


def test_padding_counts_in_the_mean():
    y, _ = AvgPool2D(2, stride=1, padding=1).forward({}, np.full((1, 1, 1, 1), 8.0))
    np.testing.assert_array_equal(y[0, :, :, 0], [[2, 2], [2, 2]])


@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
@pytest.mark.parametrize(
    ("settings", "in_shape", "places"),
    [
        ((2,), (28, 28), (14, 14)),
        ((2,), (5, 7), (2, 3)),  # what is left over is not seen
        ((3, 2), (7, 8), (3, 3)),
        ((3, 2, 1), (7, 8), (4, 4)),  # padding counts
        (((2, 3), (1, 2), (1, 0)), (4, 7), (5, 3)),
    ],
)
def test_sizes(kind, settings, in_shape, places):
    layer = kind(*settings)
    assert layer.out_shape((*in_shape, 3)) == (*places, 3)
    y, _ = layer.forward({}, np.zeros((4, 2, *in_shape, 3)))
    assert y.shape == (4, 2, *places, 3)
    assert layer.parameters((*in_shape, 3)) == {}
    assert layer.multiply_adds((*in_shape, 3)) == 0


@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
def test_equal_settings_are_equal_layers(kind):
    assert kind((2, 2), (1, 1), [1, 1]) == kind(2, 1, 1)
    assert repr(kind(2)) == f"{kind.__name__}(size=2, stride=None, padding=0)"


@pytest.mark.parametrize("kind", [MaxPool2D, AvgPool2D])
@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ((0,), "size=0 must be a whole number >= 1"),
        ((2, 0), "stride=0 must be a whole number >= 1"),
        ((2, None, -1), "padding=-1 must be a whole number >= 0"),
        ((3, 1, 2), "padding=2 must be at most half of size=3: beyond that a window may see"),
        (((4, 2), 1, 2), r"padding=2 must be at most half of size=\(4, 2\)"),
    ],
)
def test_settings_out_of_range_are_refused(kind, settings, text):
    with pytest.raises(ShoalError, match=text):
        kind(*settings)


@pytest.mark.parametrize(
    ("in_shape", "text"),
    [
        (
            (28, 28),
            "MaxPool2D takes images (height, width, channels), not rows of shape (28, 28); "
            "put a Conv2D before it, or reshape the data to (rows, height, width, channels)",
        ),
        (
            (1, 4, 3),
            "MaxPool2D with size=(2, 2) does not fit an image of 1 × 4 pixels; "
            "take a smaller size, more padding, or fewer layers before it",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(in_shape, text):
    with pytest.raises(ShoalError) as error:
        MaxPool2D(2).out_shape(in_shape)
    assert str(error.value) == text
