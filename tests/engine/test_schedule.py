"""Chunks cut in time: all workers end together, nothing is done twice or at two places at once."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal import Adam, Member, Recipe, Trainer, load, mlp
from shoal.engine.schedule import LITTLE, Piece, wrapped
from shoal.engine.trainer import _in_pieces, _Job

WORKS = st.lists(st.integers(1, 1000), max_size=30)


def played(works, workers, pieces):
    """Every piece's start and end, if free workers take them in order; an end waits for a start."""
    free, when, ended = [0.0] * workers, {}, {}
    for piece in pieces:
        at = heapq.heappop(free)
        begun = max(at, ended.get(piece.chunk, 0.0))
        ended[piece.chunk] = begun + works[piece.chunk] * (piece.last - piece.first)
        when[piece] = begun, ended[piece.chunk]
        heapq.heappush(free, ended[piece.chunk])
    return when


@given(WORKS, st.integers(1, 9), st.integers(0, 500))
def test_pieces_are_the_whole_work_once(works, workers, worth):
    pieces = wrapped(works, workers, worth)
    done = {}
    for chunk, first, last in pieces:
        assert done.get(chunk, 0.0) == first < last <= 1
        done[chunk] = last
    assert done == dict.fromkeys(range(len(works)), 1.0)
    for chunk, first, last in pieces:
        assert (first, last) == (0, 1) or works[chunk] * (last - first) >= 0.99 * worth


@given(WORKS.filter(bool), st.integers(1, 9))
def test_all_workers_end_together(works, workers):
    pieces = wrapped(works, workers)
    end = max(end for _, end in played(works, workers, pieces).values())
    share = sum(works) / workers
    if max(works) <= share:  # each worker may do a little more than its share, and the last less
        assert end <= share * (1 + 2 * LITTLE) + 1e-6


@given(WORKS.filter(bool), st.integers(1, 9))
def test_where_one_is_too_long_nothing_is_cut(works, workers):
    works = [*works, 2 * sum(works) + 1000]
    assert wrapped(works, max(2, workers)) == [
        Piece(i) for i in sorted(range(len(works)), key=lambda i: -works[i])
    ]


def test_one_worker_and_equal_shares_cut_nothing():
    assert [piece.first for piece in wrapped([3, 2, 1], 1)] == [0, 0, 0]
    assert set(wrapped([1] * 8, 4)) == {Piece(i) for i in range(8)}
    assert wrapped([], 2) == []


def test_pieces_that_are_not_worth_it_are_not_made():
    assert len(wrapped([1, 1, 1], 2)) == 4
    assert len(wrapped([1, 1, 1], 2, worth=0.6)) == 3
    works = [96, 42, 74, 10, 82, 4, 21, 75, 38, 91, 23, 27]  # 583: of five workers none has 40 left
    assert max(end for _, end in played(works, 5, wrapped(works, 5, worth=40)).values()) < 125


@pytest.fixture(scope="module")
def digits():
    return load("digits").take(500)


def test_a_chunk_is_cut_at_the_end_of_an_epoch_if_one_is_near(digits, monkeypatch):
    monkeypatch.setattr("shoal.engine.trainer.CHUNK_WORTH", 0)
    recipe = Recipe(mlp([512, 512]), Adam(), batch_size=100)
    trainer = Trainer(recipe, digits, epochs=9, seeds=3)
    [cohort] = trainer._cohorts
    epoch = cohort.steps_per_epoch

    def cut(first, end):
        chunks = [_Job(cohort, cohort.live[i : i + 1], first, end) for i in range(3)]
        whole, start, third, rest = _in_pieces(chunks, 2)
        assert [whole, third] == [chunks[0], chunks[2]]
        assert (start.first, start.after, rest.after) == (first, None, start)
        assert (rest.first, rest.end) == (start.end, end)
        return start.end

    assert epoch == 5
    assert cut(0, 9 * epoch) == 4 * epoch  # two steps of 45 from the half
    assert cut(0, 2) == 1
    assert cut(0, 3 * epoch) == 8  # a worker would wait for the end of an epoch
    assert cut(3, 11) == 7


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("how", [{}, {"keep_best": "valid_loss", "patience": 1}])
def test_members_that_change_hands_get_the_same_bits(digits, engine, how, monkeypatch):
    """One diverges in the start of its chunk, one in the end, one stops early."""
    monkeypatch.setattr("shoal.engine.trainer.CHUNK_WORTH", 0)
    rates = [1e-3, 1e30, 3.0, 1e-2, 1e-2]
    members = [
        Member(Recipe(mlp([16]), Adam(lr=lr), batch_size=64), seed, str(seed))
        for seed, lr in enumerate(rates)
    ]
    cuts = []

    def counted(chunks, workers):
        jobs = _in_pieces(chunks, workers)
        cuts.append(len(jobs) - len(chunks))
        return jobs

    monkeypatch.setattr("shoal.engine.trainer._in_pieces", counted)

    def trained(threads, **settings):
        trainer = Trainer(
            members, digits, epochs=6, instruments=True, engine=engine, threads=threads,
            **settings, **how,
        ).run()  # fmt: skip
        [cohort] = trainer._cohorts
        record, rows = cohort.record, cohort.rows
        found = [record.loss, record.gradient_norm, record.diverged, record.stopped]
        found += [rows.theta, *rows.slots.values(), *record.metrics.values(), record.readings]
        return [array.tobytes() for array in found]

    alone = trained(1)
    assert not any(cuts)
    for threads in (2, 3):
        cuts.clear()
        together = trained(threads, chunk=1)
        assert any(cuts)
        for a, b in zip(alone, together, strict=True):
            assert a == b
