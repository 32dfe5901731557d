import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.errors import ShoalError
from shoal.nn import Affine, Conv2D, Flatten, standard_deviation

side = st.integers(1, 3)
pair = side | st.tuples(side, side)
pad = st.integers(0, 2)
layers = st.builds(Conv2D, st.integers(1, 4), pair, pair, pad | st.tuples(pad, pad))
layers |= st.builds(Conv2D, st.integers(1, 4), pair, padding=st.just("same"))
image = st.tuples(st.integers(3, 7), st.integers(3, 7), st.integers(1, 3))
quick = settings(deadline=None, max_examples=60, derandomize=True)


def by_loops(layer, W, b, x):
    """y at every place, one product at a time."""
    (down, right), ((up, _), (left, _)) = layer.window.stride, layer.window.padding
    height, width, _ = x.shape[1:]
    y = np.zeros((len(x), *layer.out_shape(x.shape[1:])))
    for at in np.ndindex(y.shape):
        n, i, j, f = at
        y[at] = b[f]
        for r, c, channel in np.ndindex(W.shape[:3]):
            row, column = i * down + r - up, j * right + c - left
            if 0 <= row < height and 0 <= column < width:
                y[at] += W[r, c, channel, f] * x[n, row, column, channel]
    return y


def problem(layer, in_shape, lead=(), batch=2, seed=0):
    rng = np.random.default_rng(seed)
    spec = layer.parameters(in_shape)
    params = {name: rng.standard_normal((*lead, *p.shape)) for name, p in spec.items()}
    return params, rng.standard_normal((*lead, batch, *in_shape))


@quick
@given(layers, image)
def test_the_product_of_patches_is_the_convolution(layer, in_shape):
    params, x = problem(layer, in_shape)
    y, _ = layer.forward(params, x)
    np.testing.assert_allclose(y, by_loops(layer, params["W"], params["b"], x), atol=1e-12)


@quick
@given(layers, image)
def test_backward_is_the_transpose_of_forward(layer, in_shape):
    # y is linear in x and in W: ⟨dy, y(x') - y(0)⟩ = ⟨dx, x'⟩ for every x', and so for W
    params, x = problem(layer, in_shape)
    y, cache = layer.forward(params, x)
    dy = np.random.default_rng(1).standard_normal(y.shape)
    dx, grads = layer.backward(params, cache, dy)
    other, other_x = problem(layer, in_shape, seed=2)
    no_bias = {**params, "b": 0 * params["b"]}
    along_x = (layer.forward(no_bias, other_x)[0] * dy).sum()
    along_w = (layer.forward({**no_bias, "W": other["W"]}, x)[0] * dy).sum()
    np.testing.assert_allclose((dx * other_x).sum(), along_x, atol=1e-9)
    np.testing.assert_allclose((grads["W"] * other["W"]).sum(), along_w, atol=1e-9)
    np.testing.assert_allclose(grads["b"], dy.sum(axis=(0, 1, 2)), atol=1e-9)


@quick
@given(
    layers, image, st.integers(1, 5), st.integers(1, 9), st.booleans(), st.sampled_from([0, 1, 5])
)
def test_any_shape_is_the_same_bits_alone_as_in_company(
    layer, in_shape, members, batch, shared, gap
):
    spec = layer.parameters(in_shape)
    sizes = [int(np.prod(p.shape)) for p in spec.values()]
    rng = np.random.default_rng([members, batch])
    rows = rng.standard_normal((members, sum(sizes) + gap)).astype(np.float32)

    def params(rows):  # as views of one row per member
        W, b = rows[:, : sizes[0]], rows[:, sizes[0] : sum(sizes)]
        return {"W": W.reshape(-1, *spec["W"].shape), "b": b}

    x = rng.standard_normal((1 if shared else members, batch, *in_shape)).astype(np.float32)
    dy = rng.standard_normal((members, batch, *layer.out_shape(in_shape))).astype(np.float32)
    y, cache = layer.forward(params(rows), x)
    dx, grads = layer.backward(params(rows), cache, dy)
    for i in range(members):
        own = params(rows[i : i + 1].copy())
        own_y, cache = layer.forward(own, x if shared else x[i : i + 1].copy())
        own_dx, own_grads = layer.backward(own, cache, dy[i : i + 1].copy())
        for a, b in [(y, own_y), (dx, own_dx), *((grads[k], own_grads[k]) for k in grads)]:
            np.testing.assert_array_equal(a[i], b[0])


def test_a_batch_of_the_size_of_the_book_is_the_same_bits_alone_as_in_company():
    layer, rng = Conv2D(30, 5), np.random.default_rng(0)
    x = rng.random((1, 100, 28, 28)).astype(np.float32)
    W = rng.standard_normal((3, 5, 5, 1, 30)).astype(np.float32)
    b, dy = rng.standard_normal((3, 30)).astype(np.float32), None
    y, cache = layer.forward({"W": W, "b": b}, x)
    dy = rng.standard_normal(y.shape).astype(np.float32)
    dx, grads = layer.backward({"W": W, "b": b}, cache, dy)
    for i in range(3):
        own = {"W": W[i], "b": b[i]}
        own_y, cache = layer.forward(own, x[0])
        own_dx, own_grads = layer.backward(own, cache, dy[i])
        np.testing.assert_array_equal(y[i], own_y)
        np.testing.assert_array_equal(dx[i], own_dx)
        for name in grads:
            np.testing.assert_array_equal(grads[name][i], own_grads[name])


def test_a_window_as_large_as_the_image_is_an_affine_layer():
    params, x = problem(Conv2D(4, (5, 6)), (5, 6, 2))
    y, _ = Conv2D(4, (5, 6)).forward(params, x)
    rows, _ = Flatten().forward({}, x)
    W = params["W"].reshape(-1, 4)
    np.testing.assert_allclose(
        y.reshape(2, 4), Affine(4).forward({"W": W, "b": params["b"]}, rows)[0]
    )


def test_a_window_of_one_pixel_mixes_channels():
    params, x = problem(Conv2D(4, 1), (3, 4, 2))
    y, _ = Conv2D(4, 1).forward(params, x)
    np.testing.assert_allclose(y, x @ params["W"][0, 0] + params["b"])


@pytest.mark.parametrize("lead", [(), (3,)], ids=["alone", "members"])
def test_grey_images_are_images_of_one_channel(lead):
    layer = Conv2D(3, 2, padding=1)
    params, x = problem(layer, (5, 4, 1), lead)
    y, cache = layer.forward(params, x)
    grey_y, grey_cache = layer.forward(params, x[..., 0])
    np.testing.assert_array_equal(y, grey_y)
    dx, grads = layer.backward(params, cache, y)
    grey_dx, grey_grads = layer.backward(params, grey_cache, y)
    np.testing.assert_array_equal(dx[..., 0], grey_dx)
    np.testing.assert_array_equal(grads["W"], grey_grads["W"])
    assert layer.parameters((5, 4)) == layer.parameters((5, 4, 1))
    assert layer.out_shape((5, 4)) == layer.out_shape((5, 4, 1)) == (6, 5, 3)


def test_the_first_layer_need_not_make_the_gradient_of_its_input():
    params, x = problem(Conv2D(3, 2), (4, 4, 1))
    y, cache = Conv2D(3, 2).forward(params, x)
    dx, grads = Conv2D(3, 2).backward(params, cache, y, need_dx=False)
    assert dx is None
    assert grads.keys() == {"W", "b"}


def test_members_that_share_images_share_their_patches():
    layer = Conv2D(3, 2)
    params, _ = problem(layer, (4, 4, 1), (5,))
    _, (found, _) = layer.forward(params, np.ones((1, 2, 4, 4, 1)))
    assert found.shape == (1, 2 * 9, 4 + 1)
    assert layer.working((4, 4, 1)) == 9 * 5


def test_sizes():
    layer = Conv2D(30, 5)
    assert layer.out_shape((28, 28)) == (24, 24, 30)
    assert Conv2D(8, 3, stride=2, padding=1).out_shape((7, 8, 3)) == (4, 4, 8)
    assert Conv2D(8, (4, 5), padding="same").out_shape((7, 8, 3)) == (7, 8, 8)
    assert layer.multiply_adds((28, 28)) == 24 * 24 * 25 * 30
    parameters = Conv2D(30, (5, 3)).parameters((28, 28, 2))
    assert parameters["W"].shape == (5, 3, 2, 30)
    assert parameters["W"].fans == (5 * 3 * 2, 5 * 3 * 30)
    assert (parameters["b"].shape, parameters["b"].fans) == ((30,), None)


def test_first_weights_have_the_spread_of_their_fans():
    W = Conv2D(64, 5).init((0, 0), (28, 28, 16), "he")["W"]
    assert W.std() == pytest.approx(standard_deviation("he", 5 * 5 * 16, 0), rel=0.02)


def test_equal_settings_are_equal_layers():
    assert Conv2D(3, (5, 5), (1, 1), [2, 2]) == Conv2D(3, 5, 1, 2)
    assert hash(Conv2D(3, [5, 3])) == hash(Conv2D(3, (5, 3)))
    assert repr(Conv2D(3, (5, 5))) == "Conv2D(filters=3, size=5, stride=1, padding=0)"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: Conv2D(0, 3), "filters=0 must be a whole number >= 1"),
        (lambda: Conv2D(3, 0), "size=0 must be a whole number >= 1"),
        (lambda: Conv2D(3, (3, 3, 3)), r"size=\(3, 3, 3\) must be a whole number, or two"),
        (lambda: Conv2D(3, 3, stride=0), "stride=0 must be a whole number >= 1"),
        (lambda: Conv2D(3, 3, padding=-1), "padding=-1 must be a whole number >= 0"),
        (lambda: Conv2D(3, 3, padding="sam"), "unknown padding 'sam': did you mean 'same'"),
        (
            lambda: Conv2D(3, 3, stride=2, padding="same"),
            "padding='same' needs stride=1, not stride=2; give a number",
        ),
    ],
)
def test_settings_out_of_range_are_refused(make, text):
    with pytest.raises(ShoalError, match=text):
        make()


@pytest.mark.parametrize(
    ("in_shape", "text"),
    [
        (
            (784,),
            "Conv2D takes images (height, width, channels), not rows of shape (784,); "
            "give it images, x.reshape(-1, height, width), and no Flatten before it",
        ),
        (
            (4, 28),
            "Conv2D with size=(5, 5) does not fit an image of 4 × 28 pixels; "
            "take a smaller size, more padding, or fewer layers before it",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(in_shape, text):
    with pytest.raises(ShoalError) as error:
        Conv2D(3, 5).parameters(in_shape)
    assert str(error.value) == text


def test_the_error_counts_the_padding():
    with pytest.raises(ShoalError, match=r"an image of 2 × 2 pixels, 4 × 4 with padding; take"):
        Conv2D(3, 5, padding=1).out_shape((2, 2, 3))
