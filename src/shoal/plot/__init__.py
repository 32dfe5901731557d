"""Pictures of results: one function, one file each; they draw results and compute nothing."""

from shoal.plot.comparison import plot_comparison
from shoal.plot.curves import plot_curves
from shoal.plot.differences import plot_differences
from shoal.plot.ensemble import plot_ensemble
from shoal.plot.instruments import plot_instruments
from shoal.plot.sensitivity import plot_sensitivity
from shoal.plot.study import plot_study

__all__ = [
    "plot_comparison",
    "plot_curves",
    "plot_differences",
    "plot_ensemble",
    "plot_instruments",
    "plot_sensitivity",
    "plot_study",
]
