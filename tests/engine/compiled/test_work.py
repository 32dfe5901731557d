"""Work is counted, not timed: neither Python nor memory is asked for in a step."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest

from shoal import Adam, Recipe, Trainer, convnet, mlp
from shoal.engine.chunk import train
from shoal.engine.compiled.library import library
from shoal.engine.compiled.plan import plan_of
from shoal.engine.compiled.tables import WORK
from shoal.engine.executor import SameProcess
from shoal.engine.member import program_of

RECIPES = {
    "perceptron": Recipe(mlp([12, 7], batch_norm=True, dropout=0.2), Adam(), batch_size=33),
    "convolution": Recipe(convnet([3], 2, hidden=[5]), Adam(), batch_size=33),
}


def task(recipe, data, steps):
    """A whole run of one member as one task, one step an epoch, without evaluations."""
    chosen = {"evaluate_parts": (), "evaluate_every": steps, "engine": "compiled"}
    trainer = Trainer(recipe, data, steps=steps, **chosen)
    (cohort,) = trainer._cohorts
    return cohort.task(np.array([0]), steps, SameProcess(data), {}, False)


def calls(work) -> int:
    """How many Python functions a piece of work calls."""
    count = 0

    def note(frame, event, argument):
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("name", RECIPES)
def test_a_step_calls_no_python_but_for_its_list_of_rows(data_of, name):
    data = data_of("images")
    few, many = (task(RECIPES[name], data, steps) for steps in (50, 450))
    train(few)
    train(many)  # permutations are at hand from now on
    assert calls(lambda: train(many)) - calls(lambda: train(few)) <= 12 * 400


@pytest.mark.parametrize("name", RECIPES)
def test_memory_does_not_grow_with_the_steps_but_for_what_is_recorded(data_of, name):
    data = data_of("images")
    peaks = []
    for steps in (50, 450):
        piece = task(RECIPES[name], data, steps)
        train(piece)
        tracemalloc.start()
        train(piece)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    rows = 8 * 33 + 8 * 33 + 150  # of each step: its rows, twice for a moment, and two numbers
    assert peaks[1] - peaks[0] < 400 * rows + 20_000


def test_working_memory_is_two_rows_and_the_activations_of_one_network(data):
    recipe = Recipe(mlp([400, 300]), Adam(), batch_size=64)
    program = program_of(recipe, data.in_shape, data.outputs, data.task)
    plan = plan_of(program)
    activations = plan.rows * (6 + 400 + 300 + 3)
    parameters = 6 * 400 + 400 + 400 * 300 + 300 + 300 * 3 + 3
    assert plan.memory[WORK] < 2 * parameters + activations + 2 * plan.rows * 400 + 30_000


def test_the_functions_are_made_once_and_kept(tmp_path, python):
    assert library() is library()
    program = """
        import os, sys
        os.environ["NUMBA_CACHE_DIR"] = sys.argv[1]
        from shoal.engine.compiled.library import library
        print(library().compiled)
    """
    for expected in (18, 0):
        out, error = python(program, tmp_path).communicate(timeout=300)
        assert not error
        assert int(out) == expected
