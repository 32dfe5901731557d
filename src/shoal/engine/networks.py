"""Trained networks without their training: weights, and what the last layer says."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.evaluate import PIECE, outputs_of
from shoal.engine.executor import available_threads, chunk_size, cut, one_blas_thread
from shoal.engine.member import Program
from shoal.errors import ShoalError
from shoal.nn.arrays import Params, Shape

if TYPE_CHECKING:
    from shoal.engine.compiled.answers import Answers

ALONE = 2**25
"""Multiply-adds of compiled code that are done on the thread that asks: half a millisecond or so;
more are shared among threads."""


@dataclass(frozen=True, eq=False)
class Group:
    """Networks that run through one program.

    Attributes:
        program: of all of them.
        params: the arrays of each layer, with an axis of networks.
        place: where each of them stands among all networks.
        answers: the same networks, to answer by compiled code; None to answer by NumPy.
    """

    program: Program
    params: Sequence[Params]
    place: NDArray[np.int64]
    answers: Answers | None = None

    def outputs(self, first: int, last: int, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """What networks first, …, last - 1 say of rows, (networks, rows, outputs)."""
        if self.answers is not None:
            return self.answers(x, first, last)
        params = [{k: v[first:last] for k, v in layer.items()} for layer in self.params]
        with np.errstate(all="ignore"):  # a diverged network says what it can
            said: NDArray[np.float32] = outputs_of(self.program, params, x)
        return said


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
            raise wrong_shape(x.shape, in_shape)
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
            first, last = int(some[0]), int(some[-1]) + 1
            said = group.outputs(first, last, x[rows])
            with np.errstate(all="ignore"):
                said = group.program.loss.predict(said) if predicted else said
            outputs[group.place[first:last], rows] = said

        compiled = all(group.answers is not None for group in self.groups)
        work = sum(len(g.place) * row_work(g.program) for g in self.groups) * len(x)
        from concurrent.futures import ThreadPoolExecutor

        # BLAS has threads of its own, on which bits may depend; compiled code has none
        with nullcontext() if compiled else one_blas_thread():
            if len(jobs) == 1 or (compiled and work <= ALONE):
                for job in jobs:
                    do(job)
            else:
                with ThreadPoolExecutor(available_threads()) as pool:
                    list(pool.map(do, jobs))
        return outputs


def wrong_shape(shape: Shape, in_shape: Shape) -> ShoalError:
    """Rows of another shape than a network's."""
    return ShoalError(f"x.shape={shape} must be (rows, {', '.join(map(str, in_shape))})")


def row_work(program: Program) -> int:
    """Multiply-adds of one row, and numbers that are touched besides."""
    network = program.network
    layers = zip(network.layers, network.shapes(program.in_shape), strict=False)
    return sum(layer.multiply_adds(shape) + math.prod(shape) for layer, shape in layers)


def _at_once(program: Program) -> int:
    """Networks whose activations of a piece of rows fit the cache."""
    shapes = program.network.shapes(program.in_shape)
    return chunk_size(4 * PIECE * sum(math.prod(shape) for shape in shapes[1:]))
