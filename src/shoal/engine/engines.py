"""Which engine trains: the reference engine, or compiled code with the same numbers, faster."""

from __future__ import annotations

import logging
import sys
from functools import lru_cache
from importlib.util import find_spec

from shoal.engine.member import Program
from shoal.errors import ShoalError
from shoal.nn import Network

ENGINES = ("auto", "compiled", "reference")
_log = logging.getLogger("shoal")


@lru_cache(maxsize=1)
def cannot_compile() -> str | None:
    """Why nothing can be compiled here; None where it can."""
    if find_spec("numba") is None:
        return "numba is not installed"
    try:
        import numba
    except Exception as error:  # it refuses a Python or a NumPy that it does not know
        return f"numba cannot be imported ({error})"
    return "NUMBA_DISABLE_JIT is set" if numba.config.DISABLE_JIT else None


def engine_for(program: Program, wanted: str) -> str:
    """Who trains the members of a program, "compiled" or "reference".

    What the compiled engine lacks is trained by the reference engine; the log says so.

    Args:
        program: of a cohort.
        wanted: "auto", "compiled" or "reference".

    Raises:
        ShoalError: "compiled" is wanted, and nothing can be compiled here, or compiling fails. For
            "auto" the reference engine trains then, and one line warns of it.
    """
    if wanted == "reference":
        return wanted
    reason = cannot_compile()
    if reason is not None:
        if wanted == "compiled":
            raise ShoalError(f"engine='compiled' needs numba, but {reason}; take engine='auto'")
        _log.info("the reference engine trains: %s", reason)
        return "reference"
    from shoal.engine.compiled.plan import lacks

    missing = lacks(program)
    if missing is not None:
        _log.info("the reference engine trains %r: %s is not compiled", program.network, missing)
        return "reference"
    return "compiled" if _compiles(wanted) else "reference"


def answers_compiled(network: Network, wanted: str) -> bool:
    """Whether trained networks answer by compiled code; else by NumPy.

    Args:
        network: what answers.
        wanted: "reference"; "compiled"; or "auto", which takes compiled code where it is at hand,
            in this process or on disk, because nobody should wait for a compiler for the sake of
            some predictions.

    Raises:
        ShoalError: "compiled" is wanted, and nothing can be compiled here.
    """
    if wanted == "reference" or (wanted == "auto" and not _at_hand()):
        return False
    reason = cannot_compile()
    if reason is not None:
        raise ShoalError(f"engine='compiled' needs numba, but {reason}; take engine='auto'")
    from shoal.engine.compiled.plan import lacks_layer

    missing = lacks_layer(network)
    if missing is not None:
        _log.info("NumPy answers for %r: %s is not compiled", network, missing)
        return False
    return _compiles(wanted)


def _at_hand() -> bool:
    """Whether compiled code is here without waiting for a compiler."""
    from shoal.engine.compiled.place import folder

    if not folder().is_dir() and "shoal.engine.compiled.library" not in sys.modules:
        return False  # Numba, which takes its time, need not be imported to see that
    if cannot_compile() is not None:
        return False
    from shoal.engine.compiled.library import at_hand

    return at_hand()


def _compiles(wanted: str) -> bool:
    """Whether the library is there, or can be made; it is waited for.

    Raises:
        ShoalError: it cannot, and "compiled" is wanted.
    """
    from shoal.engine.compiled.library import library

    try:
        library()
    except ShoalError as error:
        if wanted == "compiled":
            raise
        _warn(str(error))
        return False
    return True


@lru_cache(maxsize=1)
def _warn(failure: str) -> None:
    """Say once why the slower engine does all the work."""
    _log.warning("shoal: %s, which engine='auto' does from now on", failure)
