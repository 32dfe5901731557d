"""What is taken from the history: smoothing, the end, the best, the way to a target."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.comparison.curves import (
    best_values,
    final_values,
    loss_curve,
    seed_band,
    slowest_end,
    smooth,
    steps_to,
    trace,
    window,
)
from shoal.comparison.metrics import Metric

NAN = math.nan
PARTS = ("train", "valid", "test")


# --- smoothing --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "width"), [(0, 1), (1, 1), (39, 1), (40, 2), (2000, 100), (10**6, 100)]
)
def test_the_window_is_a_twentieth_of_the_run_and_at_most_100(steps, width):
    assert window(steps) == width


@given(st.lists(st.floats(0, 1e38), max_size=30), st.integers(1, 40))
def test_smoothing_is_the_mean_of_the_last_values(loss, width):
    exact = [
        float(sum(map(Fraction, loss[max(0, i + 1 - width) : i + 1])) / min(width, i + 1))
        for i in range(len(loss))
    ]
    np.testing.assert_allclose(smooth(np.array(loss), width), exact, rtol=1e-12)


def test_one_huge_loss_leaves_no_trace():
    assert smooth(np.array([0.5, 1e30, 0.5, 0.25, 0.75]), 2).tolist()[-2:] == [0.375, 0.5]


def test_a_curve_ends_where_its_member_diverged(history_of):
    told = history_of([("A", 0), ("A", 1)], [[4, 2, 3, 1], [4, 8, 9, NAN]], diverged=[-1, 2])
    assert loss_curve(told, 0).tolist() == [4, 2, 3, 1]
    assert loss_curve(told, 1).tolist() == [4, 8]


def test_all_curves_of_a_run_are_smoothed_alike(history_of):
    loss = np.tile([1.0, 3.0], (2, 40))
    told = history_of([("A", 0), ("A", 1)], loss, diverged=[-1, 10])
    assert np.array_equal(loss_curve(told, 1), loss_curve(told, 0)[:10])


# --- one number for each member ---------------------------------------------------------------


@pytest.fixture
def told(history_of):
    """Three members with four evaluations; the last one diverged after the second."""
    return history_of(
        [("A", 0), ("A", 1), ("B", 0)],
        [[4, 3, 2, 1], [5, 1, 2, 3], [1, 2, 9, NAN]],
        {
            "valid_accuracy": [[0.1, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4], [0.9, 0.9, NAN, NAN]],
            "test_accuracy": [[0.1, 0.5, 0.9, 0.6], [0.9, 0.2, 0.3, 0.5], [0.9, 0.9, NAN, NAN]],
            "valid_loss": [[4, 3, 2, 3], [5, 4, 4, 9], [9, 9, NAN, NAN]],
            "test_loss": [[1, 2, 3, 4], [5, 6, 7, 8], [9, 9, NAN, NAN]],
        },
        diverged=[-1, -1, 2],
    )


def test_the_end_of_each_member(told):
    np.testing.assert_array_equal(final_values(told, Metric("test_accuracy")), [0.6, 0.5, NAN])
    np.testing.assert_array_equal(final_values(told, Metric("loss")), [1, 3, NAN])


def test_the_best_is_chosen_by_the_validation_part_and_never_by_the_test_part(told):
    np.testing.assert_array_equal(best_values(told, Metric("test_accuracy")), [0.5, 0.5, NAN])
    np.testing.assert_array_equal(best_values(told, Metric("valid_accuracy")), [0.8, 0.4, NAN])


def test_the_best_of_a_loss_is_the_lowest(told):
    np.testing.assert_array_equal(best_values(told, Metric("test_loss")), [3, 6, NAN])
    np.testing.assert_array_equal(best_values(told, Metric("loss")), [1, 1, NAN])


def test_without_a_validation_part_the_metric_chooses_for_itself(history_of):
    told = history_of([("A", 0)], [[1, 1]], {"test_rmse": [[2, 3]], "test_r2": [[0.8, 0.7]]})
    assert best_values(told, Metric("test_rmse")) == [2]
    assert best_values(told, Metric("test_r2")) == [0.8]


def test_an_evaluation_that_is_no_number_is_not_the_best(history_of):
    metrics = {"valid_r2": [[NAN, 0.5, 0.4]], "test_r2": [[9, 0.7, 0.6]]}
    assert best_values(history_of([("A", 0)], [[1, 1, 1]], metrics), Metric("test_r2")) == [0.7]


def test_before_the_first_evaluation_there_is_nothing(history_of):
    told = history_of([("A", 0)], [[1.0, 1.0]], {"test_accuracy": np.empty((1, 0))})
    assert np.isnan(final_values(told, Metric("test_accuracy"))).all()
    assert np.isnan(best_values(told, Metric("test_accuracy"))).all()


# --- steps to a target ------------------------------------------------------------------------


def test_steps_are_counted_to_the_first_time_the_target_is_reached(history_of):
    loss = [[4, 3, 2, 3], [1, 9, 9, 9], [4, 4, 4, 2.01], [4, 1, NAN, NAN]]
    told = history_of([("A", seed) for seed in range(4)], loss, diverged=[-1, -1, -1, 2])
    np.testing.assert_array_equal(steps_to(told, 2.0), [3, 1, NAN, NAN])


def test_it_is_the_smoothed_loss_that_must_reach_the_target(history_of):
    lucky = [3.0] * 20 + [1.0] + [3.0] * 19  # one easy batch is not learning
    told = history_of([("A", 0), ("A", 1)], [lucky, [3.0] * 20 + [1.0] * 20])
    np.testing.assert_array_equal(steps_to(told, 1.5), [NAN, 22])


def test_no_target_is_never_reached(told):
    assert np.isnan(steps_to(told, NAN)).all()


# --- curves to draw ---------------------------------------------------------------------------


def test_the_band_of_an_arm_runs_from_its_lowest_to_its_highest_seed(told):
    band = seed_band([trace(told, member, "test_accuracy") for member in (0, 1)])
    assert band.steps.tolist() == [1, 2, 3, 4]
    assert band.low.tolist() == [0.1, 0.2, 0.3, 0.5]
    assert band.high.tolist() == [0.9, 0.5, 0.9, 0.6]
    np.testing.assert_allclose(band.mean, [0.5, 0.35, 0.6, 0.55])


def test_a_diverged_member_is_drawn_as_far_as_it_came(told):
    assert trace(told, 2, "test_accuracy").steps.tolist() == [1, 2]
    assert trace(told, 2, "loss").values.tolist() == [1, 2]


def test_an_arm_that_never_learned_sets_no_target(history_of):
    learned, stuck = [2.0] * 5 + [0.5] * 5, [2.0] * 10
    told = history_of([("A", 0), ("B", 0), ("C", 0)], [learned, stuck, [2.0] * 9 + [0.2]])
    assert slowest_end(told, [np.array([0]), np.array([1]), np.array([2])]) == 0.5
    assert slowest_end(told, [np.array([1])]) == 2.0


def test_the_first_batches_alone_reach_no_target(history_of):
    lucky = [0.1] + [3.0] * 39 + [0.1] * 40  # a window of 4 steps
    told = history_of([("A", 0)], [lucky])
    np.testing.assert_array_equal(steps_to(told, 0.2), [44])
