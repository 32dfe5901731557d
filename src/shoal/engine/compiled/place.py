"""Where compiled functions are kept: a folder for each state of our source.

This file needs neither Numba nor LLVM: whether there is such a folder can be seen at once.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs


def _stamp() -> str:
    """What our source is like, in a few letters."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# now, because the files may be others by the time that something is compiled
STAMP = _stamp()


def folder(chosen: str | None = None) -> Path:
    """The folder of this state of the source.

    Args:
        chosen: by Numba's setting CACHE_DIR; else that of the environment, or the user's own.
    """
    chosen = chosen or os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen or platformdirs.user_cache_path("shoal") / "compiled", STAMP)
