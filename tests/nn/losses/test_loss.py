import numpy as np
import pytest

from shoal.errors import ShoalError
from shoal.nn import (
    LOSSES,
    BinaryCrossEntropy,
    Huber,
    Loss,
    MeanAbsoluteError,
    MeanSquaredError,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
)

LABELS, PROBABILITIES = SoftmaxCrossEntropy(), SoftmaxCrossEntropy("probabilities")


def gradient(loss, outputs, targets):
    return loss.backward(loss.forward(outputs, targets)[1])


@pytest.mark.parametrize("own_targets", [False, True], ids=["shared targets", "own targets"])
@pytest.mark.parametrize(("batch", "width"), [(1, 1), (1, 10), (5, 1), (33, 10), (100, 130)])
def test_a_member_has_the_same_loss_bits_alone_as_in_company(loss_case, batch, width, own_targets):
    outputs, targets = loss_case.problem(7, batch=batch, width=width)
    outputs = outputs.astype(np.float32)
    if targets.dtype == np.float64:
        targets = targets.astype(np.float32)
    if own_targets:
        targets = np.stack([np.roll(targets, i, axis=0) for i in range(7)])
    weights = np.random.default_rng(1).uniform(0, 3, (7, batch)).astype(np.float32)
    for w in (None, weights):
        values, cache = loss_case.loss.forward(outputs, targets, w)
        grads = loss_case.loss.backward(cache, w)
        assert values.shape == (7,)
        assert values.dtype == grads.dtype == np.float32
        for i in range(7):
            t, own = targets[i] if own_targets else targets, None if w is None else w[i]
            for a in (outputs[i], outputs[i : i + 1].copy()):
                value, cache = loss_case.loss.forward(a, t, own)
                np.testing.assert_array_equal(value.ravel(), values[i])
                np.testing.assert_array_equal(
                    loss_case.loss.backward(cache, own).reshape(a.shape[-2:]), grads[i]
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
    if loss_case.numpy_only:
        pytest.skip("written with functions of NumPy")
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


def test_the_names_are_those_of_the_classes_in_small_letters():
    assert {
        "softmax_cross_entropy": SoftmaxCrossEntropy,
        "binary_cross_entropy": BinaryCrossEntropy,
        "mean_squared_error": MeanSquaredError,
        "mean_absolute_error": MeanAbsoluteError,
        "huber": Huber,
        "poisson": Poisson,
        "quantile": Quantile,
    } == LOSSES


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_each_loss_suits_one_kind_of_data(loss):
    suited = [t for t in ("classification", "multilabel", "regression") if loss().suits(t)]
    assert suited == list(loss.tasks)
    assert len(suited) == 1


def test_probabilities_are_no_targets_of_a_data_set():
    assert not SoftmaxCrossEntropy("probabilities").suits("classification")


# --- weights of rows ------------------------------------------------------------------------


def test_weights_of_1_change_no_bit(loss_case):
    outputs, targets = loss_case.problem(3)
    ones = np.ones((3, 6))
    value, cache = loss_case.loss.forward(outputs, targets, ones)
    plain, _ = loss_case.loss.forward(outputs, targets)
    np.testing.assert_array_equal(value, plain)
    np.testing.assert_array_equal(
        loss_case.loss.backward(cache, ones), loss_case.loss.backward(cache)
    )


def test_a_whole_weight_is_as_good_as_so_many_equal_rows(loss_case):
    outputs, targets = loss_case.problem()
    weights = np.array([0.0, 1.0, 2.0, 3.0, 0.0, 1.0])
    times = weights.astype(int)
    value, cache = loss_case.loss.forward(outputs, targets, weights)
    repeated, again = loss_case.loss.forward(outputs.repeat(times, 0), targets.repeat(times, 0))
    # both are sums over 7 rows, one divided by the batch of 6, one by that of 7
    np.testing.assert_allclose(value * 6, repeated * 7)
    each, at = loss_case.loss.backward(again) * 7, np.repeat(np.arange(6), times)
    expected = np.zeros_like(outputs)
    np.add.at(expected, at, each)
    np.testing.assert_allclose(loss_case.loss.backward(cache, weights) * 6, expected, atol=1e-14)


def test_shared_weights_are_those_of_every_member(loss_case):
    outputs, targets = loss_case.problem(3)
    weights = np.arange(6.0)[None]
    value, cache = loss_case.loss.forward(outputs, targets, weights)
    own, own_cache = loss_case.loss.forward(outputs, targets, weights.repeat(3, 0))
    np.testing.assert_array_equal(value, own)
    np.testing.assert_array_equal(
        loss_case.loss.backward(cache, weights),
        loss_case.loss.backward(own_cache, weights.repeat(3, 0)),
    )


def test_weights_of_another_batch_are_refused():
    with pytest.raises(ShoalError, match=r"needs weights of shape \(2, 3\), not \(4,\)"):
        MeanSquaredError().forward(np.zeros((2, 3, 1)), np.zeros((3, 1)), np.ones(4))


def test_a_loss_without_a_formula_says_so():
    with pytest.raises(NotImplementedError):
        Loss().forward(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(NotImplementedError):
        Loss().backward(())


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
    "labels for yes and no": (BinaryCrossEntropy(), (3, 2), (3,)),
    "one column for two": (Huber(), (3, 2), (3, 1)),
    "one rate for all": (Poisson(), (3, 2), (1, 2)),
    "absolute errors of a square": (MeanAbsoluteError(), (3, 1), (3,)),
    "quantiles of a square": (Quantile(), (3, 1), (3,)),
}


@pytest.mark.parametrize(("loss", "outputs", "targets"), WRONG.values(), ids=WRONG)
def test_targets_that_would_broadcast_are_refused(loss, outputs, targets):
    with pytest.raises(ShoalError, match=r"needs targets of shape \(.*\), not \(.*\)"):
        loss.forward(np.zeros(outputs), np.zeros(targets, int))


def test_the_error_says_what_was_expected_and_what_came():
    with pytest.raises(ShoalError) as error:
        MeanSquaredError().forward(np.zeros((8, 3, 1)), np.zeros(3))
    assert str(error.value) == "MeanSquaredError() needs targets of shape (8, 3, 1), not (3,)"
