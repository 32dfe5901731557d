"""Shares of variance are what can be worked out by hand, also where dimensions are conditional."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import shoal
from shoal import ShoalError
from shoal.rng import generator
from shoal.study.importance import (
    ABSENT,
    LEAST,
    MOST,
    Effects,
    comparable_scores,
    encode,
    importance,
    places,
)
from shoal.study.space import Space
from shoal.study.trial import Trial

UNIFORM = shoal.log_uniform(1e-3, 1.0)


def space_of(**changes):
    return Space(shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=UNIFORM), **changes))


@pytest.fixture(scope="module")
def plain():
    """Three dimensions: lr, decay, batch size."""
    return space_of(weight_decay=shoal.uniform(0.0, 1.0), batch_size=shoal.int_range(8, 128, True))


@pytest.fixture(scope="module")
def conditional():
    """An optimizer of three kinds; two have a rate, one of these a momentum."""
    kinds = [
        shoal.SGD(lr=UNIFORM),
        shoal.Momentum(lr=UNIFORM, momentum=shoal.uniform(0.5, 0.9)),
        shoal.Adam(),
    ]
    return Space(
        shoal.Recipe(shoal.mlp([8]), shoal.choice(kinds), weight_decay=shoal.uniform(0.0, 1.0))
    )


def column(space, path):
    return [d.path for d in space.dimensions].index(path)


def trials_of(space, count, seed=0):
    us = generator(seed, "sample", 9).random((count, len(space.dimensions)))
    paths = [d.path for d in space.dimensions]
    return [
        Trial(i, space.at(dict(zip(paths, row, strict=True)))) for i, row in enumerate(us.tolist())
    ]


class TestClosedForms:
    def test_an_additive_function(self, plain):
        """f = 3 u + v: variances 9/12 and 1/12, so shares 0.9 and 0.1, and nothing together."""
        effects = Effects(plain, lambda x: 3 * x[:, 0] + x[:, 1])
        main = effects.mains()
        assert main["optimizer.lr"] == pytest.approx(0.9, abs=0.005)
        assert main["weight_decay"] == pytest.approx(0.1, abs=0.005)
        assert main["batch_size"] == pytest.approx(0, abs=1e-12)
        pairs = effects.pairs(list(main))
        assert len(pairs) == 3
        assert max(pairs.values()) < 1e-12

    def test_an_interaction(self, plain):
        """f = (2u - 1)(2v - 1): no main effects, all of it the pair's."""
        effects = Effects(plain, lambda x: (2 * x[:, 0] - 1) * (2 * x[:, 1] - 1))
        assert max(effects.mains().values()) < 0.01
        assert effects.pairs(["optimizer.lr", "weight_decay"])[
            "optimizer.lr", "weight_decay"
        ] == pytest.approx(1, abs=0.03)

    def test_a_product(self, plain):
        """f = u v: V = 7/144; each main 1/48, the pair 1/144: shares 3/7, 3/7, 1/7."""
        effects = Effects(plain, lambda x: x[:, 0] * x[:, 1], background=1024)
        main = effects.mains()
        assert main["optimizer.lr"] == pytest.approx(3 / 7, abs=0.02)
        assert main["weight_decay"] == pytest.approx(3 / 7, abs=0.02)
        [pair] = effects.pairs(["optimizer.lr", "weight_decay"]).values()
        assert pair == pytest.approx(1 / 7, abs=0.02)

    def test_a_conditional_dimension_counts_as_often_as_it_exists(self, conditional):
        """SGD's rate: p = 1/3 and variance 36/12 there, so 1; decay 1/3; the kind var(3, 1, 0)."""
        k = column(conditional, "optimizer[SGD].lr")
        kind = column(conditional, "optimizer")
        decay = column(conditional, "weight_decay")

        def f(x):
            there = x[:, k] != ABSENT
            level = np.select([x[:, kind] < 0.3, x[:, kind] < 0.6], [3.0, 1.0], 0.0)
            return np.where(there, 6 * (x[:, k] - 0.5), 0) + level + 2 * x[:, decay]

        parts = np.array([1.0, 4 / 12, np.var([3, 1, 0])])
        effects = Effects(conditional, f, background=1024)
        main = effects.mains()
        found = [main[p] for p in ("optimizer[SGD].lr", "weight_decay", "optimizer")]
        np.testing.assert_allclose(found, parts / parts.sum(), atol=0.01)
        assert main["optimizer[Momentum].lr"] == 0
        assert max(effects.pairs(list(main)).values()) < 0.01

    def test_a_pair_within_one_option(self, conditional):
        """Momentum × its rate, where both exist: V = p · var of the product of centred ones."""
        a = column(conditional, "optimizer[Momentum].lr")
        b = column(conditional, "optimizer[Momentum].momentum")

        def f(x):
            return np.where(x[:, a] == ABSENT, 0, (2 * x[:, a] - 1) * (2 * x[:, b] - 1))

        effects = Effects(conditional, f, background=2048)
        assert max(effects.mains().values()) < 0.01
        pairs = effects.pairs([d.path for d in conditional.dimensions])
        best = max(pairs, key=pairs.get)
        assert best == ("optimizer[Momentum].lr", "optimizer[Momentum].momentum")
        assert pairs[best] == pytest.approx(1, abs=0.1)  # a sixth of the background is there

    def test_what_never_exists_together_is_no_pair(self, conditional):
        pairs = Effects(conditional, lambda x: x.sum(axis=1)).pairs(
            [d.path for d in conditional.dimensions]
        )
        for a, b in pairs:
            assert not {a, b} >= {"optimizer[SGD].lr", "optimizer[Momentum].lr"}
            assert not a.startswith("optimizer") or not b.startswith(f"{a}[")

    def test_a_constant_has_no_shares(self, plain):
        assert set(Effects(plain, lambda x: np.ones(len(x))).mains().values()) == {0.0}

    def test_against_exact_sums_on_a_grid(self):
        """A forest over three choices has finitely many points: the decomposition by summing."""
        options = [16, 32, 64, 128]
        space = Space(
            shoal.Recipe(
                shoal.mlp([8], activation=shoal.choice(["relu", "tanh"])),
                shoal.SGD(lr=shoal.choice([0.1, 0.2, 0.4])),
                batch_size=shoal.choice(options),
            )
        )
        table = generator(3, "sample").standard_normal((2, 3, 4))

        def f(x):
            i, j, k = ((x[:, c] * n).astype(int) for c, n in enumerate((2, 3, 4)))
            return table[i, j, k]

        total = table.var()
        exact = {}
        for axis, path in enumerate(d.path for d in space.dimensions):
            others = tuple(a for a in range(3) if a != axis)
            exact[path] = table.mean(axis=others).var() / total
        effects = Effects(space, f, background=24 * 60)
        main = effects.mains()
        for path, share in exact.items():
            assert main[path] == pytest.approx(share, abs=0.03)
        paths = [d.path for d in space.dimensions]
        pairs = effects.pairs(paths)
        for (i, a), (j, b) in itertools.combinations(enumerate(paths), 2):
            [other] = {0, 1, 2} - {i, j}
            both = table.mean(axis=other).var() / total - exact[a] - exact[b]
            assert pairs[a, b] == pytest.approx(both, abs=0.12)


class TestEncoding:
    def test_points_are_where_their_values_are(self, conditional):
        paths = [d.path for d in conditional.dimensions]
        us = generator(0, "sample").random((200, len(paths)))
        slow = [
            places(conditional, conditional.at(dict(zip(paths, row, strict=True))))
            for row in us.tolist()
        ]
        np.testing.assert_allclose(encode(conditional, us), slow, atol=1e-9)

    def test_whole_numbers(self, plain):
        us = generator(1, "sample").random((100, 3))
        paths = [d.path for d in plain.dimensions]
        slow = [places(plain, plain.at(dict(zip(paths, row, strict=True)))) for row in us.tolist()]
        np.testing.assert_allclose(encode(plain, us), slow, atol=1e-9)


class TestForest:
    def test_it_finds_what_matters(self, conditional):
        trials = trials_of(conditional, 300)
        x = np.array([places(conditional, t.values) for t in trials])
        k = column(conditional, "optimizer[SGD].lr")
        noise = generator(0, "sample", 4).standard_normal(300)
        y = np.where(x[:, k] == ABSENT, 0, 2 * np.sin(6 * x[:, k])) + 0.05 * noise
        found = importance(conditional, trials, y.tolist())
        assert next(iter(found.main)) == "optimizer[SGD].lr"
        assert found.explained > 0.7
        assert sum(found.main.values()) + sum(found.pairs.values()) <= 1.1
        for path, (low, high) in found.ranges.items():
            assert 0 <= low <= found.main[path] <= high <= 1

    def test_noise_is_not_explained(self, plain):
        noise = generator(2, "sample").standard_normal(60)
        found = importance(plain, trials_of(plain, 60), noise.tolist())
        assert found.explained < 0.1

    def test_one_monster_is_not_all_of_the_variance(self, plain):
        trials = trials_of(plain, 100)
        x = np.array([places(plain, t.values) for t in trials])
        y = x[:, 0].copy()
        y[17] = -1e9
        found = importance(plain, trials, y.tolist())
        assert found.main["optimizer.lr"] > 0.8

    def test_diverged_count_as_the_worst(self, plain):
        trials = trials_of(plain, 200)
        x = np.array([places(plain, t.values) for t in trials])
        y = np.where(x[:, 0] > 0.7, -np.inf, 0.9 + 0.1 * x[:, 0])
        found = importance(plain, trials, y.tolist())
        assert found.main["optimizer.lr"] > 0.9

    def test_equal_scores(self, plain):
        found = importance(plain, trials_of(plain, 20), [0.5] * 20)
        assert set(found.main.values()) == {0.0}
        assert found.pairs == {}

    def test_thousands_are_thinned_and_it_says_so(self, plain):
        trials = trials_of(plain, MOST + 500)
        y = [places(plain, t.values)[0] for t in trials]
        found = importance(plain, trials, y)
        assert (found.trials, found.given) == (MOST, MOST + 500)
        assert found.main["optimizer.lr"] > 0.95

    def test_the_same_twice(self, plain):
        trials = trials_of(plain, 40)
        y = [places(plain, t.values)[1] for t in trials]
        assert importance(plain, trials, y, 1) == importance(plain, trials, y, 1)

    def test_too_few(self, plain):
        with pytest.raises(ShoalError, match=f"needs at least {LEAST} trials with a score, not 3"):
            importance(plain, trials_of(plain, 5), [0.1, 0.2, 0.3, -np.inf, -np.inf])


def test_scores_are_compared_at_one_budget():
    def trial(number, state, *scores):
        curve = [(b, s, 1.0) for b, s in zip((1, 3, 9), scores, strict=False)]
        budget = curve[-1][0] if curve else 1
        return Trial(number, {}, state=state, budget=budget, curve=curve)

    trials = [
        trial(0, "done", 0.1, 0.2, 0.3),
        trial(1, "dropped", 0.2, 0.4),
        trial(2, "dropped", 0.3),
        trial(3, "diverged"),
    ]
    chosen, scores = comparable_scores(trials)
    assert [t.number for t in chosen] == [0, 1, 3]
    assert scores == [0.2, 0.4, -np.inf]
    assert comparable_scores(trials[3:]) == ([], [])
