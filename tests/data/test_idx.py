"""The IDX reader, on files made by hand."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from shoal import ShoalError
from shoal.data.idx import parse_idx

IMAGES = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2, 2, 3) + bytes(range(12))


def test_images():
    images = parse_idx(IMAGES)
    assert images.shape == (2, 2, 3)
    assert images.dtype == np.uint8
    assert images.ravel().tolist() == list(range(12))


@pytest.mark.parametrize(
    ("code", "dtype"),
    [(8, "u1"), (9, "i1"), (0x0B, "i2"), (0x0C, "i4"), (0x0D, "f4"), (0x0E, "f8")],
)
def test_every_type_is_read_as_big_endian(code, dtype):
    values = np.array([1, 2, 100], dtype=f">{dtype}")
    raw = bytes([0, 0, code, 1]) + struct.pack(">I", 3) + values.tobytes()
    assert parse_idx(raw).tolist() == [1, 2, 100]


@pytest.mark.parametrize("length", range(len(IMAGES)))
def test_truncated_anywhere(length):
    with pytest.raises(ShoalError, match=r"^images must .* truncated: get it again$"):
        parse_idx(IMAGES[:length], "images")


def test_truncated_says_what_was_expected_and_what_came():
    with pytest.raises(ShoalError, match=r"28 bytes for its shape \(2, 2, 3\), but holds 27;"):
        parse_idx(IMAGES[:-1])


def test_too_long():
    with pytest.raises(ShoalError, match="holds 29; it is longer than its header says"):
        parse_idx(IMAGES + b"x")


@pytest.mark.parametrize(
    "start", [b"\x01\x00\x08\x03", b"\x00\x00\x07\x03", b"\x00\x00\x08\x00", b"PK\x03\x04"]
)
def test_not_idx(start):
    with pytest.raises(ShoalError, match=f"must be an IDX file, .* begins {start.hex(' ')};"):
        parse_idx(start + IMAGES[4:])


def test_sizes_that_overflow_are_only_wrong():
    raw = bytes([0, 0, 8, 3]) + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1)
    with pytest.raises(ShoalError, match="truncated"):
        parse_idx(raw)
