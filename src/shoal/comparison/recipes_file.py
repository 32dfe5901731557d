"""Recipes in a TOML file: one table per arm, defaults for all, what to tune.

[defaults]                                  # optional: what arms have in common
network = { hidden = [100, 100], activation = "relu" }

[arms.SGD]
optimizer = { kind = "SGD", lr = 0.01 }

[arms.Adam]
optimizer = { kind = "Adam", lr = 0.001 }
weight_decay = 1e-4

[tune]                                      # optional: the same budget for every arm
"optimizer.lr" = { log_grid = [1e-4, 1.0, 13] }
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from shoal.comparison.tuning import log_grid
from shoal.engine import Recipe
from shoal.errors import ShoalError, unknown


@dataclass(frozen=True)
class RecipesFile:
    """What a file of recipes says.

    Attributes:
        recipes: by the name of the arm.
        tune: what to tune, or None.
    """

    recipes: dict[str, Recipe]
    tune: dict[str, Any] | None


def read_recipes(path: str | Path) -> RecipesFile:
    """Read a file of recipes.

    Raises:
        ShoalError: no such file, not TOML, or an arm that is no recipe; the text says where.
    """
    return parse_recipes(read_text(path), str(path))


def read_text(path: str | Path) -> str:
    """The text of a file of recipes.

    Raises:
        ShoalError: no such file, or not UTF-8.
    """
    try:
        return Path(path).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ShoalError(f"cannot read recipes from {path}: {reason}") from None


def default_text() -> str:
    """The file that `shoal compare` uses when none is given: the book's optimizers."""
    return files("shoal.comparison").joinpath("optimizers.toml").read_text("utf-8")


def default_recipes() -> RecipesFile:
    """What that file says.

    >>> list(default_recipes().recipes)
    ['SGD', 'Momentum', 'Nesterov', 'AdaGrad', 'RMSprop', 'Adam']
    """
    return parse_recipes(default_text())


def parse_recipes(text: str, where: str = "recipes") -> RecipesFile:
    """The recipes of a TOML text.

    >>> text = '''
    ... [arms.SGD]
    ... network = { hidden = [32] }
    ... optimizer = { kind = "SGD", lr = 0.1 }
    ... '''
    >>> parse_recipes(text).recipes
    {'SGD': Recipe(mlp([32], activation='relu'), SGD(lr=0.1))}
    """
    try:
        plain = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ShoalError(f"{where} is not TOML: {error}") from None
    for key in plain:
        if key not in ("arms", "defaults", "tune"):
            raise unknown(f"table in {where}:", key, ("arms", "defaults", "tune"))
    arms, defaults = plain.get("arms"), plain.get("defaults", {})
    if not isinstance(arms, Mapping) or not arms:
        raise ShoalError(f"{where} has no arms; write a table [arms.NAME] for each")
    defaults = _table(defaults, f"{where}: defaults")
    recipes = {}
    for name, arm in arms.items():
        if not isinstance(arm, Mapping):
            raise ShoalError(f"{where}: arms.{name}={arm!r} must be a table [arms.{name}]")
        recipes[name] = Recipe.from_dict({**defaults, **arm}, f"{where}: arms.{name}")
    tune = plain.get("tune")
    return RecipesFile(recipes, None if tune is None else _tune(tune, recipes, f"{where}: tune"))


def write_recipes(recipes: Mapping[str, Recipe]) -> str:
    """The text that `parse_recipes` reads back.

    >>> from shoal.nn import mlp
    >>> from shoal.optim import SGD
    >>> print(write_recipes({"plain SGD": Recipe(mlp([32]), SGD())}))
    [arms."plain SGD"]
    network = { hidden = [32], activation = "relu" }
    optimizer = { kind = "SGD", lr = 0.01 }
    <BLANKLINE>
    """
    import tomli_w

    tables = []
    for name, recipe in recipes.items():
        head = tomli_w.dumps({"arms": {name: {}}}).strip()
        tables.append(f"{head}\n{recipe.to_toml()}\n")
    return "\n".join(tables)


def _tune(plain: Any, arms: Collection[str], where: str) -> dict[str, Any]:
    """What to tune: one grid for all arms, or one by the name of each."""
    plain = _table(plain, where)
    if not any(key in arms for key in plain):
        return _grid(plain, where)
    return {
        arm: _grid(_table(grid, f"{where}.{arm}"), f"{where}.{arm}") for arm, grid in plain.items()
    }


def _grid(plain: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Values by the path of each setting; TOML makes tables of a path without quotes."""
    grid: dict[str, Any] = {}
    for key, value in plain.items():
        path = f"{where}.{key}"
        if isinstance(value, list):
            grid[key] = value
        elif not isinstance(value, Mapping):
            raise ShoalError(
                f"{path}={value!r} must be a list, or {{ log_grid = [low, high, count] }}"
            )
        elif "log_grid" in value:
            grid[key] = _log_grid(value, path)
        else:
            grid |= {f"{key}.{rest}": values for rest, values in _grid(value, path).items()}
    return grid


def _table(plain: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(plain, Mapping):
        raise ShoalError(f"{where}={plain!r} must be a table")
    return plain


def _log_grid(plain: Mapping[str, Any], where: str) -> tuple[float, ...]:
    limits = plain["log_grid"]
    if len(plain) > 1 or not isinstance(limits, list) or len(limits) != 3:
        raise ShoalError(f"{where}={plain} must be {{ log_grid = [low, high, count] }}")
    try:
        return log_grid(*limits)
    except ShoalError as error:
        raise ShoalError(f"{where}: log_grid = [low, high, count]: {error}") from None
