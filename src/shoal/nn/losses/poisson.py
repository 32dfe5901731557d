"""Poisson deviance with a log link: targets that are counts, or rates that cannot be negative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from shoal.errors import ShoalError
from shoal.nn.arrays import Array, Cache, namespace
from shoal.nn.losses.loss import Loss, check_shape


@dataclass(frozen=True)
class Poisson(Loss):
    """L = mean over the outputs of exp(z) - t z; the gradient is (exp(z) - t) / outputs / batch.

    The outputs are logarithms of rates, z = log μ, so `predict` gives exp(z), which is never
    negative. L is the negative logarithm of the Poisson probability of t, but for log t!, which no
    weight changes and which is left out: so L can be negative. Nothing is clamped: where exp(z) is
    too large for its type the loss is infinite, and the member counts as diverged.

    Targets must be >= 0, so they may be divided by a scale but not centred.
    (McCullagh and Nelder 1989, chapter 6.)

    >>> import numpy as np
    >>> z, t = np.log(np.array([[2.0], [4.0]])), np.array([[2.0], [1.0]])
    >>> loss, cache = Poisson().forward(z, t)
    >>> Poisson().backward(cache).ravel().round(6).tolist(), Poisson().predict(z).ravel().round(6)
    ([0.0, 1.5], array([2., 4.]))
    """

    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def check_targets(self, targets: Array) -> None:
        xp = namespace(targets)
        if xp.any(targets < 0):
            raise ShoalError(
                f"{self!r} needs targets >= 0, not {float(xp.min(targets)):.4g}; targets that were "
                "centred have values below 0: divide them by their mean instead"
            )

    def per_row(self, outputs: Array, targets: Array) -> tuple[Array, Cache]:
        """Outputs z and targets (…, batch, outputs)."""
        check_shape(self, "targets", targets, outputs.shape, axes=2)
        rates = self.predict(outputs)
        return namespace(rates).mean(rates - targets * outputs, axis=-1), (rates, targets)

    def derivative(self, cache: Cache) -> Array:
        rates, targets = cache
        return (rates - targets) / (rates.shape[-1] * rates.shape[-2])

    def predict(self, outputs: Array) -> Array:
        """Rates: exp(z)."""
        return namespace(outputs).exp(outputs)
