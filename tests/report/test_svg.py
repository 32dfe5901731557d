"""Pictures in a page have no size, no colours and no fonts of their own."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from shoal.plot import plot_curves
from shoal.plot.style import LOOKS, OTHER
from shoal.report.svg import NAMES, inline, style_variables, swatch


@pytest.fixture(scope="module")
def svg(case):
    figure = plot_curves(case("plain"), "test_accuracy", bare=True)
    return inline(figure, "one", "Title & <co>", "What it shows")


def test_it_is_well_formed_and_scales(svg):
    root = ET.fromstring(svg)
    assert root.get("viewBox") == "0 0 345.6 237.6"
    assert "width" not in root.attrib
    assert [(node.tag, node.text) for node in root][:2] == [
        ("title", "Title & <co>"),
        ("desc", "What it shows"),
    ]
    assert root.get("aria-labelledby").split() == [node.get("id") for node in root][:2]


def test_it_brings_no_style_of_its_own(svg):
    root = ET.fromstring(svg)
    assert not list(root.iter("style")) + list(root.iter("metadata"))
    assert "font-family" not in svg
    assert not re.findall(r"#[0-9a-fA-F]{6}\b", svg)


def test_no_background(svg):
    assert "M 0 237.6" not in svg


def test_names_are_its_own(svg, case):
    other = inline(plot_curves(case("plain"), "loss", bare=True), "two", "t", "d")
    names = [set(re.findall(r'id="([^"]+)"', text)) for text in (svg, other)]
    assert names[0]
    assert not names[0] & names[1]


def test_text_stays_text(svg):
    texts = ["".join(node.itertext()) for node in ET.fromstring(svg).iter("text")]
    assert "Test accuracy" in texts
    assert "step" in texts


def test_every_colour_of_a_look_is_a_variable_twice():
    assert len(set(NAMES.values())) == len(NAMES)
    for dark in (False, True):
        css = style_variables(dark=dark)
        for look in (*LOOKS, OTHER):
            assert f"--{NAMES[look.colour]}: {look.dark if dark else look.colour};" in css


@pytest.mark.parametrize("look", [*LOOKS, OTHER], ids=lambda look: look.marker or "none")
def test_swatches_have_line_and_marker(look):
    root = ET.fromstring(swatch(look))
    assert len(root) == (2 if look.marker else 1)
    assert all(f"var(--{NAMES[look.colour]})" in node.get("style") for node in root)
