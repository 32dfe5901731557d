"""A second process that compiles some of the functions: a compiler keeps one processor busy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

import numba

from shoal.engine.executor import available_threads

CODE = "import sys; from shoal.engine.compiled import library; library.compile_these(sys.argv[1:])"
PATIENCE = 60.0
"""Seconds for which it is waited for, after the work of this process is done."""


@contextmanager
def second_process(names: Sequence[str]) -> Iterator[bool]:
    """Let another Python compile functions, and keep them on disk, while a block runs.

    The end of the block waits for it. Whatever goes wrong there shows in that a function is not on
    disk, and whoever wants it compiles it.

    Args:
        names: of the functions.

    Yields:
        Whether there is one: not with a single processor, nor where no Python can be started.
    """
    process = _started(names)
    try:
        yield process is not None
        if process is not None:
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)
    finally:
        if process is not None:
            process.kill()
            process.wait()


def _started(names: Sequence[str]) -> subprocess.Popen[bytes] | None:
    """Python with the modules, and the place for compiled functions, that this one has."""
    if available_threads() < 2 or not sys.executable or getattr(sys, "frozen", False):
        return None
    here = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    if numba.config.CACHE_DIR:
        here["NUMBA_CACHE_DIR"] = numba.config.CACHE_DIR
    nothing = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", CODE, *names],
            env=os.environ | here,
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
        )
    except OSError:
        return None
