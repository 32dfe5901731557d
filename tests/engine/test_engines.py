"""Which engine trains, and what is said when it cannot."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass

import numpy as np
import pytest

from shoal import SGD, Affine, Network, Recipe, ReLU, ShoalError, Trainer, mlp
from shoal.engine import engines

RECIPE = Recipe(mlp([4]), SGD(lr=0.1), batch_size=8)


@dataclass(frozen=True)
class Softened(ReLU):
    """An activation that is not compiled: x / (1 + |x|), whose derivative is (1 - |y|)²."""

    def f(self, x):
        return x / (1 + abs(x))

    def derivative(self, saved):
        return (1 - abs(saved)) ** 2


@pytest.fixture
def no_numba(monkeypatch):
    """As on a machine without Numba."""
    monkeypatch.setattr(engines, "find_spec", lambda name: None)
    engines.cannot_compile.cache_clear()
    yield
    engines.cannot_compile.cache_clear()


def engines_of(recipe, data, **chosen):
    trainer = Trainer(recipe, data, steps=3, **chosen)
    return [cohort.engine for cohort in trainer._cohorts]


def test_all_that_can_be_compiled_is(data):
    assert engines_of(RECIPE, data) == ["compiled"]
    assert engines_of(RECIPE, data, engine="reference") == ["reference"]


def test_what_is_not_compiled_falls_back_by_cohort_and_the_log_says_so(data, caplog):
    own = Recipe(Network((Affine(4), Softened(), Affine())), SGD(lr=0.01), batch_size=8)
    with caplog.at_level(logging.INFO, "shoal"):
        found = engines_of({"plain": RECIPE, "own": own}, data, engine="compiled")
    assert found == ["compiled", "reference"]
    assert "Softened is not compiled" in caplog.text
    loss = Trainer(own, data, steps=3).run().history.curve(0, "loss").values
    assert np.isfinite(loss).all()


def test_without_numba_the_reference_engine_trains(data, no_numba, caplog):
    with caplog.at_level(logging.INFO, "shoal"):
        assert engines_of(RECIPE, data) == ["reference"]
    assert "numba is not installed" in caplog.text
    with pytest.raises(ShoalError, match=r"engine='compiled' needs numba.*engine='auto'"):
        engines_of(RECIPE, data, engine="compiled")


def test_a_numba_that_cannot_be_imported_is_as_good_as_none(data, monkeypatch):
    monkeypatch.setattr(engines, "find_spec", lambda name: "found")
    monkeypatch.setitem(sys.modules, "numba", None)
    engines.cannot_compile.cache_clear()
    try:
        assert "cannot be imported" in engines.cannot_compile()
        assert engines_of(RECIPE, data) == ["reference"]
    finally:
        engines.cannot_compile.cache_clear()


def test_an_engine_that_there_is_not(data):
    with pytest.raises(ShoalError, match="unknown engine 'fast'"):
        Trainer(RECIPE, data, steps=3, engine="fast")


@pytest.fixture
def nothing_compiles(monkeypatch):
    """As where LLVM fails; what this process has compiled is forgotten for a while."""
    from shoal.engine.compiled import library

    def fail(function):
        raise RuntimeError("LLVM ERROR: Cannot select\n  this instruction")

    monkeypatch.setattr(library, "_made", [])
    monkeypatch.setattr(library, "_failed", [])
    monkeypatch.setattr(library, "_compile", fail)
    engines._warn.cache_clear()
    yield
    engines._warn.cache_clear()


def test_where_compiling_fails_the_reference_engine_trains_and_one_line_says_why(
    data, nothing_compiles, caplog
):
    assert engines_of({"a": RECIPE, "b": RECIPE.replace({"batch_size": 4})}, data) == [
        *("reference", "reference")
    ]
    assert engines_of(RECIPE, data) == ["reference"]
    (warned,) = [r for r in caplog.records if r.levelno == logging.WARNING]
    assert "compiling failed (RuntimeError: LLVM ERROR: Cannot select this instruction)" in (
        warned.getMessage()
    )
    assert "\n" not in warned.getMessage()
    loss = Trainer(RECIPE, data, steps=3).run().history.curve(0, "loss").values
    assert np.isfinite(loss).all()


def test_where_compiling_fails_the_compiled_engine_is_refused(data, nothing_compiles):
    with pytest.raises(ShoalError, match=r"compiling failed \(RuntimeError.*engine='reference'"):
        engines_of(RECIPE, data, engine="compiled")
    assert engines_of(RECIPE, data, engine="reference") == ["reference"]


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_whatever_fails_is_one_clear_error(data, nothing_compiles, monkeypatch, error):
    from shoal.engine.compiled import library

    def fail(function):
        raise error

    monkeypatch.setattr(library, "_compile", fail)
    with pytest.raises(ShoalError, match=f"compiling failed .{type(error).__name__}"):
        engines_of(RECIPE, data, engine="compiled")
    assert engines_of(RECIPE, data) == ["reference"]


def test_answers_are_those_of_numpy_where_nothing_compiles(nothing_compiles, caplog):
    network = RECIPE.network.bind((5,), 2)
    assert not engines.answers_compiled(network, "auto")
    assert not engines.answers_compiled(network, "reference")
    with pytest.raises(ShoalError, match="compiling failed"):
        engines.answers_compiled(network, "compiled")


def test_who_answers(no_numba):
    network = RECIPE.network.bind((5,), 2)
    assert not engines.answers_compiled(network, "auto")
    with pytest.raises(ShoalError, match="needs numba"):
        engines.answers_compiled(network, "compiled")


def test_layers_of_ones_own_answer_by_numpy():
    network = Network((Affine(4), Softened(), Affine(2)))
    assert not engines.answers_compiled(network, "compiled")
    assert engines.answers_compiled(RECIPE.network.bind((5,), 2), "compiled")
    assert engines.answers_compiled(RECIPE.network.bind((5,), 2), "auto")  # it is at hand now
