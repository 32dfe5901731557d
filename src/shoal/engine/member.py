"""Members, and the cohorts that they fall into.

A member is one network in training: a recipe and a seed. Members that differ in numbers only
(learning rates, decay, dropout rate, init, seed) run through the same program and form a cohort;
members that differ in structure fall into different cohorts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace

from shoal.engine.recipe import Recipe
from shoal.errors import ShoalError, check_number
from shoal.nn import Layer, Loss, Network
from shoal.nn.arrays import Shape
from shoal.optim import Optimizer


@dataclass(frozen=True)
class Member:
    """One network in training: a recipe, a seed, and the name of its arm.

    Raises:
        ShoalError: something else than a recipe, a whole number >= 0, and text.
    """

    recipe: Recipe
    seed: int
    arm: str = "recipe"

    def __post_init__(self) -> None:
        if not isinstance(self.arm, str):
            raise ShoalError(f"arm={self.arm!r} must be text, such as 'SGD'")
        if not isinstance(self.recipe, Recipe):
            raise ShoalError(f"recipe={self.recipe!r} of arm {self.arm!r} must be a Recipe")
        check_number("seed", self.seed, least=0, whole=True)
        object.__setattr__(self, "seed", int(self.seed))  # NumPy's whole numbers are no JSON


@dataclass(frozen=True)
class Program:
    """What all members of a cohort have in common; two members with equal programs train together.

    Attributes:
        network: bound to the data; numbers that may differ per member stand at their default.
        rule: the kind of optimizer.
        loss: the loss.
        batch_size: rows per step.
        decays, clips: whether weight decay and gradient clipping are in use.
        in_shape: shape of one row of the data.
    """

    network: Network
    rule: type[Optimizer]
    loss: Loss
    batch_size: int
    decays: bool
    clips: bool
    in_shape: Shape


def program_of(recipe: Recipe, in_shape: Shape, outputs: int, task: str) -> Program:
    """The program of a recipe on data of these sizes."""
    network = recipe.network.bind(in_shape, outputs)
    return Program(
        network=Network(tuple(_without_numbers(layer) for layer in network.layers)),
        rule=type(recipe.optimizer),
        loss=recipe.loss_for(task),
        batch_size=recipe.batch_size,
        decays=recipe.weight_decay > 0,
        clips=recipe.clip_norm is not None,
        in_shape=in_shape,
    )


def _without_numbers(layer: Layer) -> Layer:
    defaults = {f.name: f.default for f in fields(layer) if f.name in layer.numbers}
    return replace(layer, **defaults) if defaults else layer


def make_members(
    recipes: Recipe | Mapping[str, Recipe] | Sequence[Member], seeds: int | Sequence[int]
) -> tuple[Member, ...]:
    """Every recipe with every seed; members given as such stay as they are.

    Args:
        recipes: one recipe, recipes by the names of their arms, or members.
        seeds: how many (0, 1, 2, …), or which.

    Raises:
        ShoalError: no recipe, no seed, a seed twice, or something else than a recipe.
    """
    if isinstance(recipes, Recipe):
        recipes = {"recipe": recipes}
    if not isinstance(recipes, Mapping):
        listed = isinstance(recipes, Sequence) and len(recipes) > 0
        if not listed or not all(isinstance(m, Member) for m in recipes):
            raise ShoalError(f"recipes={recipes!r} must be recipes by name, such as {{'SGD': ...}}")
        return tuple(recipes)
    if not recipes:
        raise ShoalError("recipes={} is empty; give at least one, such as {'SGD': Recipe(...)}")
    return tuple(
        Member(recipe, seed, name) for name, recipe in recipes.items() for seed in seed_list(seeds)
    )


def seed_list(seeds: int | Sequence[int]) -> list[int]:
    """The seeds: 0 to n - 1, or those given.

    >>> seed_list(3)
    [0, 1, 2]
    """
    if not isinstance(seeds, Iterable):
        check_number("seeds", seeds, least=1, whole=True)
        return list(range(seeds))
    listed = list(seeds)
    for seed in listed:
        check_number("seed", seed, least=0, whole=True)
    if not listed or len(set(listed)) < len(listed):
        raise ShoalError(f"seeds={listed} must be different whole numbers, at least one")
    return [int(seed) for seed in listed]
