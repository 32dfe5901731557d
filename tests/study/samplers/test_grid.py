"""Grid search: every combination once."""

from __future__ import annotations

import pytest

from shoal import SGD, Recipe, ShoalError, choice, int_range, log_uniform, mlp, uniform
from shoal.study.samplers import GridSampler
from shoal.study.samplers.grid import axis
from shoal.study.space import Space


def test_every_combination_comes_once_the_last_dimension_fastest():
    space = Space(
        Recipe(
            mlp([int_range(2, 4)]),
            SGD(lr=log_uniform(0.01, 1)),
            weight_decay=choice([0.0, 0.1]),
        )
    )
    grid = GridSampler(space, points=3)
    asked = grid.ask(1000)
    assert len(asked) == len(grid) == 3 * 3 * 2
    assert [tuple(v.values()) for v in asked[:3]] == [(2, 0.01, 0.0), (2, 0.01, 0.1), (2, 0.1, 0.0)]
    assert len({tuple(v.values()) for v in asked}) == 18
    assert grid.ask(1) == []


def test_what_does_not_exist_is_not_multiplied(conditional):
    grid = GridSampler(conditional, points={"optimizer[Momentum].lr": 2})
    asked = grid.ask(1000)
    # 3 widths or 2 depths; 5 rates of SGD, or 2 rates and 5 momenta of Momentum
    assert len(grid) == len(asked) == (3 + 2) * (5 + 2 * 5)
    assert len({tuple(sorted(map(str, v.items()))) for v in asked}) == len(asked)


def test_what_nobody_could_list_is_counted():
    space = Space(Recipe(mlp([int_range(1, 9)] * 20), SGD()))
    assert len(GridSampler(space)) == 5**20


def test_axes_reach_both_ends():
    assert axis(uniform(0, 1), 3) == [0.0, 0.5, 1.0]
    assert axis(choice(["a", "b"]), 5) == ["a", "b"]
    assert axis(int_range(1, 100), 3) == [1, 51, 100]
    assert axis(int_range(1, 100, log=True), 3) == [1, 10, 100]
    assert axis(int_range(3, 4), 9) == [3, 4]


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (1, "points=1 must be a whole number >= 2"),
        ({"optimizer": 1}, r"points\['optimizer'\]=1 must be a whole number >= 2"),
        ({"lr": 3}, "points: 'lr' is no dimension; known: network, "),
    ],
)
def test_points_that_do_not_fit_are_refused(conditional, points, message):
    with pytest.raises(ShoalError, match=f"^{message}"):
        GridSampler(conditional, points=points)
