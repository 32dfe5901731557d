"""Arrays in files: never copied whole, with the numbers of the same arrays in memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from shoal import Dataset, ShoalError
from shoal.data.mapped import is_mapped, pieces
from shoal.data.preparation.arrays import fit_array

ROWS = 60
RNG = np.random.default_rng(8)
Y = np.arange(ROWS) % 3
PARTS = ("train", "valid", "test")


@pytest.fixture
def mapped(tmp_path):
    """An array in a file."""

    def put(array):
        file = tmp_path / f"{len(list(tmp_path.iterdir()))}.npy"
        np.save(file, array)
        return np.load(file, mmap_mode="r")

    return put


def arrays(kind):
    x = 3 * RNG.standard_normal((ROWS, 5)) + 2
    return {
        "bytes": RNG.integers(0, 256, (ROWS, 3, 4), dtype=np.uint8),
        "float32": x.astype(np.float32),
        "float64": x,
        "float16": x.astype(np.float16),
        "big end first": x.astype(">f4"),
        "whole": (100 * x).astype(np.int32),
        "columns first": np.asfortranarray(x.astype(np.float32)),
    }[kind]


KINDS = ("bytes", "float32", "float64", "float16", "big end first", "whole", "columns first")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("scale", ["none", "pixels"])
def test_the_numbers_are_those_of_the_array_in_memory(kind, scale, mapped):
    x = arrays(kind)
    there, here = (Dataset.from_arrays(each, Y, scale=scale) for each in (mapped(x), x))
    for name in PARTS:
        part = there.part(name)
        assert is_mapped(part.stored)
        np.testing.assert_array_equal(part.x, here.part(name).x)
        np.testing.assert_array_equal(part.y, here.part(name).y)
    assert there.fingerprint == here.fingerprint
    assert there.describe().numbers["inputs"] == here.describe().numbers["inputs"]


@pytest.mark.parametrize("kind", KINDS)
def test_standardised_as_in_memory_but_for_rounding(kind, mapped):
    x = arrays(kind)
    there, here = (Dataset.from_arrays(each, Y, scale="standard") for each in (mapped(x), x))
    tolerance = 1e-3 if kind == "float16" else 1e-5
    for name in PARTS:
        np.testing.assert_allclose(
            there.part(name).x, here.part(name).x, rtol=tolerance, atol=tolerance
        )
    np.testing.assert_array_equal(there.prepare(x[:4]), there.prepare(mapped(x)[:4]))
    train = there.train.at if there.train.at is not None else slice(0, len(there.train))
    np.testing.assert_array_equal(there.prepare(x[train]), there.train.x)


def test_means_come_from_all_pieces_of_the_training_rows(mapped, monkeypatch):
    monkeypatch.setattr("shoal.data.mapped.AT_ONCE", 35)  # 7 rows
    x = arrays("float64")
    data = Dataset.from_arrays(mapped(x), Y)
    rows = x[data.train.at]
    assert len(list(pieces(x, data.train.at))) > 4
    wanted = fit_array(rows).scaling
    np.testing.assert_allclose(data.preprocessing.scaling.mean, wanted.mean, rtol=1e-12)
    np.testing.assert_allclose(data.preprocessing.scaling.scale, wanted.scale, rtol=1e-12)
    assert data.fingerprint == replace(data, name="other").fingerprint


def test_parts_are_views(mapped):
    x = mapped(arrays("float32"))
    data = Dataset.from_arrays(x, Y, scale="none")
    small = data.take(20).with_valid(5) if not len(data.valid) else data.take(20)
    for part in (data.train, data.valid, data.test, small.train):
        assert np.shares_memory(part.stored, x)
    whole = Dataset.from_arrays(x, Y, scale="none", valid=0, test=0)
    assert whole.train.at is None
    assert np.shares_memory(whole.train.inputs(slice(3, 9)), x)
    carved = whole.with_valid(10)
    assert np.shares_memory(carved.valid.stored, x)
    np.testing.assert_array_equal(
        np.sort(np.concatenate([carved.train.x, carved.valid.x]), axis=0), np.sort(x, axis=0)
    )
    range_of = whole.train.rows(np.arange(5, 12))
    assert range_of.at is None
    np.testing.assert_array_equal(range_of.x, x[5:12])


def test_a_test_part_in_another_file_or_in_memory(mapped):
    x = arrays("bytes")
    data = Dataset.from_arrays(mapped(x), Y, x_test=x[:7], y_test=Y[:7], valid=10)
    assert is_mapped(data.train.stored)
    assert not is_mapped(data.test.stored)
    other = Dataset.from_arrays(x, Y, x_test=mapped(x[:7]), y_test=Y[:7], valid=10)
    assert other.fingerprint == data.fingerprint


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e39])
def test_what_is_not_a_number_is_named_wherever_it_lies(value, mapped, monkeypatch):
    monkeypatch.setattr("shoal.data.mapped.AT_ONCE", 35)
    x = arrays("float64")
    x[43, 2] = x[58, 0] = value
    with pytest.raises(ShoalError, match=r"x\[43, 2\]=.*\(2 such values"):
        Dataset.from_arrays(mapped(x), Y)
    with pytest.raises(ShoalError, match=r"x\[43, 2\]=.*\(2 such values"):
        Dataset.from_arrays(x, Y)


def test_what_scaling_makes_too_large_is_refused(mapped):
    x = np.zeros((ROWS, 1))
    x[:, 0] = 1e-30 * (np.arange(ROWS) % 2)
    outlier = Dataset.from_arrays(mapped(x), Y).test.at[0]
    x[outlier] = 1e30
    with pytest.raises(ShoalError, match="float32 can hold after scaling"):
        Dataset.from_arrays(mapped(x), Y)


def test_medians_need_memory(mapped):
    with pytest.raises(ShoalError, match="scale='robust' needs medians"):
        Dataset.from_arrays(mapped(arrays("float32")), Y, scale="robust")
