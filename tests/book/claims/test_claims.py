"""The claims: each is put to the test, and what it says is what it measured."""

from __future__ import annotations

import json
import math
import re

import numpy as np
import pytest
from scipy import stats

import shoal
from shoal.book import LANGUAGES, Setting
from shoal.book.claims import CLAIMS, MIN_SEEDS, batch_norm, claim, ensemble, equal_weights
from shoal.book.claims.sweeps import gathered, on_samples
from shoal.book.claims_run import put_to_test, to_dict
from shoal.errors import ShoalError

NAMES = list(CLAIMS)


def test_they_stand_in_the_order_of_the_book():
    assert [each.number for each in CLAIMS.values()] == sorted({c.number for c in CLAIMS.values()})


def test_an_unknown_claim_is_answered_with_the_nearest():
    with pytest.raises(ShoalError, match=r"unknown claim 'drpout': did you mean 'dropout'\?"):
        claim("drpout")


@pytest.mark.parametrize("seeds", [1, MIN_SEEDS - 1])
def test_too_few_seeds_are_refused_before_anything_is_trained(seeds):
    with pytest.raises(ShoalError, match=rf"seeds={seeds} must be at least 5"):
        put_to_test(claim("dropout"), Setting(data="digits", seeds=seeds, quick=True))


@pytest.mark.parametrize("name", NAMES)
def test_every_finding_has_its_pairs_and_an_answer(tested, name):
    judged = tested(name).judged
    assert judged.findings
    for finding in judged.findings:
        assert finding.n == 5
        assert finding.margin > 0
        assert finding.low <= finding.effect <= finding.high
    assert all(judged.answer[language] for language in LANGUAGES)
    assert sum(judged.count(a) for a in ("supported", "not supported", "undecided")) == len(
        judged.asserted
    )


@pytest.mark.parametrize("name", NAMES)
def test_both_languages_say_the_same_numbers(tested, name):
    one = tested(name)
    texts = [one.judged.words, one.claim.statement, *one.judged.captions.values()]
    texts += [finding.condition for finding in one.judged.findings]
    for text in texts:
        english, chinese = (sorted(re.findall(r"\d+(?:[.,]\d+)*", text[k])) for k in LANGUAGES)
        spelt = english + ["5"] * (len(chinese) - len(english))  # “five” and the like
        assert set(chinese) <= set(spelt) | {"1000", "60"}, (english, chinese)
        assert text["zh"] != text["en"] or re.fullmatch(r"λ = [\d.]+", text["en"])


@pytest.mark.parametrize("name", NAMES)
def test_all_of_it_is_plain_data(tested, name):
    plain = json.loads(json.dumps(to_dict(tested(name)), allow_nan=False))
    assert plain["command"] == f"shoal claims {name} --data digits --seeds 5 --quick"
    assert len(plain["findings"]) == len(tested(name).judged.findings)
    assert {f["answer"] for f in plain["findings"]} <= {"supported", "not supported", "undecided"}
    assert plain["numbers"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_every_picture_is_drawn(tested, name, language):
    one = tested(name)
    assert set(one.judged.captions) == set(one.judged.pictures)
    for key, draw in one.pictures.items():
        figure = draw(language)
        if key:
            assert all(ax.get_xlabel() for ax in figure.axes)
            assert figure.axes[0].get_ylabel()
            assert figure.axes[0].get_title(loc="left")


# --- what must hold for each of them ----------------------------------------------------------


def test_optimizers_effects_are_the_differences_of_the_losses(tested):
    judged = tested("optimizers").judged
    losses = judged.numbers["loss"]
    for finding in judged.findings:
        found = losses.get(finding.condition.en)
        words = finding.what.en.split()
        first, second = words[0], words[-1]
        if finding.unit.en == "steps":
            found = judged.numbers["steps_to_loss_of_sgd"]["step sizes given"]
        expected = np.mean(found[second] - found[first])
        assert finding.effect == pytest.approx(expected)
        assert finding.margin == pytest.approx(0.1 * min(found[first].mean(), found[second].mean()))


def test_std_001_stands_at_the_loss_of_a_guess(tested):
    loss = tested("init").judged.numbers["loss"]
    assert loss["relu 0.01"] == pytest.approx(math.log(10), abs=2e-3)
    assert loss["relu 0.01, long"] == pytest.approx(math.log(10), abs=2e-3)
    assert (loss["relu He"] < math.log(10) - 0.1).all()


def test_equal_units_stay_equal_unless_dropout_tells_them_apart(tested):
    judged = tested("equal-weights").judged
    apart = judged.numbers["apart"]
    assert (apart["ReLU, all 0"] == 0).all()
    assert all((found < 1e-4).all() for name, found in apart.items() if name != "dropout")
    assert (apart["dropout"] > 1e-3).all()
    assert judged.verdict == "depends"
    assert judged.condition["en"] == "whether there is dropout"


def test_units_apart_are_measured_against_the_largest_weight():
    layer = {"W": np.array([[1.0, 1.0, 3.0], [-4.0, -4.0, -4.0]], np.float32)}
    last = {"W": np.array([[9.0, 0.0]], np.float32)}
    assert equal_weights._apart([{}, layer, last]) == 0.5


def test_what_learns_nowhere_does_not_count_as_independent_of_the_scale():
    """Stuck at all ordinary scales but learning elsewhere: far below its best there."""
    accuracy = np.array([[0.9, 0.1, 0.1], [1.0, 0.1, 0.2]])
    lost = batch_norm._shortfall(accuracy, np.array([False, True, True]))
    assert lost == pytest.approx([0.8, 0.85])


def test_the_largest_learning_rate_that_works():
    rates = batch_norm.RATES
    worked = np.zeros((2, len(rates)))
    worked[0, [0, 2]] = 0.95
    found = batch_norm._largest(worked)
    assert found[0] == rates[2]
    assert found[1] == pytest.approx(rates[0] ** 2 / rates[1])


def test_batch_norm_loses_its_best_minus_the_mean_over_scales(tested):
    judged = tested("batch-norm").judged
    table = judged.numbers["train_accuracy_by_scale"]["batch norm"]
    wide = next(f for f in judged.findings if f.kind == "same")
    assert wide.effect == pytest.approx((table.max(axis=1) - table.mean(axis=1)).mean())


@pytest.mark.parametrize("name", ["weight-decay", "dropout"])
def test_the_gap_is_training_minus_test_accuracy(tested, name):
    judged = tested(name).judged
    train, test = judged.numbers["train_accuracy"], judged.numbers["test_accuracy"]
    plain, book = "λ = 0", "λ = 0.1"
    if name == "dropout":
        train, test, plain, book = train["SGD 0.01"], test["SGD 0.01"], "0", "0.2"
    gap = {arm: train[arm] - test[arm] for arm in (plain, book)}
    assert judged.findings[0].effect == pytest.approx((gap[plain] - gap[book]).mean())
    assert any(finding.further for finding in judged.findings)


def test_the_words_on_weight_decay_hold_its_numbers(tested):
    judged = tested("weight-decay").judged
    for part in ("train_accuracy", "test_accuracy"):
        for arm in ("λ = 0", "λ = 0.1"):
            assert f"{100 * judged.numbers[part][arm].mean():.1f} %" in judged.words["en"]


def test_an_ensemble_answers_by_the_mean_of_probabilities():
    data = shoal.load("digits", valid=0).take(200)
    found = ensemble.accuracies(data, epochs=2, seeds=[3, 4, 5])
    recipe = shoal.Recipe(shoal.mlp([100] * 4), shoal.Adam(lr=0.001), batch_size=100)
    logits = [
        shoal.Trainer(recipe, data, epochs=2, seeds=[s]).run().shoal.outputs(data.test.x)[0]
        for s in (3, 4, 5)
    ]
    says = [np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True)) for z in logits]
    right = [float((s.argmax(1) == data.test.y).mean()) for s in says]
    two, three = (np.mean(says[:k], axis=0).argmax(1) == data.test.y for k in (2, 3))
    assert found == pytest.approx([np.mean(right), two.mean(), three.mean()])


def test_every_seed_draws_its_own_sample_and_arms_share_it():
    data = shoal.load("digits", valid=0)
    recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=0.1), batch_size=25)
    done = on_samples({"a": recipe, "b": recipe}, data, 50, 3, epochs=2)
    assert [each.seeds for each in done] == [(0,), (1,), (2,)]
    assert len({each.facts["data"]["fingerprint"] for each in done}) == 3
    accuracy = gathered(done, "test_accuracy")
    np.testing.assert_array_equal(accuracy["a"], accuracy["b"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_network_that_diverged_is_as_good_as_a_guess():
    data = shoal.load("digits", valid=0)
    recipe = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=1e30), batch_size=25)
    done = on_samples({"a": recipe}, data, 50, 2, epochs=3)
    assert gathered(done, "test_accuracy")["a"].tolist() == [0.1, 0.1]


def test_intervals_are_those_of_all_findings_together(tested):
    """By Holm, no interval is narrower than Student's, none wider than at a level of 0.05/m."""
    judged = tested("weight-decay").judged
    test = judged.numbers["test_accuracy"]
    finding = next(f for f in judged.findings if f.condition.en == "λ = 0.1" and f.further)
    x = test["λ = 0.1"] - test["λ = 0"]
    for level, wider in ((0.05, True), (0.05 / len(judged.findings), False)):
        low, _ = stats.t.interval(1 - level, 4, x.mean(), stats.sem(x))
        assert finding.low <= low + 1e-9 if wider else finding.low >= low - 1e-9


@pytest.mark.mnist
def test_on_mnist_he_learns_where_001_stands_still():
    if not {entry.name: entry for entry in shoal.available()}["mnist"].at_hand:
        pytest.skip("MNIST is not at hand")
    network = shoal.mlp([100] * 4)
    recipes = {
        name: shoal.Recipe(network, shoal.SGD(lr=0.01), init=init)
        for name, init in (("he", "he"), ("small", 0.01))
    }
    data = shoal.load("mnist", valid=0).take(2000)
    loss = shoal.compare(recipes, data, steps=300, seeds=2, evaluate_every=99).values("loss")
    assert loss["small"] == pytest.approx(math.log(10), abs=0.01)
    assert (loss["he"] < 1.5).all()
