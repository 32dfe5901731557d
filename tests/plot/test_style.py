"""Arms can be told apart: by any eye, in grey, on white and on dark, by their names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from shoal.plot.style import INK, LOOKS, MUTED, OTHER, PAGE, looks, plain, short_names

DARK_PAGE = "#14171a"

# Machado, Oliveira, Fernandes (2009), severity 1, for linear RGB
EYES = {
    "normal": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson (2020), from linear RGB to Oklab
TO_LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]


def linear(colour: str) -> np.ndarray:
    rgb = np.array(to_rgb(colour))
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    return TO_LAB @ np.cbrt(TO_LMS @ np.clip(rgb, 0, 1))


def contrast(a: str, b: str) -> float:
    """WCAG 2."""
    dark, light = sorted(float(linear(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("eye", EYES)
@pytest.mark.parametrize("page", ["colour", "dark"])
def test_any_two_colours_differ_for_every_eye(eye, page):
    seen = [oklab(EYES[eye] @ linear(getattr(look, page))) for look in LOOKS]
    nearest = min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2))
    assert nearest > 0.08  # Okabe and Ito's own: 0.076


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: look.colour)
def test_colours_stand_out_from_the_page(look):
    assert contrast(look.colour, PAGE) >= 3
    assert contrast(look.dark, DARK_PAGE) >= 3


@pytest.mark.parametrize("text", [INK, MUTED])
def test_text_is_readable(text):
    assert contrast(text, PAGE) >= 4.5


def test_markers_tell_arms_apart_in_grey():
    assert len({look.marker for look in LOOKS}) == len(LOOKS)
    assert not {"x", "X"} & {look.marker for look in LOOKS}  # a cross means diverged


def test_arms_have_looks_in_the_order_given(case):
    assert list(looks(case("plain")).values()) == list(LOOKS[:3])


def test_beyond_eight_arms_only_the_eight_best_have_a_look(case):
    comparison = case("many")
    given = looks(comparison)
    coloured = [name for name, look in given.items() if look is not OTHER]
    assert sorted(coloured) == sorted(comparison.ranking[:8])
    assert len({given[name] for name in coloured}) == 8


def test_one_line_without_mathematics():
    assert plain("a\tb\nc\0 $x$") == r"a b c \$x\$"


def test_names_that_fit_stay():
    assert short_names(["SGD", "Adam"], 10) == {"SGD": "SGD", "Adam": "Adam"}


def test_long_names_lose_what_they_have_in_common():
    names = [f"stochastic gradient descent, lr {lr}, no momentum" for lr in (0.1, 0.25)]
    assert list(short_names(names, 30).values()) == ["…lr 0.1,…", "…lr 0.25,…"]


def test_long_names_without_anything_in_common_lose_their_middle():
    short = short_names(["a" * 50 + "b" * 50, "c"], 20)
    assert short["a" * 50 + "b" * 50] == "aaaaaaaaa…bbbbbbbbbb"
    assert short["c"] == "c"


def test_a_name_that_another_starts_with():
    assert list(short_names(["a long name", "a long name indeed"], 12).values()) == [
        "…name",
        "…name indeed",
    ]
