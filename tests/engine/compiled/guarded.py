"""Trains random networks with every array at the end of a page, and no memory after it.

    python guarded.py SEED COUNT

Compiled code that reads or writes beyond an array ends the process. Vectors are read beyond the
end of a row on purpose; this shows that there is always room for it.
"""

from __future__ import annotations

import ctypes
import mmap
import random
import sys

import numpy as np

import shoal
from shoal import Affine, AvgPool2D, BatchNorm, Conv2D, Dropout, Flatten, MaxPool2D, ReLU, Tanh
from shoal.engine import task
from shoal.engine.compiled import answers, inputs, listing, rooms, stepper

PAGE = mmap.PAGESIZE
KEPT: list[mmap.mmap] = []
RULES = (shoal.SGD, shoal.Momentum, shoal.Nesterov, shoal.AdaGrad, shoal.RMSprop, shoal.AdamW)
LOSSES = ("auto", shoal.Huber(), shoal.MeanAbsoluteError(), shoal.Quantile(q=0.3))


def guarded(array):
    """A copy of an array whose last byte is the last of a page, before one that is forbidden."""
    array = np.ascontiguousarray(array)
    size = -(-max(array.nbytes, 1) // PAGE) * PAGE
    memory = mmap.mmap(-1, size + PAGE)
    KEPT.append(memory)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    assert protect(ctypes.c_void_p(start + size), ctypes.c_size_t(PAGE), 0) == 0
    offset = size - array.nbytes
    new = np.frombuffer(memory, array.dtype, array.size, offset).reshape(array.shape)
    new[...] = array
    return new


class Guarded:
    """NumPy, but what it makes is guarded."""

    def __getattr__(self, name):
        made = getattr(np, name)
        if name not in ("zeros", "empty", "full", "arange", "ascontiguousarray"):
            return made
        return lambda *a, **k: guarded(made(*a, **k))


def guard_everything():
    """From now on the engine's arrays are guarded, and freed when a run is through."""
    for module in (stepper, inputs, listing, rooms, answers):
        module.np = Guarded()
    copy = task.Rows.copy

    def guarded_copy(rows):
        new = copy(rows)
        slots = {name: guarded(slot) for name, slot in new.slots.items()}
        return task.Rows(guarded(new.theta), guarded(new.running), slots)

    task.Rows.copy = guarded_copy


def random_network(draw, image):
    """A network, and the shape of its rows."""
    some = draw.choice
    if image:
        shape = some([(8, 8), (9, 7), (12, 10, 3), (11, 13, 2), (5, 5, 1)])
        layers = [
            Conv2D(some([1, 3, 8, 17, 30]), some([1, 2, 3, 5]), some([1, 1, 2]), some([0, 1, 2])),
            *some([(ReLU(),), (BatchNorm(), ReLU())]),
            *some([(), (MaxPool2D(2),), (AvgPool2D(2, stride=1),), (Conv2D(5, 2), Tanh())]),
            *(Flatten(), Affine(some([1, 7, 50])), ReLU(), Affine()),
        ]
        return shoal.Network(tuple(layers)), shape
    shape = (some([1, 2, 3, 13, 16, 17, 64, 785]),)
    waves = shoal.PeriodicEmbedding(None, some([1, 5, 16]), some([1, 3, 17]))
    hidden = [
        layer
        for _ in range(some([0, 1, 2, 3]))
        for layer in (
            Affine(some([1, 5, 15, 17, 33, 48, 49, 100, 257])),
            *some([(), (BatchNorm(),)]),
            some(list(shoal.nn.ACTIVATIONS.values()))(),
            *some([(), (Dropout(0.3),)]),
        )
    ]
    return shoal.Network((*some([(), (waves,)]), *hidden, Affine())), shape


def run(draw, seed):
    """Train a random recipe on random data, and let what came out answer; or find it impossible."""
    some, noise = draw.choice, np.random.default_rng(seed)
    rows, regression = some([5, 17, 33, 64]), some([True, False])
    image = some([True, False])
    network, shape = random_network(draw, image)
    y = noise.normal(size=(rows, some([1, 2, 5]))) if regression else np.arange(rows) % 2
    x = noise.normal(size=(rows, *shape)).astype(np.float32)
    x *= noise.random(x.shape) < some([0.02, 1])  # few that are not 0, or all
    if image and some([True, False]):
        x = np.abs(50 * x).astype(np.uint8)
    data = shoal.Dataset.from_arrays(x, y, valid=0, test=0)
    for name in ("stored", "y"):
        object.__setattr__(data.train, name, guarded(getattr(data.train, name)))
    recipe = shoal.Recipe(
        network,
        some(RULES)(lr=0.001),
        batch_size=min(rows, some([2, 3, 7, 16, rows])),
        weight_decay=some([0, 0.1]),
        clip_norm=some([None, 1.0]),
        loss=some(LOSSES) if regression else "auto",
    )
    try:
        trainer = shoal.Trainer(
            recipe, data, epochs=2, seeds=some([1, 3]), engine="compiled", threads=some([1, 2])
        )
    except shoal.ShoalError:  # layers that do not fit together
        return False
    trained = trainer.run().shoal
    (group,) = trained._all().groups
    copied = answers.Answers.of(group.program, group.params)
    for few in (1, 3, rows):
        trained.outputs(data.train.x[:few])
        copied(guarded(data.train.x[:few]))
    KEPT.clear()
    return True


def main(seed, wanted):
    """Until so many networks were trained."""
    guard_everything()
    draw, done, number = random.Random(seed), 0, 0
    while done < wanted:
        done, number = done + run(draw, number), number + 1
    print(f"{done} networks")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
