"""The code that a page shows can be pasted into an empty file, and is what the experiment runs."""

from __future__ import annotations

import ast
import builtins
import inspect
import re

import numpy as np
import pytest

from shoal.book.claims import CLAIMS
from shoal.book.experiments import EXPERIMENTS
from shoal.book.experiments.derivative import PUBLISHED, slope
from shoal.book.experiments.simple_net import BOOKS_LOSS, BOOKS_W
from shoal.book.searches import book_space
from shoal.book.snippet import _globals, snippet

SHOWN = {f"shoal book {name}": each.code for name, each in EXPERIMENTS.items()}
SHOWN |= {f"shoal claims {name}": each.code for name, each in CLAIMS.items()}


@pytest.mark.parametrize("name", SHOWN)
def test_it_runs_alone(name):
    code, names = compile(snippet(SHOWN[name]), name, "exec"), {}
    exec(code, names)
    assert callable(names[SHOWN[name].__name__])
    of_classes = {"__name__", "__module__", "__qualname__", "__annotations__"}
    assert _globals(code) - set(names) - set(dir(builtins)) <= of_classes


@pytest.mark.parametrize("name", SHOWN)
def test_it_ends_with_the_function_as_it_stands_in_its_file(name):
    source = inspect.getsource(SHOWN[name]).rstrip()
    assert source in snippet(SHOWN[name])


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_it_is_what_the_experiment_runs(name):
    code = EXPERIMENTS[name].code
    tree = ast.parse(inspect.getsource(inspect.getmodule(code)))
    called = {
        n.id
        for f in tree.body
        if isinstance(f, ast.FunctionDef) and f.name != code.__name__
        for n in ast.walk(f)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    }
    assert code.__name__ in called


def test_pasted_it_gives_the_published_figures():
    names: dict = {}
    exec(snippet(slope), names)
    assert names["slope"](5.0) == pytest.approx(PUBLISHED[0], abs=1e-10)
    exec(snippet(EXPERIMENTS["simple-net"].code), names)
    assert names["forward_and_back"](BOOKS_W).loss == pytest.approx(BOOKS_LOSS, abs=1e-7)
    exec(snippet(EXPERIMENTS["gradient-descent"].code), names)
    end = names["descend"](lambda x: float((x**2).sum()), 0.1)[-1]
    assert end == pytest.approx(np.array([-0.0346, 0.0461]), abs=1e-4)


@pytest.mark.parametrize("name", SHOWN)
def test_what_files_of_the_book_share_stands_there_once(name):
    lines = snippet(SHOWN[name]).splitlines()
    assert not [line for line in lines if line.startswith("from shoal.book")]
    defined = [line for line in lines if re.match(r"def |class |[A-Z_, ]+ = ", line)]
    assert len(set(defined)) == len(defined)


def test_the_space_that_searches_share_is_shown_and_works():
    names: dict = {}
    exec(snippet(EXPERIMENTS["narrowing"].code), names)
    assert names["book_space"]() == book_space()
    assert names["LR"] == (1e-6, 1e-2)
