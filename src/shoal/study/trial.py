"""A trial: values that are tried, and how they did."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Literal

from shoal.study.space import Values

State = Literal["running", "dropped", "diverged", "done"]


@dataclass
class Trial:
    """One recipe in training.

    Attributes:
        number: in the order in which the sampler gave them.
        values: by path, see `Space`.
        bracket: which bracket of the strategy it runs in.
        state: running, dropped at a rung, diverged, or done.
        budget: epochs (or steps) it was trained.
        curve: (budget, score, validation loss) at every evaluation; a higher score is better.
        metrics: all that was evaluated, at the last evaluation.
        lucky: whether it was kept at random at a rung that it would not have passed.
        lineage: of a network in population based training that was copied: from which budget on it
            lived in the place of which trial, by which values; {"from", "trial", "values"}.
    """

    number: int
    values: Values
    bracket: int = 0
    state: State = "running"
    budget: int = 0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    metrics: dict[str, float] = field(default_factory=dict)
    lucky: bool = False
    lineage: list[dict[str, Any]] = field(default_factory=list)

    @property
    def score(self) -> float:
        """The last score; -inf if it diverged or was not evaluated yet."""
        if self.state == "diverged" or not self.curve:
            return -math.inf
        return self.curve[-1][1]

    @property
    def key(self) -> tuple[float, float]:
        """What trials are ranked by: the score, and among equals the validation loss.

        Accuracies come in steps of one row, so that many trials have the same.
        """
        if self.state == "diverged" or not self.curve:
            return (-math.inf, -math.inf)
        return (self.score, -self.curve[-1][2])

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a line of the study's file."""
        return {
            "number": self.number,
            "values": self.values,
            "bracket": self.bracket,
            "state": self.state,
            "budget": self.budget,
            "curve": [[at, *map(_finite, pair)] for at, *pair in self.curve],
            "metrics": {name: _finite(value) for name, value in self.metrics.items()},
            "lucky": self.lucky,
            "lineage": self.lineage,
        }

    @classmethod
    def from_dict(cls, plain: dict[str, Any]) -> Trial:
        """The inverse of `to_dict`."""
        curve = [
            (at, -math.inf if score is None else score, math.inf if loss is None else loss)
            for at, score, loss in plain["curve"]
        ]
        metrics = {k: math.nan if v is None else v for k, v in plain["metrics"].items()}
        return cls(**{**plain, "curve": curve, "metrics": metrics})


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
