"""The best weights are kept, and a member that does not get better stops."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import shoal
from shoal import SGD, Adam, Callback, Member, Recipe, ShoalError, Trainer, mlp
from shoal.engine.best import BestRows, Standing
from shoal.engine.task import Rows

RECIPE = Recipe(mlp([12], batch_norm=True, dropout=0.2), Adam(lr=0.03), batch_size=7)
WILD = Recipe(mlp([12], batch_norm=True, dropout=0.2), Adam(lr=1e25), batch_size=7)
BESTS = ("valid_loss", "valid_accuracy", "test_accuracy", "train_loss")


def higher(metric):
    return metric.endswith(("accuracy", "r2", "hamming"))


def weights_after(data, member, steps):
    """Weights of a member, trained alone for so many steps of the same run."""
    trainer = Trainer([member], data, epochs=12)
    if steps:
        trainer.step(steps)
    return trainer.shoal.weights(0)


# What is kept


@pytest.mark.parametrize("metric", BESTS)
def test_the_best_weights_are_those_of_the_best_evaluation(data, metric):
    members = [Member(RECIPE, 0), Member(RECIPE, 3), Member(RECIPE.replace({"batch_size": 11}), 0)]
    trainer = Trainer(members, data, epochs=12, keep_best=metric).run()
    history = trainer.history
    for i, member in enumerate(members):
        curve = history.curve(i, metric)
        at = int(curve.values.argmax() if higher(metric) else curve.values.argmin())  # the first
        assert history.best_step[i] == curve.steps[at]
        assert history.best(metric)[i] == curve.values[at]
        for name in history.metrics:
            assert history.best(name)[i] == history.curve(i, name).values[at]
        kept = trainer.best_shoal.weights(i)
        expected = weights_after(data, member, int(curve.steps[at]))
        for ours, theirs in zip(kept, expected, strict=True):
            for name in theirs:
                np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    assert (history.best_step < history.curve(0, metric).steps[-1]).any()  # else it proves little


def test_the_best_shoal_says_what_was_measured(data):
    trainer = Trainer(RECIPE, data, epochs=12, seeds=4, keep_best="valid_loss").run()
    best = trainer.best_shoal
    right = (best.outputs(data.test.x).argmax(axis=-1) == data.test.y).mean(axis=-1)
    np.testing.assert_array_equal(right, trainer.history.best("test_accuracy"))
    scores = best.ensemble().evaluate("valid")
    np.testing.assert_allclose(scores.members["loss"], trainer.history.best("valid_loss"), 1e-6)
    assert (trainer.history.best("valid_loss") <= trainer.history.final("valid_loss")).all()
    assert repr(best) == "<Shoal of 4 members: recipe, at their best>"


def test_keeping_the_best_changes_no_number(data, bits):
    plain = Trainer(RECIPE, data, epochs=5, seeds=2).run()
    kept = Trainer(RECIPE, data, epochs=5, seeds=2, keep_best="valid_loss").run()
    for member in range(2):
        ours, theirs = bits(kept, member), bits(plain, member)
        assert {name: ours[name] for name in theirs} == theirs


def test_before_the_first_evaluation_there_is_no_best(data):
    trainer = Trainer(RECIPE, data, epochs=3, seeds=2, keep_best="valid_loss").step(2)
    assert trainer.history.best_step.tolist() == [-1, -1]
    assert np.isnan(trainer.history.best("valid_loss")).all()
    assert np.isnan(trainer.best_shoal.outputs(data.test.x)).all()
    with pytest.raises(ShoalError, match="member=1 was not evaluated yet, so it has no best"):
        trainer.best_shoal.weights(1)
    with pytest.raises(ShoalError, match="all 2 members asked for"):
        trainer.best_shoal.ensemble()


def test_a_member_that_diverges_later_keeps_its_best(data):
    late = Recipe(mlp([6]), SGD(lr=0.1), batch_size=8, schedule=shoal.WarmUp(1, shoal.Constant()))
    trainer = Trainer(
        [Member(late, 0, "fine"), Member(late, 1, "late")], data, epochs=6, keep_best="valid_loss"
    )
    trainer.run(until=3)
    trainer.copy(1, 1, late.replace({"optimizer.lr": 1e30})).run()
    history = trainer.history
    assert (history.diverged >= 0).tolist() == [False, True]
    assert history.best_step[1] == 3 * history.steps_per_epoch[1]
    assert np.isfinite(trainer.best_shoal.outputs(data.test.x)).all()
    assert len(trainer.best_shoal.ensemble()) == 2
    assert len(trainer.shoal.ensemble()) == 1


def test_an_ensemble_of_the_best_is_chosen_by_their_best_evaluations(data):
    trainer = Trainer(RECIPE, data, epochs=12, seeds=6, keep_best="valid_loss").run()
    chosen = trainer.best_shoal.ensemble(best=2).index
    accuracy, loss = (trainer.history.best(f"valid_{m}") for m in ("accuracy", "loss"))
    assert sorted(chosen) == sorted(np.lexsort((loss, -accuracy))[:2])


def test_without_keep_best_there_is_none(data):
    trainer = Trainer(RECIPE, data, epochs=1).run()
    asked = (
        lambda: trainer.best_shoal,
        trainer.shoal.at_best,
        lambda: trainer.history.best_step,
        lambda: trainer.history.best("valid_loss"),
    )
    for ask in asked:
        with pytest.raises(ShoalError, match="keeps no best; train with keep_best='valid_loss'"):
            ask()
    assert trainer._cohorts[0].best is None  # no memory for what nobody asked for


# Patience


def patient(data, patience=2, **chosen):
    settings = {"epochs": 40, "seeds": 5, "keep_best": "valid_loss", "patience": patience} | chosen
    return Trainer(settings.pop("recipe", RECIPE), data, **settings)


@pytest.mark.parametrize("patience", [1, 3])
@pytest.mark.parametrize("metric", ["valid_loss", "valid_accuracy"])
def test_a_member_stops_when_it_was_not_better_for_so_many_evaluations(data, patience, metric):
    full = patient(data, None, keep_best=metric).run().history
    found = patient(data, patience, keep_best=metric).run().history
    for i in range(5):
        curve, best, stop = full.curve(i, metric), np.nan, -1
        sign = -1 if higher(metric) else 1
        waited = 0
        for step, value in zip(curve.steps, curve.values, strict=True):
            if np.isnan(best) or sign * value < sign * best:
                best, waited = value, 0
            else:
                waited += 1
            if waited == patience and step < curve.steps[-1]:
                stop = int(step)
                break
        assert found.stopped[i] == stop
        loss, until = found.curve(i, "loss").values, stop if stop >= 0 else None
        np.testing.assert_array_equal(loss[:until], full.curve(i, "loss").values[:until])
        if stop >= 0:
            assert np.isnan(loss[stop:]).all()
            assert np.isnan(found.curve(i, metric).values[curve.steps > stop]).all()
            assert found.final(metric)[i] == curve.values[curve.steps == stop][0]
        assert found.best(metric)[i] == best
    assert (found.stopped >= 0).any()


def test_a_run_in_which_all_have_stopped_costs_nothing_more(data):
    class Rounds(Callback):
        tasks = 0

        def on_round(self, trainer):
            self.tasks += 1

    rounds = Rounds()
    trainer = patient(data, 1, epochs=10**4, seeds=3, callbacks=[rounds]).run()
    assert trainer.done
    assert (trainer.history.stopped >= 0).all()
    assert trainer.history.stopped.max() < 500
    assert rounds.tasks < 50
    seconds = trainer.history.seconds.copy()
    np.testing.assert_array_equal(trainer.run().history.seconds, seconds)


def test_members_that_stop_do_not_disturb_the_others(data, all_bits):
    together = patient(data, 1)
    steps = [t.history.stopped[0] for t in (patient(data, 1, seeds=[s]).run() for s in range(5))]
    assert len(set(steps)) > 1  # they stop at different times
    assert together.run().history.stopped.tolist() == steps
    alone = [patient(data, 1, seeds=[s]).run() for s in range(5)]
    assert all_bits(together) == [bits for trainer in alone for bits in all_bits(trainer)]


@pytest.mark.parametrize("how", [{"chunk": 1}, {"chunk": 2}, {"threads": 1}, {"chunk": 5}])
def test_how_the_work_is_cut_changes_nothing(data, all_bits, how):
    assert all_bits(patient(data, **how).run()) == all_bits(patient(data).run())


def test_the_order_of_members_changes_nothing(data, bits):
    members = [Member(RECIPE, s) for s in range(4)] + [Member(WILD, 0)]
    first = patient(data, recipe=members).run()
    turned = patient(data, recipe=members[::-1]).run()
    assert first.history.diverged[4] >= 0
    assert [bits(first, i) for i in range(5)] == [bits(turned, 4 - i) for i in range(5)]


@pytest.mark.parametrize("steps", [1, 7])
def test_small_rounds_change_nothing(data, all_bits, steps):
    whole, pieces = patient(data).run(), patient(data)
    while not pieces.done:
        pieces.step(steps)
    assert all_bits(pieces) == all_bits(whole)


def test_processes_change_nothing(data, all_bits):
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        assert all_bits(patient(data, executor=pool).run()) == all_bits(patient(data).run())


@pytest.mark.parametrize("epochs", [1, 4, 9])
def test_a_resumed_run_ends_the_same(data, all_bits, tmp_path, epochs):
    whole = patient(data).run()
    patient(data, folder=tmp_path).run(until=epochs)
    resumed = Trainer.resume(tmp_path, data)
    assert resumed.best_shoal.weights(0)
    assert all_bits(resumed.run()) == all_bits(whole)
    np.testing.assert_array_equal(resumed.history.best_step, whole.history.best_step)


def test_another_patience_is_another_run(data, tmp_path):
    patient(data, folder=tmp_path).run(until=1)
    with pytest.raises(ShoalError, match="holds a run with other settings"):
        patient(data, 3, folder=tmp_path, resume=True)


def test_dropped_members_wait_no_longer_and_their_best_stays_in_the_history(data, bits):
    trainer = patient(data, 3)
    trainer.run(until=2).drop([1]).run()
    plain = patient(data, 3).run()
    assert trainer.history.stopped[1] == -1
    assert 0 < trainer.history.best_step[1] <= trainer.history.dropped[1]
    curve = plain.history.curve(1, "valid_loss").values[:2]
    assert trainer.history.best("valid_loss")[1] == curve.min()
    with pytest.raises(ShoalError, match="member=1 was dropped, and its weights with it"):
        trainer.best_shoal.weights(1)
    assert len(trainer.best_shoal.ensemble()) == 4
    for i in (0, 2, 3, 4):
        assert bits(trainer, i) == bits(plain, i)


def test_a_copy_wakes_a_member_that_stopped_and_gives_it_new_patience(data):
    trainer = patient(data, 2, seeds=2)
    while trainer.history.stopped[1] < 0:
        trainer.epoch()
    best, stopped = trainer.history.best("valid_loss")[1], trainer.history.stopped[1]
    trainer.copy(0, 1)
    assert trainer.history.stopped[1] == -1
    trainer.epoch()
    assert np.isfinite(trainer.history.curve(1, "loss").values[-1])
    trainer.epoch().epoch()
    assert trainer.history.best("valid_loss")[1] <= best
    again = trainer.history.stopped[1]
    assert again == -1 or again >= stopped + 2 * trainer.history.steps_per_epoch[1]


def test_who_comes_to_the_end_has_not_stopped(data):
    trainer = patient(data, 40, epochs=3).run()
    assert (trainer.history.stopped == -1).all()
    last = patient(data, 1, epochs=2, keep_best="train_accuracy", seeds=20).run().history
    assert (last.stopped == -1).all()  # the second evaluation is the end


REFUSED = (
    ({"patience": 3}, "patience=3 needs keep_best=, the metric that must get better"),
    ({"keep_best": "valid_loss", "patience": 0}, "patience=0 must be a whole number >= 1"),
    ({"keep_best": "valid_los"}, "unknown keep_best 'valid_los': did you mean 'valid_loss'?"),
    ({"keep_best": "valid_rmse"}, "unknown keep_best 'valid_rmse'"),
    ({"keep_best": "test_loss", "evaluate_parts": ["valid"]}, "unknown keep_best 'test_loss'"),
)


@pytest.mark.parametrize(("settings", "text"), REFUSED, ids=[text for _, text in REFUSED])
def test_settings_that_do_not_fit_are_refused(data, settings, text):
    with pytest.raises(ShoalError) as error:
        Trainer(RECIPE, data, epochs=1, **settings)
    assert str(error.value).startswith(text)


# The bookkeeping by itself

scores = st.lists(st.sampled_from([0.0, 0.25, 0.5, np.nan, -1.0]), min_size=1, max_size=12)


@settings(deadline=None, max_examples=100)
@given(scores, st.sampled_from(["valid_loss", "valid_r2", "valid_rmse", "valid_hamming"]))
def test_the_first_of_the_best_is_the_best(values, metric):
    standing, one = Standing.first(metric, 2, 1), np.array([0])
    for step, value in enumerate(values):
        standing.evaluated(one, np.array([value]), step)
    known = [v for v in values if not np.isnan(v)]
    if not known:
        assert standing.step[0] == -1
        assert np.isnan(standing.value[0])
        assert standing.waited[0] == len(values)
        return
    best = max(known) if higher(metric) else min(known)
    assert standing.value[0] == best
    assert standing.step[0] == values.index(best)
    assert standing.waited[0] == len(values) - 1 - values.index(best)
    assert standing.impatient(one)[0] == (standing.waited[0] >= 2)


def test_newer_rows_take_the_place_of_older_ones():
    theta = np.arange(8, dtype=np.float32).reshape(4, 2)
    rows = Rows(theta, theta[:, :1], {})
    best = BestRows.none(rows).take(np.array([1, 3]), rows)
    later = best.take(np.array([0, 3]), Rows(theta + 10, theta[:, :1] + 10, {}))
    assert later.which.tolist() == [1, 0, 3]
    assert later.theta.tolist() == [[2, 3], [10, 11], [16, 17]]
    assert later.running.tolist() == [[2], [10], [16]]
