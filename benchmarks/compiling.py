"""Peers that compile: how long it took, or why they cannot; limited in time."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

LIMIT = 180.0
"""Seconds that compiling may take."""

Compiled = Callable[[Callable[..., Any]], Callable[..., Any]]


class Late(BaseException):
    """Time is up; no `except Exception` on the way may take it for a fault of its own."""


def compile_with(torch: Any, wanted: bool, backend: str = "inductor") -> Compiled:
    """`torch.compile` with fixed shapes, or nothing done.

    Too many shapes would be run uncompiled without a word; here that is an error.
    """
    if not wanted:
        return lambda function: function
    config = torch._dynamo.config
    config.recompile_limit = config.accumulated_recompile_limit = 256
    config.fail_on_recompile_limit_hit = True
    return lambda function: torch.compile(function, dynamic=False, backend=backend)


def tried(make: Callable[[], Any]) -> tuple[float, str | None]:
    """Seconds that it took to make ready what compiles, and why it failed, or None."""
    started = time.perf_counter()
    try:
        with limited(LIMIT):
            make()
    except Late:
        return LIMIT, f"compiling took more than {LIMIT:.0f} s"
    except Exception as error:  # whatever a compiler may raise: this peer is then absent
        lines = str(error).strip().splitlines() or [""]
        return 0.0, f"cannot compile here ({type(error).__name__}: {lines[0][:100]})"
    return time.perf_counter() - started, None


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `Late` in the body after so long, where the system can (not on Windows)."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def ring(*_: object) -> None:
        raise Late

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
