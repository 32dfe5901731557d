"""What trained networks say, by compiled code: a forward pass of some rows in one call.

What is said of a row is the same to the bit whatever rows are asked beside it, and whoever asks at
the same time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.library import library
from shoal.engine.compiled.plan import PAD, plan_of
from shoal.engine.compiled.rooms import Rooms, address, request
from shoal.engine.layout import Matrix, layout_of
from shoal.engine.member import Program
from shoal.engine.networks import wrong_shape
from shoal.nn import MeanSquaredError
from shoal.nn.arrays import Params, Shape
from shoal.optim import SGD

LINE = 64
"""Bytes of a line of the cache; vectors that begin with one are read fastest."""
FEW = 2**13
"""Numbers of rows that are copied to where they are worked on."""


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
        self._library = library()
        self._answer = self._library.answer
        self._free: list[_Desk] = []

    @classmethod
    def of(cls, program: Program, params: Sequence[Params]) -> Answers:
        """Of networks given by the arrays of each layer, with an axis of networks; copies them."""
        layout = layout_of(program.network, program.in_shape)
        count = len(next(value for layer in params for value in layer.values()))
        size = count * layout.size
        room = np.zeros(size + 2 * PAD, np.float32)
        start = -address(room) % LINE // room.itemsize
        theta = room[start : start + size].reshape(count, layout.size)
        running = np.zeros((count, layout.running_size), np.float32)
        layers = [dict(layer) for layer in params]
        layout.join(layers, theta)
        layout.join_running(layers, running)
        return cls(program, theta, running, padded=True)

    def __call__(self, x: Any, first: int = 0, last: int | None = None) -> NDArray[np.float32]:
        """What the networks first, …, last - 1 say of rows, (networks, rows, outputs).

        Args:
            x: rows (rows, *in_shape).
            first, last: which networks; all by default.

        Raises:
            ShoalError: rows of another shape.
        """
        last = len(self.theta) if last is None else last
        try:
            desk = self._free.pop()
        except IndexError:
            desk = _Desk(self)
        asked = (x.shape, first, last)
        if asked != desk.asked:
            desk.expect(*asked)
        if desk.x is not None:  # a few rows: copying them costs less than asking where they lie
            desk.x[...] = x
            self._answer(desk.address)
            said: NDArray[np.float32] = desk.said.copy()
        else:
            x = np.ascontiguousarray(x, np.float32)
            said = np.empty((last - first, len(x), desk.outputs), np.float32)
            desk.job[t.X], desk.job[t.SAID] = address(x), address(said)
            self._answer(desk.address)
        self._free.append(desk)
        return said


class _Desk:
    """Where one call at a time is worked on, for any number of rows.

    Attributes:
        asked: the shape of the rows, and the first and last network, of the last call.
        x, said: where rows and answers lie, if they are few; else None.
    """

    def __init__(self, of: Answers) -> None:
        plan = of.plan
        self.in_shape, self.outputs = of.program.in_shape, int(plan.memory[t.OUTPUTS])
        self.asked: tuple[Shape, int, int] | None = None
        self.x: NDArray[np.float32] | None = None
        self.said = np.empty(0, np.float32)
        self.rooms = Rooms(plan, of._library)
        self.rates = np.zeros(max(1, len(plan.dropouts)), np.float32)
        self.members = np.arange(len(of.theta))
        self.job = job = np.zeros(t.JOB, np.int64)
        job[t.ALL] = len(of.theta) + of.padded  # the last row is copied unless more follows it
        job[t.PARAMETERS], job[t.RUNNING] = address(of.theta), address(of.running)
        job[t.RUNNING_SIZE] = of.running.shape[1]
        job[t.RATES], job[t.HOME] = address(self.rates), address(self.rooms.work)
        job[t.ROWS_AT_ONCE] = plan.at_once
        self.request = request(plan, job, self.rooms.tools[0])
        self.address = address(self.request)

    def expect(self, shape: Shape, first: int, last: int) -> None:
        """Make ready for calls with rows of a shape (rows, *in_shape).

        Raises:
            ShoalError: rows of another shape than the network's.
        """
        if shape[1:] != self.in_shape:
            raise wrong_shape(shape, self.in_shape)
        job, rows = self.job, shape[0]
        job[t.WHOLE], job[t.MEMBERS] = rows, last - first
        job[t.LIVE] = address(self.members[first:])
        self.x = None
        if math.prod(shape) <= FEW:
            self.x = np.zeros(shape, np.float32)
            self.said = np.zeros((last - first, rows, self.outputs), np.float32)
            job[t.X], job[t.SAID] = address(self.x), address(self.said)
        self.asked = shape, first, last
