"""Compiled code stays within its arrays, shown by pages beside them that nobody may touch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from shoal.engine.compiled.library import library

FUZZ = Path(__file__).with_name("guarded.py")


@pytest.mark.skipif(sys.platform != "linux", reason="pages are forbidden by mprotect")
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_read_or_written_beyond_an_array(seed):
    library()
    command = [sys.executable, "-W", "error", str(FUZZ), str(seed), "40"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "40 networks\n"), done.stderr[-2000:]
