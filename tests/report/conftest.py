"""What the tests of the report share: the comparisons of tests/plot, and a reader of pages."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from shoal import Comparison
from shoal.report import render

VOID = {"meta", "link", "br", "img", "hr", "input"}


def load_cases() -> ModuleType:
    """The module of cases, one for all tests, so that each case is made once."""
    if "shoal_cases" in sys.modules:
        return sys.modules["shoal_cases"]
    path = Path(__file__).parents[1] / "plot" / "cases.py"
    spec = spec_from_file_location("shoal_cases", path)
    module = module_from_spec(spec)
    sys.modules["shoal_cases"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def case() -> Callable[[str], Comparison]:
    return load_cases().case


class Page(HTMLParser):
    """A page, taken apart.

    Attributes:
        source: its text.
        tags: (tag, attributes) in order.
        mistakes: tags that were not closed in order.
    """

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.mistakes: list[str] = []
        self._open: list[tuple[str, dict[str, str | None], list[str]]] = []
        self._texts: list[tuple[str, dict[str, str | None], str]] = []
        self.feed(source)
        self.close()
        self.mistakes += [tag for tag, _, _ in self._open]

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append((tag, dict(attrs), []))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self._open or self._open[-1][0] != tag:
            self.mistakes.append(f"</{tag}>")
            return
        _, attrs, pieces = self._open.pop()
        text = "".join(pieces)
        self._texts.append((tag, attrs, text))
        if self._open:
            self._open[-1][2].append(text)

    def handle_data(self, data):
        if self._open:
            self._open[-1][2].append(data)

    def texts(self, tag: str, **attrs: str) -> list[str]:
        """Texts of all elements with a tag and attributes (`class_` for class)."""
        wanted = {key.rstrip("_"): value for key, value in attrs.items()}
        return [
            " ".join(text.split()) if tag not in ("pre", "script") else text
            for name, given, text in self._texts
            if name == tag and wanted.items() <= given.items()
        ]

    def text(self, tag: str, **attrs: str) -> str:
        """The text of the only such element."""
        [found] = self.texts(tag, **attrs)
        return found


@pytest.fixture(scope="session")
def page(case: Callable[[str], Comparison]) -> Callable[[str], Page]:
    """The report of a case, made once."""

    @cache
    def of(name: str) -> Page:
        return Page(render(case(name)))

    return of
