"""Products are right for every shape, write nothing else, and do not depend on who shares them."""

from __future__ import annotations

import os
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.engine.compiled import tables
from shoal.engine.compiled.library import library
from shoal.engine.compiled.product import DEPTH, DIRECT, SCRATCH
from shoal.engine.compiled.zeros import TOGETHER

SPACE = 64


class Room:
    """A matrix with room behind it, as everything in working memory has."""

    def __init__(self, values: np.ndarray) -> None:
        self.memory = np.full(values.size + SPACE, 7.0, np.float32)
        self.matrix = self.memory[: values.size].reshape(values.shape)
        self.matrix[:] = values

    @property
    def address(self) -> int:
        return self.memory.ctypes.data


def multiply(
    a: np.ndarray, b: Room, c: Room, flipped: bool, more: bool, kernel: int = tables.PRODUCT
) -> None:
    kernels, tools = library().kernels, np.zeros(tables.TOOLS, np.int64)
    scratch = Room(np.zeros(SCRATCH))
    for place in (tables.PRODUCT, tables.PANEL):
        tools[place] = kernels[place].address
    tools[tables.SCRATCH] = scratch.address
    (m, k), n = a.shape, c.matrix.shape[1]
    rows, columns = (stride // 4 for stride in a.strides)
    kernels[kernel].ctypes(
        m, n, k, a.ctypes.data, rows, columns, b.address, b.matrix.shape[1], int(flipped),
        c.address, n, int(more), tools.ctypes.data,
    )  # fmt: skip
    assert (scratch.memory[SCRATCH:] == 7).all()


def check(m: int, n: int, k: int, turned: bool, flipped: bool, more: bool) -> None:
    random = np.random.default_rng([m, n, k])
    a = random.standard_normal((k, m) if turned else (m, k)).astype(np.float32)
    a = a.T if turned else a
    b = Room(random.standard_normal((n, k) if flipped else (k, n)))
    c = Room(random.standard_normal((m, n)))
    right = b.matrix.T if flipped else b.matrix
    exact = a.astype(np.float64) @ right + (c.matrix if more else 0)
    bound = np.abs(a).astype(np.float64) @ np.abs(right) + np.abs(c.matrix)
    multiply(a, b, c, flipped, more)
    assert (np.abs(c.matrix - exact) <= (k + 2) * 2.0**-24 * bound).all()
    assert (c.memory[m * n :] == 7).all()


sizes = st.integers(1, 130)


@settings(deadline=None)
@given(sizes, sizes, sizes, st.booleans(), st.booleans(), st.booleans())
def test_any_product_is_within_the_error_bound_of_float32(m, n, k, turned, flipped, more):
    check(m, n, k, turned, flipped, more)


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("more", [False, True])
def test_large_products_are_copied_panel_by_panel(flipped, more):
    k = 2 * DEPTH + 5
    n = DIRECT // k + 7
    check(40, n, k, turned=False, flipped=flipped, more=more)


@settings(deadline=None)
@given(st.data(), st.integers(1, 70), st.integers(1, 300), st.sampled_from([1, 90, DEPTH + 60]))
def test_a_part_has_the_bits_of_the_whole(data, m, n, k):
    """So threads may cut a product as they like; a part may be read in place, the whole copied."""
    random = np.random.default_rng([m, n, k])
    top, bottom = sorted(data.draw(st.tuples(*[st.integers(0, m)] * 2)))
    first, end = sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2)))
    a = random.standard_normal((m, k)).astype(np.float32)
    b, whole = Room(random.standard_normal((k, n))), Room(np.zeros((m, n)))
    multiply(a, b, whole, flipped=False, more=False)
    some, part = Room(b.matrix[:, first:end]), Room(np.zeros((bottom - top, end - first)))
    multiply(a[top:bottom], some, part, flipped=False, more=False)
    np.testing.assert_array_equal(part.matrix, whole.matrix[top:bottom, first:end])


def check_frugal(m: int, n: int, k: int, turned: bool, share: float) -> None:
    random = np.random.default_rng([m, n, k])
    shape = (k, m) if turned else (m, k)
    a = (random.standard_normal(shape) * (random.random(shape) < share)).astype(np.float32)
    a = a.T if turned else a
    b = Room(random.standard_normal((k, n)))
    plain, frugal = (Room(random.standard_normal((m, n))) for _ in range(2))
    multiply(a, b, plain, flipped=False, more=False)
    multiply(a, b, frugal, flipped=False, more=False, kernel=tables.FRUGAL)
    np.testing.assert_array_equal(frugal.matrix, plain.matrix)
    assert (frugal.memory[m * n :] == 7).all()


@settings(deadline=None)
@given(sizes, sizes, sizes, st.booleans(), st.sampled_from([0, 0.02, 0.2, 1]))
def test_zeros_change_no_bit_and_nothing_else_is_written(m, n, k, turned, share):
    check_frugal(m, n, k, turned, share)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("share", [0.1, 1])
def test_long_sums_are_cut_at_the_same_places(turned, share):
    check_frugal(TOGETHER * 20 + 3, 70, 2 * DEPTH + 5, turned, share)


NARROWER = {"avx,avx2,fma": 8, "sse,sse2": 4}
"""What processors with shorter vectors have, and how many numbers a vector of theirs holds."""


@pytest.mark.parametrize("features", NARROWER)
def test_products_are_right_with_shorter_vectors(features, python, monkeypatch):
    if not set(features.split(",")) <= {k for k, v in llvm.get_host_cpu_features().items() if v}:
        pytest.skip(f"this processor has no {features}")
    monkeypatch.setenv("NUMBA_CPU_NAME", "x86-64")
    monkeypatch.setenv("NUMBA_CPU_FEATURES", ",".join(f"+{each}" for each in features.split(",")))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
    program = """
        from itertools import product
        from types import SimpleNamespace

        import test_product
        from numba.core.ccallback import CFunc

        from shoal.engine.compiled import tables, vectors
        from shoal.engine.compiled.library import KERNELS

        def compiled(place):
            function, signature = KERNELS[place]
            options = {"nopython": True, "nogil": True, "error_model": "numpy"}
            types = (signature.args, signature.return_type)
            kernel = CFunc(function.py_func, types, {}, options)
            kernel.compile()
            return kernel

        places = tables.PANEL, tables.PRODUCT, tables.FRUGAL
        library = SimpleNamespace(kernels={place: compiled(place) for place in places})
        test_product.library = lambda: library
        for m, n, k in product((1, 7, 32), (1, 5, 24, 31), (1, 40)):
            for turned, flipped, more in product((False, True), repeat=3):
                test_product.check(m, n, k, turned, flipped, more)
            for turned, share in product((False, True), (0, 0.1, 1)):
                test_product.check_frugal(m, n, k, turned, share)
        test_product.check(40, 300, 1100, False, False, False)
        test_product.check_frugal(70, 30, 1100, False, 0.1)
        print(vectors.LANES)
    """
    out, error = python(program).communicate(timeout=300)
    assert not error
    assert int(out) == NARROWER[features]
