"""Every experiment is run once, quickly and on digits, and all tests of it look at that run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from shoal.book import Setting
from shoal.book.experiments import experiment
from shoal.book.run import Done, run


@cache
def _run(name: str) -> Done:
    return run(experiment(name), Setting(data="digits", seeds=2, quick=True))


@pytest.fixture(scope="session")
def quick() -> Callable[[str], Done]:
    """The quick run of an experiment, by its name."""
    return _run
