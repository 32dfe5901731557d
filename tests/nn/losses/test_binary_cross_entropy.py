import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_expit

from shoal.errors import ShoalError
from shoal.nn import BinaryCrossEntropy, SoftmaxCrossEntropy

LOSS = BinaryCrossEntropy()


def logits(*shape):
    return 3 * np.random.default_rng(0).standard_normal(shape)


def gradient(loss, outputs, targets):
    return loss.backward(loss.forward(outputs, targets)[1])


def test_it_is_the_mean_over_labels_of_minus_the_log_of_the_sigmoid():
    z, t = logits(40, 3), np.arange(120).reshape(40, 3) % 2
    each = -(t * log_expit(z) + (1 - t) * log_expit(-z))
    np.testing.assert_allclose(LOSS.per_row(z, t)[0], each.mean(axis=1), rtol=1e-12)


def test_its_gradient_is_the_sigmoid_minus_the_target():
    z, t = logits(5, 3), np.arange(15).reshape(5, 3) % 2
    np.testing.assert_allclose(gradient(LOSS, z, t), (expit(z) - t) / 15, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_stay_finite_and_exact(dtype):
    z = np.array([[1e4], [1e4], [-1e4], [-1e4], [0.0]], dtype)
    t = np.array([[1], [0], [1], [0], [1]], dtype)
    rows, cache = LOSS.per_row(z, t)
    np.testing.assert_allclose(rows, [0, 1e4, 1e4, 0, np.log(2)], rtol=1e-6)
    np.testing.assert_array_equal(
        LOSS.backward(cache), np.array([[0, 1, -1, 0, -0.5]], dtype).T / dtype(5)
    )
    np.testing.assert_array_equal(LOSS.predict(z), [[1], [1], [0], [0], [0.5]])


def test_one_label_is_softmax_with_two_classes_whose_first_logit_is_0():
    z, t = logits(30, 1), np.arange(30) % 2
    both = np.concatenate([np.zeros((30, 1)), z], axis=1)
    softmax = SoftmaxCrossEntropy()
    np.testing.assert_allclose(
        LOSS.per_row(z, t[:, None])[0], softmax.per_row(both, t)[0], rtol=1e-12
    )
    np.testing.assert_allclose(
        gradient(LOSS, z, t[:, None]), gradient(softmax, both, t)[:, 1:], rtol=1e-12
    )


@settings(deadline=None, max_examples=60, derandomize=True)
@given(z=st.floats(-700, 700), t=st.floats(0, 1))
def test_turning_a_label_round_turns_its_logit_round(z, t):
    a, b = np.array([[z]]), np.array([[t]])
    np.testing.assert_allclose(LOSS.forward(a, b)[0], LOSS.forward(-a, 1 - b)[0], atol=1e-12)
    np.testing.assert_allclose(gradient(LOSS, a, b), -gradient(LOSS, -a, 1 - b), atol=1e-12)


def test_smoothing_mixes_yes_and_no():
    z, t = logits(6, 2), np.arange(12).reshape(6, 2) % 2
    smooth = BinaryCrossEntropy(smoothing=0.2)
    np.testing.assert_allclose(smooth.forward(z, t)[0], LOSS.forward(z, 0.8 * t + 0.1)[0])
    np.testing.assert_allclose(gradient(smooth, z, t), gradient(LOSS, z, 0.8 * t + 0.1))
    at_best = np.log(np.array([[0.9 / 0.1]]))
    np.testing.assert_allclose(gradient(smooth, at_best, np.ones((1, 1))), 0, atol=1e-15)


def test_targets_beyond_0_and_1_are_refused():
    LOSS.check_targets(np.array([[0.0, 1.0, 0.3]]))
    for wrong in (-0.1, 2.0, np.nan):
        with pytest.raises(ShoalError, match="needs targets from 0 to 1"):
            LOSS.check_targets(np.array([[0.0, wrong]]))


def test_smoothing_out_of_range_is_refused():
    with pytest.raises(ShoalError, match="smoothing=1 must be a number >= 0 and < 1"):
        BinaryCrossEntropy(smoothing=1)
