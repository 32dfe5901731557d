import numpy as np
import pytest

import shoal
from shoal.book import LANGUAGES
from shoal.book.experiments import ensemble

NAME = "ensemble"


@pytest.fixture(scope="module")
def data():
    return shoal.load("digits", valid=0).take(100)


@pytest.mark.parametrize("side", [2, 3, 5])
def test_each_way_uses_every_network_once(side):
    numbers = np.arange(side * side).reshape(side, side)
    for ensembles in ensemble.three_ways(numbers).values():
        assert sorted(ensembles.ravel().tolist()) == list(range(side * side))


def test_ways_share_what_their_names_say():
    numbers = np.arange(25).reshape(5, 5)
    recipe, seed = np.divmod(numbers, 5)
    ways = ensemble.three_ways(numbers)
    for name, recipes, seeds in (("same recipe", 1, 5), ("same seed", 5, 1), ("neither", 5, 5)):
        for row in ways[name].ravel().reshape(5, 5):
            assert len(set(recipe.ravel()[row])) == recipes
            assert len(set(seed.ravel()[row])) == seeds


def test_a_square_has_each_recipe_with_each_seed(data):
    trained, numbers = ensemble.square(ensemble.RECIPES, data, epochs=1, side=3)
    assert len(trained) == 9
    for row, name in zip(numbers, ensemble.RECIPES, strict=False):
        assert [trained.members[i].arm for i in row] == [name] * 3
        assert [trained.members[i].seed for i in row] == [0, 1, 2]


def test_recipes_differ_from_one_another():
    assert len(set(ensemble.RECIPES.values())) == len(ensemble.RECIPES) == ensemble.SIDE
    assert len(set(ensemble.INITS.values())) == len(ensemble.INITS) == ensemble.SIDE


def test_accuracy_is_that_of_the_mean_probability(data):
    trained, numbers = ensemble.square(ensemble.INITS, data, epochs=3, side=2)
    found = ensemble.measured(trained, numbers)
    for at, row in enumerate(numbers):
        p = trained.probabilities(data.test.x)[row].astype(np.float64)
        right = (p.mean(axis=0).argmax(axis=-1) == data.test.y).mean()
        assert found["accuracy"][at] == pytest.approx(right, abs=1e-12)
        alone = (p.argmax(axis=-1) == data.test.y).mean()
        assert found["members"][at] == pytest.approx(alone, abs=1e-12)
        differ = (p[0].argmax(axis=-1) != p[1].argmax(axis=-1)).mean()
        assert found["disagreement"][at] == pytest.approx(differ, abs=1e-12)


def test_the_same_networks_stand_behind_all_kinds(quick):
    kinds = quick(NAME).findings.numbers["kinds"]
    for some, other in (
        ("seeds", "recipes and seeds"),
        ("recipes, one seed", "recipes and seeds"),
        ("inits, one seed", "inits and seeds"),
    ):
        assert kinds[some]["members"].mean() == pytest.approx(kinds[other]["members"].mean())


def test_one_seed_makes_networks_alike(quick):
    """Inits of one seed are the same draws on another scale, and the batches are the same."""
    kinds = quick(NAME).findings.numbers["kinds"]
    alike, different = (kinds[k]["disagreement"] for k in ("inits, one seed", "inits and seeds"))
    assert alike.max() < different.min()


def test_sizes_begin_with_single_networks_and_end_with_all(quick):
    numbers = quick(NAME).findings.numbers
    for found in (numbers["few"], numbers["all"]):
        assert found["size"].tolist() == [1, 2, 3, 4]
        assert found["mean"][0] == pytest.approx(found["members"].mean())
        assert found["low"][-1] == found["mean"][-1] == found["high"][-1]
    gain = numbers["all"]["mean"][1] - numbers["all"]["mean"][0]
    assert numbers["gain"]["all"] == pytest.approx(gain)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_caption_has_the_numbers(quick, language):
    findings = quick(NAME).findings
    for name in ("few", "all"):
        for at in (0, 1, -1):
            accuracy = 100 * findings.numbers[name]["mean"][at]
            assert f"{accuracy:.2f} %" in findings.caption[language]
    best = max(100 * n["gain"].mean() for n in findings.numbers["kinds"].values())
    assert f"{best:.1f}" in findings.caption[language]


@pytest.mark.parametrize("language", LANGUAGES)
def test_pictures(quick, language):
    findings = quick(NAME).findings
    few, all_ = findings.pictures[""](language).axes
    for ax, name in ((few, "few"), (all_, "all")):
        assert ax.get_xlabel()
        drawn = [line.get_ydata() for line in ax.lines]
        means = findings.numbers[name]["mean"]
        assert any(len(y) == len(means) and np.allclose(y, means) for y in drawn)
    (kinds,) = findings.pictures["diversity"](language).axes
    ticks = [label.get_text() for label in kinds.get_yticklabels()]
    assert ticks == [name[language] for name in ensemble.KINDS.values()]
