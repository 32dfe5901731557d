"""A member laid over another: what is copied, what is not, and who does not notice."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal import Member, Momentum, Recipe, ShoalError, Trainer, mlp

RECIPE = Recipe(
    mlp([6], batch_norm=True, dropout=0.2), Momentum(lr=0.1), schedule=shoal.Cosine(), batch_size=7
)
LOWER = RECIPE.replace({"optimizer.lr": 0.02, "network.dropout": 0.4, "optimizer.momentum": 0.5})


def trainer_of(data, **settings):
    members = [
        Member(RECIPE, 0, "a"),
        Member(RECIPE, 1, "b"),
        Member(LOWER, 2, "c"),
        Member(Recipe(mlp([3]), shoal.SGD(), batch_size=7), 0, "other"),
    ]
    return Trainer(members, data, epochs=6, **settings)


def state(trainer, member):
    cohort = trainer._cohort(member)
    rows = cohort.rows[[cohort.row(member)]]
    return [rows.theta, rows.running, *rows.slots.values()]


def test_weights_slots_and_running_statistics_are_copied(data):
    trainer = trainer_of(data).run(until=2)
    before = state(trainer, 0)
    assert any((a != b).any() for a, b in zip(before, state(trainer, 2), strict=True))
    trainer.copy(0, 2)
    for copied, source in zip(state(trainer, 2), before, strict=True):
        np.testing.assert_array_equal(copied, source)
    assert [c.tobytes() for c in state(trainer, 0)] == [c.tobytes() for c in before]
    assert trainer.history.recipe(2) == RECIPE
    assert trainer.members[2].recipe == LOWER  # as it began


def test_nobody_else_notices(data, bits):
    plain = trainer_of(data).run()
    copied = trainer_of(data).run(until=2).copy(0, 2, LOWER).run()
    for member in (0, 1, 3):
        assert bits(copied, member) == bits(plain, member)
    assert bits(copied, 2) != bits(plain, 2)


def test_the_target_goes_on_as_the_source_would_with_its_recipe_and_its_seed(data, bits):
    # the same seed everywhere: a copy that keeps the recipe is the source from there on
    members = [Member(RECIPE, 5), Member(LOWER, 5)]
    trainer = Trainer(members, data, epochs=6).run(until=3).copy(0, 1).run()
    ours, theirs = bits(trainer, 1), bits(trainer, 0)
    for name in ("theta", "running", "slot velocity"):
        assert ours[name] == theirs[name]
    losses = [trainer.history.curve(i, "loss").values for i in range(2)]
    half = 3 * int(trainer.history.steps_per_epoch[0])
    np.testing.assert_array_equal(losses[0][half:], losses[1][half:])
    assert (losses[0][1:half] != losses[1][1:half]).any()  # its own past stays in the history


def test_a_new_recipe_holds_from_that_step_on(data, did):
    # by hand: the same member with the rate changed halfway, against the rule written out
    recipe = Recipe(mlp([4]), shoal.SGD(lr=0.5), schedule=shoal.Cosine(), batch_size=8)
    trainer = Trainer(recipe, data, steps=8).step(5)
    before = did(trainer)["theta"]
    other = recipe.replace({"optimizer.lr": 0.05})
    trainer.copy(0, 0, other).step()
    plain = Trainer(recipe, data, steps=8).step(6)
    moved, usual = did(trainer)["theta"] - before, did(plain)["theta"] - before
    np.testing.assert_allclose(moved, usual / 10, rtol=2e-4, atol=2e-8)  # SGD: -lr·g; one schedule


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("chunk", [1, None])
def test_a_copy_is_the_same_however_chunks_fall(data, all_bits, threads, chunk):
    def run(**how):
        return trainer_of(data, **how).run(until=2).copy(1, 0, LOWER).run()

    assert all_bits(run(threads=threads, chunk=chunk)) == all_bits(run())


def test_a_diverged_member_lives_again(data):
    wild = RECIPE.replace({"optimizer.lr": 1e30})
    trainer = Trainer({"calm": RECIPE, "wild": wild}, data, epochs=4).run(until=2)
    assert trainer.history.diverged[1] > 0
    trainer.copy(0, 1, LOWER).run()
    assert (trainer.history.diverged == -1).all()
    assert np.isfinite(trainer.history.final("valid_loss")).all()
    losses = trainer.history.curve(1, "valid_loss").values
    assert np.isnan(losses[:2]).all()
    assert np.isfinite(losses[2:]).all()


def test_the_history_says_who_when_and_with_what(data):
    trainer = trainer_of(data)
    per_epoch = int(trainer.history.steps_per_epoch[0])
    trainer.run(until=1).copy(0, 1, LOWER).copy(2, 0).run(until=3).copy(1, 2).run()
    found = [(c.step, c.source, c.target, c.recipe) for c in trainer.history.copies]
    assert found == [
        (per_epoch, 0, 1, LOWER),
        (per_epoch, 2, 0, LOWER),
        (3 * per_epoch, 1, 2, LOWER),
    ]


def test_a_run_with_copies_resumes_to_the_bit(data, all_bits, tmp_path):
    def finish(trainer):
        return trainer.run(until=4).copy(0, 1).run()

    whole = finish(trainer_of(data).run(until=2).copy(1, 2, LOWER))
    trainer_of(data, folder=tmp_path).run(until=2).copy(1, 2, LOWER).run(until=3)
    again = Trainer.resume(tmp_path, data)
    assert again.history.recipe(2) == LOWER
    assert len(again.history.copies) == 1
    assert all_bits(finish(again)) == all_bits(whole)
    same = trainer_of(data, folder=tmp_path, resume=True)
    assert same.history.copies == whole.history.copies


@pytest.mark.parametrize(
    ("source", "target", "recipe", "words"),
    [
        (0, 9, None, r"^member=9 must be from 0 to 3"),
        (-1, 0, None, r"^member=-1 must be from 0 to 3"),
        (0, 3, None, r"^members 0 and 3 differ in structure"),
        (
            0,
            1,
            RECIPE.replace({"network.hidden": [7]}),
            r"differs in structure from that of member",
        ),
        (0, 1, RECIPE.replace({"weight_decay": 0.1}), r"differs in structure from that of member"),
        (0, 1, "Adam", r"must be a Recipe"),
        (2, 1, None, r"^member=2 was dropped; it cannot copy or be copied"),
        (1, 2, None, r"^member=2 was dropped; it cannot copy or be copied"),
    ],
)
def test_bad_copies_are_one_clear_line(data, source, target, recipe, words):
    trainer = trainer_of(data).step().drop([2])
    with pytest.raises(ShoalError, match=words):
        trainer.copy(source, target, recipe)
    assert trainer.history.copies == []


def test_a_diverged_member_is_no_source(data):
    wild = RECIPE.replace({"optimizer.lr": 1e30})
    trainer = Trainer({"calm": RECIPE, "wild": wild}, data, epochs=4).run(until=2)
    with pytest.raises(ShoalError, match=r"^source=1 diverged; copy one that did not$"):
        trainer.copy(1, 0)
