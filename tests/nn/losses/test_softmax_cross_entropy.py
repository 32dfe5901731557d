"""Softmax and cross-entropy, also with smoothed labels."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, softmax

from shoal.errors import ShoalError
from shoal.nn import SoftmaxCrossEntropy

LABELS, PROBABILITIES = SoftmaxCrossEntropy(), SoftmaxCrossEntropy("probabilities")


def logits(*shape, scale=3.0):
    return scale * np.random.default_rng(0).standard_normal(shape)


def gradient(loss, outputs, targets):
    return loss.backward(loss.forward(outputs, targets)[1])


def test_cross_entropy_is_minus_the_log_of_softmax():
    z, t = logits(50, 7), np.arange(50) % 7
    rows, _ = LABELS.per_row(z, t)
    np.testing.assert_allclose(rows, -log_softmax(z, axis=-1)[np.arange(50), t], rtol=1e-12)


def test_its_gradient_is_softmax_minus_the_target():
    z, t = logits(5, 3), np.array([0, 1, 2, 0, 1])
    np.testing.assert_allclose(
        gradient(LABELS, z, t), (softmax(z, axis=-1) - np.eye(3)[t]) / 5, atol=1e-15
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_huge_logits_stay_finite_and_exact(dtype):
    z = np.array([[1e4, -1e4, 0.0], [-1e4, 1e4, 0.0], [1e4, 1e4, -1e4]], dtype)
    rows, cache = LABELS.per_row(z, np.array([0, 0, 1]))
    np.testing.assert_array_equal(rows, np.array([0, 2e4, math.log(2)], dtype))  # no clamp
    expected = np.array([[0, 0, 0], [-1, 1, 0], [0.5, -0.5, 0]]) / 3
    np.testing.assert_allclose(LABELS.backward(cache), expected, rtol=1e-6)
    hot, _ = PROBABILITIES.per_row(z, np.eye(3, dtype=dtype)[[0, 0, 1]])
    np.testing.assert_array_equal(hot, rows)


@settings(deadline=None, max_examples=60, derandomize=True)
@given(shift=st.floats(-1e4, 1e4), classes=st.integers(1, 12))
def test_adding_a_number_to_all_logits_changes_nothing(shift, classes):
    z, t = logits(6, classes), np.arange(6) % classes
    shifted, cache = LABELS.forward(z + shift, t)
    np.testing.assert_allclose(shifted, LABELS.forward(z, t)[0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(LABELS.backward(cache).sum(axis=-1), 0, atol=1e-12)


def test_labels_equal_one_hot_bit_for_bit():
    z, t = logits(4, 30, 10).astype(np.float32), np.arange(30) % 10
    hot = np.eye(10, dtype=np.float32)[t]
    np.testing.assert_array_equal(LABELS.forward(z, t)[0], PROBABILITIES.forward(z, hot)[0])
    np.testing.assert_array_equal(gradient(LABELS, z, t), gradient(PROBABILITIES, z, hot))


@pytest.mark.parametrize("kind", [np.uint8, np.int32, np.int64])
def test_labels_of_any_whole_type_are_the_same(kind):
    z, t = logits(30, 10), np.arange(30) % 10
    assert LABELS.forward(z, t.astype(kind))[0] == LABELS.forward(z, t)[0]


def test_soft_labels_weigh_the_classes():
    z, soft = logits(1, 3), np.array([[0.2, 0.3, 0.5]])
    each = [LABELS.forward(z, np.array([k]))[0] for k in range(3)]
    np.testing.assert_allclose(PROBABILITIES.forward(z, soft)[0], np.dot(soft[0], each))
    np.testing.assert_allclose(gradient(PROBABILITIES, z, soft), softmax(z, axis=-1) - soft)


def test_a_soft_label_has_its_least_loss_at_itself():
    p = np.array([[0.1, 0.2, 0.7]])
    np.testing.assert_allclose(gradient(PROBABILITIES, np.log(p), p), 0, atol=1e-15)
    entropy = -(p * np.log(p)).sum()
    assert PROBABILITIES.forward(np.log(p), p)[0] == pytest.approx(entropy)


def test_a_class_ruled_out_costs_nothing_unless_it_is_the_target():
    z = np.array([[0.0, -np.inf], [0.0, -np.inf]])
    with np.errstate(invalid="ignore"):  # 0 · (-inf), which is then left out
        rows, cache = LABELS.per_row(z, np.array([0, 1]))
    np.testing.assert_array_equal(rows, [0, np.inf])
    np.testing.assert_array_equal(LABELS.backward(cache), [[0, 0], [0.5, -0.5]])


def test_rows_weighted_0_count_for_nothing():
    z = logits(2, 3)
    targets = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]])
    rows, cache = PROBABILITIES.per_row(z, targets)
    assert rows[1] == 0
    np.testing.assert_array_equal(PROBABILITIES.backward(cache)[1], 0)


def test_equal_logits_cost_the_log_of_the_number_of_classes():
    assert LABELS.forward(np.zeros((3, 10)), np.arange(3))[0] == pytest.approx(math.log(10))


def test_softmax_with_two_classes_is_logistic_regression():
    z, t = logits(40, 2), np.arange(40) % 2
    score, sign = z[:, 1] - z[:, 0], 2 * t - 1
    logistic = np.log1p(np.exp(-sign * score))
    np.testing.assert_allclose(LABELS.per_row(z, t)[0], logistic, rtol=1e-12)
    slope = (expit(score) - t) / 40
    np.testing.assert_allclose(gradient(LABELS, z, t), np.stack([-slope, slope], 1), atol=1e-15)


def test_a_class_too_many_is_refused_by_name():
    with pytest.raises(ShoalError, match="unknown targets 'label': did you mean 'labels'"):
        SoftmaxCrossEntropy("label")


# --- label smoothing ------------------------------------------------------------------------


@pytest.mark.parametrize("s", [0.05, 0.5, 0.99])
def test_smoothing_mixes_the_target_with_all_classes(s):
    z, t = logits(5, 4), np.array([0, 1, 2, 3, 0])
    mixed = (1 - s) * np.eye(4)[t] + s / 4
    smooth = SoftmaxCrossEntropy(smoothing=s)
    np.testing.assert_allclose(
        smooth.per_row(z, t)[0], -(mixed * log_softmax(z, axis=-1)).sum(axis=-1), rtol=1e-12
    )
    np.testing.assert_allclose(
        gradient(smooth, z, t), (softmax(z, axis=-1) - mixed) / 5, atol=1e-15
    )


def test_smoothed_labels_equal_smoothed_one_hot_bit_for_bit():
    z, t = logits(4, 30, 10).astype(np.float32), np.arange(30) % 10
    hot = np.eye(10, dtype=np.float32)[t]
    labels = SoftmaxCrossEntropy(smoothing=0.1)
    probabilities = SoftmaxCrossEntropy("probabilities", smoothing=0.1)
    np.testing.assert_array_equal(labels.forward(z, t)[0], probabilities.forward(z, hot)[0])
    np.testing.assert_array_equal(gradient(labels, z, t), gradient(probabilities, z, hot))


def test_the_best_logits_of_a_smoothed_label_are_finite():
    """With K classes the gap of the best logits is log((1 - s) K / s + 1)."""
    s, classes = 0.1, 5
    gap = math.log((1 - s) * classes / s + 1)
    z = np.zeros((1, classes))
    z[0, 2] = gap
    slope = gradient(SoftmaxCrossEntropy(smoothing=s), z, np.array([2]))
    np.testing.assert_allclose(slope, 0, atol=1e-15)


def test_huge_logits_of_smoothed_labels_stay_finite_and_exact():
    z = np.array([[1e4, -1e4]], np.float32)
    rows, cache = SoftmaxCrossEntropy(smoothing=0.5).per_row(z, np.array([0]))
    np.testing.assert_allclose(rows, [0.25 * 2e4])
    found = SoftmaxCrossEntropy(smoothing=0.5).backward(cache)
    np.testing.assert_allclose(found, [[0.25, -0.25]])


@pytest.mark.parametrize("s", [-0.1, 1.0, "much"])
def test_smoothing_out_of_range_is_refused(s):
    with pytest.raises(ShoalError, match=r"smoothing=.* must be a number >= 0 and < 1"):
        SoftmaxCrossEntropy(smoothing=s)


def test_it_predicts_softmax():
    z = logits(2, 5, 3)
    np.testing.assert_allclose(LABELS.predict(z), softmax(z, axis=-1), rtol=1e-14)
    huge = LABELS.predict(np.array([[1e4, -1e4, 1e4]], np.float32))
    np.testing.assert_array_equal(huge, [[0.5, 0, 0.5]])
