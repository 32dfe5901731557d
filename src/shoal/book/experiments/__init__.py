"""The experiments of the book, one file each, in the book's order."""

from __future__ import annotations

from shoal.book.experiment import Experiment
from shoal.book.experiments import (
    activations,
    batchnorm_init,
    batchnorm_speed,
    bayesian_search,
    convnet,
    derivative,
    dropout,
    ensemble,
    gradient_descent,
    gradient_field,
    init_mnist,
    narrowing,
    numerical_vs_backprop,
    optimizer_paths,
    optimizers_mnist,
    overfit,
    panda_or_caviar,
    random_search,
    sampling_scales,
    simple_net,
    softmax_is_logistic,
    softmax_signs,
    two_layer_net,
    weight_decay,
    zero_init,
)
from shoal.errors import unknown

EXPERIMENTS: dict[str, Experiment] = {
    module.EXPERIMENT.name: module.EXPERIMENT
    for module in (
        derivative,
        gradient_field,
        gradient_descent,
        simple_net,
        numerical_vs_backprop,
        two_layer_net,
        optimizer_paths,
        optimizers_mnist,
        zero_init,
        activations,
        init_mnist,
        batchnorm_speed,
        batchnorm_init,
        overfit,
        weight_decay,
        dropout,
        ensemble,
        random_search,
        narrowing,
        bayesian_search,
        sampling_scales,
        panda_or_caviar,
        softmax_signs,
        softmax_is_logistic,
        convnet,
    )
}
"""Every experiment by its name; a new one is a file and a line here."""


def experiment(name: str) -> Experiment:
    """The experiment of that name.

    Raises:
        ShoalError: there is none; the nearest name is suggested.
    """
    if name not in EXPERIMENTS:
        raise unknown("experiment", name, list(EXPERIMENTS))
    return EXPERIMENTS[name]
