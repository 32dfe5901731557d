"""What was seen, in words: one line for each rule, from the recipe and the symptom."""

from __future__ import annotations

import math

from shoal.engine.diagnosis.finding import Symptom
from shoal.engine.recipe import Recipe


def symmetric(recipe: Recipe, symptom: Symptom) -> str:
    """Equal units."""
    return f"all units put out the same {since(symptom.step)}, so they learn the same"


def exploding_activations(recipe: Recipe, symptom: Symptom) -> str:
    """By how much outputs grow over depth."""
    grown = f"outputs spread {times(symptom.value)} as widely as in the first hidden layer"
    return f"{grown} {since(symptom.step)}"


def vanishing_activations(recipe: Recipe, symptom: Symptom) -> str:
    """By how much outputs shrink over depth."""
    return (
        "outputs hardly differ from row to row: their spread is "
        f"{symptom.value:.1g} of that in the first hidden layer {since(symptom.step)}"
    )


def saturated(recipe: Recipe, symptom: Symptom) -> str:
    """How many outputs are saturated."""
    return f"{share(symptom)} of the outputs saturated {since(symptom.step)}"


def dead(recipe: Recipe, symptom: Symptom) -> str:
    """How many units are dead."""
    return f"{share(symptom)} of the units dead {since(symptom.step)}"


def vanishing_gradients(recipe: Recipe, symptom: Symptom) -> str:
    """How small the first layer's gradient is."""
    small = f"the gradient of the first layer is {symptom.value:.1g} of that of the last"
    return f"{small} {since(symptom.step)}"


def exploding_gradients(recipe: Recipe, symptom: Symptom) -> str:
    """How large the first layer's gradient is."""
    large = f"the gradient of the first layer is {times(symptom.value)} that of the last"
    return f"{large} {since(symptom.step)}"


def large_updates(recipe: Recipe, symptom: Symptom) -> str:
    """How large a step is."""
    return f"a step changes the weights by {share(symptom)} of their length"


def small_updates(recipe: Recipe, symptom: Symptom) -> str:
    """How small a step is."""
    most = f"a step changes no layer's weights by more than {symptom.value:.0e} of their length"
    return f"{most}, and hardly anything was learned"


def guessing(recipe: Recipe, symptom: Symptom) -> str:
    """Where the loss ends."""
    return f"the training loss ends at {symptom.value:.3g}, no better than guessing"


def diverged(recipe: Recipe, symptom: Symptom) -> str:
    """When, and with which learning rate."""
    return f"diverged at step {symptom.step:,} with a learning rate of {symptom.value:g}"


def overfitting(recipe: Recipe, symptom: Symptom) -> str:
    """How far apart training and other rows are."""
    gap = f"accuracy is {100 * symptom.value:.0f} percentage points"
    if symptom.measure == "r2":
        gap = f"R² is {symptom.value:.2f}"
    return f"{gap} higher on the training part than on others"


def since(step: int) -> str:
    """From when on.

    >>> since(0), since(40)
    ('from the start', 'from step 40 on')
    """
    return f"from step {step:,} on" if step else "from the start"


def share(symptom: Symptom) -> str:
    """A share, the largest if there are several layers; only all is 100 %.

    >>> share(Symptom(0.976, 0, ("2 ReLU",))), share(Symptom(0.999, 0, ("2 ReLU", "4 ReLU")))
    ('98 %', 'up to 99 %')
    """
    value = symptom.value
    number = "100" if value >= 1 else f"{min(round(100 * value), 99)}"
    return f"{'up to ' if len(symptom.layers) > 1 else ''}{number} %"


def times(value: float) -> str:
    """A factor.

    >>> times(2.345), times(240.0), times(8.9e9), times(math.inf)
    ('2.3 times', '240 times', '9e+09 times', 'infinitely many times')
    """
    if not math.isfinite(value):
        return "infinitely many times"
    form = ".2g" if value < 100 else ".0f" if value < 1e4 else ".0e"
    return f"{value:{form}} times"
