"""Trained networks without their training: weights, and what the last layer says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.evaluate import PIECE, outputs_of
from shoal.engine.executor import available_threads, chunk_size, cut, one_blas_thread
from shoal.engine.member import Program
from shoal.errors import ShoalError
from shoal.nn.arrays import Params


@dataclass(frozen=True, eq=False)
class Group:
    """Networks that run through one program.

    Attributes:
        program: of all of them.
        params: the arrays of each layer, with an axis of networks.
        place: where each of them stands among all networks.
    """

    program: Program
    params: Sequence[Params]
    place: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Networks:
    """Networks of one or several programs, trained on the same data."""

    groups: Sequence[Group]

    def outputs(self, x: Any, *, predicted: bool = False) -> NDArray[np.float32]:
        """What the last layer says, (networks, rows, outputs).

        Networks and rows are cut into jobs that fit the cache and run on threads; the numbers do
        not depend on how.

        Args:
            x: rows (rows, *in_shape).
            predicted: what the outputs mean by the loss of each network: probabilities, rates.

        Raises:
            ShoalError: rows of another shape.
        """
        in_shape = self.groups[0].program.in_shape
        x = np.asarray(x, np.float32)
        if x.ndim != 1 + len(in_shape) or x.shape[1:] != in_shape:
            raise ShoalError(f"x.shape={x.shape} must be (rows, {', '.join(map(str, in_shape))})")
        jobs = [
            (group, some, slice(at, at + PIECE))
            for group in self.groups
            for some in cut(np.arange(len(group.place)), _at_once(group.program), 1)
            for at in range(0, max(len(x), 1), PIECE)
        ]
        width = math.prod(self.groups[0].program.network.shapes(in_shape)[-1])
        outputs = np.empty((sum(len(g.place) for g in self.groups), len(x), width), np.float32)

        def do(job: tuple[Group, NDArray[np.int64], slice]) -> None:
            group, some, rows = job
            of_some = slice(some[0], some[-1] + 1)
            params = [{k: v[of_some] for k, v in layer.items()} for layer in group.params]
            with np.errstate(all="ignore"):  # a diverged network says what it can
                said = outputs_of(group.program, params, x[rows])
                said = group.program.loss.predict(said) if predicted else said
                outputs[group.place[of_some], rows] = said

        from concurrent.futures import ThreadPoolExecutor

        with one_blas_thread():
            if len(jobs) == 1:
                do(jobs[0])
            else:
                with ThreadPoolExecutor(available_threads()) as pool:
                    list(pool.map(do, jobs))
        return outputs


def _at_once(program: Program) -> int:
    """Networks whose activations of a piece of rows fit the cache."""
    shapes = program.network.shapes(program.in_shape)
    return chunk_size(4 * PIECE * sum(math.prod(shape) for shape in shapes[1:]))
