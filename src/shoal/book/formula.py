"""Formulas inside a page: TeX set by matplotlib, as an `<svg>` element that needs no font."""

from __future__ import annotations

from markupsafe import Markup, escape

SIZE = 15
CODES = {1: "M", 2: "L", 3: "Q", 4: "C", 79: "Z"}


def formula(tex: str) -> Markup:
    r"""One line of TeX, without the dollar signs, as an `<svg>` element in the colour of the text.

    Raises:
        ValueError: matplotlib's mathtext does not know it.

    >>> formula(r"y = \max(0, x)")[:4]
    Markup('<svg')
    """
    from matplotlib.textpath import TextPath

    path = TextPath((0, 0), f"${tex}$", size=SIZE)
    box = path.get_extents()
    pieces = []
    for points, code in path.iter_segments(curves=True, simplify=False):
        places = [] if code == 79 else points.reshape(-1, 2).tolist()
        xy = " ".join(f"{x - box.x0:.2f} {box.y1 - y:.2f}" for x, y in places)
        pieces.append(CODES[int(code)] + xy)
    width, height = box.width + 1, box.height + 1
    style = f"width: {width / 11:.2f}rem; fill: currentColor"
    return Markup(
        f'<svg class="formula" role="img" aria-label="{escape(tex)}" style="{style}" '
        f'viewBox="-0.5 -0.5 {width:.1f} {height:.1f}"><path d="{"".join(pieces)}"/></svg>'
    )
