import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.errors import ShoalError
from shoal.nn import Affine


def test_outputs_are_weighted_sums_plus_a_bias():
    params = {"W": np.array([[1.0, 0.0], [2.0, -1.0], [0.0, 3.0]]), "b": np.array([10.0, 20.0])}
    y, _ = Affine(2).forward(params, np.array([[1.0, 1.0, 1.0], [0.0, 2.0, 0.0]]))
    np.testing.assert_array_equal(y, [[13.0, 22.0], [14.0, 18.0]])


def test_gradients_are_those_of_the_textbook():
    rng = np.random.default_rng(0)
    x, W, dy = rng.standard_normal((4, 3)), rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    layer = Affine(2)
    _, cache = layer.forward({"W": W, "b": np.zeros(2)}, x)
    dx, grads = layer.backward({"W": W, "b": np.zeros(2)}, cache, dy)
    np.testing.assert_allclose(dx, dy @ W.T)
    np.testing.assert_allclose(grads["W"], x.T @ dy)
    np.testing.assert_allclose(grads["b"], dy.sum(axis=0))


def test_the_first_layer_need_not_make_the_gradient_of_its_input():
    params = {"W": np.ones((3, 2)), "b": np.zeros(2)}
    _, cache = Affine(2).forward(params, np.ones((4, 3)))
    dx, grads = Affine(2).backward(params, cache, np.ones((4, 2)), need_dx=False)
    assert dx is None
    assert grads.keys() == {"W", "b"}


size = st.integers(1, 40)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(
    members=st.integers(1, 9), batch=st.integers(1, 130), n=size, units=size, shared=st.booleans()
)
def test_products_of_any_shape_are_the_same_bits_alone_as_in_company(
    members, batch, n, units, shared
):
    rng = np.random.default_rng([members, batch, n, units])
    rows = rng.standard_normal((members, n * units + units + 1)).astype(np.float32)

    def params(rows):  # as views of one row per member
        W = rows[:, : n * units].reshape(-1, n, units)
        return {"W": W, "b": rows[:, n * units : -1]}

    x = rng.standard_normal((1 if shared else members, batch, n)).astype(np.float32)
    dy = rng.standard_normal((members, batch, units)).astype(np.float32)
    layer = Affine(units)
    y, cache = layer.forward(params(rows), x)
    dx, grads = layer.backward(params(rows), cache, dy)
    for i in range(members):
        own = params(rows[i : i + 1].copy())
        own_x = x if shared else x[i : i + 1].copy()
        own_y, cache = layer.forward(own, own_x)
        own_dx, own_grads = layer.backward(own, cache, dy[i : i + 1].copy())
        for a, b in [(y, own_y), (dx, own_dx), *((grads[k], own_grads[k]) for k in grads)]:
            np.testing.assert_array_equal(a[i], b[0])


def test_open_units_come_from_the_data():
    assert Affine().bind((5,), 3) == Affine(3)
    assert Affine(7).bind((5,), 3) == Affine(7)


def test_sizes():
    layer = Affine(3)
    assert layer.out_shape((5,)) == (3,)
    assert layer.multiply_adds((5,)) == 15
    parameters = layer.parameters((5,))
    assert (parameters["W"].shape, parameters["W"].fans) == ((5, 3), (5, 3))
    assert (parameters["b"].shape, parameters["b"].fans) == ((3,), None)


@pytest.mark.parametrize("units", [0, -1, 2.5, True, "3", float("nan")])
def test_units_are_a_whole_number(units):
    with pytest.raises(ShoalError, match=r"units=.* must be a whole number >= 1"):
        Affine(units)


def test_images_must_be_flattened_first():
    with pytest.raises(ShoalError, match=r"not shape \(28, 28\); put a Flatten before it"):
        Affine(3).out_shape((28, 28))


def test_units_may_be_open_in_the_last_layer_only():
    with pytest.raises(ShoalError, match="must be the last layer, or be given a number of units"):
        Affine().parameters((5,))
