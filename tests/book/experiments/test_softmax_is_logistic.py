import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal.book.experiments import softmax_is_logistic as experiment


def test_formula_and_path_are_equal_up_to_rounding(quick):
    numbers = quick("softmax-is-logistic").findings.numbers
    for key in ("probability", "loss", "gradient", "path", "opposite"):
        assert max(numbers[key]) < 1e-12
    assert [row.agrees for row in quick("softmax-is-logistic").findings.published] == [True]


@given(st.lists(st.tuples(st.floats(-30, 30), st.floats(-30, 30)), min_size=1, max_size=9))
def test_probability_is_the_logistic_curve(scores):
    z = np.array(scores)
    expected = 1 / (1 + np.exp(-(z[:, 1] - z[:, 0])))
    assert experiment.probabilities(z) == pytest.approx(expected, abs=1e-12)


def test_path_with_the_same_rate_is_another(monkeypatch):
    """The factor 2 is needed: with equal rates the two models part."""
    rng = np.random.default_rng(0)
    x, y = rng.random((30, 4)), rng.integers(0, 2, 30)
    assert experiment.on_the_way(x, y, 0.1, 20) < 1e-14
    train = experiment.train
    monkeypatch.setattr(
        experiment, "train", lambda x, y, rule, steps: train(x, y, shoal.SGD(lr=0.2), steps)
    )
    assert experiment.on_the_way(x, y, 0.1, 20) > 1e-3


def test_optimum_is_scikit_learns():
    rng = np.random.default_rng(1)
    x = rng.random((60, 5))
    y = (x @ rng.standard_normal(5) + 0.3 * rng.standard_normal(60) > 0).astype(int)
    w, b, lowest = experiment.scikit_learn(x, y)
    rule = shoal.Nesterov(lr=1 / experiment.smoothness(x), momentum=0.95)
    params, objective = experiment.train(x, y, rule, 3000)
    assert params["W"][:, 1] - params["W"][:, 0] == pytest.approx(w, abs=1e-8)
    assert params["b"][1] - params["b"][0] == pytest.approx(b, abs=1e-7)
    assert objective[-1] == pytest.approx(lowest, abs=1e-12)
    assert min(objective) > lowest - 1e-13


def test_smoothness_bounds_the_curvature():
    """No Hessian of the objective, here at random weights, has a larger eigenvalue."""
    rng = np.random.default_rng(2)
    x = rng.random((20, 3))
    with_one = np.column_stack([x, np.ones(20)])
    for size in (0.0, 0.1, 1.0):
        z = with_one @ (size * rng.standard_normal((4, 2)))
        p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        blocks = np.einsum("ni,ij->nij", p, np.eye(2)) - np.einsum("ni,nj->nij", p, p)
        hessian = np.einsum("na,nb,nij->aibj", with_one, with_one, blocks).reshape(8, 8) / 20
        largest = np.linalg.eigvalsh(hessian)[-1] + experiment.DECAY
        assert largest <= experiment.smoothness(x) + 1e-12


def test_quick_run_comes_near_scikit_learn_and_predicts_alike(quick):
    numbers = quick("softmax-is-logistic").findings.numbers
    for excess in numbers["excess"]:
        assert 0 < excess[-1] < 1e-3 * excess[0]
    assert numbers["accuracy"] == pytest.approx(numbers["accuracy_of_scikit_learn"], abs=0.02)
    assert min(numbers["accuracy"]) > 0.9


def test_caption_holds_the_numbers(quick):
    findings = quick("softmax-is-logistic").findings
    for language in ("en", "zh"):
        assert f"{max(findings.numbers['weights']):.0e}" in findings.caption[language]
        assert f"{max(findings.numbers['path']):.0e}" in findings.caption[language]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    curve, excess = quick("softmax-is-logistic").findings.pictures[""](language).axes
    assert curve.get_xlabel() == "z₁ − z₀"
    assert excess.get_xlabel() == {"en": "step", "zh": "步数"}[language]
    assert excess.get_yscale() == "log"
