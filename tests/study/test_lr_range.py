"""The learning-rate finder, held against a problem whose edge of divergence is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

import shoal
from shoal import LrRange, Recipe, ShoalError, lr_range
from shoal.study.lr_range import SAFETY

LINEAR = Recipe(shoal.Network((shoal.Affine(),)), shoal.SGD(), batch_size=64)


@pytest.fixture(scope="module")
def line() -> shoal.Dataset:
    """One standardised feature: the squared error of θ = (w, b) has the Hessian 2·I."""
    x = np.tile([-1.0, 1.0], 48)[:, None]
    return shoal.Dataset.from_arrays(x, 3 * x[:, 0] + 1, valid=16, test=16)


@pytest.fixture(scope="module")
def digits() -> shoal.Dataset:
    return shoal.load("digits").take(400)


def found(**changes: object) -> LrRange:
    """A ladder of four rates made by hand."""
    lr = np.array([0.01, 0.1, 1.0, 10.0])
    loss = np.array([[2.0, 2.0], [0.5, 0.7], [0.4, 0.5], [np.nan, 3.0]])
    given = {"lr": lr, "loss": loss, "diverged": np.where(np.isnan(loss), 5, -1), "start": 2.2}
    return LrRange(LINEAR, **{**given, "steps": 50, **changes})


def test_on_a_parabola_the_edge_is_two_over_the_curvature(line):
    # full batches: θ - θ* shrinks by |1 - 2 lr| a step, so rates above 1 diverge, 0.5 is best
    ladder = lr_range(LINEAR, line, low=1e-3, high=10, points=32, steps=200, seeds=2)
    below, above = ladder.lr[ladder.lr < 1].max(), ladder.lr[ladder.lr > 1].min()
    assert ladder.edge == above
    assert 0.05 < ladder.suggestion <= above / SAFETY
    mean, start = ladder.mean, ladder.start
    assert mean[ladder.lr == below] < 1e-6 * start
    # the lowest rate follows its closed form: loss ∝ (1 - 2 lr)^(2 t) over the last steps
    factors = (1 - 2 * ladder.lr[0]) ** (2 * np.arange(180, 200))
    assert mean[0] == pytest.approx(start * factors.mean(), rel=1e-3)


def test_the_losses_of_the_ladder_are_those_of_trainings_one_by_one(digits):
    recipe = Recipe(shoal.mlp([8]), shoal.Momentum(lr=123.0), batch_size=32)
    ladder = lr_range(recipe, digits, low=1e-3, high=0.5, points=3, steps=30, seeds=[4, 7])
    assert ladder.loss.shape == ladder.diverged.shape == (3, 2)
    for i, lr in enumerate(np.geomspace(1e-3, 0.5, 3)):
        for j, seed in enumerate([4, 7]):
            alone = shoal.Trainer(
                recipe.replace({"optimizer.lr": float(lr)}), digits, steps=30, seeds=[seed]
            ).run()
            losses = alone.history.curve(0, "loss").values.astype(np.float64)
            assert ladder.loss[i, j] == losses[-3:].mean()
    assert ladder.best == recipe.replace({"optimizer.lr": ladder.suggestion})


def test_the_schedule_runs_over_the_steps_of_the_ladder(digits):
    plain = Recipe(shoal.mlp([8]), shoal.SGD(), batch_size=32)
    cosine = plain.replace({"schedule": {"kind": "Cosine"}})
    settings = {"low": 1e-3, "high": 0.1, "points": 2, "steps": 20, "seeds": 1}
    with_it, without = (lr_range(r, digits, **settings).loss for r in (cosine, plain))
    assert (with_it > without).all()  # half of the rate on average learns less


def test_regression_has_a_ladder_too():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 3))
    data = shoal.Dataset.from_arrays(x, np.sin(x.sum(axis=1)))
    ladder = lr_range(Recipe(shoal.mlp([16]), shoal.Adam(), batch_size=32), data, seeds=2, steps=80)
    assert 1e-4 < ladder.suggestion < ladder.edge


def test_the_suggestion_keeps_away_from_the_edge():
    assert found().edge == 10.0
    assert found().suggestion == 1.0
    tight = found(lr=np.array([0.01, 0.1, 1.0, 2.9]))  # 1.0 is less than three times below it
    assert tight.suggestion == 0.1


def test_what_learned_nothing_above_the_best_rate_is_broken_too():
    loss = np.array([[2.1], [0.5], [2.1], [0.6]])
    ladder = found(loss=loss, diverged=np.full((4, 1), -1))
    assert ladder.edge == 1.0
    assert "training breaks from 1 on" in str(ladder)


def test_without_a_broken_rate_there_is_no_edge():
    loss = np.array([[2.1], [1.5], [0.9], [0.6]])
    ladder = found(loss=loss, diverged=np.full((4, 1), -1))
    assert ladder.edge == math.inf
    assert ladder.suggestion == 10.0
    assert str(ladder) == (
        "suggested learning rate: 10 (no rate broke it; the best is the highest tried, so give a "
        "larger high; 4 rates from 0.01 to 10, 50 steps, 1 seed)"
    )
    assert ladder.to_dict()["edge"] is None


def test_rates_that_teach_nothing_are_one_clear_line(digits):
    ladder = lr_range(
        Recipe(shoal.mlp([8]), shoal.SGD()), digits, low=1e-9, high=1e-7, points=3, steps=20
    )
    line = (
        "no learning rate from 1e-09 to 1e-07 learned anything in 20 steps; "
        "give more steps or another range"
    )
    with pytest.raises(ShoalError, match=f"^{line}$"):
        _ = ladder.suggestion
    with pytest.raises(ShoalError, match=r"^no learning rate"):
        _ = ladder.best
    assert str(ladder).startswith(line)
    assert ladder.to_dict()["suggestion"] is None


def test_a_ladder_that_diverges_altogether_is_one_clear_line(line):
    ladder = lr_range(LINEAR, line, low=1e9, high=1e12, points=3, steps=40, seeds=2)
    assert (ladder.diverged > 0).all()
    assert np.isnan(ladder.loss).all()
    assert ladder.edge == 1e9
    with pytest.raises(ShoalError, match=r"diverged; give a lower range$"):
        _ = ladder.suggestion


def test_a_rate_with_a_diverged_seed_has_no_mean():
    ladder = found()
    assert np.isnan(ladder.mean[-1])
    np.testing.assert_allclose(ladder.mean[:3], [2.0, 0.6, 0.45])


def test_ctrl_c_is_not_half_a_ladder(digits, monkeypatch):
    def stopped(trainer):
        trainer.interrupted = True
        return trainer

    monkeypatch.setattr(shoal.Trainer, "run", stopped)
    with pytest.raises(KeyboardInterrupt):
        lr_range(Recipe(shoal.mlp([8]), shoal.SGD()), digits)


SPACE = Recipe(shoal.mlp([8]), shoal.Momentum(momentum=shoal.uniform(0.5, 0.9)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"low": 0}, r"^low=0 must be a number > 0"),
        ({"low": 0.1, "high": 0.01}, r"^high=0.01 must be a number > 0.1"),
        ({"points": 1}, r"^points=1 must be a whole number >= 2"),
        ({"steps": 9}, r"^steps=9 must be a whole number >= 10"),
        ({"seeds": 0}, r"^seeds=0 must be a whole number >= 1"),
        ({"recipe": "SGD"}, r"^recipe='SGD' must be a Recipe"),
        ({"recipe": SPACE}, r"has distributions in it"),
        ({"data": "digits"}, r"^data='digits' must be a Dataset"),
    ],
)
def test_bad_input_is_one_clear_line(digits, settings, words):
    given = {"recipe": LINEAR, "data": digits, **settings}
    with pytest.raises(ShoalError, match=words):
        lr_range(given.pop("recipe"), given.pop("data"), **given)
