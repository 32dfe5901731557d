"""What trained networks say, by compiled code: a forward pass of some rows in one call.

What is said of a row is the same to the bit whatever rows are asked beside it, and whoever asks at
the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.library import library
from shoal.engine.compiled.plan import PAD, plan_of
from shoal.engine.compiled.rooms import Rooms, address, request
from shoal.engine.layout import Matrix, layout_of
from shoal.engine.member import Program
from shoal.nn import MeanSquaredError
from shoal.nn.arrays import Params
from shoal.optim import SGD


class Answers:
    """Trained networks of one program that answer; several threads may ask at once.

    Args:
        program: whose layers are all compiled; its loss and rule do not matter.
        theta, running: the rows of the networks, one after another; they are not copied, and may
            change between two answers.
        padded: whether the memory of theta goes on for `PAD` numbers after the last row.

    Raises:
        ShoalError: nothing can be compiled here.
    """

    def __init__(
        self, program: Program, theta: Matrix, running: Matrix, padded: bool = False
    ) -> None:
        # how products are cut depends on the plan: all who ask of a network must have the same
        self.program = replace(
            program, rule=SGD, loss=MeanSquaredError(), batch_size=1, decays=False, clips=False
        )
        self.plan = plan_of(self.program)
        self.theta, self.running, self.padded = theta, running, padded
        self._members = np.arange(len(theta))
        self._live = address(self._members)
        self._library = library()
        self._answer = self._library.answer
        self._free: list[_Desk] = []

    @classmethod
    def of(cls, program: Program, params: Sequence[Params]) -> Answers:
        """Of networks given by the arrays of each layer, with an axis of networks; copies them."""
        layout = layout_of(program.network, program.in_shape)
        count = len(next(value for layer in params for value in layer.values()))
        theta = np.zeros(count * layout.size + PAD, np.float32)[:-PAD].reshape(count, layout.size)
        running = np.zeros((count, layout.running_size), np.float32)
        layout.join(params, theta)
        for span in layout.running:
            running[:, span.start : span.stop] = params[span.layer][span.name]
        return cls(program, theta, running, padded=True)

    def __call__(
        self, x: NDArray[np.float32], first: int = 0, last: int | None = None
    ) -> NDArray[np.float32]:
        """What the networks first, …, last - 1 say of rows, (networks, rows, outputs).

        Args:
            x: rows (rows, *in_shape), float32, one after another in memory.
            first, last: which networks; all by default.
        """
        last = len(self.theta) if last is None else last
        out = np.empty((last - first, len(x), self.plan.memory.item(t.OUTPUTS)), np.float32)
        try:
            desk = self._free.pop()
        except IndexError:
            desk = _Desk(self)
        job = desk.job
        job[t.X], job[t.SAID], job[t.WHOLE] = address(x), address(out), len(x)
        job[t.LIVE], job[t.MEMBERS] = self._live + 8 * first, last - first
        self._answer(desk.address)
        self._free.append(desk)
        return out


class _Desk:
    """Where one call at a time is worked on."""

    def __init__(self, of: Answers) -> None:
        plan = of.plan
        self.rooms = Rooms(plan, of._library)
        self.rates = np.zeros(max(1, len(plan.dropouts)), np.float32)
        self.job = job = np.zeros(t.JOB, np.int64)
        job[t.ALL] = len(of.theta) + of.padded  # the last row is copied unless more follows it
        job[t.PARAMETERS], job[t.RUNNING] = address(of.theta), address(of.running)
        job[t.RUNNING_SIZE] = of.running.shape[1]
        job[t.RATES], job[t.HOME] = address(self.rates), address(self.rooms.work)
        job[t.ROWS_AT_ONCE] = plan.at_once
        self.request = request(plan, job, self.rooms.tools[0])
        self.address = address(self.request)
