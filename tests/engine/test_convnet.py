"""Convolutional networks in the engine: they learn, and their patches do not fill the memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

import shoal
from shoal import SGD, Adam, Dataset, Recipe, ShoalError, Trainer, convnet, mlp
from shoal.engine.evaluate import LARGEST, PIECE, piece_of
from shoal.engine.member import program_of


def test_a_small_convnet_learns_to_read_digits():
    data = shoal.load("digits", valid=0, test=360)
    network = convnet([32], size=3, padding="same")
    recipe = Recipe(network, Adam(lr=0.003), schedule=shoal.Cosine(), batch_size=24)
    history = Trainer(recipe, data, epochs=12, seeds=3, evaluate_parts=["test"]).run().history
    assert (history.final("test_accuracy") > 0.97).all()


def images(rows: int, side: int = 28) -> Dataset:
    rng = np.random.default_rng(0)
    x = rng.random((rows, side, side), np.float32)
    return Dataset.from_arrays(x, np.arange(rows) % 3, valid=8, test=8)


def piece(network: shoal.Network, in_shape: tuple[int, ...]) -> int:
    return piece_of(program_of(Recipe(network, SGD()), in_shape, 10, "classification"))


@pytest.mark.parametrize(
    ("network", "in_shape", "rows"),
    [
        (mlp([100] * 6), (28, 28), PIECE),
        (mlp([2**13]), (28, 28), PIECE),
        (convnet([4], 3), (8, 8), PIECE),
        (convnet(), (28, 28), 128),
        (convnet([64], 7, padding="same"), (64, 64, 3), 4),
        (convnet([512], 7, padding=3), (128, 128, 3), 1),
    ],
)
def test_large_layers_are_evaluated_in_pieces_of_fewer_rows(network, in_shape, rows):
    assert piece(network, in_shape) == rows
    assert PIECE % rows == 0  # so that pieces of pieces fall on the same rows


def test_evaluation_needs_the_memory_of_a_piece():
    trainer = Trainer(Recipe(convnet(), SGD(), batch_size=16), images(40), steps=1)
    x = np.random.default_rng(0).random((2 * PIECE, 28, 28), np.float32)
    trainer.shoal.outputs(x[:1])
    tracemalloc.start()
    outputs = trainer.shoal.outputs(x)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert outputs.shape == (1, 2 * PIECE, 3)
    assert peak < 2 * 4 * 4 * LARGEST  # two threads at most, each with a few arrays of 4 bytes


def test_what_it_says_of_rows_does_not_depend_on_how_they_are_cut():
    shoal_of_two = Trainer(Recipe(convnet(), SGD(), batch_size=16), images(40), steps=2, seeds=2)
    x = np.random.default_rng(0).random((300, 28, 28), np.float32)
    whole = shoal_of_two.run().shoal.outputs(x)
    for at in (0, 128, 256):
        some = shoal_of_two.shoal.outputs(x[at : at + 128])
        np.testing.assert_array_equal(some, whole[:, at : at + 128])


def test_a_network_for_images_refuses_rows_before_it_trains():
    rng = np.random.default_rng(0)
    data = Dataset.from_arrays(rng.random((40, 64)), np.arange(40) % 3, valid=8, test=8)
    with pytest.raises(ShoalError, match=r"not rows of shape \(64,\); give it images, x\.reshape"):
        Trainer(Recipe(convnet(), SGD(), batch_size=16), data, steps=1)
    with pytest.raises(ShoalError, match="does not fit an image of 4 × 4 pixels"):
        Trainer(Recipe(convnet(), SGD(), batch_size=16), images(40, side=4), steps=1)
