"""What to try: one line for each rule, from the recipe and from what was seen."""

from __future__ import annotations

import math

from shoal.engine.diagnosis.finding import Symptom
from shoal.engine.recipe import Recipe

SUITED = ("auto", "he", "xavier", "lecun")


def symmetric(recipe: Recipe, symptom: Symptom) -> str:
    """Equal units need different weights to begin with."""
    if recipe.init in SUITED:
        return "a smaller learning rate; these weights began different and became equal"
    return 'init="auto", which draws different weights for every unit'


def exploding_activations(recipe: Recipe, symptom: Symptom) -> str:
    """Too large weights at first, or too large steps."""
    if recipe.init not in SUITED and symptom.step == 0:
        return 'init="auto", which keeps the spread the same from layer to layer, or batch norm'
    return f"{smaller_lr(recipe, symptom)}, or batch norm"


def vanishing_activations(recipe: Recipe, symptom: Symptom) -> str:
    """Too small weights, or activations that are flat."""
    if recipe.init not in SUITED:
        return 'init="auto", which keeps the spread the same from layer to layer, or batch norm'
    kinds = {type(layer).__name__ for layer in recipe.network.layers}
    if "Sigmoid" in kinds:
        return "ReLU instead of sigmoid, whose slope is at most 1/4, or batch norm"
    if symptom.step > 0:
        return f"{smaller_lr(recipe, symptom)}, or batch norm"
    return "batch norm, or fewer layers"


def saturated(recipe: Recipe, symptom: Symptom) -> str:
    """Too large weights at first, or too large steps."""
    if symptom.step == 0:
        if recipe.init not in SUITED:
            return 'init="auto", batch norm, or ReLU'
        return "inputs of a smaller scale, batch norm, or ReLU"
    return f"{smaller_lr(recipe, symptom)}, batch norm, or ReLU"


def dead(recipe: Recipe, symptom: Symptom) -> str:
    """Too large steps, or a start in the dead half."""
    if symptom.step == 0:
        start = 'init="auto"' if recipe.init not in SUITED else "inputs that are standardised"
        return f"{start}, batch norm, or a leaky ReLU"
    return f"{smaller_lr(recipe, symptom)}, batch norm, or a leaky ReLU"


def exploding_gradients(recipe: Recipe, symptom: Symptom) -> str:
    """Too large weights."""
    start = 'init="auto"' if recipe.init not in SUITED else smaller_lr(recipe, symptom)
    return start if recipe.clip_norm else f"{start}, or clip_norm=1"


def smaller_lr(recipe: Recipe, symptom: Symptom) -> str:
    """A tenth of the learning rate."""
    lr = recipe.optimizer.numbers["lr"]
    return f"a learning rate of {lr / 10:g} instead of {lr:g}"


def larger_lr(recipe: Recipe, symptom: Symptom) -> str:
    """So many powers of ten as bring updates to a thousandth of the weights, four at most."""
    powers = round(math.log10(1e-3 / symptom.value)) if symptom.value > 0 else 4
    lr = recipe.optimizer.numbers["lr"]
    return f"a learning rate of {lr * 10 ** min(powers, 4):g} instead of {lr:g}"


def diverged(recipe: Recipe, symptom: Symptom) -> str:
    """Smaller steps."""
    clip = "" if recipe.clip_norm else ", or clip_norm=1"
    return f"{smaller_lr(recipe, symptom)}{clip}"


def guessing(recipe: Recipe, symptom: Symptom) -> str:
    """Nothing that instruments see is wrong."""
    return (
        "other learning rates (tune=), more steps, and whether the inputs say anything about "
        "the target"
    )


def overfitting(recipe: Recipe, symptom: Symptom) -> str:
    """Less freedom, or more data."""
    kinds = {type(layer).__name__ for layer in recipe.network.layers}
    ways = ["more rows", "a smaller network"]
    ways += [] if recipe.weight_decay else ["weight decay"]
    ways += [] if "Dropout" in kinds else ["dropout"]
    return f"{', '.join(ways[:-1])} or {ways[-1]}"
