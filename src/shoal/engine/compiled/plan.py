"""From a program to the numbers by which the compiled code knows it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.compiled import tables as t
from shoal.engine.compiled.activate import GELU as GELU_
from shoal.engine.compiled.activate import SIGMOID, TANH
from shoal.engine.compiled.losses import (
    ABSOLUTE,
    BINARY,
    CROSS_ENTROPY,
    HUBER,
    POISSON,
    QUANTILE,
    SQUARED,
)  # fmt: skip
from shoal.engine.compiled.rules import RULES
from shoal.engine.compiled.straight import LEAKY_RELU, NONE, RELU
from shoal.engine.layout import Span, layout_of
from shoal.engine.member import Program
from shoal.nn import (
    GELU,
    Activation,
    Affine,
    AvgPool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    Flatten,
    Layer,
    LeakyReLU,
    Loss,
    MaxPool2D,
    MeanSquaredError,
    Network,
    PeriodicEmbedding,
    ReLU,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from shoal.nn.arrays import Shape
from shoal.nn.losses import BinaryCrossEntropy, Huber, MeanAbsoluteError, Poisson, Quantile
from shoal.nn.pool import Pool
from shoal.nn.window import Window

ACTS: dict[type[Layer], int] = {
    ReLU: RELU,
    LeakyReLU: LEAKY_RELU,
    Sigmoid: SIGMOID,
    Tanh: TANH,
    GELU: GELU_,
}
LOSSES: dict[type[Loss], tuple[int, str | None]] = {
    SoftmaxCrossEntropy: (CROSS_ENTROPY, "smoothing"),
    MeanSquaredError: (SQUARED, None),
    MeanAbsoluteError: (ABSOLUTE, None),
    Huber: (HUBER, "delta"),
    Poisson: (POISSON, None),
    Quantile: (QUANTILE, "q"),
    BinaryCrossEntropy: (BINARY, "smoothing"),
}
"""How each loss is called, and the number that it has."""
KINDS: dict[type[Layer], int] = {
    Affine: t.AFFINE,
    BatchNorm: t.BATCH_NORM,
    Dropout: t.DROPOUT,
    Conv2D: t.CONVOLUTION,
    MaxPool2D: t.MAX_POOL,
    AvgPool2D: t.AVG_POOL,
    PeriodicEmbedding: t.WAVES,
}
EVALUATED, NEAR = 128, 2**20
"""Rows that go through a network at once in evaluation; of images fewer, a power of 2, so that the
largest output has no more than so many numbers."""
BLOCKS = 16
"""Blocks into which the images of a batch are cut."""
MOST_THREADS = 16
"""Threads that work on one network at most."""
PAD = 64
"""Numbers between two places in working memory: a vector may be read beyond the end of its row."""
WORTH = 2**24
"""Floating-point operations of a step, a tenth of a millisecond, that are worth a thread: where
each has less to do, waiting for each other costs what they gain."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A program as numbers.

    Attributes:
        ops: a line for each operation; see `tables`.
        numbers: their float32 numbers.
        memory: where everything lies.
        loss, loss_number: which loss, and its number.
        labelled: whether the targets are labels.
        rule: which update rule.
        dropouts: layers with a rate of their own, in order.
        widest: features of the widest batch norm.
        threads: that a step has work for.
        places: tables of places in images.
        room: numbers that a thread needs for one image on its way.
        rows: that working memory has room for.
        at_once: rows that go through the network at once in evaluation.
    """

    ops: NDArray[np.int64]
    numbers: NDArray[np.float32]
    memory: NDArray[np.int64]
    loss: int
    loss_number: np.float32
    labelled: bool
    rule: int
    dropouts: tuple[int, ...]
    widest: int
    threads: int
    places: NDArray[np.int64]
    room: int
    rows: int
    at_once: int


def lacks_layer(network: Network) -> str | None:
    """The name of a layer that is not compiled; None if all are."""
    for layer in network.layers:
        if type(layer) not in (*ACTS, *KINDS, Flatten):
            return type(layer).__name__
    return None


def lacks(program: Program) -> str | None:
    """What of a program is not compiled, in words; None if all is."""
    layer = lacks_layer(program.network)
    if layer is not None:
        return layer
    if type(program.loss) not in LOSSES:
        return type(program.loss).__name__
    return None if program.rule in RULES else program.rule.__name__


@lru_cache(maxsize=64)
def plan_of(program: Program) -> Plan:
    """The plan of a program that lacks nothing."""
    return _Planner(program).plan()


class _Planner:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.layout = layout_of(program.network, program.in_shape)
        network, shapes = program.network, program.network.shapes(program.in_shape)
        largest = max(math.prod(shape) for shape in shapes)
        for layer, shape in zip(network.layers, shapes, strict=False):
            if isinstance(layer, PeriodicEmbedding):
                largest = max(largest, layer.working(shape))
        self.at_once = max(8, min(EVALUATED, 1 << (NEAR // largest).bit_length() >> 1))
        self.rows = max(program.batch_size, self.at_once)
        self.at = PAD
        self.ops: list[dict[int, int]] = []
        self.numbers: list[dict[int, float]] = []
        self.places: list[NDArray[np.int64]] = []
        self.image_room = 1

    def plan(self) -> Plan:
        program, network = self.program, self.program.network
        shapes = network.shapes(program.in_shape)
        memory = {t.ROW_SIZE: math.prod(program.in_shape), t.OUTPUTS: math.prod(shapes[-1])}
        source = memory[t.INPUT] = self.space(self.rows * memory[t.ROW_SIZE])
        dropouts: list[int] = []
        for i, layer in enumerate(network.layers):
            if isinstance(layer, Flatten):
                continue
            size = math.prod(shapes[i + 1])
            if isinstance(layer, Activation):
                if not (self.ops and self.ops[-1][t.ACT] == NONE and self.ops[-1][t.BIASED]):
                    self.add(t.ACTIVATION, source, math.prod(shapes[i]), size)
                source = self.ops[-1][t.OUT]
                self.act(layer)
                continue
            self.add(KINDS[type(layer)], source, math.prod(shapes[i]), size)
            op, numbers = self.ops[-1], self.numbers[-1]
            source = op[t.OUT]
            spans = {
                s.name: s for s in (*self.layout.trained, *self.layout.running) if s.layer == i
            }
            op[t.TRAINED] = int(bool(spans))
            op[t.BIASED] = int(bool(spans) and not isinstance(layer, PeriodicEmbedding))
            if isinstance(layer, Affine):
                op[t.WEIGHT], op[t.BIAS] = spans["W"].start, spans["b"].start
            elif isinstance(layer, BatchNorm):
                features = shapes[i][-1]
                op[t.WEIGHT], op[t.BIAS] = spans["gamma"].start, spans["beta"].start
                op[t.MEAN], op[t.VARIANCE] = spans["mean"].start, spans["var"].start
                op[t.CHANNELS] = features
                op[t.HAT], op[t.STATS] = self.space(self.rows * size), self.space(5 * features)
                op[t.PARTS] = max(1, features // 64)
                numbers[t.EPSILON], numbers[t.MOMENTUM] = layer.eps, layer.momentum
            elif isinstance(layer, Conv2D):
                op[t.WEIGHT], op[t.BIAS] = spans["W"].start, spans["b"].start
                self.image(shapes[i], shapes[i + 1], layer.window)
                self.convolution(shapes[i + 1][-1])
            elif isinstance(layer, Pool):
                self.image(shapes[i], shapes[i + 1], layer.window)
                before = self.ops[-2] if len(self.ops) > 1 else op
                if before[t.KIND] == t.CONVOLUTION and before[t.OUT] == op[t.IN]:
                    before[t.FUSED] = 1
            elif isinstance(layer, PeriodicEmbedding):
                self.waves(layer, shapes[i], spans)
            elif isinstance(layer, Dropout):
                op[t.NUMBER] = len(dropouts)
                op[t.SAVED] = self.space(self.rows * size)
                dropouts.append(i)
        return self.finish(memory, dropouts)

    def finish(self, memory: dict[int, int], dropouts: list[int]) -> Plan:
        """The rest of working memory."""
        program = self.program
        # the gradient between a convolution and its pooling is made image by image
        kept = [op[t.OUT_SIZE] for op in self.ops if not op.get(t.FUSED)]
        largest = max(memory[t.ROW_SIZE], *kept)
        size = self.layout.size
        memory[t.SIZE], memory[t.DECAYING] = size, self.layout.weights
        memory[t.FIRST] = next(i for i, op in enumerate(self.ops) if op[t.TRAINED])
        memory[t.TARGETS] = self.space(self.rows * memory[t.OUTPUTS])
        memory[t.ROW_WEIGHTS], memory[t.ROW_LOSSES] = self.space(self.rows), self.space(self.rows)
        memory[t.GRADIENT], memory[t.THETA] = self.space(size), self.space(size)
        memory[t.NORMS] = self.space(2 + size // t.PIECE + 2)
        memory[t.DOWN], memory[t.UP_AGAIN] = (self.space(self.rows * largest) for _ in range(2))
        memory[t.ZEROS] = self.space(largest)
        memory[t.NOTHING] = self.space(MOST_THREADS * largest)
        memory[t.WORK] = self.at
        kind, name = LOSSES[type(program.loss)]
        return Plan(
            ops=_table(self.ops, t.COLUMNS, np.int64),
            numbers=_table(self.numbers, t.NUMBERS, np.float32),
            memory=_table([memory], t.MEMORY, np.int64)[0],
            loss=kind,
            loss_number=np.float32(0 if name is None else getattr(program.loss, name)),
            labelled=kind == CROSS_ENTROPY,
            rule=RULES[program.rule],
            dropouts=tuple(dropouts),
            widest=max([1, *(op.get(t.CHANNELS, 1) for op in self.ops)]),
            threads=max(1, min(MOST_THREADS, _work(program) // WORTH)),
            places=np.concatenate([*self.places, np.zeros(1, np.int64)]),
            room=self.image_room + PAD,
            rows=self.rows,
            at_once=self.at_once,
        )

    def waves(self, layer: PeriodicEmbedding, before: Shape, spans: dict[str, Span]) -> None:
        """Places and room of the waves of inputs."""
        op = self.ops[-1]
        op[t.WEIGHT], op[t.BIAS] = spans["V"].start, spans["b"].start
        op[t.RATES_AT], op[t.PHASES_AT] = spans["w"].start, spans["phase"].start
        op[t.CHANNELS], op[t.FILTERS], op[t.WIDTH] = spans["V"].shape
        op[t.STEP] = op[t.CHANNELS] * op[t.FILTERS]
        op[t.SAVED], op[t.HAT] = (self.space(self.rows * op[t.STEP]) for _ in range(2))

    def image(self, before: Shape, after: Shape, window: Window) -> None:
        """What the last operation must know of its images."""
        op = self.ops[-1]
        height, width, channels = before if len(before) == 3 else (*before, 1)
        (up, down), (left, right) = window.padding
        padded = (height + up + down, width + left + right)
        op |= {t.HEIGHT: height, t.WIDTH: width, t.CHANNELS: channels, t.UP: up, t.LEFT: left}
        op[t.WINDOW_ROWS], op[t.WINDOW_COLUMNS] = window.size
        op[t.STRIDE_ROWS], op[t.STRIDE_COLUMNS] = window.stride
        op[t.PLACES_DOWN], op[t.PLACES_ACROSS] = after[:2]
        op[t.PADDED_HEIGHT], op[t.PADDED_WIDTH] = padded
        if any((up, down, left, right)):
            op[t.PADDED] = math.prod(padded) * channels + PAD

    def convolution(self, filters: int) -> None:
        """Tables and room of a convolution."""
        op = self.ops[-1]
        channels, wide = op[t.CHANNELS], op[t.PADDED_WIDTH]
        down, across = np.arange(op[t.PLACES_DOWN]), np.arange(op[t.PLACES_ACROSS])
        rows, columns = np.arange(op[t.WINDOW_ROWS]), np.arange(op[t.WINDOW_COLUMNS])
        op[t.FILTERS] = filters
        patches = down[:, None] * op[t.STRIDE_ROWS] * wide + across * op[t.STRIDE_COLUMNS]
        op[t.TABLE] = self.table(patches * channels)
        window = (rows[:, None] * wide + columns)[..., None] * channels + np.arange(channels)
        op[t.WINDOW_TABLE] = self.table(window)
        # the gradient lies apart by the stride, with the window's size less 1 around it
        height, width = (size + k - 1 for size, k in zip(
            (op[t.PADDED_HEIGHT], wide), (op[t.WINDOW_ROWS], op[t.WINDOW_COLUMNS]), strict=True
        ))  # fmt: skip
        pixels = (np.arange(op[t.HEIGHT])[:, None] + op[t.UP]) * width
        op[t.PIXEL_TABLE] = self.table((pixels + np.arange(op[t.WIDTH]) + op[t.LEFT]) * filters)
        op[t.SPREAD] = height * width * filters + PAD
        op[t.SPREAD_WIDTH] = width
        weights = rows.size * columns.size * channels * filters
        op[t.IMAGES] = -(-self.program.batch_size // BLOCKS)
        op[t.PARTS] = -(-self.rows // op[t.IMAGES])
        op[t.STATS], op[t.FLIPPED] = self.space(op[t.OUT_SIZE]), self.space(weights)
        op[t.PARTIAL] = self.space(BLOCKS * (weights + op[t.OUT_SIZE] + PAD))
        room = op.get(t.PADDED, 0) + op[t.SPREAD] + op[t.OUT_SIZE] + 2 * PAD
        self.image_room = max(self.image_room, room)

    def table(self, numbers: NDArray[Any]) -> int:
        """Where a table of places begins among all."""
        at = sum(len(each) for each in self.places)
        self.places.append(numbers.reshape(-1).astype(np.int64))
        return at

    def add(self, kind: int, source: int, before: int, after: int) -> None:
        """An operation, with room for what it puts out."""
        out = self.space(self.rows * after)
        self.ops.append(
            {t.KIND: kind, t.ACT: NONE, t.IN: source, t.IN_SIZE: before, t.OUT: out,
             t.OUT_SIZE: after, t.SAVED: out, t.PARTS: 1, t.TRAINED: 0, t.BIASED: 0}
        )  # fmt: skip
        self.numbers.append({})

    def act(self, layer: Activation) -> None:
        """Let the last operation end with an activation."""
        op = self.ops[-1]
        op[t.ACT] = ACTS[type(layer)]
        self.numbers[-1][t.SLOPE] = getattr(layer, "slope", 0.0)
        if isinstance(layer, GELU):
            op[t.SAVED] = self.space(self.rows * op[t.OUT_SIZE])

    def space(self, count: int) -> int:
        """A place for so many numbers; each begins at a whole line of the cache."""
        start = self.at
        self.at = -(-(start + count + PAD) // 16) * 16
        return start


def _work(program: Program) -> int:
    """Floating-point operations of a step, nearly."""
    return 6 * program.batch_size * program.network.multiply_adds(program.in_shape)


def _table(lines: list[dict[int, Any]], columns: int, kind: Any) -> NDArray[Any]:
    table = np.zeros((len(lines), columns), kind)
    for i, line in enumerate(lines):
        for column, value in line.items():
            table[i, column] = value
    return table
