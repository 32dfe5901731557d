"""Every claim is put to the test once, quickly and on digits; all tests of it look at that run."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import pytest

from shoal.book import Setting
from shoal.book.claims import claim
from shoal.book.claims_run import Answered, put_to_test


@cache
def _tested(name: str) -> Answered:
    return put_to_test(claim(name), Setting(data="digits", seeds=5, quick=True))


@pytest.fixture(scope="session")
def tested() -> Callable[[str], Answered]:
    """The quick test of a claim, by its name."""
    return _tested
