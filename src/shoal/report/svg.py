"""Pictures inside a page: SVG without a size, in the page's colours, described for all readers.

Matplotlib draws with the colours of a white page; here each becomes a variable of the page's style,
so that a dark page has its own. Text stays text.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from typing import TYPE_CHECKING

from shoal.plot.style import GRID, INK, LOOKS, MUTED, OTHER, PAGE, RULE, ZONE, Look

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: dict[str, str] = {
    INK: "ink",
    MUTED: "muted",
    RULE: "rule",
    GRID: "grid",
    ZONE: "zone",
    PAGE: "page",
    OTHER.colour: "arm-other",
    **{look.colour: f"arm-{k}" for k, look in enumerate(LOOKS, start=1)},
}
"""The variable of each colour."""

LINK = "{http://www.w3.org/1999/xlink}href"
MARKS = ("diverged", "chosen")


def inline(figure: Figure, key: str, title: str, description: str) -> str:
    """A figure as an `<svg>` element that fills the width it is given.

    Args:
        figure: what to draw.
        key: makes its names different from those of other pictures on the page.
        title: what it is, for those who do not see it.
        description: what it shows, for the same.
    """
    from shoal.plot.figure import encode

    root = ET.fromstring(encode(figure, "svg"))
    used = {name for node in root.iter() for name in _used(node)}
    for node in list(root.iter()):
        for child in list(node):
            if _local(child.tag) in ("metadata", "style"):
                node.remove(child)
    for node in root.iter():
        node.tag = _local(node.tag)
        _rewrite(node, key, used)
    _drop_background(root)
    root.attrib.clear()
    root.attrib |= {
        "viewBox": "0 0 " + " ".join(f"{72 * inches:g}" for inches in figure.get_size_inches()),
        "role": "img",
        "aria-labelledby": f"{key}-title {key}-description",
        "style": "stroke-linejoin: round; stroke-linecap: butt",
    }
    for tag, text in (("desc", description), ("title", title)):
        node = ET.Element(tag, id=f"{key}-{'title' if tag == 'title' else 'description'}")
        node.text = text
        root.insert(0, node)
    return ET.tostring(root, encoding="unicode")


def swatch(look: Look) -> str:
    """The sample of an arm's line and marker, as an `<svg>` element for legends and tables."""
    colour = f"var(--{NAMES[look.colour]})"
    line = f'<path d="M1 6H27" style="stroke: {colour}; stroke-width: {1.3 * look.line:.1f}"/>'
    marker = _marker_path(look)
    if marker:
        line += (
            f'<path d="{marker}" style="fill: {colour}; stroke: var(--page); stroke-width: .8"/>'
        )
    return f'<svg class="swatch" viewBox="0 0 28 12" aria-hidden="true">{line}</svg>'


def style_variables(*, dark: bool) -> str:
    """The colours of the arms as CSS."""
    values = [
        f"--{NAMES[look.colour]}: {look.dark if dark else look.colour};" for look in (*LOOKS, OTHER)
    ]
    return " ".join(values)


def _local(tag: str) -> str:
    return tag.rsplit("}", 1)[-1]


def _used(node: ET.Element) -> Iterable[str]:
    """Names that an element refers to."""
    for value in node.attrib.values():
        yield from re.findall(r"url\(#([^)]+)\)", value)
    if LINK in node.attrib:
        yield node.attrib[LINK].removeprefix("#")


def _rewrite(node: ET.Element, key: str, used: set[str]) -> None:
    """Names of this picture alone, the page's colours and font, fewer digits."""
    attributes = dict(node.attrib)
    node.attrib.clear()
    for name, value in attributes.items():
        if name == "id":
            if value in MARKS:
                node.set("class", value)
            elif value in used:
                node.set("id", f"{key}-{value}")
        elif name == LINK:
            node.set("href", f"#{key}-{value.removeprefix('#')}")
        elif name == "d":
            numbers = re.sub(r"-?\d+\.\d+", lambda m: f"{float(m[0]):.2f}".rstrip("0"), value)
            node.set("d", " ".join(numbers.replace(". ", " ").split()))
        else:
            value = re.sub(r"font-family: [^;]+;?", "", value)
            value = re.sub(r"url\(#", f"url(#{key}-", value)
            node.set(_local(name), re.sub(r"#[0-9a-f]{6}\b", _variable, value))
    if node.text and not node.text.strip():
        node.text = None
    if node.tail and not node.tail.strip():
        node.tail = None


def _variable(match: re.Match[str]) -> str:
    name = NAMES.get(match[0])
    return f"var(--{name})" if name else match[0]


def _drop_background(root: ET.Element) -> None:
    """Leave out the white rectangle behind everything; the page has its own."""
    figure = next(node for node in root if node.tag == "g")
    figure.remove(figure[0])


def _marker_path(look: Look) -> str:
    """The outline of a marker in the middle of a swatch."""
    from matplotlib.markers import MarkerStyle

    if not look.marker:
        return ""
    style = MarkerStyle(look.marker)
    path = style.get_path().transformed(style.get_transform())
    letters = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}
    size = 1.25 * look.size
    pieces = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        places = [] if code == 79 else points.reshape(-1, 2).tolist()
        xy = " ".join(f"{14 + size * x:.1f} {6 - size * y:.1f}" for x, y in places)
        pieces.append(letters[int(code)] + xy)
    return "".join(pieces)
