"""Which arm is better: pairing, intervals, verdicts."""

from shoal.comparison.compare import compare
from shoal.comparison.metrics import Metric
from shoal.comparison.result import Arm, Comparison, Pair
from shoal.comparison.statistics import (
    Difference,
    Interval,
    paired_difference,
    paired_differences,
)
from shoal.comparison.tuning import Sensitivity, Tuning, log_grid

__all__ = [
    "Arm",
    "Comparison",
    "Difference",
    "Interval",
    "Metric",
    "Pair",
    "Sensitivity",
    "Tuning",
    "compare",
    "log_grid",
    "paired_difference",
    "paired_differences",
]
