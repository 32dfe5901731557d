"""Compiled functions are kept on disk; no file that is damaged or cannot be written ends a run."""

from __future__ import annotations

import errno
import logging
import os

import llvmlite.binding as llvm
import numba
import pytest
from numba.core import caching
from numba.core.codegen import JITCPUCodegen

from shoal.engine.compiled import library


def square(x: int) -> int:
    return x * x


@pytest.fixture
def kept(tmp_path, monkeypatch):
    """Makes a function that is kept in an empty folder, as a new process would."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))

    def make():
        function = numba.njit(square)
        library._keep(function)
        function.compile((numba.int64,))
        assert function(12) == 144
        return sum(function.stats.cache_hits.values())

    return make


def test_a_function_is_compiled_once(kept):
    assert [kept(), kept(), kept()] == [0, 1, 1]


@pytest.mark.parametrize("length", [0, 5, 100], ids="{} bytes".format)
@pytest.mark.parametrize("ending", ["nbi", "nbc"])
def test_a_file_cut_short_is_made_anew(kept, tmp_path, caplog, ending, length):
    assert kept() == 0
    [file] = tmp_path.rglob(f"*.{ending}")
    whole = file.read_bytes()
    assert len(whole) > length
    file.write_bytes(whole[:length])
    with caplog.at_level(logging.INFO, "shoal"):
        assert kept() == 0
    assert "square is compiled anew" in caplog.text
    assert kept() == 1


def test_on_a_full_disk_functions_are_not_kept(kept, monkeypatch, caplog):
    def full(self, name, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as m, caplog.at_level(logging.INFO, "shoal"):
        m.setattr(caching.IndexDataCacheFile, "_save_data", full)
        assert kept() == 0
    assert "square is not kept: [Errno 28] No space left on device" in caplog.text
    assert [kept(), kept()] == [0, 1]


def test_where_nobody_may_write_functions_are_not_kept(kept, tmp_path, monkeypatch, caplog):
    (tmp_path / "file").touch()
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "file" / "folder"))
    with caplog.at_level(logging.INFO, "shoal"):
        assert [kept(), kept()] == [0, 0]
    assert "compiled functions are not kept" in caplog.text


@pytest.mark.parametrize(
    ("where", "name", "other"),
    [
        (llvm, "get_host_cpu_name", lambda: "another"),
        (llvm, "get_host_cpu_features", lambda: llvm.FeatureMap({"avx": False})),
        (numba, "__version__", "0.1"),
    ],
)
def test_each_kind_of_machine_has_a_folder_of_its_own(monkeypatch, where, name, other):
    here = library._processor.__wrapped__()
    monkeypatch.setattr(where, name, other)
    assert library._processor.__wrapped__() != here


@pytest.fixture
def one(tmp_path, monkeypatch):
    """One function of the library, new every time, kept in an empty folder."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    every = library._functions
    monkeypatch.setattr(library, "_functions", lambda: every()[7:8])  # one that is soon compiled
    monkeypatch.setattr(library, "_made", [])

    def compiled() -> int:
        (function,) = library._functions()
        library._keep(function)
        loaded = library._compile(function)
        assert function.address
        return loaded

    return compiled


def test_what_is_kept_is_at_hand(one):
    assert not library.at_hand()
    assert one() == 0
    assert library.at_hand()
    assert one() == 1


def test_what_is_damaged_is_not_at_hand(one, tmp_path):
    one()
    (file,) = tmp_path.rglob("*.nbi")
    file.write_bytes(b"what is this")
    assert not library.at_hand()
    assert [one(), one()] == [0, 1]


def test_another_processor_s_code_is_not_at_hand(one, monkeypatch):
    one()
    monkeypatch.setattr(JITCPUCodegen, "_get_host_cpu_name", lambda self: "another")
    assert not library.at_hand()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no child is born here")
def test_a_child_born_while_a_thread_compiles_waits_for_its_end(python):
    program = """
        import os, sys, threading
        from shoal.engine.compiled import library

        compiling, go_on = threading.Event(), threading.Event()


        def make():
            compiling.set()
            assert go_on.wait(60)
            return "made"


        library._make = make
        thread = threading.Thread(target=library.library)
        thread.start()
        compiling.wait()
        threading.Timer(0.2, go_on.set).start()
        child = os.fork()
        if not child:
            os._exit(0 if library.library() == "made" and library._made == ["made"] else 1)
        thread.join()
        print(os.waitpid(child, 0)[1])
    """
    process = python(program)
    out, error = process.communicate(timeout=60)
    assert out == "0\n", error
