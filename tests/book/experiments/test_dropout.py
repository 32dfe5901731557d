import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES, Setting, few_images
from shoal.book.experiments import dropout

NAME = "dropout"


def test_the_settings_are_the_books():
    comparison = dropout.train(few_images.first_images(Setting(data="digits")), 1, 1)
    assert comparison.facts["sampling"] == "replacement"
    plain, dropped, unscaled = comparison.recipes.values()
    assert plain.network == shoal.mlp([100] * 6)
    assert dropped.network == shoal.mlp([100] * 6, dropout=0.2)
    kinds = [type(layer) for layer in unscaled.network.layers]
    assert kinds.count(dropout.Unscaled) == 6
    assert {x.rate for x in unscaled.network.layers if isinstance(x, dropout.Unscaled)} == {0.2}
    assert all(r.optimizer == shoal.SGD(lr=0.01) and r.init == "he" for r in (plain, unscaled))


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    return rng.standard_normal((50, 8)), rng.random((50, 8)), rng.standard_normal((50, 8))


def test_unscaled_keeps_what_is_not_dropped_as_it_is(drawn):
    x, noise, _ = drawn
    y, _ = dropout.Unscaled(0.2).forward({}, x, training=True, noise=noise)
    np.testing.assert_allclose(y, np.where(noise < 0.2, 0, x))
    evaluated, _ = dropout.Unscaled(0.2).forward({}, x)
    np.testing.assert_allclose(evaluated, 0.8 * x)


def test_unscaled_passes_gradients_on_as_they_are(drawn):
    x, noise, dy = drawn
    layer = dropout.Unscaled(0.2)
    _, cache = layer.forward({}, x, training=True, noise=noise)
    np.testing.assert_allclose(layer.backward({}, cache, dy)[0], np.where(noise < 0.2, 0, dy))


def test_unscaled_is_dropout_with_smaller_weights_behind_it(drawn):
    """Scaling can be moved into the next layer, which is why only the speed of learning differs."""
    x, noise, _ = drawn
    W = np.random.default_rng(1).standard_normal((8, 3))
    scaled, _ = shoal.Dropout(0.2).forward({}, x, training=True, noise=noise)
    unscaled, _ = dropout.Unscaled(0.2).forward({}, x, training=True, noise=noise)
    np.testing.assert_allclose(unscaled @ W, scaled @ (0.8 * W))


def test_the_rate_of_each_member_counts():
    """In a shoal the rate comes with the parameters, one per member."""
    x, noise = np.ones((2, 5, 4)), np.ones((2, 5, 4))
    rates = {"rate": np.array([0.2, 0.5])[:, None, None]}
    evaluated, _ = dropout.Unscaled().forward(rates, x)
    np.testing.assert_allclose(evaluated[:, 0, 0], [0.8, 0.5])
    trained, _ = dropout.Unscaled().forward(rates, x, training=True, noise=noise)
    np.testing.assert_allclose(trained, x)


def test_without_scaling_learning_is_slowest(quick):
    plain, scaled, unscaled = (n["train_loss"] for n in quick(NAME).findings.numbers.values())
    assert (plain < scaled).all()
    assert (scaled < unscaled).all()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_and_the_table_have_the_numbers(quick, language):
    findings = quick(NAME).findings
    plain, scaled, unscaled = findings.numbers.values()
    for a, b in ((scaled, plain), (unscaled, scaled)):
        change = shoal.paired_difference(a["test_accuracy"], b["test_accuracy"], step=1 / 359)
        assert f"{100 * change.low:+.1f}".replace("-", "−") in findings.caption[language]
    for row, numbers in zip(findings.table.rows, findings.numbers.values(), strict=True):
        assert f"{numbers['train_accuracy'].mean():.3f}" in row[1][language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_draws_three_arms(quick, language):
    figure = quick(NAME).findings.pictures[""](language)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == [name[language] for name in dropout.ARMS.values()]
    assert all(ax.get_xlabel() for ax in figure.axes)
