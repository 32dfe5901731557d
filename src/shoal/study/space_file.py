"""A space in a TOML file: one recipe with distributions in it."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from shoal.engine import Recipe
from shoal.errors import ShoalError


def read_space(path: str | Path) -> str:
    """The text of a file that holds a space.

    Raises:
        ShoalError: no such file, or not UTF-8.
    """
    try:
        return Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ShoalError(f"cannot read a space from {path}: {reason}") from None


def default_space() -> str:
    """The file that `shoal search` uses when none is given.

    >>> Recipe.from_toml(default_space()).optimizer
    SGD(lr=log_uniform(0.0001, 1.0))
    """
    return files("shoal.study").joinpath("space.toml").read_text("utf-8")


def parse_space(text: str, where: str = "space") -> Recipe:
    """The recipe of a TOML text, which must have a distribution in it.

    Raises:
        ShoalError: not TOML, no recipe, or nothing to search in it; it says where.
    """
    recipe = Recipe.from_toml(text, where)
    if not recipe.is_space:
        raise ShoalError(
            f"{where} has no distribution in it, so there is nothing to search; give one, such as "
            "lr = { log_uniform = [1e-4, 1.0] }"
        )
    return recipe
