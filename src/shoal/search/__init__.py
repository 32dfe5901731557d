"""Which hyperparameters: spaces, samplers, strategies, and the study that comes out."""

from shoal.search.lr_range import LrRange, lr_range
from shoal.search.past import Past
from shoal.search.search import search
from shoal.search.space import Space
from shoal.search.strategies import PBT, Full, Halving, Hyperband
from shoal.search.study import Study
from shoal.search.trial import Trial

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
