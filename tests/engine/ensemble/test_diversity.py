"""Diversity: pairs of members, and what their differences take off the loss."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from shoal import SGD, Member, Recipe, mlp
from shoal.engine.ensemble.diversity import correlation, disagreement, diversity_of
from shoal.engine.ensemble.predictions import ClassPredictions

RECIPE = Recipe(mlp([2]), SGD())


def members_of(*pairs: tuple[str, int]) -> list[Member]:
    return [Member(RECIPE, seed, arm) for arm, seed in pairs]


SAME = members_of(*(("a", seed) for seed in range(5)))


def test_disagreement_and_correlation_pair_by_pair(classes_of):
    said = classes_of(5, 80, 3)
    found = diversity_of(said, SAME, "test")
    labels = said.outputs.argmax(axis=-1)
    wrong = (labels != said.y).astype(float)
    pairs = list(itertools.combinations(range(5), 2))
    assert found.disagreement == pytest.approx(
        np.mean([np.mean(labels[a] != labels[b]) for a, b in pairs])
    )
    assert found.error_correlation == pytest.approx(
        np.mean([np.corrcoef(wrong[a], wrong[b])[0, 1] for a, b in pairs])
    )
    assert [(kind.name, kind.pairs) for kind in found.kinds] == [("same arm", 10)]
    assert found.kinds[0].disagreement == pytest.approx(found.disagreement)


def test_loss_is_mean_loss_minus_ambiguity(classes_of, targets_of):
    for said in (classes_of(5, 80, 3), targets_of(5, 80, 2)):
        found = diversity_of(said, SAME, "test")
        assert found.loss == pytest.approx(found.mean_loss - found.ambiguity, rel=1e-12)
        assert found.ambiguity > 0
        assert found.mean_loss == pytest.approx(said.of_members()["loss"].mean())


def test_numbers_have_correlations_of_each_target(targets_of):
    said = targets_of(5, 80, 2)
    found = diversity_of(said, SAME, "test")
    assert math.isnan(found.disagreement)
    errors = said.outputs.astype(float) - said.y
    expected = np.mean(
        [
            np.corrcoef(errors[a, :, target], errors[b, :, target])[0, 1]
            for a, b in itertools.combinations(range(5), 2)
            for target in (0, 1)
        ]
    )
    assert found.error_correlation == pytest.approx(expected, abs=1e-12)


def test_pairs_are_told_apart_by_what_they_share(classes_of):
    said = classes_of(5, 80, 3)
    members = members_of(("a", 0), ("a", 1), ("b", 0), ("b", 2), ("b", 2))
    found = diversity_of(said, members, "test")
    labels = said.labels
    expected = {
        "same arm": [(0, 1), (2, 3), (2, 4)],
        "same seed": [(0, 2)],
        "both": [(3, 4)],
        "neither": [(0, 3), (0, 4), (1, 2), (1, 3), (1, 4)],
    }
    assert [(kind.name, kind.pairs) for kind in found.kinds] == [
        (name, len(pairs)) for name, pairs in expected.items()
    ]
    for kind in found.kinds:
        shares = [np.mean(labels[a] != labels[b]) for a, b in expected[kind.name]]
        assert kind.disagreement == pytest.approx(np.mean(shares))
    whole = sum(kind.pairs * kind.disagreement for kind in found.kinds) / 10
    assert whole == pytest.approx(found.disagreement)


def test_one_member_and_members_without_errors():
    z = np.zeros((2, 4, 2), np.float32)
    z[..., 0] = 5
    said = ClassPredictions(z, np.zeros(4, np.int64))
    two = diversity_of(said, SAME[:2], "test")
    assert two.disagreement == 0
    assert math.isnan(two.error_correlation)
    one = diversity_of(ClassPredictions(z[:1], said.y), SAME[:1], "test")
    assert math.isnan(one.disagreement)
    assert (one.ambiguity, one.kinds) == (0, ())
    assert one.loss == pytest.approx(one.mean_loss)
    assert str(one).count("\n") == 0


def test_a_constant_error_has_no_correlation_though_its_mean_is_rounded():
    errors = np.array([[0.1] * 7, np.arange(7.0), -np.arange(7.0)])
    found = correlation(errors)
    assert np.isnan(found[0]).all()
    np.testing.assert_allclose(found[1:, 1:], [[1, -1], [-1, 1]])


def test_disagreement_is_symmetric_and_zero_with_oneself(classes_of):
    shares = disagreement(classes_of(6, 50, 4).labels)
    np.testing.assert_array_equal(shares, shares.T)
    np.testing.assert_array_equal(shares.diagonal(), 0)


def test_in_words(classes_of):
    found = diversity_of(classes_of(3, 80, 3), members_of(("a", 0), ("a", 1), ("b", 0)), "valid")
    lines = str(found).splitlines()
    assert lines[0] == (
        f"valid loss {found.loss:.4g} = {found.mean_loss:.4g}, the mean of 3 members, "
        f"− {found.ambiguity:.4g}, their ambiguity"
    )
    assert [line.split("  ")[0] for line in lines[3:]] == [
        "all",
        "same arm",
        "same seed",
        "neither",
    ]
    assert lines[3].split() == [
        "all", "3", f"{100 * found.disagreement:.2f}", "%", f"{found.error_correlation:.3f}",
    ]  # fmt: skip
