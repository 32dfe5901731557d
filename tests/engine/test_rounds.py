"""How the steps of a run are cut into rounds. No number depends on it, so nothing else tests it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import SGD, Callback, Recipe, Trainer, mlp

ROWS = 33


def rounds_of(trainer, stride, ends=None):
    """Where the cohorts stand after each round, if every round is to be so long."""
    ends = [c.total for c in trainer._cohorts] if ends is None else ends
    stands = []
    while not trainer._reached(ends):
        for cohort, target in zip(trainer._cohorts, trainer._targets(stride, ends), strict=True):
            assert cohort.step <= target
            cohort.step = target
        stands.append([cohort.step for cohort in trainer._cohorts])
        assert len(stands) < 10_000
    assert stands[-1] == ends
    return stands


def trainer_of(data, *batch_sizes, **settings):
    recipes = {str(size): Recipe(mlp([3]), SGD(), batch_size=size) for size in batch_sizes}
    return Trainer(recipes, data, engine="reference", **settings)


@settings(deadline=None)
@given(
    sizes=st.lists(st.integers(1, ROWS), min_size=1, max_size=3, unique=True),
    epochs=st.integers(1, 30),
    stride=st.floats(1, 2000),
)
def test_rounds_are_about_as_long_as_wanted_and_all_end_together(data, sizes, epochs, stride):
    trainer = trainer_of(data, *sizes, epochs=epochs)
    stands = rounds_of(trainer, stride)
    most = max(range(len(sizes)), key=lambda k: trainer._cohorts[k].total)
    whole = trainer._cohorts[most].total
    assert len(stands) <= 2 * whole / stride + 2
    before = [0] * len(sizes)
    for stand in stands:
        for cohort, at, was in zip(trainer._cohorts, stand, before, strict=True):
            nominal = stride * cohort.total / whole
            assert at - was <= 2.5 * (1.5 * nominal + 1)
        before = stand


def test_rounds_end_with_epochs_where_they_are_near_and_none_is_left_with_a_few_steps(data):
    def rounds(stride, steps=100):
        return [at for (at,) in rounds_of(trainer_of(data, 1, steps=steps), stride)]  # of 33 steps

    assert rounds(19) == [33, 66, 100]
    assert rounds(73) == [100]
    assert rounds(10) == [10, 20, 33, 43, 53, 66, 78, 100]
    assert rounds(1000) == [100]


def test_a_run_that_goes_on_has_rounds_of_its_own(data):
    trainer = trainer_of(data, 8, 11, epochs=10)  # of 5 and of 3 steps
    assert rounds_of(trainer, 1000, [20, 12]) == [[20, 12]]
    assert rounds_of(trainer, 8, [50, 30])[-1] == [50, 30]


def test_callbacks_that_ask_for_steps_or_epochs_get_them(data):
    class Steps(Callback):
        def on_step(self, trainer):
            pass

    class Epochs(Callback):
        def on_epoch(self, trainer):
            pass

    trainer = trainer_of(data, 8, epochs=3, callbacks=[Steps()])
    assert rounds_of(trainer, 1000) == [[k] for k in range(1, 16)]
    trainer = trainer_of(data, 8, epochs=3, callbacks=[Epochs()])
    assert rounds_of(trainer, 1000) == [[5], [10], [15]]
