"""What networks can be trained for besides one class a row and squared errors."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context

import numpy as np
import pytest
from scipy.special import expit, log_expit

from shoal import (
    Adam,
    BinaryCrossEntropy,
    CustomLoss,
    Dataset,
    Huber,
    MeanAbsoluteError,
    Poisson,
    Quantile,
    Recipe,
    ShoalError,
    SoftmaxCrossEntropy,
    Trainer,
    compare,
    log_uniform,
    mlp,
    search,
)
from shoal.data.part import Part
from shoal.nn import LOSSES

ADAM = Adam(lr=0.02)


@pytest.fixture(scope="module")
def tags() -> Dataset:
    """300 points with three labels: right of 0, above 0, and both at once."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, 4)).astype(np.float32)
    right, above = x[:, 0] > 0, x[:, 1] > 0
    y = np.stack([right, above, right & above], axis=1).astype(np.float32)
    cuts = {"train": slice(200), "valid": slice(200, 250), "test": slice(250, None)}
    parts = {name: Part(x[rows], y[rows]) for name, rows in cuts.items()}
    return Dataset(
        name="tags", source="drawn", task="multilabel", classes=("right", "above", "both"), **parts
    )


@pytest.fixture(scope="module")
def counts() -> Dataset:
    """Counts whose logarithmic rate is linear, divided by their mean but not centred."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (2000, 2))
    rate = np.exp(1.0 + 0.8 * x[:, 0] - 0.5 * x[:, 1])
    y = rng.poisson(rate).astype(float)[:, None]
    mean = y[:1500].mean(axis=0)
    scaled = (y / mean).astype(np.float32)
    x = x.astype(np.float32)
    return Dataset(
        name="counts",
        source="drawn",
        task="regression",
        train=Part(x[:1500], scaled[:1500]),
        valid=Part(x[1500:1700], scaled[1500:1700]),
        test=Part(x[1700:], scaled[1700:]),
        target_mean=np.zeros(1),
        target_scale=mean,
    )


# Several labels a row


def test_labels_are_learned_each_for_itself(tags):
    trainer = Trainer(Recipe(mlp([16]), ADAM, batch_size=20), tags, epochs=60, seeds=2).run()
    history = trainer.history
    assert history.metrics[:3] == ("train_loss", "train_accuracy", "train_hamming")
    assert (history.final("test_hamming") > 0.93).all()
    z = trainer.shoal.outputs(tags.test.x).astype(float)
    y = tags.test.y
    loss = -(y * log_expit(z) + (1 - y) * log_expit(-z)).mean(axis=(1, 2))
    np.testing.assert_allclose(history.final("test_loss"), loss, rtol=1e-5)
    right = (z > 0) == y
    np.testing.assert_allclose(history.final("test_hamming"), right.mean(axis=(1, 2)))
    np.testing.assert_allclose(history.final("test_accuracy"), right.all(axis=2).mean(axis=1))
    np.testing.assert_allclose(trainer.shoal.probabilities(tags.test.x), expit(z), rtol=1e-5)
    assert trainer.history.program(0).loss == BinaryCrossEntropy()


def test_metrics_of_labels_are_weighted(tags):
    w = np.random.default_rng(1).uniform(0, 2, 50).astype(np.float32)
    data = replace(tags, valid=Part(tags.valid.x, tags.valid.y, w))
    trainer = Trainer(Recipe(mlp([8]), ADAM), data, epochs=3).run()
    right = (trainer.shoal.outputs(tags.valid.x)[0] > 0) == tags.valid.y
    share = w / w.sum()
    found = [trainer.history.final(f"valid_{m}")[0] for m in ("accuracy", "hamming")]
    np.testing.assert_allclose(found, [right.all(axis=1) @ share, right.mean(axis=1) @ share], 1e-6)


def test_labels_are_the_same_alone_as_in_company(tags, bits):
    recipe = Recipe(mlp([8], dropout=0.1), ADAM, loss=BinaryCrossEntropy(smoothing=0.1))
    together = Trainer(recipe, tags, epochs=3, seeds=5).run()
    for seed in range(5):
        alone = Trainer(recipe, tags, epochs=3, seeds=[seed]).run()
        assert bits(alone, 0) == bits(together, seed)


def test_labels_travel_to_processes(tags, all_bits):
    recipe = Recipe(mlp([8]), ADAM)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        there = Trainer(recipe, tags, epochs=2, seeds=2, executor=pool).run()
    assert all_bits(there) == all_bits(Trainer(recipe, tags, epochs=2, seeds=2).run())


def test_ways_of_training_on_labels_are_compared(tags):
    arms = {"small": Recipe(mlp([4]), ADAM), "large": Recipe(mlp([32]), ADAM)}
    found = compare(arms, tags, epochs=5, seeds=3)
    assert found.metric.name == "test_accuracy"
    assert found.metric.higher_is_better
    by_label = compare(arms, tags, epochs=5, seeds=3, metric="test_hamming")
    assert by_label.metric.higher_is_better
    assert "hamming" in str(by_label)


def test_an_ensemble_of_labels_says_the_mean_of_their_probabilities(tags):
    trained = Trainer(Recipe(mlp([16]), ADAM), tags, epochs=10, seeds=5).run().shoal
    ensemble = trained.ensemble()
    x, y = tags.test.x, tags.test.y
    p = trained.probabilities(x).mean(axis=0)
    np.testing.assert_allclose(ensemble.probabilities(x), p, rtol=1e-5)
    said = ensemble.predict(x)
    assert said.dtype == np.int64
    assert np.array_equal(said, p > 0.5)
    scores = ensemble.evaluate("test")
    assert scores.ensemble["accuracy"] == (said == y).all(axis=1).mean()
    assert scores.ensemble["hamming"] == pytest.approx((said == y).mean())
    assert "hamming" in str(scores)
    assert ensemble.sizes("valid").measure == "accuracy"
    diversity = ensemble.diversity("test")
    assert 0 < diversity.disagreement < 1
    assert diversity.loss == pytest.approx(scores.ensemble["loss"])
    assert [len(trained.ensemble(best=2)), ensemble.index.tolist()] == [2, [0, 1, 2, 3, 4]]


@pytest.mark.parametrize("metric", ["valid_accuracy", "valid_hamming", "valid_loss"])
def test_labels_can_be_searched_for(tags, metric):
    space = Recipe(mlp([8]), Adam(lr=log_uniform(1e-3, 1e-1)))
    study = search(space, tags, trials=6, epochs=9, strategy="full", metric=metric, finalists=2)
    assert study.final is not None
    assert study.test is not None
    assert study.test.metric.measure == metric.removeprefix("valid_")
    assert study.test.rows == 50


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("mean_squared_error", "loss='mean_squared_error' does not fit multilabel; take"),
        (SoftmaxCrossEntropy(), "does not fit multilabel; .* one of binary_cross_entropy"),
    ],
)
def test_losses_of_other_data_are_refused(tags, loss, words):
    with pytest.raises(ShoalError, match=words):
        Trainer(Recipe(mlp([4]), ADAM, loss=loss), tags, epochs=1)


# Counts


def test_poisson_finds_the_rates(counts):
    recipe = Recipe(mlp([]), Adam(lr=0.01), loss="poisson", batch_size=50)
    trainer = Trainer(recipe, counts, epochs=40).run()
    layer = trainer.shoal.weights(0)[-1]
    mean = counts.target_scale[0]
    np.testing.assert_allclose(layer["W"].ravel(), [0.8, -0.5], atol=0.06)
    np.testing.assert_allclose(layer["b"], [1.0 - np.log(mean)], atol=0.06)
    x = counts.test.x
    rates = counts.values(trainer.shoal.predictions(x)[0])
    np.testing.assert_allclose(rates[:, 0], np.exp(1 + 0.8 * x[:, 0] - 0.5 * x[:, 1]), rtol=0.15)
    targets = counts.values(counts.test.y)
    rmse = np.sqrt(((rates - targets) ** 2).mean())
    assert trainer.history.final("test_rmse")[0] == pytest.approx(rmse, rel=1e-5)
    r2 = 1 - ((rates - targets) ** 2).mean() / targets.var()
    assert trainer.history.final("test_r2")[0] == pytest.approx(r2, rel=1e-4)
    assert r2 > 0.2


def test_an_ensemble_of_rates_averages_rates(counts):
    recipe = Recipe(mlp([8]), Adam(lr=0.01), loss=Poisson(), batch_size=50)
    trainer = Trainer(recipe, counts, epochs=3, seeds=3).run()
    ensemble = trainer.shoal.ensemble()
    rates = counts.values(np.exp(trainer.shoal.outputs(counts.test.x)).mean(axis=0))
    np.testing.assert_allclose(ensemble.predict(counts.test.x), rates, rtol=1e-5)
    scores = ensemble.evaluate("test")
    np.testing.assert_allclose(scores.members["rmse"], trainer.history.final("test_rmse"), 1e-5)


def test_centred_targets_are_refused_for_poisson_before_training(data_of):
    with pytest.raises(ShoalError, match=r"Poisson\(\) needs targets >= 0, not .* by their mean"):
        Trainer(
            Recipe(mlp([4]), ADAM, loss="poisson", batch_size=8), data_of("one target"), epochs=1
        )


# Other losses of regression


def share_below(loss, seed=0):
    """Share of test targets below what a network trained with this loss answers."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-1, 1, (3000, 1))
    y = x[:, 0] + rng.exponential(1.0, 3000)
    data = Dataset.from_arrays(x, y, valid=0, test=1000)
    trainer = Trainer(Recipe(mlp([]), Adam(lr=0.02), loss=loss, batch_size=50), data, epochs=25)
    answers = trainer.run().shoal.outputs(data.test.x)[0]
    return (data.test.y < answers).mean()


@pytest.mark.parametrize("q", [0.1, 0.5, 0.9])
def test_a_quantile_lies_above_its_share_of_the_targets(q):
    assert share_below(Quantile(q)) == pytest.approx(q, abs=0.04)


def test_the_mean_absolute_error_finds_the_median_and_huber_what_lies_between(data):
    median, mean = share_below(MeanAbsoluteError()), share_below("mean_squared_error")
    assert median == pytest.approx(0.5, abs=0.04)
    assert mean == pytest.approx(1 - np.exp(-1), abs=0.04)
    assert median - 0.02 < share_below(Huber(delta=0.5)) < mean + 0.02


def test_a_loss_of_two_functions_trains_like_the_one_it_copies(data_of):
    square = CustomLoss(
        lambda y, t: ((y - t) ** 2).mean(axis=-1), lambda y, t: 2 * (y - t) / y.shape[-1]
    )
    recipe = Recipe(mlp([6]), ADAM, batch_size=11)
    ours, theirs = (
        Trainer(r, data_of("regression"), epochs=4, seeds=3).run()
        for r in (recipe.replace({"loss": square}), recipe)
    )
    for name in ("valid_loss", "valid_r2"):
        np.testing.assert_allclose(ours.history.final(name), theirs.history.final(name), rtol=1e-4)


def test_a_loss_of_two_functions_cannot_be_saved(data_of, tmp_path):
    loss = CustomLoss(lambda y, t: ((y - t) ** 2).mean(axis=-1), lambda y, t: 2 * (y - t) / 3)
    recipe = Recipe(mlp([6]), ADAM, batch_size=11, loss=loss)
    with pytest.raises(ShoalError, match="cannot be written to a file: it consists of functions"):
        Trainer(recipe, data_of("regression"), epochs=1, folder=tmp_path)


def test_smoothed_labels_keep_the_logits_small(data):
    sharp = Recipe(mlp([16]), Adam(lr=0.05), batch_size=11)
    smooth = sharp.replace({"loss": SoftmaxCrossEntropy(smoothing=0.2)})
    arms = {"sharp": sharp, "smooth": smooth}
    trainer = Trainer(arms, data, epochs=60).run()
    spread = np.ptp(trainer.shoal.outputs(data.train.x), axis=-1).mean(axis=-1)
    best_gap = np.log(0.8 * 3 / 0.2 + 1)
    assert spread[1] == pytest.approx(best_gap, abs=0.7)
    assert spread[0] > 2 * spread[1]


# All of them


@pytest.mark.parametrize("name", LOSSES)
def test_with_every_loss_a_member_is_the_same_alone_as_in_company(data, tags, counts, bits, name):
    of_task = {"classification": data, "multilabel": tags, "regression": counts.take(150)}
    plain = of_task[LOSSES[name].tasks[0]]
    w = np.random.default_rng(0).gamma(1.0, 1.0, len(plain.train)).astype(np.float32)
    weighted = replace(plain, train=Part(plain.train.x, plain.train.y, w))
    recipe = Recipe(mlp([9], dropout=0.1), ADAM, loss=name, batch_size=11)
    for used in (plain, weighted):
        together = Trainer(recipe, used, epochs=2, seeds=5, chunk=3).run()
        assert (together.history.diverged == -1).all()
        for seed in range(5):
            alone = Trainer(recipe, used, epochs=2, seeds=[seed]).run()
            assert bits(alone, 0) == bits(together, seed)
