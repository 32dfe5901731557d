import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax, softmax

from shoal.errors import ShoalError
from shoal.nn import LOSSES, Loss, MeanSquaredError, SoftmaxCrossEntropy

LABELS, PROBABILITIES = SoftmaxCrossEntropy(), SoftmaxCrossEntropy("probabilities")


def logits(*shape, scale=3.0):
    return scale * np.random.default_rng(0).standard_normal(shape)


def gradient(loss, outputs, targets):
    return loss.backward(loss.forward(outputs, targets)[1])


# --- every loss -----------------------------------------------------------------------------


@pytest.mark.parametrize("own_targets", [False, True], ids=["shared targets", "own targets"])
@pytest.mark.parametrize(("batch", "width"), [(1, 1), (1, 10), (5, 1), (33, 10), (100, 130)])
def test_a_member_has_the_same_loss_bits_alone_as_in_company(loss_case, batch, width, own_targets):
    outputs, targets = loss_case.problem(7, batch=batch, width=width)
    outputs = outputs.astype(np.float32)
    if targets.dtype == np.float64:
        targets = targets.astype(np.float32)
    if own_targets:
        targets = np.stack([np.roll(targets, i, axis=0) for i in range(7)])
    values, cache = loss_case.loss.forward(outputs, targets)
    grads = loss_case.loss.backward(cache)
    assert values.shape == (7,)
    assert values.dtype == grads.dtype == np.float32
    for i in range(7):
        t = targets[i] if own_targets else targets
        for a in (outputs[i], outputs[i : i + 1].copy()):
            value, cache = loss_case.loss.forward(a, t)
            np.testing.assert_array_equal(value.ravel(), values[i])
            np.testing.assert_array_equal(
                loss_case.loss.backward(cache).reshape(a.shape[-2:]), grads[i]
            )


def test_the_loss_is_the_mean_over_rows(loss_case):
    outputs, targets = loss_case.problem(3)
    rows, _ = loss_case.loss.per_row(outputs, targets)
    assert rows.shape == (3, 6)
    np.testing.assert_allclose(loss_case.loss.forward(outputs, targets)[0], rows.mean(axis=1))


def test_no_member_s_gradient_is_divided_by_their_number(loss_case):
    outputs, targets = loss_case.problem(3)
    together = gradient(loss_case.loss, outputs, targets)
    np.testing.assert_allclose(together[1], gradient(loss_case.loss, outputs[1], targets))


def test_losses_follow_the_array_api_standard(loss_case):
    strict = pytest.importorskip("array_api_strict")
    outputs, targets = loss_case.problem(3)
    value, cache = loss_case.loss.forward(*(strict.asarray(a.copy()) for a in (outputs, targets)))
    expected, np_cache = loss_case.loss.forward(outputs, targets)
    np.testing.assert_allclose(np.asarray(value), expected, rtol=1e-12)
    grads = np.asarray(loss_case.loss.backward(cache))
    np.testing.assert_allclose(grads, loss_case.loss.backward(np_cache), rtol=1e-12, atol=1e-15)


@pytest.mark.torch
@pytest.mark.parametrize(("dtype", "rtol"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_losses_equal_pytorch(torch, loss_case, dtype, rtol):
    outputs, targets = loss_case.problem(batch=20)
    outputs = outputs.astype(dtype)
    targets = targets.astype(dtype) if targets.dtype.kind == "f" else targets
    leaf = torch.tensor(outputs, requires_grad=True)
    twin = loss_case.twin(torch.nn.functional, leaf, torch.tensor(targets))
    twin.backward()
    value, cache = loss_case.loss.forward(outputs, targets)
    np.testing.assert_allclose(value, twin.item(), rtol)
    np.testing.assert_allclose(loss_case.loss.backward(cache), leaf.grad, rtol, rtol / 10)


def test_the_table_of_names():
    assert {
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "mean_squared_error": MeanSquaredError,
    } == LOSSES


def test_a_loss_without_a_formula_says_so():
    with pytest.raises(NotImplementedError):
        Loss().forward(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(NotImplementedError):
        Loss().backward(())


# --- cross-entropy --------------------------------------------------------------------------


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


# --- mean squared error ---------------------------------------------------------------------


def test_mean_squared_error_is_the_mean_over_outputs_and_rows():
    y, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 4.0]])
    value, cache = MeanSquaredError().forward(y, t)
    assert value == (4 + 9) / 4
    np.testing.assert_array_equal(MeanSquaredError().backward(cache), [[0, 1], [1.5, 0]])


# --- wrong shapes ---------------------------------------------------------------------------

WRONG = {
    "targets without their axis": (MeanSquaredError(), (3, 1), (3,)),
    "too many outputs": (MeanSquaredError(), (3, 2), (3, 1)),
    "one target for all rows": (MeanSquaredError(), (3, 2), (1, 2)),
    "a member axis too many": (MeanSquaredError(), (3, 2), (4, 3, 2)),
    "one-hot as labels": (LABELS, (3, 3), (3, 3)),
    "another batch": (LABELS, (3, 5), (4,)),
    "one label for all rows": (LABELS, (3, 5), (1,)),
    "labels as probabilities": (PROBABILITIES, (3, 3), (3,)),
    "other classes": (PROBABILITIES, (3, 3), (3, 1)),
}


@pytest.mark.parametrize(("loss", "outputs", "targets"), WRONG.values(), ids=WRONG)
def test_targets_that_would_broadcast_are_refused(loss, outputs, targets):
    with pytest.raises(ShoalError, match=r"needs targets of shape \(.*\), not \(.*\)"):
        loss.forward(np.zeros(outputs), np.zeros(targets, int))


def test_the_error_says_what_was_expected_and_what_came():
    with pytest.raises(ShoalError) as error:
        MeanSquaredError().forward(np.zeros((8, 3, 1)), np.zeros(3))
    assert str(error.value) == "MeanSquaredError() needs targets of shape (8, 3, 1), not (3,)"
