"""Batch normalisation: every feature gets mean 0 and variance 1 over the batch, then γ and β."""

from __future__ import annotations

import math
from dataclasses import dataclass

from shoal.errors import check_number
from shoal.nn.arrays import Array, Cache, Params, Shape, namespace
from shoal.nn.layer import Layer, Parameter


@dataclass(frozen=True)
class BatchNorm(Layer):
    """y = γ (x - μ) / √(σ² + ε) + β, per feature; per channel for images (channels last).

    In training μ and σ² are the batch's (σ² biased); in evaluation they are running averages,
    r ← (1 - momentum) r + momentum · batch, with the unbiased variance, as in PyTorch.
    Ioffe and Szegedy 2015, arXiv:1502.03167.

    Attributes:
        momentum: weight of the newest batch in the running averages, in (0, 1].
        eps: keeps the root away from 0.
    """

    momentum: float = 0.1
    eps: float = 1e-5

    def __post_init__(self) -> None:
        check_number("momentum", self.momentum, above=0, most=1)
        check_number("eps", self.eps, above=0)

    def parameters(self, in_shape: Shape) -> dict[str, Parameter]:
        features = in_shape[-1:]
        return {
            "gamma": Parameter(features, start=1.0),
            "beta": Parameter(features),
            "mean": Parameter(features, trained=False),
            "var": Parameter(features, start=1.0, trained=False),
        }

    def least_rows(self, in_shape: Shape) -> int:
        """2, unless one row has several values of each feature, as images have of each channel.

        A single value is its own mean: x̂ = 0 whatever x is, and nothing before can learn.
        """
        return 2 if math.prod(in_shape[:-1]) == 1 else 1

    def forward(
        self, params: Params, x: Array, *, training: bool = False, noise: Array | None = None
    ) -> tuple[Array, Cache]:
        """x (…, batch, *shape, features) to y of the same shape."""
        xp = namespace(x)
        axes = _batch_axes(params, x)
        if training:
            mean = xp.mean(x, axis=axes, keepdims=True)
            centred = x - mean
            var = xp.mean(centred * centred, axis=axes, keepdims=True)
        else:
            mean, var = (_spread(params[name], axes) for name in ("mean", "var"))
            centred = x - mean
        std = xp.sqrt(var + self.eps)
        x_hat = centred / std
        y = _spread(params["gamma"], axes) * x_hat + _spread(params["beta"], axes)
        return y, (x_hat, std, mean, var, axes, training)

    def backward(
        self, params: Params, cache: Cache, dy: Array, *, need_dx: bool = True
    ) -> tuple[Array, dict[str, Array]]:
        """dβ = Σ dy, dγ = Σ dy x̂, and with g = γ dy: dx = (g - mean(g) - x̂ mean(g x̂)) / σ.

        The two means are there because μ and σ depend on every x of the batch: moving all x
        together, or scaling them, changes nothing. In evaluation they are constants: dx = g / σ.
        """
        xp = namespace(dy)
        x_hat, std, _, _, axes, training = cache
        grads = {"gamma": xp.sum(dy * x_hat, axis=axes), "beta": xp.sum(dy, axis=axes)}
        if not need_dx:
            return None, grads
        g = _spread(params["gamma"], axes) * dy
        if training:
            g = (
                g
                - xp.mean(g, axis=axes, keepdims=True)
                - x_hat * xp.mean(g * x_hat, axis=axes, keepdims=True)
            )
        return g / std, grads

    def running(self, params: Params, cache: Cache) -> dict[str, Array]:
        xp = namespace(params["mean"])
        x_hat, _, mean, var, axes, _ = cache
        n = math.prod(x_hat.shape[a] for a in axes)
        unbiased = var * (n / max(n - 1, 1))
        return {
            name: (1 - self.momentum) * params[name] + self.momentum * xp.squeeze(new, axis=axes)
            for name, new in (("mean", mean), ("var", unbiased))
        }


def _batch_axes(params: Params, x: Array) -> tuple[int, ...]:
    """All axes between the member axis (if there is one) and the features."""
    return tuple(range(params["gamma"].ndim - 1, x.ndim - 1))


def _spread(value: Array, axes: tuple[int, ...]) -> Array:
    """(…, features) with axes of length 1 put in, so that it lines up with x."""
    ones = (1,) * len(axes)
    return namespace(value).reshape(value, (*value.shape[:-1], *ones, value.shape[-1]))
