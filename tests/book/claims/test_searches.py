"""The claims about searching: how a setting is chosen, a range narrowed, a winner judged."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import shoal
from shoal.book.claims import guided_search, importance, ranges, sampling, winners
from shoal.book.searches import DECAY_PATH, LR_PATH, book_space, few
from shoal.study.samplers import Told

DATA = few(shoal.load("digits", valid=0), 0)


# --- 8: the best inside of a range against the best outside ------------------------------------


@given(arrays(float, (4, 5), elements=st.floats(0, 1)), st.integers(0, 3))
def test_no_seed_has_a_part_in_the_choice_it_is_judged_by(valid, seed):
    test = np.arange(20.0).reshape(4, 5)
    before = ranges.chosen(valid, test, [0, 2, 3])
    other = valid.copy()
    other[seed] = 1 - other[seed]
    assert ranges.chosen(other, test, [0, 2, 3])[seed] == before[seed]
    assert set(before - 5 * np.arange(4)) <= {0, 2, 3}


def test_what_all_seeds_agree_on_is_chosen():
    valid = np.tile([0.2, 0.9, 0.4, 0.8], (3, 1))
    test = np.arange(12.0).reshape(3, 4)
    assert ranges.chosen(valid, test, range(4)).tolist() == [1, 5, 9]
    assert ranges.chosen(valid, test, [0, 2, 3]).tolist() == [3, 7, 11]


def test_ranges_answer_from_what_was_measured(tested):
    judged = tested("ranges").judged
    rates = judged.numbers["rates"]
    for what, keep in (
        (ranges.SMALLER_RATES, lambda r: r < 0.001),
        (ranges.LARGER_RATES, lambda r: r > 0.01),
    ):
        for finding in (f for f in judged.findings if f.what == what):
            (n,) = [n for n in judged.numbers["best_rate"] if f" {n} " in finding.condition.en]
            valid, test = (
                judged.numbers[f"{part}_accuracy_by_rate"][n] for part in ("valid", "test")
            )
            inside = [i for i, r in enumerate(rates) if 0.001 <= r <= 0.01]
            outside = [i for i, r in enumerate(rates) if keep(r)]
            effects = []
            for s in range(5):
                seen = np.delete(valid, s, axis=0).mean(axis=0)
                best = [
                    max(places, key=lambda i: round(seen[i], 9)) for places in (inside, outside)
                ]
                effects.append(test[s, best[0]] - test[s, best[1]])
            assert finding.effect == pytest.approx(np.mean(effects))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_rate_that_diverges_is_a_guess_at_all_times_after():
    data = shoal.load("digits", valid=0)
    done = [
        ranges.swept(LR_PATH, [0.1, 1e30], {DECAY_PATH: 0.0}, data, seed, (1, 3))
        for seed in range(2)
    ]
    for epochs in (1, 3):
        for table in ranges.tables(done, epochs):
            assert table.shape == (2, 2)
            assert (table[:, 1] == 0.1).all()
    valid, test = ranges.tables(done, 3)
    assert test[0, 0] == done[0].values("test_accuracy")["0.1"][0]
    assert not np.array_equal(valid[0], valid[1])  # each seed has its own images


def test_rates_and_decays_called_good_are_among_those_tried():
    assert {0.001, 0.01} <= set(ranges.RATES)
    assert {0.0, 1e-8, 1e-6} <= set(ranges.DECAYS)
    ratios = np.diff(np.log10(ranges.RATES))
    assert ratios == pytest.approx(0.25, abs=2e-3)


# --- what a search is worth ---------------------------------------------------------------------


def test_all_ways_of_searching_share_images_weights_and_fresh_seeds():
    one = winners.searched(book_space(), DATA, 3, trials=4, epochs=1)
    two = winners.searched(book_space(), DATA, 3, trials=6, epochs=1)
    assert [t.values for t in one.trials] == [t.values for t in two.trials[:4]]
    assert [t.score for t in one.trials] == [t.score for t in two.trials[:4]]
    assert one.final.seeds == two.final.seeds == (301, 302, 303, 304, 305)
    assert winners.worth(one, DATA) == pytest.approx(np.mean(one.test.values))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_search_that_finds_nothing_is_worth_a_guess():
    hopeless = book_space(**{LR_PATH: shoal.uniform(1e29, 1e30)})
    study = winners.searched(hopeless, DATA, 0, trials=3, epochs=2)
    assert study is None
    assert winners.worth(study, DATA) == 0.1
    assert math.isnan(guided_search.winning_rate(study))
    assert np.isnan(guided_search.curve(study, 3)).all()


def test_a_winner_that_diverges_now_and_then_counts_as_a_guess_there():
    study = winners.searched(book_space(), DATA, 0, trials=3, epochs=1)
    values = study.test.values[:3]
    study.test = shoal.study.finals.OnTest(
        study.test.metric, study.test.rows, 3, values,
        shoal.comparison.statistics.mean_interval(values), study.test.ensemble,
    )  # fmt: skip
    assert winners.worth(study, DATA) == pytest.approx((sum(values) + 2 * 0.1) / 5)


def test_other_mistakes_are_not_taken_for_a_search_that_found_nothing():
    with pytest.raises(shoal.ShoalError, match="trials=0"):
        winners.searched(book_space(), DATA, 0, trials=0, epochs=1)


# --- 9: narrowing -------------------------------------------------------------------------------


def rounds(score, seed, batch=15, number=4):
    """Ranges and values of several rounds in which a trial scores by its values."""
    sampler = guided_search.Narrowing((1e-6, 1.0), (1e-8, 1e-4), seed, batch)
    found = []
    for k in range(number):
        before = dict(sampler.ranges)
        values = sampler.ask(batch)
        found.append((before, values))
        sampler.tell([Told(k * batch + i, v, score(v)) for i, v in enumerate(values)])
    return found


@given(st.integers(0, 10_000), st.floats(-6, 0))
def test_ranges_never_grow_and_never_lose_the_best_value(seed, best):
    found = rounds(lambda v: -abs(math.log10(v[LR_PATH]) - best), seed)
    for (now, values), (after, _) in pairwise(found):
        for path, (low, high) in now.items():
            assert all(low <= v[path] <= high for v in values)
            assert low <= after[path][0] <= after[path][1] <= high
        low, high = after[LR_PATH]
        assert math.log10(low) - 1e-9 <= best <= math.log10(high) + 1e-9


def test_a_range_reaches_to_the_neighbours_of_the_best_fifth():
    (_, values), (after, _) = rounds(lambda v: -v[DECAY_PATH], seed=1, batch=20, number=2)
    best = sorted(values, key=lambda v: v[DECAY_PATH])[:4]
    tried = sorted(v[DECAY_PATH] for v in values)
    assert after[DECAY_PATH] == (1e-8, tried[4])  # nothing was tried below the best
    rates = sorted(v[LR_PATH] for v in values)
    low, high = (rates.index(f(v[LR_PATH] for v in best)) for f in (min, max))
    padded = [1e-6, *rates, 1.0]
    assert after[LR_PATH] == (padded[low], padded[high + 2])


def test_narrowing_comes_nearer_than_random_draws_where_scores_have_no_noise():
    off = {"narrowing": [], "random": []}
    for seed in range(40):
        found = rounds(lambda v: -abs(math.log10(v[LR_PATH]) + 2), seed, batch=16, number=3)
        rates = np.log10([v[LR_PATH] for _, values in found for v in values])
        off["narrowing"].append(np.abs(rates + 2).min())
        off["random"].append(np.abs(np.random.default_rng(seed).uniform(-6, 0, 48) + 2).min())
    assert np.mean(off["narrowing"]) < 0.4 * np.mean(off["random"])


def test_the_three_ways_spend_the_same_trials(tested):
    judged = tested("guided-search").judged
    trials = judged.numbers["trials"]
    for ways in judged.numbers["best_so_far"].values():
        assert set(ways) == {"random", "narrowing", "tpe"}
        for curves in ways.values():
            assert curves.shape == (5, trials)
            assert (np.diff(curves[np.isfinite(curves).all(axis=1)]) >= 0).all()
    high = {name: float(name.split(" to ")[1]) for name in judged.numbers["winning_rate"]}
    for name, ways in judged.numbers["winning_rate"].items():
        assert all((rates <= high[name]).all() for rates in ways.values())


def test_guided_searches_are_judged_by_their_winners(tested):
    judged = tested("guided-search").judged
    test = judged.numbers["test_accuracy"]
    book, wide = test["1e-06 to 0.01"], test["1e-06 to 1"]
    effects = [f.effect for f in judged.findings]
    assert effects == pytest.approx([
        np.mean(book["narrowing"] - book["random"]),
        np.mean(wide["narrowing"] - wide["random"]),
        np.mean(book["tpe"] - book["random"]),
        np.mean(wide["tpe"] - wide["random"]),
        np.mean(wide["random"] - book["narrowing"]),
        np.mean(wide["random"] - book["tpe"]),
    ])  # fmt: skip


# --- 10: scales and grids -----------------------------------------------------------------------


def test_both_scales_take_the_same_random_numbers():
    found = sampling.on_both_scales((1e-4, 1.0), DATA, 2, trials=7, epochs=1)
    linear, log = (
        np.array([t.values[LR_PATH] for t in found[scale].trials]) for scale in ("linear", "log")
    )
    assert np.log10(log) / 4 + 1 == pytest.approx((linear - 1e-4) / (1 - 1e-4), abs=1e-9)
    assert len(linear) == 7


def test_a_grid_tries_five_values_and_random_search_as_many_as_it_has_trials():
    space = sampling.planes(0)["decay"]
    found = sampling.grid_and_random(space, DATA, 0, epochs=1)
    tried = {
        way: {t.values[path] for t in study.trials}
        for way, study in found.items()
        for path in (LR_PATH,)
    }
    assert [len(found[way].trials) for way in ("grid", "random")] == [25, 25]
    assert [len(tried[way]) for way in ("grid", "random")] == [5, 25]


def test_grids_shift_so_that_their_values_lie_everywhere_alike():
    at = []
    for repetition in range(30):
        space = sampling.planes(repetition)["decay"]
        low, high = space.optimizer.lr.low, space.optimizer.lr.high
        assert high / low == pytest.approx(1e4)
        assert 0.1 <= high <= 1
        at.append(math.log10(high) + 1)
    gaps = np.diff(np.sort([0, *at, 1]))
    assert gaps.max() < 0.1  # of 30 evenly spread ones each is 0.03


def test_sampling_is_judged_by_winners_and_says_their_numbers(tested):
    judged = tested("sampling").judged
    test = judged.numbers["test_accuracy"]
    pairs = [("log", "linear")] * 3 + [("random", "grid")] * 2
    assert [f.effect for f in judged.findings] == pytest.approx(
        [np.mean(ways[a] - ways[b]) for ways, (a, b) in zip(test.values(), pairs, strict=True)]
    )
    for ways in test.values():
        for accuracy in ways.values():
            assert f"{100 * accuracy.mean():.1f} %" in judged.words["en"]


def test_a_linear_scale_spends_its_trials_in_the_top_decade(tested):
    for name, ways in tested("sampling").judged.numbers["learning_rates"].items():
        tenth = float(name.split(" to ")[1]) / 10
        assert (ways["linear"] > tenth).mean() > 0.75
        assert (ways["log"] > tenth).mean() < 0.5


# --- 11: importance -----------------------------------------------------------------------------


def test_every_space_has_what_is_ranked():
    def paths(way):
        return {d.path for d in shoal.study.Space(importance.spaces()[way]).dimensions}

    plain = {"optimizer.lr", *importance.SECOND, *importance.THIRD}
    assert paths("momentum") == paths("momentum, narrow") == plain
    assert paths("adam") == plain - {"optimizer.momentum"} | set(importance.NEVER)
    assert len(importance.NAMES) == 1 + 3 + 2 + 3


def test_shares_are_parts_of_one_whole_and_findings_their_differences(tested):
    judged = tested("importance").judged
    share = judged.numbers["share"]
    for ways in share.values():
        total = np.sum(list(ways.values()), axis=0)
        assert ((total > 0) & (total <= 1 + 1e-9)).all()
    for finding, way in zip(judged.findings, share, strict=False):  # the first statement
        others = [values for path, values in share[way].items() if path != "optimizer.lr"]
        expected = np.mean(share[way]["optimizer.lr"] - np.max(others, axis=0))
        assert finding.effect == pytest.approx(expected)
    half = judged.findings[-1]
    assert half.further
    assert half.effect == pytest.approx(share["adam"]["optimizer.lr"].mean() - 0.5)


def test_the_mean_share_is_of_those_that_there_are():
    share = {"batch_size": np.array([0.2, 0.4]), "network.hidden.width": np.array([0.4, 0.0])}
    assert importance.mean_of(share, importance.SECOND) == pytest.approx([0.3, 0.2])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_too_few_trials_that_came_through_are_an_error():
    hopeless = book_space(lr=(1e-3, 1e30))
    study = shoal.search(hopeless, DATA, trials=12, epochs=1, strategy="full", finalists=0)
    with pytest.raises(shoal.ShoalError, match=r"of 12 trials came through, too few"):
        importance.shares([study])
