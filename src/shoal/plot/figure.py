"""Figures: made without pyplot's global state, saved whole or not at all.

This module imports matplotlib, which takes a while, and is itself imported only when something is
drawn.
"""

from __future__ import annotations

import io
import logging
import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matplotlib import font_manager, style
from matplotlib.figure import Figure
from matplotlib.text import Text

from shoal.engine.checkpoint import write_whole
from shoal.errors import ShoalError
from shoal.plot.style import MUTED, RC

DPI = 200
METADATA: dict[str, dict[str, Any]] = {
    # no dates: the same comparison gives the same bytes
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": "shoal"},
    "pdf": {"CreationDate": None, "Creator": "shoal", "Producer": None},
}


class Picture(Figure):
    """A figure that notebooks show by themselves."""

    def _repr_png_(self) -> bytes:
        return encode(self, "png")


@contextmanager
def drawing() -> Iterator[None]:
    """Matplotlib's defaults and ours, inside; the user's own settings before and after."""
    log = logging.getLogger("matplotlib.font_manager")
    level = log.level
    log.setLevel(logging.ERROR)  # many Chinese fonts have no bold; the plain one will do
    try:
        with style.context(["default", RC]):
            yield
    finally:
        log.setLevel(level)


def new(width: float, height: float) -> Picture:
    """An empty figure of so many inches."""
    return Picture(figsize=(width, height), layout="constrained")


def footnote(figure: Figure, text: str) -> None:
    """A text beneath everything else, in as many lines as it takes."""
    text = textwrap.fill(text, int(17 * figure.get_figwidth()))
    figure.supxlabel(text, x=0.008, ha="left", fontsize=8, color=MUTED)


def finish(figure: Figure, path: str | Path | None) -> Figure:
    """Give the figure fonts for its texts, and save it if there is a path.

    Raises:
        ShoalError: an ending other than .png, .svg and .pdf, or a file that cannot be written.
    """
    _add_fonts(figure)
    if path is not None:
        path = Path(path)
        write_whole(path, encode(figure, _format(path)))
    return figure


def check_path(path: str | Path | None) -> None:
    """Refuse a path that `finish` could not save to, before anything is drawn.

    Raises:
        ShoalError: an ending other than .png, .svg and .pdf.
    """
    if path is not None:
        _format(Path(path))


def encode(figure: Figure, kind: str, dpi: float = DPI) -> bytes:
    """The bytes of a figure as "png", "svg" or "pdf"; `dpi` is dots per inch of a PNG."""
    buffer = io.BytesIO()
    with drawing(), warnings.catch_warnings():
        # where no font on this machine has a character, a box is drawn; SVG keeps the text
        warnings.filterwarnings("ignore", message=r"Glyph \d+ .* missing from font")
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=METADATA[kind])
    return buffer.getvalue()


def _format(path: Path) -> str:
    kind = path.suffix.lower().removeprefix(".")
    if kind not in METADATA:
        known = ", ".join(f".{k}" for k in METADATA)
        raise ShoalError(f"cannot draw to {path}: its ending must be one of {known}")
    return kind


def can_draw(text: str) -> bool:
    """Whether the fonts of this machine have all characters of a text."""
    missing = set(map(ord, text)) - _characters(font_manager.findfont("DejaVu Sans"))
    for entry in font_manager.fontManager.ttflist:
        if not missing:
            break
        if "Last" not in entry.name:  # the font of last resort has a box for every character
            missing -= _characters(entry.fname)
    return not missing


def _add_fonts(figure: Figure) -> None:
    """Let texts with characters that DejaVu Sans lacks, such as Chinese, use fonts that have them.

    Fonts of the machine are looked through only if there is such a character.
    """
    texts: list[Text] = figure.findobj(Text)
    known = _characters(font_manager.findfont("DejaVu Sans"))
    missing = {ord(c) for text in texts for c in text.get_text()} - known
    if not missing:
        return
    families = ["DejaVu Sans"]
    for entry in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.name):
        ordinary = entry.style == "normal" and entry.weight in (400, "normal")
        if not missing or not ordinary or entry.name in families or "Last" in entry.name:
            continue  # the font of last resort has a box for every character
        found = missing & _characters(entry.fname)
        if found:
            families.append(entry.name)
            missing -= found
    for text in texts:
        if not known.issuperset(map(ord, text.get_text())):
            text.set_fontfamily(families)


def _characters(path: str) -> set[int]:
    try:
        return set(font_manager.get_font(path).get_charmap())
    except (RuntimeError, OSError):  # listed, but gone or not readable
        return set()
