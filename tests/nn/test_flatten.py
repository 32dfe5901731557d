import numpy as np
import pytest

from shoal.nn import Flatten


@pytest.mark.parametrize("layer", [Flatten(), Flatten((3, 4, 2))], ids=["open", "bound"])
def test_images_become_rows_and_gradients_images_again(layer):
    x = np.arange(5 * 24.0).reshape(5, 3, 4, 2)
    y, cache = layer.forward({}, x)
    np.testing.assert_array_equal(y, x.reshape(5, 24))
    dx, grads = layer.backward({}, cache, y)
    np.testing.assert_array_equal(dx, x)
    assert grads == {}


@pytest.mark.parametrize("in_shape", [(), (1,), (7,), (3, 4), (2, 1, 3)])
@pytest.mark.parametrize("members", [1, 3])
def test_a_bound_flatten_leaves_the_member_axis_alone(members, in_shape):
    layer = Flatten().bind(in_shape, None)
    x = np.random.default_rng(0).random((members, 5, *in_shape))
    y, cache = layer.forward({}, x)
    assert y.shape == (members, 5, *layer.out_shape(in_shape))
    np.testing.assert_array_equal(layer.backward({}, cache, y)[0], x)


def test_a_shared_input_takes_the_gradients_of_all_members():
    layer = Flatten((2, 2))
    _, cache = layer.forward({}, np.zeros((1, 5, 2, 2)))
    dx, _ = layer.backward({}, cache, np.ones((3, 5, 4)))
    assert dx.shape == (3, 5, 2, 2)


def test_rows_stay_rows():
    x = np.ones((5, 7))
    assert Flatten().forward({}, x)[0].shape == (5, 7)
    assert Flatten().out_shape((7,)) == (7,)


def test_nothing_is_copied():
    x = np.zeros((5, 3, 4))
    assert np.shares_memory(Flatten().forward({}, x)[0], x)
