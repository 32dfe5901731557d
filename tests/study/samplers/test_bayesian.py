"""TPE and the Gaussian process: they learn, also from what diverged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from shoal import SGD, Recipe, choice, int_range, log_uniform, mlp, uniform
from shoal.study.samplers import Told, make_sampler
from shoal.study.space import Space


def quadratic(values: dict[str, Any]) -> float:
    """Best at lr 0.03, decay 1e-4."""
    lr, decay = values["optimizer.lr"], values["weight_decay"]
    return -((math.log10(lr / 0.03)) ** 2) - 0.3 * (math.log10(decay / 1e-4)) ** 2


def best_of(name: str, space: Space, seed: int, trials: int, batch: int = 16) -> float:
    """The best score that a sampler comes to."""
    sampler = make_sampler(name, space, seed)
    scores: list[float] = []
    while len(scores) < trials:
        asked = sampler.ask(batch)
        sampler.tell([Told(len(scores) + i, v, quadratic(v)) for i, v in enumerate(asked)])
        scores += map(quadratic, asked)
    return max(scores)


def test_tpe_beats_random_search_on_a_quadratic(two_dimensions):
    pairs = [
        (best_of("tpe", two_dimensions, s, 64), best_of("random", two_dimensions, s, 64))
        for s in range(20)
    ]
    assert sum(tpe > random for tpe, random in pairs) >= 14
    assert np.mean([tpe for tpe, _ in pairs]) > np.mean([random for _, random in pairs])


def test_the_gaussian_process_finds_the_peak_of_a_quadratic(two_dimensions):
    pytest.importorskip("torch")
    once = best_of("gp", two_dimensions, 0, 20, batch=4)
    assert once > best_of("random", two_dimensions, 0, 20)
    assert once > -0.05


def test_a_batch_of_the_gaussian_process_is_not_one_point_many_times(two_dimensions):
    pytest.importorskip("torch")
    sampler = make_sampler("gp", two_dimensions, 0)
    first = sampler.ask(16)
    sampler.tell([Told(i, v, quadratic(v)) for i, v in enumerate(first)])
    lrs = np.log10([v["optimizer.lr"] for v in sampler.ask(4)])
    assert len(set(np.round(lrs, 6))) == 4


def test_the_gaussian_process_takes_one_thread_and_gives_the_others_back(two_dimensions, capfd):
    torch = pytest.importorskip("torch")
    optuna = pytest.importorskip("optuna")
    before, level = torch.get_num_threads(), optuna.logging.get_verbosity()
    torch.set_num_threads(3)
    try:
        sampler = make_sampler("gp", two_dimensions, 0)
        first = sampler.ask(16)
        sampler.tell([Told(i, v, quadratic(v)) for i, v in enumerate(first)])
        threads: list[int] = []
        draw = sampler._study.sampler.sample_relative
        sampler._study.sampler.sample_relative = lambda *of: (
            threads.append(torch.get_num_threads()) or draw(*of)
        )
        sampler.ask(1)
        assert (threads, torch.get_num_threads()) == ([1], 3)
    finally:
        torch.set_num_threads(before)
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr().err == ""


def test_tpe_learns_to_avoid_what_diverges(two_dimensions):
    def score(values: dict[str, Any]) -> float:
        lr = values["optimizer.lr"]
        return -math.inf if lr > 0.03 else -abs(math.log10(lr / 0.003))

    gone = []
    sampler = make_sampler("tpe", two_dimensions, 0)
    for batch in range(6):
        asked = sampler.ask(16)
        sampler.tell([Told(16 * batch + i, v, score(v)) for i, v in enumerate(asked)])
        gone.append(sum(score(v) == -math.inf for v in asked))
    assert gone[0] >= 4  # of 16, from a range of which two fifths diverge
    assert sum(gone[2:]) <= 12  # of 64


def test_when_all_diverge_it_goes_on(two_dimensions):
    sampler = make_sampler("tpe", two_dimensions, 0)
    for batch in range(3):
        asked = sampler.ask(16)
        sampler.tell([Told(16 * batch + i, v, -math.inf) for i, v in enumerate(asked)])
    assert len(sampler.ask(16)) == 16


def test_every_kind_of_dimension_is_understood():
    space = Space(
        Recipe(
            mlp([int_range(2, 64, log=True)], choice(["relu", "tanh"]), dropout=uniform(0, 0.5)),
            SGD(lr=log_uniform(1e-3, 1)),
            batch_size=choice([16, 32]),
        )
    )
    sampler = make_sampler("tpe", space, 0)
    for batch in range(4):
        asked = sampler.ask(16)
        sampler.tell([Told(16 * batch + i, v, v["optimizer.lr"]) for i, v in enumerate(asked)])
    assert {type(v) for v in asked[0].values()} == {int, str, float}
    assert np.median([v["optimizer.lr"] for v in asked]) > 0.1


def test_optunas_own_loudness_is_left_alone(two_dimensions):
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    make_sampler("tpe", two_dimensions, 0).ask(2)
    assert optuna.logging.get_verbosity() == before
