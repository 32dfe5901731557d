"""How weights move: update rules and learning-rate schedules, as pure functions."""

from shoal.optim.adagrad import AdaGrad
from shoal.optim.adam import Adam
from shoal.optim.adamw import AdamW
from shoal.optim.momentum import Momentum
from shoal.optim.nesterov import Nesterov
from shoal.optim.rmsprop import RMSprop
from shoal.optim.rule import Optimizer
from shoal.optim.schedules import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Schedule,
    StepDecay,
    WarmUp,
)
from shoal.optim.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    rule.__name__: rule for rule in (SGD, Momentum, Nesterov, AdaGrad, RMSprop, Adam, AdamW)
}
"""The names that TOML files use."""

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGD",
    "AdaGrad",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Exponential",
    "InverseTime",
    "Momentum",
    "Nesterov",
    "OneCycle",
    "Optimizer",
    "RMSprop",
    "Schedule",
    "StepDecay",
    "WarmUp",
]
