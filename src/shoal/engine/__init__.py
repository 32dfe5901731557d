"""How a shoal trains: members fall into cohorts, cohorts are cut into chunks, chunks run."""

from shoal.engine.callbacks import Callback
from shoal.engine.ensemble import Ensemble
from shoal.engine.history import Curve, History
from shoal.engine.member import Member
from shoal.engine.progress import Progress
from shoal.engine.recipe import Recipe
from shoal.engine.shoal import Shoal
from shoal.engine.trainer import Trainer

__all__ = [
    "Callback",
    "Curve",
    "Ensemble",
    "History",
    "Member",
    "Progress",
    "Recipe",
    "Shoal",
    "Trainer",
]
