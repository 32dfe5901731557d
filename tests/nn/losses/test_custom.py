import numpy as np
import pytest

from shoal.errors import ShoalError
from shoal.nn import CustomLoss, MeanSquaredError

SQUARE = CustomLoss(lambda y, t: ((y - t) ** 2).mean(axis=-1), lambda y, t: 2 * (y - t) / 4)


def test_one_written_like_the_squared_error_has_its_numbers():
    rng = np.random.default_rng(0)
    y, t = rng.standard_normal((3, 6, 4)), rng.standard_normal((6, 4))
    value, cache = SQUARE.forward(y, t)
    expected, other = MeanSquaredError().forward(y, t)
    np.testing.assert_array_equal(value, expected)
    np.testing.assert_allclose(SQUARE.backward(cache), MeanSquaredError().backward(other))


def test_a_gradient_of_another_type_takes_the_outputs_type():
    loss = CustomLoss(lambda y, t: y.sum(axis=-1), lambda y, t: np.ones(y.shape))
    _, cache = loss.forward(np.zeros((2, 3), np.float32), np.zeros((2, 3)))
    assert loss.backward(cache).dtype == np.float32


def test_it_suits_any_data():
    assert all(SQUARE.suits(task) for task in ("classification", "multilabel", "regression"))


def test_outputs_mean_themselves_or_what_is_said():
    y = np.array([[0.0, 1.0]])
    assert SQUARE.predict(y) is y
    squares = CustomLoss(SQUARE.value, SQUARE.gradient, meaning=np.square)
    np.testing.assert_array_equal(squares.predict(y + 1), [[1, 4]])


@pytest.mark.parametrize("wrong", [(None, np.add), (np.add, 3), (np.add, np.add, "exp")])
def test_what_is_no_function_is_refused(wrong):
    with pytest.raises(ShoalError, match="must be a function of outputs and targets"):
        CustomLoss(*wrong)
