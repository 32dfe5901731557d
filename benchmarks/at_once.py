"""The peers that train all members at once, in one list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks import with_jax, with_torch_stacked
from benchmarks.harness import Contestant
from benchmarks.work import Training

Peers = tuple[Sequence[Contestant], Mapping[str, str]]
"""Who takes part, and who cannot, and why."""


def peers(training: Training, sizes: Sequence[int], quick: bool) -> Peers:
    """PyTorch with stacked members, and JAX.

    Args:
        training: what they train.
        sizes: members at once, to try.
        quick: try one size only, and let nobody compile who needs long for it.
    """
    torch, no_torch = with_torch_stacked.contestants(training, sizes, quick)
    jax, no_jax = with_jax.contestants(training, sizes, quick)
    return (*torch, *jax), no_torch | no_jax
