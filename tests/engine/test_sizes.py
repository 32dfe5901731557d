"""Sizes of chunks: the fastest is found, remembered, and changes no number. Nothing is timed."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import Adam, Recipe, Trainer, mlp
from shoal.engine import executor, sizes, trainer
from shoal.engine.memory import largest_chunk
from shoal.engine.sizes import FACTORS, GAIN, ROUNDS, WORTH, Sizes, kind_of, sizes_of

ENGINES = ("reference", "compiled")


@pytest.fixture
def cohort(data):
    """128 members of one program, by the compiled engine: 16 a chunk for two workers."""
    (cohort,) = Trainer(Recipe(mlp([4]), Adam(), batch_size=8), data, steps=9, seeds=128)._cohorts
    cohort.engine = "compiled"
    cohort.work = 2**24
    assert sizes_of(cohort, 2) == dict(zip((1.0, 0.25, 0.5, 2.0), (16, 4, 8, 32), strict=True))
    return cohort


def tried(of, cohort, cost, rounds=ROUNDS):
    """Let some rounds show that sizes cost so much."""
    for number in range(rounds):
        for chunk, shows in of.cut(cohort, 2, trying=True):
            assert shows is not None
            of.took(shows, len(chunk), (1 + number) * cost(shows[1]))
        of.round_is_over()


def lengths(chunks):
    """Of chunks that show nothing."""
    assert {shows for _, shows in chunks} <= {None}
    return [len(chunk) for chunk, _ in chunks]


@pytest.mark.parametrize("best", FACTORS)
def test_the_fastest_size_is_chosen_and_remembered(cohort, best, tmp_path, caplog):
    path = tmp_path / "cache" / "chunks.json"
    first = Sizes(path=path)
    assert lengths(first.cut(cohort, 2)) == [16] * 8
    with caplog.at_level(logging.INFO, "shoal"):
        tried(first, cohort, lambda factor: 1 - 2 * GAIN * (factor == best))
    assert f"chunks of {best:g} × the computed size" in caplog.text
    wanted = [round(16 * best)] * round(8 / best)
    for again in (first, Sizes(path=path)):
        assert lengths(again.cut(cohort, 2, trying=True)) == wanted
    other = Sizes(path=path).cut(cohort, 1, trying=True)  # another number of workers
    assert all(shows for _, shows in other)


def test_a_size_that_is_hardly_better_is_not_taken(cohort, tmp_path):
    of = Sizes(path=tmp_path / "chunks.json")
    tried(of, cohort, lambda factor: 1 - GAIN / 2 * (factor == 0.5))
    assert lengths(of.cut(cohort, 2, trying=True)) == [16] * 8


def test_one_disturbed_round_does_not_decide(cohort, tmp_path):
    of = Sizes(path=tmp_path / "chunks.json")
    tried(of, cohort, lambda factor: 0.1 if factor == 2 else 1.0, rounds=1)
    assert of.begun
    tried(of, cohort, lambda factor: 0.8 if factor == 0.25 else 1.0, rounds=ROUNDS - 1)
    assert not of.begun
    assert lengths(of.cut(cohort, 2, trying=True)) == [4] * 32


def test_a_round_that_does_not_show_the_computed_size_does_not_count(cohort, tmp_path):
    of = Sizes(path=tmp_path / "chunks.json")
    for _ in range(2 * ROUNDS):
        for chunk, (kind, factor) in of.cut(cohort, 2, trying=True):
            if factor != 1:  # somebody diverged in every other chunk
                of.took((kind, factor), len(chunk), 0.1)
        of.round_is_over()
    assert not (tmp_path / "chunks.json").exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b'"x"', b"\xff\xfe", b"[" * 100_000, "wrong size", "not a number"],
    ids=lambda content: str(content)[:12],
)
def test_a_damaged_file_is_nothing_and_is_replaced(cohort, content, tmp_path):
    path = tmp_path / "chunks.json"
    wrong = {"wrong size": 3, "not a number": [2.0]}
    if isinstance(content, str):
        content = json.dumps({kind_of(cohort, 2): wrong[content]}).encode()
    path.write_bytes(content)
    of = Sizes(path=path)
    assert lengths(of.cut(cohort, 2)) == [16] * 8
    tried(of, cohort, lambda factor: factor)
    assert json.loads(path.read_text()) == {kind_of(cohort, 2): 0.25}


def test_where_nobody_can_write_the_run_itself_knows(cohort, tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "chunks.json"
    of = Sizes(path=path)
    tried(of, cohort, lambda factor: factor)
    assert lengths(of.cut(cohort, 2)) == [4] * 32
    assert lengths(Sizes(path=path).cut(cohort, 2)) == [16] * 8


def test_runs_that_write_after_one_another_keep_what_the_other_found(cohort, tmp_path):
    path = tmp_path / "chunks.json"
    here, there = Sizes(path=path), Sizes(path=path)
    assert lengths(here.cut(cohort, 2)) == lengths(there.cut(cohort, 2))  # both have read it
    tried(here, cohort, lambda factor: factor)
    cohort.engine = "reference"
    tried(there, cohort, lambda factor: factor)
    assert len(json.loads(path.read_text())) == 2
    sizes.remember("another-stamp and all the rest", 2.0, path)
    assert len(json.loads(path.read_text())) == 1  # what another source was like is forgotten


def test_a_given_size_wins(cohort, tmp_path):
    path = tmp_path / "chunks.json"
    tried(Sizes(path=path), cohort, lambda factor: factor)
    assert lengths(Sizes(32, path=path).cut(cohort, 2, trying=True)) == [32] * 4
    elsewhere = Sizes(here=False, path=path)  # nor does what was measured here say anything there
    assert lengths(elsewhere.cut(cohort, 2, trying=True)) == [16] * 8


@given(
    dropped=st.integers(0, 128), workers=st.integers(1, 9), trying=st.booleans(),
    engine=st.sampled_from(ENGINES), work=st.integers(0, 2**28),
)  # fmt: skip
@settings(deadline=None)
def test_everybody_is_in_one_chunk_and_no_chunk_is_too_large(
    data, dropped, workers, trying, engine, work
):
    recipe = Recipe(mlp([4]), Adam(), batch_size=8)
    (cohort,) = Trainer(recipe, data, steps=9, seeds=128, engine="reference")._cohorts
    cohort.engine, cohort.work = engine, work + 1
    cohort.drop(np.arange(128) < dropped)
    chunks = Sizes(path=Path("no", "such", "file")).cut(cohort, workers, trying)
    everybody = np.concatenate([np.empty(0, np.int64), *(chunk for chunk, _ in chunks)])
    assert sorted(everybody) == cohort.live.tolist()
    assert all(0 < len(chunk) <= largest_chunk(cohort, workers) for chunk, _ in chunks)
    if not trying and len(cohort.live) >= workers:
        assert len(chunks) % workers == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_long_run_measures_and_its_numbers_are_the_same(
    data, all_bits, engine, tmp_path, monkeypatch
):
    """Rounds of a step, in which a clock says that members of smaller chunks are faster."""
    recipe = Recipe(mlp([5], dropout=0.1), Adam(), batch_size=8)
    run = {"steps": 40, "seeds": 40, "engine": engine, "threads": 2}
    expected = all_bits(Trainer(recipe, data, chunk=7, **run).run())
    trained, seen = executor.train, []

    def train(task):
        result = trained(task)
        seen.append(len(result.loss))
        result.seconds = len(result.loss) * (task.last - task.first)
        return result

    monkeypatch.setattr(executor, "train", train)
    monkeypatch.setattr(trainer, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "FIRST_ROUND", dict.fromkeys(ENGINES, 1))
    monkeypatch.setattr(sizes, "_file", lambda: tmp_path / "chunks.json")
    first = Trainer(recipe, data, **run).run()
    assert all_bits(first) == expected
    (cohort,) = first._cohorts
    (found,) = json.loads((tmp_path / "chunks.json").read_text()).items()
    wanted = sizes_of(cohort, 2)
    assert found == (kind_of(cohort, 2), min(wanted))
    assert seen[-1] <= wanted[min(wanted)] < wanted[1.0]
    seen.clear()
    assert all_bits(Trainer(recipe, data, **run).run()) == expected
    assert max(seen) <= wanted[min(wanted)]


@pytest.mark.parametrize("why", ["short", "given", "elsewhere"])
def test_who_does_not_measure(data, why, tmp_path, monkeypatch):
    monkeypatch.setattr(trainer, "ROUND_SECONDS", 0.0)
    monkeypatch.setattr(trainer, "FIRST_ROUND", dict.fromkeys(ENGINES, 1))
    monkeypatch.setattr(sizes, "_file", lambda: tmp_path / "chunks.json")
    recipe, steps = Recipe(mlp([5]), Adam(), batch_size=8), WORTH if why == "short" else 40
    with ThreadPoolExecutor(2) as pool:
        chosen = {"given": {"chunk": 3}, "elsewhere": {"executor": pool}}.get(why, {})
        Trainer(recipe, data, steps=steps, seeds=40, **chosen).run()
    assert not (tmp_path / "chunks.json").exists()
