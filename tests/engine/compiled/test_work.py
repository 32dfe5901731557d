"""Work is counted, not timed: neither Python nor memory is asked for in a step."""

from __future__ import annotations

import sys
import tracemalloc

import numpy as np
import pytest

from shoal import Adam, Recipe, Trainer, convnet, mlp
from shoal.engine.chunk import train
from shoal.engine.compiled import stepper
from shoal.engine.compiled.library import CALLED, KERNELS, library
from shoal.engine.compiled.listing import rows_of_seeds
from shoal.engine.compiled.plan import plan_of
from shoal.engine.compiled.tables import WORK
from shoal.engine.executor import SameProcess
from shoal.engine.member import program_of

RECIPES = {
    "perceptron": Recipe(mlp([12, 7], batch_norm=True, dropout=0.2), Adam(), batch_size=33),
    "convolution": Recipe(convnet([3], 2, hidden=[5]), Adam(), batch_size=33),
}


def task(recipe, data, steps, seeds=1):
    """A whole run of some members as one task, without evaluations."""
    chosen = {"evaluate_parts": (), "evaluate_every": steps, "engine": "compiled"}
    trainer = Trainer(recipe, data, steps=steps, seeds=seeds, **chosen)
    (cohort,) = trainer._cohorts
    return cohort.task(np.arange(seeds), 0, steps, SameProcess(data), {}, False)


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
def test_no_step_calls_python_and_an_epoch_only_asks_for_its_rows(data_of, name):
    data = data_of("images")
    recipe = RECIPES[name].replace({"batch_size": 3})  # 11 steps an epoch
    few, many = (task(recipe, data, steps) for steps in (55, 550))
    train(few)
    train(many)  # permutations are at hand from now on
    assert calls(lambda: train(many)) - calls(lambda: train(few)) <= 5 * 45


def test_no_member_calls_python_but_for_its_rows(data_of):
    data = data_of("images")
    recipe = RECIPES["perceptron"].replace({"batch_size": 3})
    few, many = (task(recipe, data, 110, seeds) for seeds in (4, 24))
    train(few)
    train(many)
    assert calls(lambda: train(many)) - calls(lambda: train(few)) <= 20 * (10 * 5 + 30)


def test_rows_are_listed_once_for_all_members_of_a_seed(data, monkeypatch):
    asked = []

    def note(library, seeds, *steps):
        asked.extend(seeds)
        return rows_of_seeds(library, seeds, *steps)

    monkeypatch.setattr(stepper, "rows_of_seeds", note)
    recipes = {str(lr): Recipe(mlp([4]), Adam(lr=lr), batch_size=8) for lr in (0.01, 0.02, 0.03)}
    Trainer(
        recipes, data, steps=60, seeds=2, engine="compiled", chunk=6, threads=1,
        evaluate_parts=(), evaluate_every=60,
    ).run()  # fmt: skip
    assert sorted(asked) == [0, 1]  # one round, one chunk, one span


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


def test_the_functions_are_made_once_and_kept_and_give_the_bits_of_who_made_them(tmp_path, python):
    assert library() is library()
    program = """
        import hashlib, os, sys
        os.environ["NUMBA_CACHE_DIR"] = sys.argv[1]
        import shoal
        from shoal.nn import ACTIVATIONS
        from shoal.optim import OPTIMIZERS
        from shoal.engine.compiled.library import library

        data = shoal.load("digits").take(100)
        rules = [rule(lr=0.01) for rule in OPTIMIZERS.values()]
        networks = [shoal.mlp([33, 17], name, batch_norm=True) for name in ACTIVATIONS]
        networks += [shoal.mlp([9], dropout=0.3), shoal.convnet([3], 3, hidden=[5])]
        networks += [shoal.Network((shoal.Flatten(), shoal.PeriodicEmbedding(), shoal.Affine()))]
        pairs = [*((networks[0], rule) for rule in rules), *((n, rules[0]) for n in networks)]
        digests = []
        for network, rule in pairs:
            recipe = shoal.Recipe(network, rule, clip_norm=1.0, batch_size=20)
            trainer = shoal.Trainer(recipe, data, steps=30, engine="compiled").run()
            rows = trainer.rows
            numbers = [rows.theta, rows.running, *rows.slots.values()]
            digests.append(hashlib.sha1(b"".join(a.tobytes() for a in numbers)).hexdigest())
        print(library().compiled, *digests)
    """
    found = []
    for expected in (len(KERNELS) + len(CALLED) + 1, 0):
        out, error = python(program, tmp_path).communicate(timeout=300)
        assert not error
        compiled, *digests = out.split()
        assert int(compiled) == expected
        found.append(digests)
    assert found[0] == found[1]
    assert len(set(found[0])) >= 10
