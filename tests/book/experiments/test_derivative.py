import numpy as np
import pytest

from shoal.book.experiments import derivative


def test_slopes_are_the_published_ones_up_to_rounding(quick):
    numbers = quick("derivative").findings.numbers
    assert numbers["slope"] == pytest.approx([0.1999999999990898, 0.2999999999997449], abs=1e-11)
    assert all(row.agrees for row in quick("derivative").findings.published)


def test_one_side_is_off_by_what_calculus_says(quick):
    """(f(x + h) - f(x)) / h = f'(x) + 0.01 h for this parabola."""
    numbers = quick("derivative").findings.numbers
    h = numbers["h"]
    large = h >= 1e-5  # below, rounding is as large
    assert np.array(numbers["one_sided_error"])[large] == pytest.approx(0.01 * h[large], rel=1e-2)
    assert max(np.array(numbers["central_error"])[large]) < 1e-10


def test_rounding_grows_as_the_step_shrinks(quick):
    numbers = quick("derivative").findings.numbers
    error = np.array(numbers["central_error"])
    assert error[:5].mean() > 1e4 * error[-5:].mean()


def test_caption_holds_the_numbers(quick):
    findings = quick("derivative").findings
    worst = f"{max(findings.numbers['error']):.0e}"
    assert all(worst in findings.caption[language] for language in ("en", "zh"))


def test_remark_is_there_only_if_digits_differ():
    assert derivative.remark(list(derivative.PUBLISHED)) is None
    assert "1e-12" in derivative.remark([0.1999999999990898, 0.2999999999986347])["en"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_picture(quick, language):
    tangents, errors = quick("derivative").findings.pictures[""](language).axes
    x, y = tangents.lines[2].get_data()
    assert (y[-1] - y[0]) / (x[-1] - x[0]) == pytest.approx(0.3)
    assert tangents.get_xlabel() == "x"
    assert errors.get_xlabel() == {"en": "step h", "zh": "步长 h"}[language]
