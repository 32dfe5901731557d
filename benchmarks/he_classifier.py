"""scikit-learn's MLPClassifier from He's first weights; imported only where scikit-learn is."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier


class HeClassifier(MLPClassifier):
    """Its own first weights, after Glorot, hardly learn in six layers of ReLU."""

    def _init_coef(self, fan_in: int, fan_out: int, dtype: Any) -> tuple[Any, Any]:
        std = np.sqrt(2 / fan_in)
        weights = self._random_state.normal(0.0, std, (fan_in, fan_out))
        return weights.astype(dtype), np.zeros(fan_out, dtype)

    def fit(self, x: Any, y: Any) -> HeClassifier:
        """Fit, without a warning that it stopped early: that is the point here."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().fit(x, y)
