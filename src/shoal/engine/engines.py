"""Which engine trains: the reference engine, or compiled code with the same numbers, faster."""

from __future__ import annotations

import logging
from functools import lru_cache
from importlib.util import find_spec

from shoal.engine.member import Program
from shoal.errors import ShoalError

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
        ShoalError: "compiled" is wanted, and nothing can be compiled here.
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
    if missing is None:
        return "compiled"
    _log.info("the reference engine trains %r: %s is not compiled", program.network, missing)
    return "reference"
