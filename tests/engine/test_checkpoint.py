"""A file that is whole or not there, and that says so when it is damaged."""

from __future__ import annotations

import os

import numpy as np
import pytest

from shoal import ShoalError
from shoal.engine import checkpoint

ARRAYS = {
    "floats": np.array([[1.5, -0.0], [np.nan, np.inf]], np.float32),
    "slice": np.arange(12.0).reshape(3, 4)[:, 1:3],
    "whole": np.array([-1, 2**40]),
    "empty": np.zeros((0, 3)),
    "none": np.zeros((3, 0), np.float32),
}
FACTS = {"text": "é\n\"'", "list": [1, 2.5, None], "table": {"a": {}}}


@pytest.fixture
def file(tmp_path):
    """A checkpoint."""
    path = tmp_path / "run" / "state.safetensors"
    checkpoint.save(path, ARRAYS, FACTS)
    return path


def same(a, b) -> bool:
    """The same names, types, shapes and bits."""
    return a.keys() == b.keys() and all(
        (a[name].dtype, a[name].shape, a[name].tobytes())
        == (b[name].dtype, b[name].shape, b[name].tobytes())
        for name in b
    )


def test_what_is_saved_is_loaded(file):
    arrays, facts = checkpoint.load(file)
    assert facts == FACTS
    assert same(arrays, ARRAYS)


def test_whole_numbers_of_numpy_may_be_facts(tmp_path):
    checkpoint.save(tmp_path / "c", {}, {"n": np.int64(3)})
    assert checkpoint.load(tmp_path / "c") == ({}, {"n": 3})


def test_nothing_else_is_left_in_the_folder(file):
    checkpoint.save(file, ARRAYS, FACTS)
    assert list(file.parent.iterdir()) == [file]


def test_a_file_that_the_system_does_not_take_leaves_the_old_one(file):
    resource = pytest.importorskip("resource")
    before, limits = file.read_bytes(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, limits[1]))  # as a full disk would
    try:
        with pytest.raises(ShoalError, match=r"^cannot write .*state\.safetensors: "):
            checkpoint.save(file, {"long": np.zeros(2**16)}, FACTS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_others_may_read_it_as_any_other_file(file):
    plain = file.parent / "plain"
    plain.write_text("")
    assert file.stat().st_mode == plain.stat().st_mode


def test_a_missing_file_is_one_clear_error(tmp_path):
    with pytest.raises(ShoalError, match=r"^no checkpoint at .*; give the folder of a run$"):
        checkpoint.load(tmp_path / "state.safetensors")
    with pytest.raises(ShoalError, match=r"^no checkpoint at "):
        checkpoint.load(tmp_path)


def test_a_truncated_file_is_one_clear_error(file):
    whole = file.read_bytes()
    for length in (0, 1, 8, 9, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises(ShoalError, match=r"is damaged .*; start anew$"):
            checkpoint.load(file)
    file.write_bytes(whole + b"more")
    with pytest.raises(ShoalError, match="is damaged"):
        checkpoint.load(file)


def test_a_flipped_bit_is_noticed_or_harmless(file):
    whole = file.read_bytes()
    noticed = 0
    for place in range(len(whole)):
        broken = bytearray(whole)
        broken[place] ^= 0x04
        file.write_bytes(broken)
        try:
            arrays, facts = checkpoint.load(file)
        except ShoalError:
            noticed += 1
        else:
            assert facts == FACTS
            assert same(arrays, ARRAYS)
    assert noticed > len(whole) - 9  # the exception: spaces that fill up the header


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"\x80\x04pickled", bytes(64)])
def test_a_foreign_file_is_one_clear_error(file, content):
    file.write_bytes(content)
    with pytest.raises(ShoalError, match=r"is damaged and cannot be read \(.*\); start anew"):
        checkpoint.load(file)


def test_safetensors_of_another_program_are_refused(file):
    from safetensors.numpy import save_file

    for metadata in (None, {"format": "pt"}):
        save_file({"weights": np.zeros(3)}, file, metadata=metadata)
        with pytest.raises(ShoalError, match=r"is no checkpoint of shoal; give the folder of a"):
            checkpoint.load(file)


def test_an_unwritable_place_is_one_clear_error(tmp_path):
    below_a_file = tmp_path / "file" / "run" / "state"
    (tmp_path / "file").write_text("")
    with pytest.raises(ShoalError, match=r"^cannot write .*state: .*run is no folder$"):
        checkpoint.save(below_a_file, ARRAYS, FACTS)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(file, monkeypatch, function):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    before = file.read_bytes()
    monkeypatch.setattr(os, function, full)
    with pytest.raises(ShoalError, match=r"^cannot write .*: No space left on device$"):
        checkpoint.write_whole(file, b"new")
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]


def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(file, monkeypatch):
    def interrupt(*arguments):
        raise KeyboardInterrupt

    before = file.read_bytes()
    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoint.write_whole(file, b"new")
    assert file.read_bytes() == before
    assert list(file.parent.iterdir()) == [file]
