"""The losses of regression: what they cost, and what the best answer to each is."""

import numpy as np
import pytest
from scipy.special import huber as scipy_huber

from shoal.errors import ShoalError
from shoal.nn import Huber, MeanAbsoluteError, MeanSquaredError, Poisson, Quantile

RNG = np.random.default_rng(0)
TARGETS = RNG.gamma(2.0, 1.5, (501, 1))  # skew, so that mean, median and quantiles differ


def best_constant(loss, start=1.0):
    """The one answer to all targets at which the slope of the mean loss changes its sign."""
    low, high = -5.0, 25.0
    for _ in range(80):
        middle = 0.5 * (low + high)
        _, cache = loss.forward(np.full_like(TARGETS, middle), TARGETS)
        if loss.backward(cache).sum() > 0:
            high = middle
        else:
            low = middle
    return 0.5 * (low + high)


BEST = {
    "mean squared error": (MeanSquaredError(), TARGETS.mean()),
    "mean absolute error": (MeanAbsoluteError(), np.median(TARGETS)),
    "a wide Huber": (Huber(delta=1e3), TARGETS.mean()),
    "a narrow Huber": (Huber(delta=1e-9), np.median(TARGETS)),
    "Poisson": (Poisson(), np.log(TARGETS.mean())),
    "the 10 % quantile": (Quantile(q=0.1), np.sort(TARGETS.ravel())[50]),
    "the median": (Quantile(), np.median(TARGETS)),
    "the 90 % quantile": (Quantile(q=0.9), np.sort(TARGETS.ravel())[450]),
}


@pytest.mark.parametrize(("loss", "best"), BEST.values(), ids=BEST)
def test_the_best_answer_is(loss, best):
    assert best_constant(loss) == pytest.approx(best, abs=1e-8)


def test_mean_squared_error_is_the_mean_over_outputs_and_rows():
    y, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 4.0]])
    value, cache = MeanSquaredError().forward(y, t)
    assert value == (4 + 9) / 4
    np.testing.assert_array_equal(MeanSquaredError().backward(cache), [[0, 1], [1.5, 0]])


def test_mean_absolute_error_is_the_mean_over_outputs_and_rows():
    y, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0, 0.0], [0.0, 9.0]])
    value, cache = MeanAbsoluteError().forward(y, t)
    assert value == (2 + 3 + 5) / 4
    np.testing.assert_array_equal(MeanAbsoluteError().backward(cache), [[0, 0.25], [0.25, -0.25]])


@pytest.mark.parametrize("delta", [0.1, 1.0, 2.5])
def test_huber_equals_scipy(delta):
    y, t = RNG.standard_normal((50, 3)), RNG.standard_normal((50, 3))
    rows, _ = Huber(delta=delta).per_row(y, t)
    np.testing.assert_allclose(rows, scipy_huber(delta, y - t).mean(axis=1), rtol=1e-12)


def test_the_pieces_of_huber_meet():
    delta = 0.75
    for sign in (-1, 1):
        e = sign * delta * np.array([[1 - 1e-9], [1 + 1e-9]])
        rows, cache = Huber(delta=delta).per_row(e, np.zeros((2, 1)))
        assert rows[0] == pytest.approx(rows[1], rel=1e-8)
        slopes = Huber(delta=delta).backward(cache).ravel()
        np.testing.assert_allclose(slopes, sign * delta / 2, rtol=1e-8)


def test_half_the_absolute_error_is_the_median_s_pinball_loss_bit_for_bit():
    y, t = RNG.standard_normal((50, 3)), RNG.standard_normal((50, 3))
    y[::7] = t[::7]
    half, half_cache = Quantile(q=0.5).forward(y, t)
    whole, cache = MeanAbsoluteError().forward(y, t)
    assert half == 0.5 * whole
    np.testing.assert_array_equal(
        Quantile(q=0.5).backward(half_cache), 0.5 * MeanAbsoluteError().backward(cache)
    )


def test_the_pinball_loss_costs_q_above_and_the_rest_below():
    y, t = np.array([[1.0], [1.0], [1.0]]), np.array([[4.0], [-2.0], [1.0]])
    rows, cache = Quantile(q=0.9).per_row(y, t)
    np.testing.assert_allclose(rows, [2.7, 0.3, 0])
    np.testing.assert_allclose(Quantile(q=0.9).backward(cache).ravel() * 3, [-0.9, 0.1, 0])


def test_poisson_is_the_negative_log_likelihood_but_for_the_factorial():
    from scipy.special import gammaln
    from scipy.stats import poisson

    z, t = RNG.standard_normal((40, 2)), RNG.poisson(3.0, (40, 2)).astype(float)
    rows, _ = Poisson().per_row(z, t)
    expected = (-poisson.logpmf(t, np.exp(z)) - gammaln(t + 1)).mean(axis=1)
    np.testing.assert_allclose(rows, expected, rtol=1e-10)
    np.testing.assert_allclose(Poisson().predict(z), np.exp(z))


def test_poisson_refuses_negative_targets():
    Poisson().check_targets(np.array([[0.0], [3.5]]))
    with pytest.raises(ShoalError, match=r"Poisson\(\) needs targets >= 0, not -1.5; .*mean"):
        Poisson().check_targets(np.array([[1.0], [-1.5]]))


HUGE = {
    "absolute error": (MeanAbsoluteError(), 1e4, [1, -1]),
    "Huber": (Huber(delta=2.0), 2 * (1e4 - 1), [2, -2]),
    "pinball": (Quantile(q=0.75), (0.25 + 0.75) / 2 * 1e4, [0.25, -0.75]),
}


@pytest.mark.parametrize(("loss", "value", "slopes"), HUGE.values(), ids=HUGE)
def test_huge_outputs_stay_finite_and_exact_in_float32(loss, value, slopes):
    y, t = np.array([[1e4], [-1e4]], np.float32), np.zeros((2, 1), np.float32)
    found, cache = loss.forward(y, t)
    assert found == np.float32(value)
    np.testing.assert_array_equal(loss.backward(cache).ravel(), np.float32(slopes) / 2)


def test_a_rate_beyond_float32_is_an_infinite_loss_and_a_tiny_one_costs_its_target():
    y, t = np.array([[1e4], [-1e4]], np.float32), np.array([[1.0], [2.0]], np.float32)
    with np.errstate(over="ignore"):
        rows, cache = Poisson().per_row(y, t)
    assert rows.tolist() == [np.inf, 2e4]
    assert Poisson().backward(cache).ravel().tolist() == [np.inf, -1]


@pytest.mark.parametrize("wrong", [0, -1, np.inf, "far"])
def test_a_delta_out_of_range_is_refused(wrong):
    with pytest.raises(ShoalError, match=r"delta=.* must be a number > 0"):
        Huber(delta=wrong)


@pytest.mark.parametrize("wrong", [0, 1, 90])
def test_a_q_out_of_range_is_refused(wrong):
    with pytest.raises(ShoalError, match=r"q=.* must be a number > 0 and < 1"):
        Quantile(q=wrong)


def test_outputs_of_the_others_are_their_predictions():
    y = RNG.standard_normal((2, 3))
    for loss in (MeanSquaredError(), MeanAbsoluteError(), Huber(), Quantile()):
        assert loss.predict(y) is y
