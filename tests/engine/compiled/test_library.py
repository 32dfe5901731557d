"""Compiled functions are kept on disk; no file that is damaged or cannot be written ends a run."""

from __future__ import annotations

import errno
import logging
import os
import sys

import llvmlite.binding as llvm
import numba
import pytest
from numba.core import caching
from numba.core.codegen import JITCPUCodegen

from shoal.engine.compiled import library, second


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
        from shoal.engine.compiled import library, second

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


@pytest.fixture
def two(tmp_path, monkeypatch):
    """Two functions that are soon compiled, and an empty folder to keep them in."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    every = library._functions()
    return [function for function in every if library._name(function) in ("pool", "shares")]


def test_a_second_process_keeps_what_it_compiles(two, monkeypatch):
    monkeypatch.setattr(second, "available_threads", lambda: 2)
    assert not any(map(library._is_kept, two))
    with second.second_process(["pool", "shares"]) as there:
        assert there
    assert all(map(library._is_kept, two))


@pytest.mark.parametrize("python", [None, "", "/nowhere/python"])
def test_where_no_python_can_be_started_there_is_no_second_process(python, monkeypatch):
    monkeypatch.setattr(second, "available_threads", lambda: 2)
    monkeypatch.setattr(sys, "executable", python)
    with second.second_process(["pool"]) as there:
        assert not there


def test_one_processor_compiles_by_one_process(monkeypatch):
    monkeypatch.setattr(second, "available_threads", lambda: 1)
    with second.second_process(["pool"]) as there:
        assert not there


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "import time; time.sleep(600)"])
def test_a_second_process_that_fails_or_hangs_is_not_waited_for_long(code, two, monkeypatch):
    monkeypatch.setattr(second, "available_threads", lambda: 2)
    monkeypatch.setattr(second, "CODE", code)
    monkeypatch.setattr(second, "PATIENCE", 0.1)
    with second.second_process(["pool", "shares"]) as there:
        assert there
    assert not any(map(library._is_kept, two))
    assert [library._compile(function) for function in two] == [False, False]


def test_functions_are_shared_out_unless_they_lie_on_disk(two, monkeypatch):
    functions = library._functions()
    own, others = library._shared_out(functions)
    assert [*map(library._name, others)] == ["forward", "list_rows", "answer", "train_span"]
    assert own + others == functions
    monkeypatch.setattr(library, "_is_kept", lambda function: True)
    assert library._shared_out(functions) == (functions, [])
    monkeypatch.setattr(library, "_is_kept", lambda function: False)
    monkeypatch.setattr(library, "_keep", lambda function: False)
    assert library._shared_out(functions) == (functions, [])
