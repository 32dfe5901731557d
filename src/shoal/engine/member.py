"""Members, and the cohorts that they fall into.

A member is one network in training: a recipe and a seed. Members that differ in numbers only
(learning rates, decay, dropout rate, init, seed) run through the same program and form a cohort;
members that differ in structure fall into different cohorts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache

from shoal.engine.recipe import Recipe
from shoal.errors import ShoalError, check_number
from shoal.nn import Layer, Loss, Network
from shoal.nn.arrays import Shape
from shoal.optim import Optimizer

BEYOND = 2**63
"""Seeds are smaller: they lie in an array of int64."""


def _check_seed(seed: object) -> None:
    check_number("seed", seed, least=0, whole=True)
    check_number("seed", seed, below=BEYOND, whole=True)


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
        if self.recipe.is_space:
            raise ShoalError(
                f"the recipe of arm {self.arm!r} has distributions in it, so it is a search space; "
                "give it to shoal.search"
            )
        _check_seed(self.seed)
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
    return Program(
        network=_structure(recipe.network, in_shape, outputs),
        rule=type(recipe.optimizer),
        loss=recipe.loss_for(task),
        batch_size=recipe.batch_size,
        decays=recipe.weight_decay > 0,
        clips=recipe.clip_norm is not None,
        in_shape=in_shape,
    )


@lru_cache(maxsize=64)
def _structure(network: Network, in_shape: Shape, outputs: int) -> Network:
    """A network for data of these sizes, without numbers; many trials have the same."""
    bound = network.bind(in_shape, outputs)
    if not any(p.trained for layer in bound.parameters(in_shape) for p in layer.values()):
        raise ShoalError(f"{network!r} has nothing to train; let it end with Affine()")
    return Network(tuple(_without_numbers(layer) for layer in bound.layers))


def check_batches(program: Program, rows: int, steps: int, replacement: bool) -> None:
    """Require that every batch is large enough for every layer.

    Args:
        program: the network and the size of its batches.
        rows: of the training part.
        steps: of the run; one that ends before the last batch of an epoch never sees it.
        replacement: whether batches are drawn with replacement, which makes all equally large.

    Raises:
        ShoalError: a layer that normalises over the batch gets a batch of one row.
    """
    size = program.batch_size
    last = 0 if replacement or steps * size < rows else rows % size
    network, shapes = program.network, program.network.shapes(program.in_shape)
    for layer, shape in zip(network.layers, shapes, strict=False):
        least = layer.least_rows(shape)
        if size >= least and (last == 0 or last >= least):
            continue
        fitting = [b for b in range(least, rows + 1) if rows % b == 0 or rows % b >= least]
        advice = f"batch_size={min(fitting, key=lambda b: abs(b - size))}" if fitting else "none"
        what = (
            f"leaves a last batch of {last} (of {rows} rows)" if size >= least else "is too small"
        )
        raise ShoalError(
            f"batch_size={size} {what}, but {type(layer).__name__} must see at least {least} rows "
            f"at a time; take another, such as {advice}"
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
        _check_seed(seed)
    if not listed or len(set(listed)) < len(listed):
        raise ShoalError(f"seeds={listed} must be different whole numbers, at least one")
    return [int(seed) for seed in listed]
