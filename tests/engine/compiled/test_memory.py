"""Nothing is read or written where no number is: behind every row of state lies forbidden memory.

Who goes there is killed by the system, so it happens in a process of its own.
"""

from __future__ import annotations

import sys

import pytest

PROGRAM = """
    import ctypes, mmap, sys
    import numpy as np
    from shoal import Adam, Affine, Dataset, Network, Recipe, Trainer, mlp
    from shoal.engine.task import Rows

    PAGE = mmap.PAGESIZE
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


    def walled(array):
        # a copy whose last number is the last of a page, before one that nobody may read
        pages = -(-max(array.nbytes, 1) // PAGE)
        memory = mmap.mmap(-1, (pages + 1) * PAGE)
        wall = ctypes.addressof(ctypes.c_char.from_buffer(memory)) + pages * PAGE
        assert protect(wall, PAGE, 0) == 0
        start = pages * PAGE - array.nbytes
        copy = np.frombuffer(memory, array.dtype, array.size, start).reshape(array.shape)
        copy[...] = array
        return copy


    walls = []
    Rows.copy = lambda rows: walls.append(1) or Rows(
        walled(rows.theta), rows.running.copy(), {n: walled(s) for n, s in rows.slots.items()}
    )
    features, members = int(sys.argv[1]), int(sys.argv[2])
    random = np.random.default_rng(0)
    data = Dataset.from_arrays(random.standard_normal((40, features)), random.standard_normal(40))
    for network in (Network((Affine(),)), mlp([1]), mlp([17])):
        settings = {"steps": 5, "seeds": members, "engine": "compiled"}
        together, alone = (
            Trainer(Recipe(network, Adam(), batch_size=7), data, chunk=size, **settings).run()
            for size in (members, 1)
        )
        for member in range(members):
            found, expected = (t.shoal.weights(member)[-1]["W"] for t in (together, alone))
            np.testing.assert_array_equal(found, expected)
    assert walls
    print("within the walls")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="pages are forbidden in another way")
@pytest.mark.parametrize(("features", "members"), [(1, 9), (2, 3), (20, 2)])
def test_nothing_is_read_behind_the_last_row(python, features, members):
    out, error = python(PROGRAM, features, members).communicate(timeout=300)
    assert out.strip() == "within the walls", error
