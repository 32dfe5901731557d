"""What every sampler does, whatever it learns."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from shoal import ShoalError
from shoal.study.samplers import SAMPLERS, GridSampler, Sampler, Told, bayesian, make_sampler

QUICK = [name for name in SAMPLERS if name != "gp"]


def score(values: dict[str, Any]) -> float:
    """Something that depends on all values."""
    return -sum(len(path) * hash_of(value) for path, value in sorted(values.items()))


def hash_of(value: Any) -> float:
    return math.log10(value) if isinstance(value, float) else len(str(value))


def session(sampler: Sampler, batches: list[int]) -> list[dict[str, Any]]:
    """Ask for batches, and tell of each."""
    asked: list[dict[str, Any]] = []
    for size in batches:
        new = sampler.ask(size)
        numbers = range(len(asked), len(asked) + len(new))
        asked += new
        told = [Told(n, asked[n], -math.inf if n % 7 == 3 else score(asked[n])) for n in numbers]
        sampler.tell(told)
    return asked


@pytest.mark.parametrize("name", QUICK)
def test_the_seed_decides(name, conditional):
    once = session(make_sampler(name, conditional, 3), [16, 16, 8])
    assert session(make_sampler(name, conditional, 3), [16, 16, 8]) == once
    if name != "grid":
        assert session(make_sampler(name, conditional, 4), [16, 16, 8]) != once


@pytest.mark.parametrize("name", QUICK)
def test_all_it_gives_are_recipes_and_can_be_written_down(name, conditional):
    for values in session(make_sampler(name, conditional, 0), [20, 20]):
        assert not conditional.build(values).is_space
        assert json.loads(json.dumps(values)) == values
        for dimension in conditional.dimensions:
            assert (dimension.path in values) == dimension.exists(values)


@pytest.mark.parametrize("name", ["random", "sobol", "grid"])
def test_batches_do_not_matter_to_those_that_learn_nothing(name, conditional):
    at_once = make_sampler(name, conditional, 5).ask(30)
    pieces = make_sampler(name, conditional, 5)
    assert [v for size in (1, 10, 19) for v in pieces.ask(size)] == at_once
    assert pieces.batch is None


@pytest.mark.parametrize("name", ["tpe", "narrowing", "gp"])
def test_those_that_learn_say_from_how_many(name, two_dimensions):
    if name == "gp":
        pytest.importorskip("torch")
    assert make_sampler(name, two_dimensions, 0).batch >= 8


def test_whatever_asks_and_tells_is_a_sampler(conditional):
    class Mine:
        def ask(self, count: int) -> list[dict[str, Any]]:
            return []

        def tell(self, results: Any) -> None:
            pass

    mine = Mine()
    assert make_sampler(mine, conditional, 0) is mine


def test_other_things_are_refused(conditional):
    with pytest.raises(ShoalError, match=r"^unknown sampler 'randm': did you mean 'random'\?"):
        make_sampler("randm", conditional, 0)
    with pytest.raises(ShoalError, match=r"^sampler=3 must have the methods ask\(count\) and tell"):
        make_sampler(3, conditional, 0)
    with pytest.raises(ShoalError, match=r"^sampler=GridSampler is a class; give one of it: GridS"):
        make_sampler(GridSampler, conditional, 0)


def test_gp_without_torch_says_what_to_do(conditional, monkeypatch):
    monkeypatch.setattr(bayesian, "find_spec", lambda name: None)
    with pytest.raises(
        ShoalError, match=r"needs PyTorch: pip install 'shoal\[torch\]'; sampler='t"
    ):
        make_sampler("gp", conditional, 0)
