import numpy as np
import pytest

import shoal
from shoal.book import Setting, Text, seeds

nan = float("nan")


@pytest.fixture(scope="module")
def comparison():
    recipe = shoal.Recipe(shoal.mlp([8]), shoal.Adam(lr=0.01), batch_size=50)
    runaway = shoal.Recipe(shoal.mlp([8]), shoal.SGD(lr=1e30), batch_size=50)
    data = shoal.load("digits", valid=0).take(120)
    return shoal.compare({"calm": recipe, "runaway": runaway}, data, epochs=4, seeds=3)


def test_curves_count_epochs_and_keep_the_order_of_seeds(comparison):
    epochs, values = seeds.curves(comparison, "calm", "test_accuracy")
    assert epochs.tolist() == [1, 2, 3, 4]
    assert values.shape == (3, 4)
    np.testing.assert_array_equal(values[:, -1], comparison.values("test_accuracy")["calm"])


def test_diverged_networks_leave_nan(comparison):
    _, values = seeds.curves(comparison, "runaway", "test_accuracy")
    assert np.isnan(values).all()
    assert seeds.spread(values[:, -1])["en"] == "diverged 3/3"


@pytest.mark.parametrize(
    ("values", "english", "chinese"),
    [
        ([0.5, 0.7], "0.600 (0.500–0.700)", "0.600 (0.500–0.700)"),
        ([0.5, 0.5], "0.500", "0.500"),
        ([0.5, 0.7, nan], "0.600 (0.500–0.700), diverged 1/3", "0.600 (0.500–0.700)，发散 1/3"),
        ([nan], "diverged 1/1", "发散 1/1"),
    ],
)
def test_spread(values, english, chinese):
    text = seeds.spread(values)
    assert (text["en"], text["zh"]) == (english, chinese)


@pytest.mark.parametrize("n", [2, 5])
def test_one_more_run_ends_inside_in_95_of_100_cases(n):
    """Simulated: n seeds and one more run, all from the same normal distribution."""
    draws = np.random.default_rng(n).standard_normal((2000, n + 1))
    inside = 0
    for *known, new in draws:
        low, high = seeds.one_run(known)
        inside += low <= new <= high
    assert inside / 2000 == pytest.approx(0.95, abs=0.015)


def test_could_be_asks_only_what_can_be_answered():
    values = [0.89, 0.90, 0.91]
    assert seeds.could_be(0.94, values, Setting()) is True
    assert seeds.could_be(0.96, values, Setting()) is False
    assert seeds.could_be(0.9, values, Setting(data="digits")) is None
    assert seeds.could_be(0.9, values, Setting(quick=True)) is None
    assert seeds.could_be(0.9, [0.9, nan], Setting()) is None


@pytest.mark.parametrize(
    ("a", "b", "words"),
    [
        ([0.90, 0.91, 0.92], [0.80, 0.815, 0.82], "higher"),
        ([0.80, 0.815, 0.82], [0.90, 0.91, 0.92], "lower"),
        ([0.9, 0.9, 0.9], [0.9, 0.9, 0.9], "same"),
        ([0.9, 0.7, 0.8], [0.8, 0.8, 0.7], "undecided"),
    ],
)
def test_changed_says_what_the_interval_says(a, b, words):
    text = seeds.changed(Text("accuracy", "准确率"), shoal.paired_difference(a, b))
    assert text["en"].startswith("accuracy is")
    assert words in text["en"]
    assert text["zh"].startswith("准确率")


def test_one_seed_decides_nothing_and_shows_no_interval():
    text = seeds.changed(Text("accuracy", "准确率"), shoal.paired_difference([0.9], [0.8]))
    assert text["en"] == "accuracy is undecided"


def test_points_have_a_true_minus_and_no_signed_zero():
    assert [seeds.points(x) for x in (0.05, -0.05, 0.0004, -0.0004)] == [
        "+5.0",
        "−5.0",
        "0.0",
        "0.0",
    ]


def test_percent_is_100_only_if_all():
    assert [seeds.percent(x) for x in (1.0, 0.9996, 0.5)] == ["100 %", "100.0 %", "50.0 %"]
