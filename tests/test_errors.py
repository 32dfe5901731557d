import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.errors import ShoalError, check_choice, check_number, unknown

OPTIMIZERS = ["SGD", "Momentum", "Nesterov", "AdaGrad", "RMSprop", "Adam", "AdamW"]


def test_a_shoal_error_is_a_value_error():
    assert issubclass(ShoalError, ValueError)


# --- unknown names --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Adma", "Adam"),
        ("adam", "Adam"),
        ("ADAMW", "AdamW"),
        ("sgd", "SGD"),
        ("momentun", "Momentum"),
        ("rms_prop", "RMSprop"),
        ("nesterov momentum", "Nesterov"),
    ],
)
def test_the_nearest_name_is_offered(name, nearest):
    assert str(unknown("optimizer", name, OPTIMIZERS)) == (
        f"unknown optimizer {name!r}: did you mean {nearest!r}? (known: {', '.join(OPTIMIZERS)})"
    )


@pytest.mark.parametrize("name", ["", "zzz", 7, None, ["Adam"]])
def test_nothing_is_offered_when_nothing_is_near(name):
    text = str(unknown("optimizer", name, ["SGD", "Momentum"]))
    assert text == f"unknown optimizer {name!r}: (known: SGD, Momentum)"


def test_names_may_come_from_any_iterable():
    assert "known: a, b" in str(unknown("key", "c", iter(["a", "b"])))
    assert str(unknown("key", "c", [])) == "unknown key 'c': (known: )"


def test_a_choice_is_one_of_those_listed():
    check_choice("task", "classes", ["classes", "regression"])
    with pytest.raises(ShoalError, match="unknown task 'class': did you mean 'classes'"):
        check_choice("task", "class", ["classes", "regression"])
    with pytest.raises(ShoalError, match="unknown task None"):
        check_choice("task", None, ["classes", "regression"])


# --- numbers --------------------------------------------------------------------------------

REFUSED = [
    ({"least": 0}, -1e-9, "must be a number >= 0"),
    ({"above": 0}, 0, "must be a number > 0"),
    ({"most": 1}, 1.001, "must be a number <= 1"),
    ({"below": 1}, 1, "must be a number < 1"),
    ({"least": 0, "below": 1}, 1.0, "must be a number >= 0 and < 1"),
    ({"above": 0, "most": 1}, 0.0, "must be a number > 0 and <= 1"),
    ({"least": 1, "whole": True}, 0, "must be a whole number >= 1"),
    ({"least": 1, "whole": True}, 2.0, "must be a whole number >= 1"),
    ({"whole": True}, "3", "must be a whole number"),
    ({"least": 0.001}, 0, "must be a number >= 0.001"),
    ({}, math.nan, "must be a number"),
    ({}, math.inf, "must be a number"),
    ({}, -math.inf, "must be a number"),
    ({}, "0.1", "must be a number"),
    ({}, None, "must be a number"),
    ({}, True, "must be a number"),
    ({}, 1j, "must be a number"),
    ({}, [0.1], "must be a number"),
]


@pytest.mark.parametrize(("limits", "value", "text"), REFUSED)
def test_a_number_outside_its_range_is_refused(limits, value, text):
    with pytest.raises(ShoalError) as error:
        check_number("lr", value, **limits)
    assert str(error.value) == f"lr={value!r} {text}"


@pytest.mark.parametrize(
    ("limits", "value"),
    [
        ({"least": 0}, 0),
        ({"most": 1}, 1),
        ({"above": 0}, 5e-324),
        ({"below": 1}, math.nextafter(1, 0)),
        ({"least": 1, "whole": True}, np.int64(1)),
        ({"whole": True}, 10**30),
        ({"above": 0}, np.float32(0.1)),
        ({"above": 0}, Fraction(1, 3)),
        ({}, -1e300),
    ],
)
def test_a_number_inside_its_range_is_accepted(limits, value):
    assert check_number("lr", value, **limits) is None


@given(st.floats(allow_nan=True), st.floats(-5, 5), st.floats(-5, 5))
def test_exactly_the_numbers_in_range_are_accepted(value, least, below):
    try:
        check_number("x", value, least=least, below=below)
        accepted = True
    except ShoalError:
        accepted = False
    assert accepted == (least <= value < below)
