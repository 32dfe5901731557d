import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.errors import ShoalError
from shoal.nn.patches import patches, unpatch
from shoal.nn.window import Window, as_pair, image_shape

side = st.integers(1, 4)
pads = st.tuples(st.integers(0, 2), st.integers(0, 2))
windows = st.builds(Window, st.tuples(side, side), st.tuples(side, side), st.tuples(pads, pads))
quick = settings(deadline=None, max_examples=150, derandomize=True)


@quick
@given(windows, st.integers(1, 9), st.integers(1, 9))
def test_places_are_those_that_one_finds_by_trying(window, height, width):
    for axis, n in enumerate((height, width)):
        before, after = window.padding[axis]
        starts = range(-before, n + after - window.size[axis] + 1, window.stride[axis])
        assert max(window.places(height, width)[axis], 0) == len(starts)


@pytest.mark.parametrize(
    ("padding", "places"), [(0, (24, 26)), (1, (26, 28)), ((2, 0), (28, 26)), ("same", (28, 28))]
)
def test_padding_adds_places(padding, places):
    assert Window.of((5, 3), 1, padding).places(28, 28) == places


def test_same_pads_one_more_after_the_image_where_it_must():
    assert Window.of((4, 5), 1, "same").padding == ((1, 2), (2, 2))


@quick
@given(windows, st.integers(1, 3), st.data())
def test_patches_are_what_lies_under_the_window(window, channels, data):
    height, width = (data.draw(st.integers(k, k + 5)) for k in window.size)
    window = Window(window.size, window.stride)
    x = np.random.default_rng(0).standard_normal((2, 3, height, width, channels))
    places = window.places(height, width)
    found = patches(x, window, places).reshape(2, 3, *places, -1)
    (rows, columns), (down, right) = window.size, window.stride
    for i, j in np.ndindex(places):
        under = x[:, :, i * down : i * down + rows, j * right : j * right + columns]
        np.testing.assert_array_equal(found[:, :, i, j, :-1], under.reshape(2, 3, -1))
        np.testing.assert_array_equal(found[:, :, i, j, -1], 1)


@quick
@given(windows, st.integers(1, 3), st.data())
def test_unpatch_is_the_transpose_of_patches(window, channels, data):
    # ⟨patches(x), d⟩ = ⟨x, unpatch(d)⟩ for all x and d
    height, width = (data.draw(st.integers(k, k + 5)) for k in window.size)
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, height, width, channels))
    window = Window(window.size, window.stride)
    places = window.places(height, width)
    found = patches(x, window, places)[..., :-1]
    d = rng.standard_normal(found.shape)
    back = unpatch(d, window, x.shape, places)
    assert back.shape == x.shape
    np.testing.assert_allclose((found * d).sum(), (x * back).sum(), rtol=1e-10, atol=1e-10)


@quick
@given(windows, st.integers(1, 5), st.integers(1, 5))
def test_unpad_undoes_pad(window, height, width):
    x = np.random.default_rng(0).standard_normal((2, 3, height, width, 2))
    padded = window.pad(x, np.inf)
    np.testing.assert_array_equal(window.unpad(padded), x)
    assert np.isinf(padded).sum() == padded.size - x.size


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "size=0 must be a whole number >= 1"),
        (2.5, "size=2.5 must be a whole number >= 1"),
        (True, "size=True must be a whole number >= 1"),
        ("3", "size='3' must be a whole number >= 1"),
        (None, "size=None must be a whole number >= 1"),
        ((3, 0), "size=0 must be a whole number >= 1"),
        ((3,), r"size=\(3,\) must be a whole number, or two: \(vertical, horizontal\)"),
        ([3, 3, 3], r"size=\[3, 3, 3\] must be a whole number, or two"),
    ],
)
def test_pairs_are_checked(value, text):
    with pytest.raises(ShoalError, match=text):
        as_pair("size", value, 1)


@pytest.mark.parametrize("in_shape", [(), (784,), (28, 28), (2, 28, 28, 3)])
def test_what_is_no_image_is_refused(in_shape):
    with pytest.raises(ShoalError, match=r"MaxPool2D takes images .* not rows of shape"):
        image_shape("MaxPool2D", in_shape)
