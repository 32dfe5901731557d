import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shoal.book.experiments import simple_net

WEIGHTS = arrays(np.float64, (2, 3), elements=st.floats(-5, 5))


def test_books_weights_give_the_books_figures(quick):
    numbers = quick("simple-net").findings.numbers
    assert numbers["scores"] == pytest.approx([1.05414809, 0.63071653, 1.1328074], abs=1e-7)
    assert numbers["loss"] == pytest.approx(0.92806853663411326, abs=1e-7)
    published = [[0.21924763, 0.14356247, -0.36281009], [0.32887144, 0.2153437, -0.54421514]]
    assert numbers["backprop"] == pytest.approx(np.array(published), abs=1e-7)
    assert numbers["differences"] == pytest.approx(np.array(published), abs=1e-7)
    assert all(row.agrees for row in quick("simple-net").findings.published)


@given(WEIGHTS)
def test_rows_of_the_gradient_sum_to_zero_and_both_gradients_agree(weights):
    passed = simple_net.forward_and_back(weights)
    assert passed.backprop.sum(axis=1) == pytest.approx(0, abs=1e-14)
    assert passed.backprop == pytest.approx(passed.differences, abs=1e-8)


@given(WEIGHTS)
def test_probabilities_and_loss_are_those_of_the_formula(weights):
    passed = simple_net.forward_and_back(weights)
    e = np.exp(simple_net.X[0] @ weights)
    assert passed.p == pytest.approx(e / e.sum(), abs=1e-14)
    assert passed.loss == pytest.approx(-np.log(e[2] / e.sum()), abs=1e-13)
    assert passed.backprop == pytest.approx(np.outer([0.6, 0.9], e / e.sum() - [0, 0, 1]))


def test_each_seed_is_a_draw_of_its_own(quick):
    numbers = quick("simple-net").findings.numbers
    assert len(set(numbers["losses_of_seeds"])) == 2


def test_caption_holds_the_numbers(quick):
    findings = quick("simple-net").findings
    for language in ("en", "zh"):
        assert "= 0.9281" in findings.caption[language]
        assert f"{findings.numbers['largest_difference']:.0e}" in findings.caption[language]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    bars, cells = quick("simple-net").findings.pictures[""](language).axes
    assert bars.get_xlabel() == cells.get_xlabel() == {"en": "class", "zh": "类别"}[language]
    assert {t.get_text() for t in cells.texts} >= {"+0.2192", "−0.5442"}
