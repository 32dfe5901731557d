"""What went wrong, in one line: what was expected, what came, what to do.

Every error that a user can cause is a `ShoalError`; the command line prints its text and nothing
else. This module is a leaf: any other may import it.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Iterable, Sequence


class ShoalError(ValueError):
    """A mistake that the user can mend; the text says how.

    >>> raise ShoalError("batch_size=0 must be a whole number >= 1; try batch_size=128")
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: batch_size=0 must be a whole number >= 1; try batch_size=128
    """


def unknown(kind: str, name: object, known: Iterable[str]) -> ShoalError:
    """The error for a name that does not exist, with the nearest one that does.

    >>> print(unknown("optimizer", "Adma", ["SGD", "Adam"]))
    unknown optimizer 'Adma': did you mean 'Adam'? (known: SGD, Adam)
    """
    names = list(known)
    close = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    if not close:  # "adam" for "Adam" shares few letters with its capitals
        folded = {n.lower(): n for n in names}
        close = [
            folded[m]
            for m in difflib.get_close_matches(str(name).lower(), list(folded), n=1, cutoff=0.5)
        ]
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ShoalError(f"unknown {kind} {name!r}: {hint}(known: {', '.join(names)})")


def check_number(
    name: str,
    value: object,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    whole: bool = False,
) -> None:
    """Require `least <= value <= most`, `above < value < below`, finite, and whole if asked.

    Raises:
        ShoalError: naming the value and the range.

    >>> check_number("lr", 0.1, above=0)
    >>> check_number("lr", -1, above=0)
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: lr=-1 must be a number > 0
    """
    if hasattr(value, "ends"):  # a distribution: all its values must be allowed
        for end in value.ends:
            check_number(name, end, least=least, most=most, above=above, below=below, whole=whole)
        return
    kind = numbers.Integral if whole else numbers.Real
    if isinstance(value, kind) and not isinstance(value, bool):
        number = float(value)
        inside = least <= number <= most and above < number < below
        if inside and math.isfinite(number):
            return
    limits = [
        f"{sign} {limit:g}"
        for sign, limit in ((">=", least), (">", above), ("<=", most), ("<", below))
        if math.isfinite(limit)
    ]
    noun = "a whole number" if whole else "a number"
    raise ShoalError(f"{name}={value!r} must be {noun} {' and '.join(limits)}".rstrip())


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Require that `value` is one of `choices`.

    >>> check_choice("task", "regresion", ["classes", "regression"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    shoal.errors.ShoalError: unknown task 'regresion': did you mean 'regression'? (known: ...
    """
    for each in getattr(value, "ends", (value,)):  # a distribution: all its values
        if each not in choices:
            raise unknown(name, each, choices)


def counted(count: int, noun: str) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(2000, "row")
    ('1 row', '2000 rows')
    """
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
