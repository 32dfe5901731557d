"""Random and quasi-random search: where their points lie."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, qmc

from shoal import SGD, Recipe, choice, log_uniform, mlp, uniform
from shoal.study.samplers import RandomSampler, SobolSampler
from shoal.study.space import Space


def points(sampler: RandomSampler | SobolSampler, count: int) -> np.ndarray:
    """Where trials lie in the unit cube."""
    return np.array(
        [
            [d.distribution.place(values[d.path]) for d in sampler.space.dimensions]
            for values in sampler.ask(count)
        ]
    )


def test_random_draws_are_uniform_and_independent(two_dimensions):
    u, v = points(RandomSampler(two_dimensions, 0), 2000).T
    assert kstest(u, "uniform").pvalue > 0.01
    assert kstest(v, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.06


@pytest.mark.parametrize("count", [16, 32, 100])
def test_sobol_covers_a_space_more_evenly(two_dimensions, count):
    ratios = [
        qmc.discrepancy(points(SobolSampler(two_dimensions, seed), count))
        / qmc.discrepancy(points(RandomSampler(two_dimensions, seed), count))
        for seed in range(10)
    ]
    assert np.median(ratios) < 0.5


def test_sobol_has_an_axis_for_each_dimension_of_an_option():
    rates = [SGD(lr=log_uniform(0.1, 1)), SGD(lr=log_uniform(1, 10))]
    space = Space(Recipe(mlp([2]), choice(rates), weight_decay=uniform(0, 1)))
    asked = SobolSampler(space, 1).ask(64)
    chosen = [values["optimizer"] for values in asked]
    assert chosen.count("SGD 1") == chosen.count("SGD 2") == 32
    for label, low in (("SGD 1", 0.1), ("SGD 2", 1.0)):
        path = f"optimizer[{label}].lr"
        us = np.log10([v[path] / low for v in asked if v["optimizer"] == label])
        assert kstest(us, "uniform").pvalue > 0.2
        assert all((path in v) == (v["optimizer"] == label) for v in asked)
