"""Probabilities that mean what they say: one temperature, fitted on the validation rows.

A network that is trained to be certain is often more certain than it is right. With p the (mean)
probabilities of the members, those that are given out are softmax(log p / T): the order of the
classes stays, so no prediction changes (Guo et al. 2017; first the mean, then the temperature:
Rahaman and Thiery 2021).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]

LIMITS: Final = (0.05, 20.0)
"""No temperature outside; where one would be, the validation rows say nothing but "certain"."""


def temperature_of(scores: Any, y: NDArray[Any], weights: Any = None) -> float:
    """The temperature T that minimises the negative log-likelihood of the validation rows.

    With β = 1 / T it is Σ w (log Σₖ exp(β zₖ) - β z·t), which is convex in β. A target t is the
    label, with 1 / (n + 1) of its certainty given to all classes alike, as one more row of an
    unknown label would do: so a few rows that are all right do not make T 0 (cf. Platt 1999).

    Args:
        scores: z = log p, (rows, classes); or logits of several labels, (rows, labels).
        y: class indices (rows,), or 0 and 1 (rows, labels).
        weights: of the rows, or None.

    >>> z = np.log([[0.9, 0.1]] * 10)
    >>> y = np.array([0] * 6 + [1] * 4)  # nine in ten are promised, six in ten are right
    >>> temperature_of(z, y) > 4
    True
    """
    from scipy.optimize import minimize_scalar

    z = np.asarray(scores, np.float64)
    if y.ndim == 2:  # every label is a choice of two: logits 0 and z
        z = np.stack([np.zeros(z.size), z.ravel()], axis=1)
        weights = None if weights is None else np.repeat(weights, y.shape[1])
        y = y.ravel().astype(np.int64)
    rows = len(z)
    # a class that is given up for lost would make the mean of z infinite
    z = np.maximum(z - z.max(axis=1, keepdims=True), -700.0)
    spread = 1 / (rows + 1)
    aimed = (1 - spread) * z[np.arange(rows), y] + spread * z.mean(axis=1)
    w = np.ones(rows) if weights is None else np.asarray(weights, np.float64)

    def likelihood(beta: float) -> float:
        return float(w @ (np.log(np.exp(beta * z).sum(axis=1)) - beta * aimed))

    low, high = LIMITS
    found = minimize_scalar(
        likelihood, bounds=(1 / high, 1 / low), method="bounded", options={"xatol": 1e-6}
    )
    return float(1 / found.x)
