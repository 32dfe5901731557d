"""Data sets by name."""

from __future__ import annotations

import numpy as np
import pytest

from shoal import ShoalError
from shoal.data import available, load


def test_digits():
    data = load("digits")
    assert data.in_shape == (8, 8)
    assert data.outputs == 10
    assert data.classes == tuple(range(10))
    assert (data.train.x.min(), data.train.x.max()) == (0, 1)
    assert data.train.x.dtype == np.float32
    assert data.train.y.dtype == np.int64
    assert data.train.x.flags.c_contiguous
    for part in (data.train, data.valid, data.test):
        counts = np.bincount(part.y)
        assert counts.max() - counts.min() <= 0.1 * len(part) / 10 + 1


def test_another_seed_is_another_split_of_the_same_rows():
    one, other = load("digits", seed=0), load("digits", seed=1)
    assert one.fingerprint == load("digits").fingerprint != other.fingerprint
    assert not np.array_equal(one.test.x, other.test.x)


def test_sizes_can_be_chosen():
    data = load("digits", valid=0, test=100)
    assert (len(data.train), len(data.valid), len(data.test)) == (1697, 0, 100)


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(ShoalError, match=r"unknown data set 'minst': did you mean 'mnist'\?"):
        load("minst")


def test_signs_without_its_file(elsewhere):
    with pytest.raises(ShoalError, match=r"signs/signs.npz .* there is no download for it"):
        load("signs")
    assert not {e.name: e for e in available()}["signs"].at_hand


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda path: path.write_bytes(b"PK\x03\x04 broken"), "cannot be read"),
        (lambda path: np.savez(path, x=np.zeros(3)), "cannot be read"),
        (lambda path: np.savez(path, x=np.zeros(3), y=np.zeros(3)), "must hold x of shape"),
        (lambda path: np.savez(path, x=np.array([{}]), y=np.zeros(1)), "cannot be read"),
    ],
    ids=["broken", "no y", "wrong shape", "pickled"],
)
def test_signs_from_a_wrong_file(tmp_path, monkeypatch, write, text):
    write(tmp_path / "signs.npz")
    monkeypatch.setenv("SHOAL_DATA", str(tmp_path))
    with pytest.raises(ShoalError, match=rf"signs.npz {text}"):
        load("signs")


def test_the_real_signs(shared):
    data = load("signs")
    assert (len(data.train), len(data.valid), len(data.test)) == (1080, 0, 157)
    assert data.in_shape == (64, 64, 3)
    assert data.outputs == 6
    assert np.bincount(data.train.y).min() > 170
    with pytest.raises(ShoalError, match=r"test=0.2 must be left out: signs has a test part"):
        load("signs", test=0.2)
    assert [len(p) for p in (load("signs", valid=0.2).train, load("signs", valid=80).valid)] == [
        864,
        80,
    ]


@pytest.mark.mnist
def test_the_real_mnist(shared):
    if not {entry.name: entry for entry in available()}["mnist"].at_hand:
        pytest.skip("MNIST is not at hand")
    data = load("mnist")
    assert [len(p) for p in (data.train, data.valid, data.test)] == [50_000, 10_000, 10_000]
    # The official files begin 5 0 4 1 9 (training) and 7 2 1 0 4 (test).
    assert data.test.y[:5].tolist() == [7, 2, 1, 0, 4]
    assert abs(float(data.test.x.mean()) - 0.1325) < 1e-4
    share = np.bincount(data.valid.y) * 5 - np.bincount(data.train.y)
    assert np.abs(share).max() <= 5

    whole = load("mnist", valid=0)
    assert whole.train.y[:5].tolist() == [5, 0, 4, 1, 9]
    assert abs(float(whole.train.x.mean(dtype=np.float64)) - 0.1307) < 1e-4
    few = whole.take(500).with_valid(100)
    assert [len(p) for p in (few.train, few.valid, few.test)] == [400, 100, 10_000]
    assert np.abs(np.bincount(few.valid.y) - 10).max() <= 2
