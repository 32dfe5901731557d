"""Which hyperparameters: spaces, samplers, strategies, and the study that comes out."""

from shoal.study.lr_range import LrRange, lr_range
from shoal.study.past import Past
from shoal.study.result import Study
from shoal.study.search import search
from shoal.study.space import Space
from shoal.study.strategies import PBT, Full, Halving, Hyperband
from shoal.study.trial import Trial

__all__ = [
    "PBT",
    "Full",
    "Halving",
    "Hyperband",
    "LrRange",
    "Past",
    "Space",
    "Study",
    "Trial",
    "lr_range",
    "search",
]
