from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal.rng import _PURPOSES, generator

purposes = st.sampled_from(sorted(_PURPOSES))
numbers = st.integers(0, 2**40)
quick = settings(deadline=None, max_examples=200, derandomize=True)


def bits(*key):
    return generator(*key).integers(0, 2**63, 4).tolist()


@quick
@given(numbers, purposes, st.lists(numbers, max_size=3))
def test_equal_keys_give_equal_numbers(seed, purpose, where):
    assert bits(seed, purpose, *where) == bits(seed, purpose, *where)


@quick
@given(
    st.tuples(st.integers(0, 2**32 - 1), purposes, *[st.integers(0, 2**32 - 1)] * 2),
    st.tuples(st.integers(0, 2**32 - 1), purposes, *[st.integers(0, 2**32 - 1)] * 2),
)
def test_different_keys_of_one_length_give_different_numbers(a, b):
    assert (bits(*a) == bits(*b)) == (a == b)


def test_neighbouring_keys_give_different_numbers():
    keys = [(s, p, k, t) for s in range(4) for p in _PURPOSES for k in range(4) for t in range(4)]
    assert len({tuple(bits(*key)) for key in keys}) == len(keys)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((7, "weights"), (7, "weights", 0)),
        ((7, "weights"), (7, "weights", 0, 0)),
        ((2**32, "weights", 0), (0, "weights", 1, 0)),
    ],
)
def test_keys_of_different_lengths_give_different_numbers(a, b):
    assert bits(*a) != bits(*b)


def test_the_order_of_asking_does_not_matter():
    forward = [bits(3, "batches", i) for i in range(5)]
    backward = [bits(3, "batches", i) for i in reversed(range(5))]
    assert forward == backward[::-1]


def test_one_generator_does_not_disturb_another():
    a, b = generator(1, "weights", 0), generator(1, "weights", 1)
    mixed = [(a.random(), b.random()) for _ in range(3)]
    np.testing.assert_array_equal(generator(1, "weights", 0).random(3), [x for x, _ in mixed])
    np.testing.assert_array_equal(generator(1, "weights", 1).random(3), [y for _, y in mixed])


def test_numpy_s_global_state_is_neither_read_nor_moved():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = bits(5, "split")
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    np.random.seed(1)  # noqa: NPY002
    assert bits(5, "split") == first


def test_streams_of_neighbouring_keys_are_not_correlated():
    n = 4000
    streams = [generator(s, "weights", k).standard_normal(n) for s in range(4) for k in range(4)]
    for a, b in combinations(streams, 2):
        assert abs(np.corrcoef(a, b)[0, 1]) < 5 / np.sqrt(n)
    assert np.concatenate(streams).std() == pytest.approx(1, abs=0.02)


def test_the_stream_is_the_one_of_this_version():
    # if this fails, every published result has changed: say so in the changelog
    raw = generator(0, "weights", 0).bit_generator.random_raw(2)
    assert raw.tolist() == [16146580426485601214, 15144175059968440162]


def test_an_unknown_purpose_is_an_error():
    with pytest.raises(KeyError):
        generator(0, "wieghts")
