"""What arms are judged by: a quantity, which way is better, and how much of it matters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from shoal.engine.evaluate import HIGHER_IS_BETTER, METRICS
from shoal.errors import unknown

RELATIVE_MARGIN = 0.1
ABSOLUTE_MARGIN = 0.005
RMSE_MARGIN = 0.01


@dataclass(frozen=True)
class Metric:
    """A quantity by which arms are compared.

    Attributes:
        name: "loss" (of the batches, smoothed), or a part and a measure: "test_accuracy".
    """

    name: str

    @property
    def measure(self) -> str:
        """Its last word: loss, accuracy, hamming, rmse or r2."""
        return self.name.rsplit("_", 1)[-1]

    @property
    def higher_is_better(self) -> bool:
        """True for accuracy, hamming and r2."""
        return self.measure in HIGHER_IS_BETTER

    @property
    def label(self) -> str:
        """Its name for people."""
        if self.name == "loss":
            return "training loss"
        part, measure = self.name.rsplit("_", 1)
        part = {"train": "training", "valid": "validation"}.get(part, part)
        return f"{part} {({'rmse': 'RMSE', 'r2': 'R²'}).get(measure, measure)}"

    def margin(self, a: float, b: float) -> float:
        """The largest difference of two means that does not matter, unless one is given.

        Half a percentage point of accuracy; 0.005 of R²; a tenth of the smaller loss; a hundredth
        of the smaller RMSE.
        """
        if self.higher_is_better:
            return ABSOLUTE_MARGIN
        share = RMSE_MARGIN if self.measure == "rmse" else RELATIVE_MARGIN
        return share * min(abs(a), abs(b))


def choose_metric(name: str | None, task: str, parts: Sequence[str]) -> Metric:
    """The metric of a name; for None, accuracy or RMSE on the test part or the nearest to it.

    Args:
        name: "loss", a part and a measure such as "valid_accuracy", or None.
        task: "classification", "multilabel" or "regression".
        parts: which parts of the data have rows.

    Raises:
        ShoalError: there is no such metric.
    """
    if name is None:
        part = next(part for part in ("test", "valid", "train") if part in parts)
        return Metric(f"{part}_{METRICS[task][1]}")
    known = ["loss", *(f"{part}_{measure}" for part in parts for measure in METRICS[task])]
    if name not in known:
        raise unknown("metric", name, known)
    return Metric(name)
