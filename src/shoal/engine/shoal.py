"""A shoal: all members of a run, with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.cohort import Cohort
from shoal.engine.evaluate import outputs_of
from shoal.engine.executor import one_blas_thread
from shoal.engine.member import Member
from shoal.errors import ShoalError


class Shoal:
    """All members of a run, with their weights.

    Attributes:
        members: recipe, seed and arm of each.
    """

    def __init__(self, members: Sequence[Member], cohorts: Sequence[Cohort], task: str) -> None:
        self.members = tuple(members)
        self._cohorts = cohorts
        self._task = task

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        arms = list(dict.fromkeys(member.arm for member in self.members))
        return f"<Shoal of {len(self)} members: {', '.join(arms)}>"

    def weights(self, member: int) -> list[dict[str, NDArray[np.float32]]]:
        """The arrays of each layer of one member, by name; copies."""
        for cohort in self._cohorts:
            for row in np.flatnonzero(cohort.index == member):
                layers = cohort.params(slice(row, row + 1))
                return [{k: v[0].copy() for k, v in layer.items()} for layer in layers]
        raise ShoalError(f"member={member} must be a number from 0 to {len(self) - 1}")

    def outputs(self, x: Any) -> NDArray[np.float32]:
        """What the last layer says, (members, rows, outputs): logits, or standardised targets.

        Args:
            x: rows (rows, *in_shape), prepared like the data that was trained on.

        Raises:
            ShoalError: rows of another shape.
        """
        x = np.asarray(x, np.float32)
        first = self._cohorts[0].program
        if x.ndim != 1 + len(first.in_shape) or x.shape[1:] != first.in_shape:
            raise ShoalError(
                f"x.shape={x.shape} must be (rows, {', '.join(map(str, first.in_shape))})"
            )
        outputs: NDArray[np.float32] | None = None
        with one_blas_thread(), np.errstate(all="ignore"):
            for cohort in self._cohorts:
                some = outputs_of(cohort.program, cohort.params(), x)
                if outputs is None:
                    outputs = np.empty((len(self), *some.shape[1:]), np.float32)
                outputs[cohort.index] = some
        assert outputs is not None
        return outputs

    def probabilities(self, x: Any) -> NDArray[np.float32]:
        """Softmax of the outputs, (members, rows, classes).

        Raises:
            ShoalError: the shoal was trained for regression.
        """
        if self._task != "classification":
            raise ShoalError("probabilities are for classes; for regression take outputs")
        logits = self.outputs(x)
        e = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))
