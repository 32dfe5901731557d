"""`shoal.search` end to end: what it trains, whom it drops, and that nothing is trained twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

import shoal
from shoal import (
    SGD,
    Adam,
    Callback,
    Halving,
    Hyperband,
    Member,
    Recipe,
    ShoalError,
    Study,
    Trainer,
    choice,
    convnet,
    log_uniform,
    mlp,
    uniform,
)
from shoal.data.part import Part
from shoal.study.samplers import RandomSampler
from shoal.study.space import Space

SMALL = {"trials": 18, "epochs": 9, "finalists": 0}


def plain(study: Study) -> list[dict[str, Any]]:
    """All that is known of the trials."""
    return [trial.to_dict() for trial in study.trials]


class Counting(Callback):
    """Counts what is really trained, by epochs of every member."""

    def __init__(self) -> None:
        self.trainers: dict[int, Trainer] = {}
        self.most = 0

    def on_round(self, trainer: Trainer) -> None:
        self.trainers[id(trainer)] = trainer

    def on_start(self, trainer: Trainer) -> None:
        history = trainer.history
        alive = ((history.dropped < 0) & (history.diverged < 0)).sum()
        others = [t for t in self.trainers.values() if t is not trainer and not t.done]
        for other in others:
            alive += ((other.history.dropped < 0) & (other.history.diverged < 0)).sum()
        self.most = max(self.most, int(alive))

    def epochs(self) -> int:
        """Of all members together: steps with a loss, in epochs."""
        total = 0
        for trainer in self.trainers.values():
            for i, per in enumerate(trainer.history.steps_per_epoch):
                steps = np.isfinite(trainer.history.curve(i, "loss").values).sum()
                total += math.ceil(steps / per)
        return total


@pytest.fixture(scope="module")
def full(space, data):
    """All trained to the end."""
    return shoal.search(space, data, strategy="full", **SMALL)


@pytest.fixture(scope="module")
def halved(space, data):
    """The worse dropped early."""
    return shoal.search(space, data, strategy=Halving(grace=1), **SMALL)


def test_survivors_end_with_the_bits_of_a_full_search(full, halved):
    survivors = [t for t in halved.trials if t.state == "done"]
    assert 2 <= len(survivors) <= 8
    for trial in halved.trials:
        same = full.trials[trial.number]
        assert same.values == trial.values
        assert same.curve[: len(trial.curve)] == trial.curve
        if trial.state == "done":
            assert trial.curve == same.curve
            assert trial.metrics == same.metrics


def test_a_trial_alone_in_a_trainer_ends_with_the_same_bits(halved, data):
    for trial in halved.trials:
        if trial.state == "done":
            alone = Trainer([Member(halved.recipe(trial), 0)], data, epochs=9).run().history
            curve = alone.curve(0, "valid_accuracy").values.tolist()
            assert [score for _, score, _ in trial.curve] == curve
            assert trial.metrics["valid_loss"] == alone.final("valid_loss")[0]


def test_nothing_is_trained_twice_and_the_dropped_stop(space, data):
    counting = Counting()
    study = shoal.search(
        space, data, strategy=Halving(grace=1), callbacks=[counting], batch=6, capacity=9, **SMALL
    )
    assert counting.epochs() == study.spent < study.full == 18 * 9
    assert counting.most <= 9
    assert len(counting.trainers) >= 3
    for trial in study.trials:
        assert len(trial.curve) == trial.budget
        assert trial.budget in (1, 2, 4, 9)
        assert (trial.state == "done") == (trial.budget == 9)


def test_freed_rows_are_refilled_before_the_first_wave_has_ended(space, data):
    starts: list[int] = []

    class Waves(Callback):
        def on_start(self, trainer: Trainer) -> None:
            starts.append(int(trainer.members[0].arm))

    shoal.search(space, data, callbacks=[Waves()], batch=6, capacity=14, **SMALL)
    again = starts.index(0, 1)  # wave 0 goes on after its first rung
    assert {6, 12} <= set(starts[:again])


@pytest.mark.parametrize("strategy", ["halving", "hyperband"])
def test_threads_and_executors_change_nothing(space, data, strategy):
    settings = {**SMALL, "strategy": strategy, "batch": 6, "capacity": 12}
    alone = plain(shoal.search(space, data, threads=1, **settings))
    assert plain(shoal.search(space, data, threads=3, **settings)) == alone
    with ThreadPoolExecutor(2) as pool:
        assert plain(shoal.search(space, data, executor=pool, **settings)) == alone


def test_the_seed_decides(space, data, halved):
    again = shoal.search(space, data, strategy=Halving(grace=1), **SMALL)
    assert plain(again) == plain(halved)
    other = shoal.search(space, data, strategy=Halving(grace=1), seed=1, **SMALL)
    assert [t.values for t in other.trials] != [t.values for t in halved.trials]


@pytest.mark.parametrize(("eta", "passing"), [(2, 30), (3, 20)])
def test_every_rung_keeps_its_share_and_its_lucky_ones(space, data, eta, passing):
    strategy = Halving(eta, grace=1)
    study = shoal.search(space, data, trials=60, epochs=9, finalists=0, strategy=strategy)
    came = [t for t in study.trials if t.state != "diverged"]
    passed = [t for t in came if t.budget > 1]
    by_luck = [t for t in passed if t.lucky]
    scores, losses = np.array([t.curve[0][1:] for t in came]).T
    by_both = rankdata(scores) + rankdata(-losses)
    order = np.lexsort((-losses, by_both))[::-1]
    first = [came[i] for i in order]
    assert {t.number for t in first[:passing]} <= {t.number for t in passed}
    assert len(passed) == 1.1 * passing
    assert len(by_luck) >= passing / 10
    assert {t.number for t in passed} - {t.number for t in first[:passing]} <= {
        t.number for t in by_luck
    }


@pytest.mark.parametrize(("batch", "capacity"), [(None, None), (6, 12)])
def test_there_are_as_many_finalists_as_were_asked_for(data, batch, capacity):
    tame = Recipe(mlp([6]), SGD(lr=log_uniform(1e-3, 0.3)), batch_size=16)
    asked = {"trials": 18, "epochs": 9, "final_seeds": 1, "batch": batch, "capacity": capacity}
    few = shoal.search(tame, data, finalists=0, **asked)
    assert sum(t.state == "done" for t in few.trials) < 6
    study = shoal.search(tame, data, finalists=6, **asked)
    assert sum(t.state == "done" for t in study.trials) >= 6
    assert len(study.final.arms) == 6


def test_diverged_trials_are_dropped_at_once(data):
    wild = Recipe(mlp([6], "relu"), SGD(lr=log_uniform(1e-2, 1e30)), batch_size=16)
    counting = Counting()
    study = shoal.search(wild, data, strategy="full", callbacks=[counting], **SMALL)
    gone = [t for t in study.trials if t.state == "diverged"]
    assert len(gone) > 5
    assert all(t.budget <= 2 and t.score == -math.inf for t in gone)
    assert study.winner.state == "done"
    assert study.spent == sum(t.budget for t in study.trials) < study.full
    assert not any(t.state == "diverged" for t in study.ranked)


def test_regression_is_judged_by_its_error(data_of):
    recipe = Recipe(mlp([6]), SGD(lr=log_uniform(1e-4, 0.5)), batch_size=16)
    study = shoal.search(recipe, data_of("regression"), **SMALL)
    assert study.plan.metric.name == "valid_rmse"
    done = [t for t in study.trials if t.state == "done"]
    best = min(done, key=lambda t: t.metrics["valid_rmse"])
    assert study.winner is best
    assert best.score == -best.metrics["valid_rmse"]
    by_r2 = shoal.search(recipe, data_of("regression"), metric="valid_r2", **SMALL)
    assert by_r2.winner.number == best.number  # the same order, the other way round


def test_steps_and_rungs_between_epochs(space, data):
    strategy = Halving(3, grace=3)
    study = shoal.search(space, data, trials=12, steps=27, finalists=0, strategy=strategy)
    assert study.plan.brackets[0].rungs == (3, 9, 27)
    assert {t.budget for t in study.trials} == {3, 9, 27}
    winner = study.winner
    recipe = study.recipe(winner)
    alone = Trainer([Member(recipe, 0)], data, steps=27, evaluate_at=(3, 9)).run().history
    curve = alone.curve(0, "valid_accuracy")
    assert [at for at, _, _ in winner.curve] == curve.steps.tolist()
    assert [score for _, score, _ in winner.curve] == curve.values.tolist()


def test_one_trial_is_a_search_too(space, data):
    study = shoal.search(space, data, trials=1, epochs=3)
    assert len(study.trials) == 1
    assert study.best == study.recipe(study.trials[0])


def test_a_grid_ends_when_it_has_no_more(data):
    recipe = Recipe(mlp([4], choice(["relu", "tanh"])), SGD(lr=choice([0.1, 0.5])), batch_size=16)
    study = shoal.search(recipe, data, trials=50, epochs=2, sampler="grid", finalists=0)
    assert len(study.trials) == 4
    assert study.complete


@pytest.mark.parametrize("strategy", [Hyperband(grace=1), "halving"])
def test_all_trials_are_dealt_to_brackets(space, data, strategy):
    study = shoal.search(space, data, trials=23, epochs=9, finalists=0, strategy=strategy)
    assert len(study.trials) == 23
    assert [t.number for t in study.trials] == list(range(23))
    shares = np.array(study.plan.shares)
    counts = np.bincount([t.bracket for t in study.trials], minlength=len(shares))
    assert (np.abs(counts - 23 * shares) <= len(shares)).all()
    for trial in study.trials:
        assert trial.budget in study.plan.brackets[trial.bracket].rungs


def test_a_sampler_of_the_users_own_is_asked_and_told(data):
    recipe = Recipe(mlp([4]), SGD(lr=log_uniform(1e-3, 1.0)), batch_size=choice([16, 20]))

    class Climber:
        """Tries near the best so far."""

        batch = 4

        def __init__(self) -> None:
            self.told: list[Any] = []
            self.asked: list[int] = []

        def ask(self, count: int) -> list[dict[str, Any]]:
            self.asked.append(count)
            best = max(self.told, key=lambda t: t.score, default=None)
            lr = 0.01 if best is None else best.values["optimizer.lr"]
            return [
                {"optimizer.lr": np.float64(lr * 2**k), "batch_size": np.int64(16)}
                for k in range(count)
            ]

        def tell(self, results: Any) -> None:
            self.told += results

    climber = Climber()
    study = shoal.search(recipe, data, trials=10, epochs=3, sampler=climber, finalists=0)
    assert climber.asked == [4, 4, 2]
    assert sorted(t.number for t in climber.told) == list(range(10))
    assert all(t.values == study.trials[t.number].values for t in climber.told)
    assert study.trials[4].values["optimizer.lr"] >= 0.02


@pytest.mark.parametrize("sampler", ["tpe", "narrowing", "sobol"])
def test_those_that_learn_know_all_of_a_batch_before_the_next(space, data, sampler):
    study = shoal.search(space, data, trials=40, epochs=3, sampler=sampler, batch=10, finalists=0)
    assert len(study.trials) == 40
    assert study.plan.capacity == (10 if sampler != "sobol" else 40)
    assert all(t.state != "running" for t in study.trials)


def test_what_a_sampler_gives_is_checked(space, data):
    class Wrong:
        def __init__(self, *answers: Any) -> None:
            self.answers = answers

        def ask(self, count: int) -> Any:
            return [dict(answer) for answer in self.answers]

        def tell(self, results: Any) -> None:
            pass

    good = {"optimizer.lr": 0.1, "weight_decay": 0.0, "batch_size": 16}
    for answers, message in (
        ([good] * 3, "the sampler gave 3 trials when asked for 2; ask"),
        ([{"optimizer.lr": 0.1}], "a value for weight_decay is missing; it is drawn from"),
        ([good | {"batch_size": 7}], "batch_size=7 is no option; known: 16, 20"),
        ([good | {"optimizer.lr": -1.0}], r"recipe.optimizer: lr=-1.0 must be a number > 0"),
        ([good | {"lr": 1.0}], "unknown dimension that the sampler gave: 'lr'"),
        ([], "the sampler gave nothing to try; ask(count) must give values"),
    ):
        with pytest.raises(ShoalError) as error:
            shoal.search(space, data, trials=2, epochs=3, sampler=Wrong(*answers))
        assert str(error.value).startswith(message)


@pytest.mark.parametrize(
    ("answer", "shown"),
    [
        (None, "None"),
        (3, "3"),
        ([None, None], "None"),
        ([0.1], "0.1"),
        ({"optimizer.lr": 0.1}, "{'optimizer.lr': 0.1}"),
        ("ab", "'ab'"),
    ],
    ids=str,
)
def test_a_sampler_that_gives_no_values_is_one_clear_line(space, data, answer, shown):
    class Odd(RandomSampler):
        def ask(self, count: int) -> Any:
            return answer

    with pytest.raises(ShoalError) as error:
        shoal.search(space, data, trials=2, epochs=3, sampler=Odd(Space(space), 0))
    assert str(error.value) == (
        f"the sampler gave {shown} when asked for 2 trials; ask(count) must give a list with a "
        "dict of values by path for each"
    )


def test_what_does_not_exist_beside_the_other_values_is_left_out(data):
    either = choice([SGD(lr=log_uniform(1e-3, 1.0)), Adam(lr=log_uniform(1e-4, 0.1))])

    class Flat(RandomSampler):
        """Gives a value for everything, as samplers do that know no conditions."""

        def ask(self, count: int) -> Any:
            rates = {"optimizer[SGD].lr": 0.1, "optimizer[Adam].lr": 0.01}
            return ({**rates, "optimizer": name} for name in ("SGD", "Adam")[:count])

    space = Recipe(mlp([4]), either, batch_size=16)
    study = shoal.search(
        space, data, trials=2, epochs=3, finalists=0, sampler=Flat(Space(space), 0)
    )
    assert [t.values for t in study.trials] == [
        {"optimizer": "SGD", "optimizer[SGD].lr": 0.1},
        {"optimizer": "Adam", "optimizer[Adam].lr": 0.01},
    ]


def test_the_test_part_is_not_looked_at_while_searching(space, data):
    poisoned = replace(
        data, test=Part(np.full_like(data.test.x, np.nan), np.array(data.test.y)[::-1].copy())
    )
    settings = {"trials": 12, "epochs": 4, "finalists": 0}
    clean = shoal.search(space, data, **settings)
    assert plain(shoal.search(space, poisoned, **settings)) == plain(clean)
    assert all(name.startswith("valid_") for t in clean.trials for name in t.metrics)


def test_finalists_are_trained_on_seeds_that_were_not_used(space, data):
    study = shoal.search(space, data, trials=12, epochs=4, finalists=3, final_seeds=2, seed=5)
    assert study.final is not None
    assert list(study.final.seeds) == [6, 7]
    names = {f"trial {t.number}" for t in study.ranked[:3] if t.state == "done"}
    assert set(study.final.recipes) == names


# What is refused

SPACE = Recipe(mlp([4]), SGD(lr=log_uniform(1e-3, 1.0)), batch_size=16)


def test_when_all_diverge_the_error_says_what_to_lower(data):
    wild = Recipe(mlp([4]), SGD(lr=log_uniform(1e20, 1e30)), batch_size=16)
    for strategy in ("halving", "full"):
        with pytest.raises(ShoalError, match=r"^every trial diverged; lower the upper ends of the"):
            shoal.search(wild, data, trials=6, epochs=3, strategy=strategy)


def test_data_without_a_validation_part_is_refused(data):
    bare = replace(data, valid=Part(data.valid.x[:0], data.valid.y[:0]))
    with pytest.raises(ShoalError, match=r"^the data has no validation part, which is what a sear"):
        shoal.search(SPACE, bare, trials=3, epochs=3)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trials": 0}, "trials=0 must be a whole number >= 1"),
        ({"trials": 2.5}, "trials=2.5 must be a whole number >= 1"),
        ({"epochs": 0}, "epochs=0 must be a whole number >= 1"),
        ({"epochs": None}, "give steps or epochs, one of the two (steps=None, epochs=None)"),
        ({"steps": 9}, "give steps or epochs, one of the two (steps=9, epochs=4)"),
        (
            {"epochs": 1},
            "grace=1 and eta=2 leave no rung before the end of a training of 1; give a",
        ),
        ({"sampler": "randon"}, "unknown sampler 'randon': did you mean 'random'?"),
        ({"strategy": "half"}, "unknown strategy 'half': did you mean 'halving'?"),
        (
            {"metric": "valid_acuracy"},
            "unknown metric 'valid_acuracy': did you mean 'valid_accuracy",
        ),
        ({"metric": "test_accuracy"}, "unknown metric 'test_accuracy'"),
        ({"metric": "loss"}, "unknown metric 'loss'"),
        ({"metric": "valid_rmse"}, "unknown metric 'valid_rmse'"),
        ({"seed": -1}, "seed=-1 must be a whole number >= 0"),
        ({"batch": 0}, "batch=0 must be a whole number >= 1"),
        ({"batch": "8"}, "batch='8' must be a whole number >= 1"),
        ({"capacity": 0}, "capacity=0 must be a whole number >= 1"),
        ({"finalists": -1}, "finalists=-1 must be a whole number >= 0"),
        ({"final_seeds": 0}, "final_seeds=0 must be a whole number >= 1"),
        ({"sampling": "twice"}, "unknown sampling 'twice'"),
        ({"evaluate_rows": 0}, "evaluate_rows=0 must be a whole number >= 1"),
        ({"threads": 0}, "threads=0 must be a whole number >= 1"),
        ({"executor": 3}, "executor=3 must be a concurrent.futures executor"),
        ({"callbacks": [3]}, "callbacks: 3 must be a Callback"),
        ({"resume": True, "out": None}, "resume=True needs the folder of the study: out=..."),
        ({"space": Recipe(mlp([4]), SGD())}, "the recipe has no distribution in it, so there is"),
        ({"space": 3}, "space=3 must be a Recipe with distributions in it"),
        ({"data": "digits"}, "data='digits' must be a Dataset, such as shoal.load('digits')"),
        (
            {"space": Recipe(choice([mlp([4]), convnet([3]), mlp([5])]), SGD())},
            "Conv2D takes images (height, width, channels), not rows of shape (5,)",
        ),
        (
            {"space": Recipe(mlp([4]), SGD(), batch_size=choice([8, 10**6, 16]))},
            "batch_size=1000000 must be at most the number of training rows, 80",
        ),
        (
            {"space": Recipe(mlp([4], batch_norm=choice([True, False])), SGD(), batch_size=79)},
            "batch_size=79 leaves a last batch of 1 (of 80 rows), but BatchNorm must see",
        ),
    ],
    ids=str,
)
def test_every_mistake_is_one_clear_line_before_a_folder_is_made(data, wrong, message, tmp_path):
    out = tmp_path / "study"
    asked = {"space": SPACE, "data": data, "trials": 3, "epochs": 4, "out": out, "finalists": 0}
    with pytest.raises(ShoalError) as error:
        shoal.search(**(asked | wrong))
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_dimensions_of_dropout_and_batch_norm_work_together(data):
    recipe = Recipe(
        mlp(
            [6], choice(["relu", "tanh"]), batch_norm=choice([True, False]), dropout=uniform(0, 0.5)
        ),
        choice([SGD(lr=log_uniform(0.01, 1.0)), shoal.Adam(lr=log_uniform(1e-3, 0.1))]),
        schedule=choice([shoal.Constant(), shoal.Cosine()]),
        batch_size=choice([16, 20]),
    )
    study = shoal.search(recipe, data, trials=24, epochs=6, finalists=0)
    assert study.winner.score > 0.5
    alone = Trainer([Member(study.best, 0)], data, epochs=6).run().history
    assert alone.final("valid_accuracy")[0] == study.winner.score


def test_the_sampler_sees_how_long_each_was_trained(space, data):
    class Listening(RandomSampler):
        shares: Callable[[], None]

        def tell(self, results: Any) -> None:
            heard.extend((r.number, r.share, r.score) for r in results)

    heard: list[tuple[int, float, float]] = []
    study = shoal.search(space, data, sampler=Listening(Space(space), 0), **SMALL)
    for number, share, score in heard:
        trial = study.trials[number]
        assert share == trial.budget / 9
        assert score == trial.score
    assert sorted(n for n, _, _ in heard) == list(range(18))
