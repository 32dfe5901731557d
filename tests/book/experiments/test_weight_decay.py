import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES, Setting, few_images
from shoal.book.experiments import weight_decay

NAME = "weight-decay"


def test_the_arms_differ_in_decay_alone():
    comparison = weight_decay.train(few_images.first_images(Setting(data="digits")), 1, 1)
    plain, decay = comparison.recipes.values()
    assert plain == shoal.Recipe(
        shoal.mlp([100] * 6), shoal.SGD(lr=0.01), init="he", batch_size=100
    )
    assert decay == plain.replace({"weight_decay": 0.1})


def test_decay_alone_shrinks_weights_by_a_known_factor():
    """Without a gradient of the loss, W ← (1 - η λ) W at every step: 0.999 of it here."""
    data = shoal.Dataset.from_arrays(np.zeros((200, 4)), [0, 1] * 100, valid=0, test=0)
    recipe = shoal.Recipe(shoal.mlp([3]), shoal.SGD(lr=0.01), weight_decay=0.1, batch_size=100)
    trainer = shoal.Trainer(recipe, data, steps=10)
    before = trainer.shoal.weights(0)[1]["W"]
    after = trainer.run().shoal.weights(0)[1]["W"]
    np.testing.assert_allclose(after, before * 0.999**10, rtol=1e-5)


def test_decay_slows_the_learning_by_heart(quick):
    plain, decay = quick(NAME).findings.numbers.values()
    assert (decay["train_loss"] > plain["train_loss"]).all()
    assert plain["train_accuracy"].shape == decay["test_accuracy"].shape == (2,)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    plain, decay = findings.numbers.values()
    for numbers in (plain, decay):
        assert f"{100 * numbers['train_accuracy'].mean():.1f} %" in findings.caption[language]
    change = shoal.paired_difference(decay["test_accuracy"], plain["test_accuracy"], step=1 / 359)
    assert f"{100 * change.high:+.1f}".replace("-", "−") in findings.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_draws_both_arms_side_by_side(quick, language):
    figure = quick(NAME).findings.pictures[""](language)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [name[language] for name in weight_decay.ARMS.values()]
    assert all(ax.get_xlabel() and len(ax.lines) == 2 for ax in figure.axes)
    assert figure.axes[0].get_ylabel()


def test_other_data_is_not_held_against_the_book(quick):
    assert [row.agrees for row in quick(NAME).findings.published] == [None] * 2
