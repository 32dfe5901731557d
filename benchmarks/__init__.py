"""How fast Shoal is beside its peers, measured side by side in one run.

    python -m benchmarks [WORKLOAD ...] [--repeats N] [--quick] [--markdown FILE]

A *workload* is one file that says what is trained; `work.py` says what every contestant must do,
`with_shoal.py`, `with_torch.py`, `with_jax.py` and their like how each does it, `harness.py` lets
them take turns, `report.py` prints the tables. A new workload is one file and one line in
`WORKLOADS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from benchmarks import (
    batch_norm_grid,
    early_dropping,
    members,
    networks,
    optimizers,
    prediction,
    search,
    to_accuracy,
)
from benchmarks.harness import Workload

WORKLOADS: Final[dict[str, Callable[[bool], Workload]]] = {
    "search": search.workload,
    "early-dropping": early_dropping.workload,
    "optimizers": optimizers.workload,
    "batch-norm-grid": batch_norm_grid.workload,
    "tiny": networks.tiny,
    "one-network": networks.one_network,
    "one-network-seconds": to_accuracy.workload,
    "wide": networks.wide,
    "convnet": networks.one_convnet,
    "convnets": networks.convnets,
    "members": members.book,
    "members-tiny": members.tiny,
    "predict-one": prediction.one_row,
    "predict-many": prediction.many_rows,
}
"""Workloads by name; each is made by a function of `quick`."""
