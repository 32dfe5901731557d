"""Distributions: what stands in a recipe in place of a number, and makes it a search space.

Each is given by its quantile function: `value(u)` for u in [0, 1] runs through all values, evenly
in probability; `place(value)` is the way back. Samplers, narrowing and pictures work on u, where
every distribution is uniform. This module is a leaf: any other may import it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from shoal.errors import ShoalError


@dataclass(frozen=True)
class Distribution:
    """Base of all: a quantile function, and the values between which it runs."""

    name: ClassVar[str] = ""
    """In TOML and in Python: `{ log_uniform = [1e-4, 1.0] }` is `log_uniform(1e-4, 1.0)`."""

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What it was made with."""
        raise NotImplementedError

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that must be valid for all to be valid.

        Floats for a continuous range: uniform(1, 8) does not stand for whole numbers.
        """
        return tuple(map(float, self.arguments))

    def value(self, u: float) -> Any:
        """The value below which a share u of the probability lies."""
        raise NotImplementedError

    def place(self, value: Any) -> float:
        """The u of a value; the middle of its share where there are finitely many."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(repr, self.arguments))})"


def _check_ends(name: str, low: Any, high: Any, whole: bool = False) -> None:
    kind: Any = int if whole else (int, float)
    for end in (low, high):
        if not isinstance(end, kind) or isinstance(end, bool) or not math.isfinite(end):
            what = "whole numbers" if whole else "numbers"
            raise ShoalError(f"{name}({low!r}, {high!r}): both ends must be {what}")
    if not low < high:
        raise ShoalError(f"{name}({low!r}, {high!r}): the range is empty; give the lower end first")


@dataclass(frozen=True, repr=False)
class Uniform(Distribution):
    """Every value from low to high is equally likely.

    >>> uniform(0.0, 0.5).value(0.5)
    0.25
    """

    name: ClassVar[str] = "uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.name, self.low, self.high)

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.low, self.high

    def value(self, u: float) -> float:
        return float(min(max(self.low + u * (self.high - self.low), self.low), self.high))

    def place(self, value: float) -> float:
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, repr=False)
class LogUniform(Distribution):
    """Every order of magnitude from low to high is equally likely; for learning rates and decays.

    value(u) = low · (high / low)^u

    >>> round(log_uniform(1e-4, 1.0).value(0.5), 9)
    0.01
    """

    name: ClassVar[str] = "log_uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.name, self.low, self.high)
        if self.low <= 0:
            raise ShoalError(
                f"{self!r}: a log range cannot reach 0; give a lower end > 0, or take uniform"
            )

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.low, self.high

    def value(self, u: float) -> float:
        at = self.low * (self.high / self.low) ** u
        return float(min(max(at, self.low), self.high))

    def place(self, value: Any) -> float:
        return math.log(value / self.low) / math.log(self.high / self.low)


@dataclass(frozen=True, repr=False)
class OneMinusLogUniform(Distribution):
    """1 - x is log-uniform: for momenta, where 0.9 → 0.99 matters as much as 0.99 → 0.999.

    value(u) = 1 - (1 - low) · ((1 - high) / (1 - low))^u

    >>> round(one_minus_log_uniform(0.9, 0.999).value(0.5), 9)
    0.99
    """

    name: ClassVar[str] = "one_minus_log_uniform"
    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self.name, self.low, self.high)
        if self.high >= 1:
            raise ShoalError(f"{self!r}: the upper end must be < 1, such as 0.999")

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.low, self.high

    def value(self, u: float) -> float:
        at = 1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u
        return float(min(max(at, self.low), self.high))

    def place(self, value: Any) -> float:
        return math.log((1 - value) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low))


@dataclass(frozen=True, repr=False)
class IntRange(Distribution):
    """Every whole number from low to high, both included; on a log scale if asked.

    >>> [int_range(1, 4).value(u) for u in (0.0, 0.3, 0.6, 1.0)]
    [1, 2, 3, 4]
    """

    name: ClassVar[str] = "int_range"
    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        _check_ends(self.name, self.low, self.high, whole=True)
        if not isinstance(self.log, bool):
            raise ShoalError(f"int_range({self.low}, {self.high}): log={self.log!r} must be a bool")
        if self.log and self.low <= 0:
            raise ShoalError(f"{self!r}: a log range cannot reach 0; give a lower end >= 1")

    @property
    def arguments(self) -> tuple[Any, ...]:
        return (self.low, self.high, True) if self.log else (self.low, self.high)

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.low, self.high

    def value(self, u: float) -> int:
        last = self.high + 1
        straight = self.low + u * (last - self.low)
        at = self.low * (last / self.low) ** u if self.log else straight
        # the ends of shares meet in rounding: 1e-9 keeps value(place(k)) = k
        return int(min(max(math.floor(at + 1e-9), self.low), self.high))

    def place(self, value: int) -> float:
        last = self.high + 1
        if self.log:
            middle = math.sqrt(value * (value + 1))
            return math.log(middle / self.low) / math.log(last / self.low)
        return (value + 0.5 - self.low) / (last - self.low)


@dataclass(frozen=True, repr=False)
class Choice(Distribution):
    """One of several options, all equally likely; options may have distributions inside.

    >>> choice(["relu", "tanh"]).value(0.7)
    'tanh'
    """

    name: ClassVar[str] = "choice"
    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        listed = isinstance(self.options, list | tuple)
        if not listed or not self.options:
            raise ShoalError(f"choice({self.options!r}) must list its options: choice([1, 2])")
        options = tuple(_python(tuple(o) if isinstance(o, list) else o) for o in self.options)
        if any(options[i] in options[:i] for i in range(len(options))):
            raise ShoalError(f"choice({list(self.options)!r}) has an option twice")
        object.__setattr__(self, "options", options)

    @property
    def arguments(self) -> tuple[Any, ...]:
        return ([list(o) if isinstance(o, tuple) else o for o in self.options],)

    @property
    def ends(self) -> tuple[Any, ...]:
        return self.options

    def value(self, u: float) -> Any:
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]

    def place(self, value: Any) -> float:
        value = tuple(value) if isinstance(value, list) else value
        return (self.options.index(value) + 0.5) / len(self.options)


@dataclass(frozen=True, repr=False)
class Repeat(Distribution):
    """The same value several times: a list of `times` equal entries; for hidden layers.

    It is no distribution by itself; `width` and `times` may be.
    """

    name: ClassVar[str] = "repeat"
    width: Any
    times: Any

    @property
    def arguments(self) -> tuple[Any, ...]:
        return self.width, self.times

    @property
    def ends(self) -> tuple[Any, ...]:
        return tuple((w,) * t for w in _ends(self.width) for t in _ends(self.times))


def _python(value: Any) -> Any:
    """NumPy's numbers as Python's: np.float64(0.1) is no TOML and no JSON."""
    return value.item() if hasattr(value, "item") else value


def _ends(value: Any) -> tuple[Any, ...]:
    return value.ends if isinstance(value, Distribution) else (value,)


def uniform(low: float, high: float) -> Any:
    """Every value from low to high is equally likely; for dropout rates.

    Raises:
        ShoalError: an empty range.

    >>> uniform(0.0, 0.5)
    uniform(0.0, 0.5)
    """
    return Uniform(_python(low), _python(high))


def log_uniform(low: float, high: float) -> Any:
    """Every order of magnitude from low to high is equally likely; for learning rates and decays.

    Raises:
        ShoalError: an empty range, or one that reaches 0.

    >>> import shoal
    >>> shoal.Recipe(shoal.mlp([100]), shoal.SGD(lr=log_uniform(1e-4, 1.0))).is_space
    True
    """
    return LogUniform(_python(low), _python(high))


def one_minus_log_uniform(low: float, high: float) -> Any:
    """1 - x is log-uniform: for momenta, from 0.9 to 0.999 say.

    Raises:
        ShoalError: an empty range, or one that reaches 1.

    >>> one_minus_log_uniform(0.9, 0.999).value(1.0)
    0.999
    """
    return OneMinusLogUniform(_python(low), _python(high))


def int_range(low: int, high: int, log: bool = False) -> Any:
    """Every whole number from low to high, both included; for widths (log=True) and batch sizes.

    Raises:
        ShoalError: an empty range, or a log range that reaches 0.

    >>> int_range(16, 256, log=True)
    int_range(16, 256, True)
    """
    return IntRange(_python(low), _python(high), log)


def choice(options: Sequence[Any]) -> Any:
    """One of several options, such as activations, optimizers or lists of widths.

    Raises:
        ShoalError: no options, or one twice.

    >>> choice([[100], [100, 100]]).value(0.9)
    (100, 100)
    """
    listed: Any = options.tolist() if hasattr(options, "tolist") else options
    return Choice(listed)


def repeat(width: Any, times: Any) -> Any:
    """A list of `times` entries that are all `width`: for hidden layers of one width.

    repeat(int_range(32, 256, log=True), int_range(1, 4)) is 1 to 4 layers of 32 to 256 units.
    Where both are numbers there is nothing to choose, and it is that list.

    Raises:
        ShoalError: something else than whole numbers and ranges of them.

    >>> repeat(100, 3)
    [100, 100, 100]
    >>> repeat(100, int_range(1, 4))
    repeat(100, int_range(1, 4))
    """
    for name, value in (("width", width), ("times", times)):
        if any(not isinstance(e, int) or isinstance(e, bool) or e < 1 for e in _ends(value)):
            raise ShoalError(f"repeat: {name}={value!r} must be whole numbers >= 1, or a range")
    if not isinstance(width, Distribution) and not isinstance(times, Distribution):
        return [width] * times
    return Repeat(width, times)


DISTRIBUTIONS: dict[str, Any] = {
    make.__name__: make
    for make in (uniform, log_uniform, one_minus_log_uniform, int_range, choice, repeat)
}
"""By the names that TOML files use."""


def variants(value: Any) -> list[Any]:
    """The value with the distributions inside it at their ends, one after the other.

    >>> variants([int_range(1, 4), 7])
    [[1, 7], [4, 7]]
    """
    if isinstance(value, Distribution):
        return [variant for end in value.ends for variant in variants(end)]
    if isinstance(value, list | tuple):
        first = [variants(each)[0] for each in value]
        varied = [
            [*first[:i], variant, *first[i + 1 :]]
            for i, each in enumerate(value)
            for variant in variants(each)[1:]
        ]
        return [first, *varied]
    return [value]


def holds_distribution(value: object) -> bool:
    """Whether there is a distribution in a value, its entries or its fields."""
    if isinstance(value, Distribution):
        return True
    if isinstance(value, list | tuple):
        return any(map(holds_distribution, value))
    if is_dataclass(value):
        return any(holds_distribution(getattr(value, f.name)) for f in fields(value))
    return False


def is_distribution(plain: object) -> bool:
    """Whether plain data, such as {"uniform": [0, 1]}, stands for a distribution."""
    return isinstance(plain, Mapping) and len(plain) == 1 and next(iter(plain)) in DISTRIBUTIONS
