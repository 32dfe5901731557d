"""Ensembles: members that answer together, how good that is, and why."""

from shoal.engine.ensemble.diversity import Diversity, PairKind
from shoal.engine.ensemble.ensemble import Ensemble, Scores
from shoal.engine.ensemble.sizes import Sizes

__all__ = ["Diversity", "Ensemble", "PairKind", "Scores", "Sizes"]
