"""Losses, one a file: how wrong the outputs of a batch are, and which way they should move."""

from shoal.nn.losses.binary_cross_entropy import BinaryCrossEntropy
from shoal.nn.losses.custom import CustomLoss
from shoal.nn.losses.huber import Huber
from shoal.nn.losses.loss import Loss
from shoal.nn.losses.mean_absolute_error import MeanAbsoluteError
from shoal.nn.losses.mean_squared_error import MeanSquaredError
from shoal.nn.losses.poisson import Poisson
from shoal.nn.losses.quantile import Quantile
from shoal.nn.losses.softmax_cross_entropy import SoftmaxCrossEntropy

LOSSES: dict[str, type[Loss]] = {
    "softmax_cross_entropy": SoftmaxCrossEntropy,
    "binary_cross_entropy": BinaryCrossEntropy,
    "mean_squared_error": MeanSquaredError,
    "mean_absolute_error": MeanAbsoluteError,
    "huber": Huber,
    "poisson": Poisson,
    "quantile": Quantile,
}
"""The names that `Recipe(loss=...)` and TOML files use."""

__all__ = [
    "LOSSES",
    "BinaryCrossEntropy",
    "CustomLoss",
    "Huber",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Poisson",
    "Quantile",
    "SoftmaxCrossEntropy",
]
