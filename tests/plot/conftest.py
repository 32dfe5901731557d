"""What the tests of pictures share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from shoal import Comparison


def load_cases() -> ModuleType:
    """The module of cases, one for all tests, so that each case is made once."""
    if "shoal_cases" in sys.modules:
        return sys.modules["shoal_cases"]
    spec = spec_from_file_location("shoal_cases", Path(__file__).with_name("cases.py"))
    module = module_from_spec(spec)
    sys.modules["shoal_cases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def case() -> Callable[[str], Comparison]:
    return load_cases().case
