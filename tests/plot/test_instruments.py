"""The picture of instruments shows what was read, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest

import shoal
from shoal import Comparison, Recipe, ShoalError
from shoal.plot import plot_instruments
from shoal.plot.instruments import ROWS, blocks, columns_of

ARMS = {
    "ReLU": Recipe(shoal.mlp([12, 12]), shoal.SGD(lr=0.1)),
    "norm": Recipe(shoal.mlp([12, 12, 12], batch_norm=True), shoal.Adam()),
    "linear": Recipe(shoal.mlp([]), shoal.SGD(lr=0.1)),
    "wild": Recipe(shoal.mlp([12]), shoal.SGD(lr=1e30)),
}


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    data = shoal.load("digits").take(300)
    return shoal.compare(ARMS, data, steps=60, seeds=2, batch_size=30, instruments=range(60))


def test_a_layer_with_weights_stands_with_what_follows_it(comparison):
    assert blocks(comparison, "norm")[0] == ["1 Affine", "2 BatchNorm", "3 ReLU"]
    assert [len(blocks(comparison, name)) for name in comparison.names] == [3, 4, 1, 2]
    titles = ["hidden layer 1", "hidden layer 2", "hidden layer 3", "output layer"]
    assert list(columns_of(comparison)) == titles


def test_lines_are_medians_of_what_was_read(comparison):
    figure = plot_instruments(comparison)
    assert len(figure.axes) == len(ROWS) * 4
    drawn = figure.axes[0].get_lines()
    members = comparison.members("ReLU")
    values = [comparison.history.reading(i, "2 ReLU", "batch_std").values for i in members]
    middle = np.median(values, axis=0)
    assert any(
        len(line.get_ydata()) == 60 and np.allclose(line.get_ydata(), middle) for line in drawn
    )


def test_arms_are_drawn_where_they_have_layers(comparison):
    def count(column: int) -> int:
        gradients = plot_instruments(comparison).axes[2 * 4 + column]
        return len(gradients.get_lines())

    assert [count(k) for k in range(4)] == [3, 2, 1, 4]


def test_deep_networks_show_some_layers_with_the_first_and_the_last():
    deep = Recipe(shoal.mlp([4] * 12), shoal.SGD())
    data = shoal.load("digits").take(200)
    comparison = shoal.compare({"deep": deep}, data, steps=30, seeds=1)
    titles = list(columns_of(comparison))
    assert titles[0] == "hidden layer 1"
    assert titles[-2:] == ["hidden layer 12", "output layer"]
    assert len(titles) == 6


def test_a_comparison_without_instruments_is_refused(tmp_path):
    data = shoal.load("digits").take(200)
    arms = {"linear": ARMS["linear"]}
    comparison = shoal.compare(arms, data, steps=5, seeds=1, instruments=False)
    with pytest.raises(ShoalError, match=r"^this comparison has no instruments; compare with"):
        plot_instruments(comparison, tmp_path / "x.png")


def test_the_picture_is_saved(comparison, tmp_path):
    path = tmp_path / "instruments.svg"
    plot_instruments(comparison, path)
    assert "hidden layer 3" in path.read_text()
