import numpy as np
import pytest

from shoal.book.experiments import gradient_field


def test_arrows_are_the_negative_gradient():
    points = np.random.default_rng(0).uniform(-2, 2, (50, 2))
    for a, b in gradient_field.BOWLS.values():
        arrows = gradient_field.field(points, (a, b))
        assert arrows == pytest.approx(-2 * np.array([a, b]) * points, abs=1e-10)


def test_round_bowl_points_at_the_minimum_and_the_long_one_does_not(quick):
    numbers = quick("gradient-field").findings.numbers
    assert numbers["points"] == 18**2
    assert numbers["round"]["degrees_off_most"] < 1e-6
    assert numbers["round"]["longest"] == pytest.approx(2 * 2.25 * np.sqrt(2))
    assert numbers["round"]["shortest"] == pytest.approx(0, abs=1e-12)
    assert tuple(numbers["round"]["shortest_at"]) == (0, 0)


def test_angle_of_the_long_bowl_in_closed_form(quick):
    """tan of both angles differ by the factor 20; the most is at atan √20 - atan 1/√20."""
    x, y = np.meshgrid(gradient_field.AXIS, gradient_field.AXIS)
    away = (x != 0) | (y != 0)
    to_minimum, arrow = np.arctan2(-y, -x)[away], np.arctan2(-2 * y, -x / 10)[away]
    off = np.degrees(np.abs((arrow - to_minimum + np.pi) % (2 * np.pi) - np.pi))
    numbers = quick("gradient-field").findings.numbers["long"]
    assert numbers["degrees_off_mean"] == pytest.approx(off.mean(), abs=1e-6)
    assert numbers["degrees_off_most"] == pytest.approx(off.max(), abs=1e-6)
    assert off.max() <= np.degrees(np.arctan(20**0.5) - np.arctan(20**-0.5)) + 1e-9


def test_caption_holds_the_numbers(quick):
    findings = quick("gradient-field").findings
    mean = f"{findings.numbers['long']['degrees_off_mean']:.0f}°"
    assert all(mean in findings.caption[language] for language in ("en", "zh"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    figure = quick("gradient-field").findings.pictures[""](language)
    assert [ax.get_xlabel() for ax in figure.axes] == ["x₀", "x₀"]
    assert figure.axes[0].get_ylabel() == "x₁"
