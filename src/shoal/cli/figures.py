"""How right predictions are, piece by piece: what `shoal fit` and `shoal predict` report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.data.columns import as_numbers
from shoal.data.preparation import Levels
from shoal.estimators.model import Model

if TYPE_CHECKING:
    import pandas as pd


class Figures:
    """Sums over the rows that were answered and whose target is known.

    Args:
        model: what answers.
        targets: the columns that hold the truth.
    """

    def __init__(self, model: Model, targets: list[str]) -> None:
        self.model = model
        self.targets = targets
        self.rows = 0
        self.left_out = 0
        self._right = 0
        self._each = np.zeros(model.outputs_count)
        self._loss = 0.0
        outputs = model.outputs_count
        self._squares, self._sums, self._totals = (np.zeros(outputs) for _ in range(3))

    def add(self, answers: Any, piece: pd.DataFrame) -> None:
        """Take in some rows: their scores (for labels) or numbers, and the columns of the truth.

        A row without a target, or with a label that the model does not know, is left out.
        """
        if self.model.task == "multilabel":
            truth = self._truth(piece)
            known: Any = np.isin(truth, (0, 1)).all(axis=1)
            rows, truth = answers[known], truth[known]
            right = self.model.labels_of(rows) == truth
            self._right += int(right.all(axis=1).sum())
            self._each += right.sum(axis=0)
            p = np.where(truth == 1, *self._yes_no(rows))
            self._loss -= float(np.log(np.maximum(p, np.finfo(float).tiny)).mean(axis=1).sum())
        elif self.model.classes is not None:
            labels = tuple(str(label) for label in self.model.classes.tolist())
            true = Levels(self.targets[0], labels).places(piece[self.targets[0]])
            known = true >= 0
            rows, true = answers[known], true[known]
            p = self.model.probabilities_of(rows)[np.arange(len(rows)), true]
            self._right += int((rows.argmax(axis=1) == true).sum())
            self._loss -= float(np.log(np.maximum(p, np.finfo(float).tiny)).sum())
        else:
            numbers = self._truth(piece)
            known = ~np.isnan(numbers).any(axis=1)
            rows, numbers = answers[known], numbers[known]
            self._squares += np.square(rows - numbers).sum(axis=0)
            shifted = numbers - np.asarray(
                self.model.target_mean
            )  # or squares would swallow the digits
            self._sums += shifted.sum(axis=0)
            self._totals += np.square(shifted).sum(axis=0)
        self.rows += len(rows)
        self.left_out += int((~known).sum())

    def _truth(self, piece: pd.DataFrame) -> Any:
        """The columns of the truth as numbers (rows, targets); NaN where one is missing."""
        return np.stack([as_numbers(piece[name], name) for name in self.targets], axis=1)

    def _yes_no(self, scores: Any) -> tuple[Any, Any]:
        """Probability of each label, and that it does not hold."""
        return self.model.probabilities_of(scores), self.model.probabilities_of(-scores)

    def numbers(self) -> dict[str, Any]:
        """The figures by name; intervals are of 95 %."""
        if not self.rows:
            return {"rows": 0}
        if self.model.classes is not None:
            from scipy.stats import binomtest

            about = binomtest(self._right, self.rows).proportion_ci(method="wilson")
            return {
                "rows": self.rows,
                "accuracy": self._right / self.rows,
                "accuracy_interval": [float(about.low), float(about.high)],
                **self._labels(),
                "log_loss": self._loss / self.rows,
            }
        mean_square = self._squares / self.rows
        variance = self._totals / self.rows - np.square(self._sums / self.rows)
        with np.errstate(divide="ignore", invalid="ignore"):
            r2 = 1 - mean_square / variance
        return {
            "rows": self.rows,
            "rmse": dict(zip(self.targets, np.sqrt(mean_square).tolist(), strict=True)),
            "r2": {
                name: value if math.isfinite(value) else None
                for name, value in zip(self.targets, r2.tolist(), strict=True)
            },
        }

    def _labels(self) -> dict[str, Any]:
        """Of several labels a row, how many are right, in all and by name."""
        if self.model.task != "multilabel":
            return {}
        shares = self._each / self.rows
        return {
            "hamming": float(shares.mean()),
            "labels": dict(zip(self.targets, shares.tolist(), strict=True)),
        }

    def words(self) -> str:
        """The figures in a line."""
        found = self.numbers()
        if not self.rows:
            return "no row with a known target"
        if "accuracy" in found:
            low, high = found["accuracy_interval"]
            interval = f"(95 % interval {100 * low:.2f} to {100 * high:.2f})"
            share = f"{100 * found['accuracy']:.2f} %"
            text = f"accuracy {share} {interval}, log loss {found['log_loss']:.4f}"
            if "hamming" in found:
                text = (
                    f"all labels right in {share} of the rows {interval}, "
                    f"{100 * found['hamming']:.2f} % of the labels right, "
                    f"log loss {found['log_loss']:.4f} a label"
                )
        else:
            each = []
            for name in self.targets:
                r2 = found["r2"][name]
                shown = "" if r2 is None else f", R² {r2:.4f}"
                of = f"{name}: " if len(self.targets) > 1 else ""
                each.append(f"{of}RMSE {found['rmse'][name]:.5g}{shown}")
            text = "; ".join(each)
        return f"{text}, {self.rows:,} {'row' if self.rows == 1 else 'rows'}"
