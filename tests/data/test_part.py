"""A part keeps bytes as bytes, and makes rows of them ready with the very bits of the whole."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import shoal
from shoal import Dataset, ShoalError
from shoal.data.part import Part
from shoal.data.scaling import Pixels

RNG = np.random.default_rng(5)
PIXELS = RNG.integers(0, 256, (50, 4, 3), dtype=np.uint8)
Y = np.arange(50) % 3


def kept(top=255.0) -> Part:
    return Part(PIXELS, Y, scaling=Pixels(top))


@pytest.mark.parametrize("top", [1, 16, 255, 254.5])
def test_bytes_become_the_quotients_of_float32(top):
    wanted = PIXELS.astype(np.float32) / np.float32(top)
    part = kept(top)
    assert part.stored.dtype == np.uint8
    np.testing.assert_array_equal(part.x, wanted)
    assert part.x.dtype == np.float32
    assert not part.x.flags.writeable
    low, high = part.range
    assert (low, high) == (wanted.min(), wanted.max())


@given(st.lists(st.integers(0, 49), max_size=60))
def test_rows_do_not_depend_on_those_beside_them(rows):
    at = np.array(rows, np.int64)
    part = kept()
    x = part.inputs(at)
    np.testing.assert_array_equal(x, part.x[at])
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(part.rows(at).x, x)


def test_all_else_is_ready_at_once():
    of_doubles = Part(PIXELS.astype(np.float64), Y, scaling=Pixels(255))
    assert of_doubles.scaling is None
    assert of_doubles.stored.dtype == np.float32
    np.testing.assert_array_equal(of_doubles.x, kept().x)
    x = np.ones((3, 2), np.float32)
    assert np.shares_memory(Part(x, Y[:3]).inputs(slice(1, 3)), x)  # what is ready is not copied


def test_rows_named_by_place():
    at = np.array([7, 3, 3, 40])
    part = Part(PIXELS, Y[:4], scaling=Pixels(255), at=at)
    assert len(part) == 4
    np.testing.assert_array_equal(part.x, kept().x[at])
    with pytest.raises(ShoalError, match="x has 4 and y 5"):
        Part(PIXELS, Y[:5], at=at)


def test_weights_and_rows_go_together():
    w = RNG.random(50).astype(np.float32)
    part = replace(kept(), weights=w).rows(slice(10, 20))
    np.testing.assert_array_equal(part.weights, w[10:20])
    np.testing.assert_array_equal(part.x, kept().x[10:20])


def test_a_fingerprint_is_of_numbers_not_of_how_they_are_kept():
    data = Dataset.from_arrays(PIXELS, Y)
    plain = {
        name: Part(data.part(name).x, data.part(name).y) for name in ("train", "valid", "test")
    }
    assert data.train.stored.dtype == np.uint8
    assert replace(data, **plain).fingerprint == data.fingerprint
    moved = replace(data, train=Part(data.train.stored, data.train.y, scaling=Pixels(254)))
    assert moved.fingerprint != data.fingerprint


def test_nobody_changes_a_dataset_through_the_arrays_it_came_from():
    x, x_test = PIXELS.copy(), PIXELS[:6].copy()
    data = Dataset.from_arrays(x, Y, x_test=x_test, y_test=Y[:6], valid=0)
    before = data.fingerprint
    x[...] = x_test[...] = 0
    assert Dataset.from_arrays(PIXELS, Y, valid=0, test=0).train.x.max() > 0.9
    del data.__dict__["fingerprint"]
    assert data.fingerprint == before


@pytest.mark.mnist
def test_all_of_mnist_takes_55_million_bytes():
    if not {entry.name: entry for entry in shoal.available()}["mnist"].at_hand:
        pytest.skip("MNIST is not at hand")
    data = shoal.load("mnist")
    parts = (data.train, data.valid, data.test)
    assert sum(part.stored.nbytes for part in parts) == 70_000 * 28 * 28 == 54_880_000
    assert data.train.inputs(slice(0, 100)).dtype == np.float32
