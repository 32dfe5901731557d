import numpy as np
import pytest

from shoal.book import LANGUAGES, few_images


def numbers(train, test):
    return {
        "train_accuracy": np.array(train),
        "test_accuracy": np.array(test),
        "gap": np.array(train) - np.array(test),
        "rows": {"train": 300, "test": 10_000},
    }


@pytest.fixture
def arms():
    plain = numbers([1.0, 1.0, 1.0], [0.75, 0.76, 0.74])
    return {"plain": plain, "held": numbers([0.90, 0.91, 0.89], [0.75, 0.76, 0.74])}


def test_against_says_what_became_of_all_three(arms):
    words = few_images.against(arms["held"], arms["plain"])["en"]
    train, test, gap = words.replace("), and ", "), ").split("), ")
    assert train.startswith("training accuracy is 10.0 points lower")
    assert test.startswith("test accuracy is the same within half a point")
    assert gap.startswith("the gap is 10.0 points lower")


@pytest.mark.parametrize("language", LANGUAGES)
def test_table_and_foot_hold_the_numbers(arms, language):
    names = dict.fromkeys(arms, few_images.TRAINING)
    table = few_images.ends_table(arms, names)
    assert [row[3][language].split()[0] for row in table.rows] == ["0.250", "0.150"]
    foot = few_images.drawn_on(arms["plain"])[language]
    assert "300" in foot
    assert "10,000" in foot
