"""Shoal trains a whole shoal of neural networks at once and says which way of training is best."""

import importlib as _importlib
import typing as _typing

from shoal.comparison import (
    Comparison,
    compare,
    log_grid,
    paired_difference,
    paired_differences,
)
from shoal.data import Dataset, available, load
from shoal.distributions import (
    choice,
    int_range,
    log_uniform,
    one_minus_log_uniform,
    repeat,
    uniform,
)
from shoal.engine import Callback, Ensemble, History, Member, Progress, Recipe, Shoal, Trainer
from shoal.errors import ShoalError
from shoal.nn import (
    GELU,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Equal,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    MeanSquaredError,
    Network,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
    check_gradients,
    convnet,
    mlp,
    numerical_gradient,
)
from shoal.optim import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    Momentum,
    Nesterov,
    OneCycle,
    RMSprop,
    StepDecay,
    WarmUp,
)

if _typing.TYPE_CHECKING:
    from shoal.study.lr_range import LrRange, lr_range
    from shoal.study.past import Past
    from shoal.study.result import Study
    from shoal.study.search import search
    from shoal.study.strategies import PBT, Full, Halving, Hyperband

__version__ = "0.1.0"

_LATER = dict.fromkeys(
    ["PBT", "Full", "Halving", "Hyperband", "LrRange", "Past", "Study", "lr_range", "search"],
    "shoal.study",
)
"""Names that are imported when they are asked for, and from where: `import shoal` stays quick."""


def __getattr__(name: str) -> _typing.Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(_importlib.import_module(_LATER[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "GELU",
    "PBT",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Affine",
    "AvgPool2D",
    "BatchNorm",
    "Callback",
    "Comparison",
    "Constant",
    "Conv2D",
    "Cosine",
    "Dataset",
    "Dropout",
    "Ensemble",
    "Equal",
    "Exponential",
    "Flatten",
    "Full",
    "Halving",
    "History",
    "Hyperband",
    "InverseTime",
    "LeakyReLU",
    "LrRange",
    "MaxPool2D",
    "MeanSquaredError",
    "Member",
    "Momentum",
    "Nesterov",
    "Network",
    "OneCycle",
    "Past",
    "Progress",
    "RMSprop",
    "ReLU",
    "Recipe",
    "Shoal",
    "ShoalError",
    "Sigmoid",
    "SoftmaxCrossEntropy",
    "StepDecay",
    "Study",
    "Tanh",
    "Trainer",
    "WarmUp",
    "available",
    "check_gradients",
    "choice",
    "compare",
    "convnet",
    "int_range",
    "load",
    "log_grid",
    "log_uniform",
    "lr_range",
    "mlp",
    "numerical_gradient",
    "one_minus_log_uniform",
    "paired_difference",
    "paired_differences",
    "repeat",
    "search",
    "uniform",
]
