"""Memory that rows had is given to the next rows, and never to two at once."""

from __future__ import annotations

import gc
import os
import platform
import weakref
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shoal.engine import kept
from shoal.engine.kept import BY_LIBRARY, MOST, SPARSE, empty, packed

WIDE = BY_LIBRARY // 4 // 100 + 1
"""Columns of which a hundred rows are too many for the C library."""


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    monkeypatch.setattr(kept, "_pieces", [])


def where(matrix):
    return matrix.__array_interface__["data"][0]


def test_memory_is_given_again_when_all_views_are_gone():
    first = empty(100, WIDE)
    place, view = where(first), first[3:5]
    del first
    gc.collect()
    assert where(empty(100, WIDE)) != place  # somebody still looks
    view[...] = 7
    del view
    gc.collect()
    assert where(empty(100, WIDE)) == place


def test_the_smallest_that_fits_is_given():
    small, large = empty(100, WIDE), empty(150, WIDE)
    places = where(small), where(large)
    del small, large
    gc.collect()
    asked = empty(140, WIDE)
    assert where(asked) == places[1]
    assert asked.shape == (140, WIDE)
    assert where(empty(100, WIDE)) == places[0]


def test_memory_lives_as_long_as_its_views_whatever_is_kept():
    """A module that is loaded anew, or taken down at the end, forgets what it kept."""
    view = empty(100, WIDE)[3:5]
    piece = weakref.ref(kept._pieces[0][0])
    kept._pieces.clear()
    gc.collect()
    assert piece() is not None
    del view
    gc.collect()
    assert piece() is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_does_not_wait_for_a_thread_that_it_has_not():
    with kept._lock:
        child = get_context("fork").Process(target=empty, args=(100, WIDE))
        child.start()
    child.join(20)
    hangs = child.is_alive()
    child.kill()
    child.join()
    assert not hangs


def test_no_more_than_so_much_is_kept():
    several = [empty(100, WIDE) for _ in range(2 * MOST // BY_LIBRARY)]
    assert len({where(matrix) for matrix in several}) == len(several)
    assert kept._bytes() <= MOST
    del several
    gc.collect()
    huge = empty(1, MOST // 4 + 1)
    assert kept._bytes() <= MOST
    assert huge.base is None
    most = empty(1, MOST // 4)  # what is free and too small makes room
    assert kept._bytes() == MOST == most.nbytes


def test_small_matrices_are_plain_ones():
    assert empty(3, 4).base is None
    assert not kept._pieces
    assert empty(0, 4).shape == (0, 4)
    assert empty(3, 4).dtype == np.float32


@given(st.integers(1, 40), st.data())
def test_rows_are_packed_where_they_lie_or_copied(rows, data):
    matrix = np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)
    which = np.array(sorted(data.draw(st.sets(st.integers(0, rows - 1), min_size=1))))
    expected, place = matrix[which], where(matrix)
    found = packed(matrix, which)
    assert (found == expected).all()
    assert (where(found) == place) == (SPARSE * len(which) >= rows)
    again = packed(found, np.arange(0, len(which), 2))  # measured by the memory that is held
    assert (again == expected[::2]).all()
    assert (where(again) == place) == (SPARSE * len(again) >= rows)


def test_nothing_is_packed_to_nothing():
    assert packed(np.ones((3, 2), np.float32), np.array([], int)).shape == (0, 2)


PAGES = """
    import resource, sys
    import numpy as np
    from shoal.engine.kept import keep_freed_memory

    if sys.argv[1] == "kept":
        keep_freed_memory()

    def step():
        arrays = [np.ones(3 * 2**18, np.float32) for _ in range(5)]  # 3 MiB each

    step()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(20):
        step()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries take no notice")
def test_freed_memory_is_kept_for_the_next_step(python):
    faults = {how: int(python(PAGES, how).communicate()[0]) for how in ("returned", "kept")}
    assert faults["kept"] < 0.1 * faults["returned"]
