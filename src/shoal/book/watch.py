"""Progress of what is no single training: one step of a bar for each repetition."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TypeVar

T = TypeVar("T")


def watched(items: Sequence[T], what: str) -> Iterable[T]:
    """The items in turn, beneath a bar on standard error; only they if that is no terminal.

    Args:
        items: what is worked through.
        what: each of them is, such as "seeds".

    >>> list(watched([1, 2], "seeds"))
    [1, 2]
    """
    from rich.console import Console
    from rich.progress import track

    return track(
        items, what, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True
    )
