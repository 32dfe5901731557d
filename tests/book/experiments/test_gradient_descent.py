import numpy as np
import pytest

from shoal.book.experiments import gradient_descent


def test_every_point_follows_the_formula(quick):
    """A step multiplies the point by 1 - 2 lr: 0.8ᵗ from the start with lr = 0.1."""
    good, _, small = quick("gradient-descent").findings.numbers["path"]
    times = np.arange(21)[:, None]
    assert good == pytest.approx(np.array([-3.0, 4.0]) * 0.8**times, abs=1e-9)
    assert small == pytest.approx(np.array([-3.0, 4.0]) * (1 - 2e-10) ** times, abs=1e-12)


def test_published_end(quick):
    end = quick("gradient-descent").findings.numbers["end"][0]
    assert tuple(end.round(4)) == (-0.0346, 0.0461)
    assert all(row.agrees for row in quick("gradient-descent").findings.published)


def test_far_too_large_a_rate_explodes_until_differences_see_no_slope(quick):
    numbers = quick("gradient-descent").findings.numbers
    large = numbers["path"][1]
    assert large[3] == pytest.approx(np.array([-3.0, 4.0]) * (-19.0) ** 3, rel=1e-6)
    step = numbers["still_from_step"]
    assert (large[step:] == large[step]).all()
    assert (large[step - 1] != large[step]).any()
    assert (large[step] + 1e-4 / 2 == large[step]).all()  # h is lost in numbers so large


def test_still_from_is_none_while_it_moves():
    walk = np.arange(8.0).reshape(4, 2)
    assert gradient_descent.still_from(walk) is None
    assert gradient_descent.still_from(np.ones((4, 2))) == 0
    assert gradient_descent.why_still(None)["en"] == ""


def test_caption_holds_the_numbers(quick):
    findings = quick("gradient-descent").findings
    for language in ("en", "zh"):
        assert "(−0.0346, 0.0461)" in findings.caption[language]
        assert f"{findings.numbers['moved'][2]:.0e}" in findings.caption[language]
        assert f" {findings.numbers['still_from_step']}" in findings.caption[language]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    walks, distances = quick("gradient-descent").findings.pictures[""](language).axes
    assert (walks.get_xlabel(), walks.get_ylabel()) == ("x₀", "x₁")
    assert distances.get_xlabel() == {"en": "step", "zh": "步数"}[language]
    assert distances.get_yscale() == "log"
