import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shoal import optim
from shoal.errors import ShoalError
from shoal.optim import (
    SCHEDULES,
    Constant,
    Cosine,
    Exponential,
    InverseTime,
    OneCycle,
    Schedule,
    StepDecay,
    WarmUp,
)

TOTAL = 100

# schedule, factor at step 0, factor at step TOTAL
ENDS = [
    (Constant(), 1, 1),
    (StepDecay(every=30, gamma=0.5), 1, 0.5**3),
    (StepDecay(every=25), 1, 1e-4),
    (Exponential(gamma=0.9), 1, 0.9**100),
    (Exponential(gamma=0.9, every=50), 1, 0.9**2),
    (InverseTime(rate=0.5), 1, 1 / 51),
    (InverseTime(rate=0.5, every=50), 1, 1 / 2),
    (Cosine(), 1, 0),
    (Cosine(end=0.1), 1, 0.1),
    (WarmUp(steps=9), 0.1, 1),
    (WarmUp(steps=9, then=Cosine()), 0.1, 0),
    (WarmUp(steps=0, then=Exponential(0.99)), 1, 0.99**100),
    (OneCycle(), 0.04, 4e-6),
    (OneCycle(peak=0.5, start=0.2, end=0.1), 0.2, 0.1),
]
FALLING = [s for s, *_ in ENDS if not isinstance(s, WarmUp | OneCycle)]

gamma = st.floats(0.01, 1)
every = st.integers(1, 500)
share = st.floats(0, 1)
falling = st.one_of(
    st.just(Constant()),
    st.builds(StepDecay, every, gamma),
    st.builds(Exponential, gamma, every),
    st.builds(InverseTime, st.floats(1e-6, 100), every),
    st.builds(Cosine, share),
)
one_cycle = st.builds(OneCycle, st.floats(0.01, 0.99), share, share)
warm_up = st.builds(WarmUp, st.integers(0, 300), falling | one_cycle)
schedules = falling | one_cycle | warm_up
totals = st.integers(1, 1000)
quick = settings(deadline=None, max_examples=150, derandomize=True)


def test_every_schedule_has_its_row():
    assert {type(s) for s, *_ in ENDS} == set(SCHEDULES.values())
    assert all(kind.__name__ == name for name, kind in SCHEDULES.items())


@pytest.mark.parametrize(("schedule", "first", "last"), ENDS, ids=lambda a: repr(a)[:40])
def test_end_points(schedule, first, last):
    assert schedule.factor(0, TOTAL) == pytest.approx(first, rel=1e-12)
    assert schedule.factor(TOTAL, TOTAL) == pytest.approx(last, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize(("schedule", "first", "last"), ENDS, ids=lambda a: repr(a)[:40])
def test_a_factor_is_float64_of_the_shape_of_step(schedule, first, last):
    for step in (0, 7, np.int64(7), [0, 7], np.arange(6).reshape(2, 3)):
        factor = schedule.factor(step, TOTAL)
        assert isinstance(factor, np.ndarray)
        assert factor.dtype == np.float64
        assert factor.shape == np.shape(step)


@quick
@given(schedules, totals)
def test_factors_lie_between_0_and_1(schedule, total):
    factor = schedule.factor(np.arange(total + 1), total)
    assert np.isfinite(factor).all()
    assert factor.min() >= 0
    assert factor.max() <= 1 + 1e-15


@quick
@given(schedules, totals)
def test_one_step_gives_the_same_bits_as_an_array_of_them(schedule, total):
    steps = np.unique(np.linspace(0, total, 23).astype(int))
    one_by_one = [schedule.factor(int(step), total) for step in steps]
    np.testing.assert_array_equal(schedule.factor(steps, total), one_by_one)


@quick
@given(falling, totals)
def test_decays_start_at_1_and_never_rise(schedule, total):
    factor = schedule.factor(np.arange(total + 1), total)
    assert factor[0] == 1
    assert (np.diff(factor) <= 1e-15).all()


@quick
@given(one_cycle, totals)
def test_one_cycle_rises_to_1_and_falls(schedule, total):
    at = np.linspace(0, total, 201)
    factor = schedule.factor(at, total)
    before = at / total < schedule.peak
    assert (np.diff(factor[before]) >= -1e-15).all()
    assert (np.diff(factor[~before]) <= 1e-15).all()
    assert schedule.factor(schedule.peak * total, total) == pytest.approx(1)


@quick
@given(st.integers(0, 300), falling, totals)
def test_warm_up_rises_evenly_and_then_is_what_follows(steps, then, after):
    total = steps + after
    factor = WarmUp(steps, then).factor(np.arange(total + 1), total)
    rise = np.diff(factor[: steps + 1])
    np.testing.assert_allclose(rise, 1 / (steps + 1))  # the join included: no jump
    np.testing.assert_array_equal(factor[steps:], then.factor(np.arange(after + 1), after))


def test_nothing_is_learnt_from_a_factor_of_0_at_the_start():
    assert WarmUp(steps=5).factor(0, TOTAL) > 0


def test_a_run_shorter_than_its_warm_up_only_rises():
    np.testing.assert_allclose(WarmUp(9, Cosine()).factor([0, 1, 2, 3], 3), [0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("schedule", [Cosine(end=0.2), OneCycle(end=0.2)], ids=repr)
def test_after_the_run_the_end_stays(schedule):
    np.testing.assert_allclose(schedule.factor([TOTAL, TOTAL + 1, 10 * TOTAL], TOTAL), 0.2)


def test_only_some_depend_on_the_length_of_the_run():
    step = np.arange(50)
    for schedule in FALLING:
        same = np.array_equal(schedule.factor(step, 100), schedule.factor(step, 200))
        assert same != isinstance(schedule, Cosine), schedule


# --- PyTorch --------------------------------------------------------------------------------

TWINS = [
    (Cosine(), lambda s, o: s.CosineAnnealingLR(o, T_max=TOTAL)),
    (Cosine(end=0.1), lambda s, o: s.CosineAnnealingLR(o, T_max=TOTAL, eta_min=0.1)),
    (Exponential(0.93), lambda s, o: s.ExponentialLR(o, gamma=0.93)),
    (StepDecay(every=7, gamma=0.6), lambda s, o: s.StepLR(o, step_size=7, gamma=0.6)),
    (WarmUp(steps=9), lambda s, o: s.LinearLR(o, start_factor=0.1, total_iters=9)),
    (Constant(), lambda s, o: s.ConstantLR(o, factor=1.0)),
]


@pytest.mark.torch
@pytest.mark.parametrize(("schedule", "twin"), TWINS, ids=lambda a: repr(a)[:40])
def test_every_step_equals_pytorch(schedule, twin):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    scheduler = twin(torch.optim.lr_scheduler, optimizer)
    factors = []
    for _ in range(TOTAL):
        factors.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(schedule.factor(np.arange(TOTAL), TOTAL), factors, 1e-10, 1e-12)


@pytest.mark.torch
def test_one_cycle_has_pytorch_s_shape_over_one_step_more():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0, momentum=0.9)
    # PyTorch ends its rise and its run one step earlier
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=1.0, total_steps=TOTAL + 1, pct_start=31 / (TOTAL + 1)
    )
    factors = []
    for _ in range(TOTAL + 1):
        factors.append(scheduler.get_last_lr()[0])
        optimizer.step()
        if len(factors) <= TOTAL:
            scheduler.step()
    np.testing.assert_allclose(OneCycle().factor(np.arange(TOTAL + 1), TOTAL), factors, 1e-9)


# --- settings -------------------------------------------------------------------------------


@quick
@given(schedules)
def test_schedules_are_values_whose_repr_can_be_pasted_back(schedule):
    assert eval(repr(schedule), vars(optim)) == schedule
    assert hash(schedule) == hash(eval(repr(schedule), vars(optim)))


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: StepDecay(every=0), "every=0 must be a whole number >= 1"),
        (lambda: StepDecay(every=2.5), "every=2.5 must be a whole number >= 1"),
        (lambda: StepDecay(every=1, gamma=0), "gamma=0 must be a number > 0 and <= 1"),
        (lambda: Exponential(gamma=1.1), "gamma=1.1 must be a number > 0 and <= 1"),
        (lambda: Exponential(gamma=0.5, every=-1), "every=-1 must be a whole number >= 1"),
        (lambda: InverseTime(rate=0), "rate=0 must be a number > 0"),
        (lambda: InverseTime(rate=1, every=0), "every=0 must be a whole number >= 1"),
        (lambda: Cosine(end=-0.1), "end=-0.1 must be a number >= 0 and <= 1"),
        (lambda: Cosine(end="0"), "end='0' must be a number >= 0 and <= 1"),
        (lambda: WarmUp(steps=-1), "steps=-1 must be a whole number >= 0"),
        (
            lambda: WarmUp(steps=3, then="Cosine"),
            "then='Cosine' must be a schedule, such as Cosine",
        ),
        (lambda: WarmUp(steps=3, then=Cosine), "must be a schedule, such as Cosine"),
        (lambda: OneCycle(peak=0), "peak=0 must be a number > 0 and < 1"),
        (lambda: OneCycle(start=2), "start=2 must be a number >= 0 and <= 1"),
        (lambda: OneCycle(end=float("nan")), "end=nan must be a number >= 0 and <= 1"),
    ],
)
def test_settings_out_of_range_are_refused(make, text):
    with pytest.raises(ShoalError, match=text):
        make()


def test_a_schedule_without_a_formula_says_so():
    with pytest.raises(NotImplementedError):
        Schedule().factor(0, 1)


@pytest.mark.parametrize("kind", sorted(SCHEDULES))
def test_a_warm_up_meets_what_follows_without_a_jump(kind):
    then = {
        "StepDecay": StepDecay(every=200),
        "Exponential": Exponential(0.999),
        "InverseTime": InverseTime(0.001),
        "WarmUp": WarmUp(steps=200),
    }.get(kind) or SCHEDULES[kind]()
    factors = WarmUp(steps=100, then=then).factor(np.arange(200), 1000)
    assert factors[100] == then.factor(0, 900)
    assert np.abs(np.diff(factors)[95:105]).max() < 0.011


def test_one_cycle_after_a_warm_up_goes_on_from_its_start():
    factors = WarmUp(3, OneCycle(start=0.2)).factor([0, 1, 2, 3], 100)
    np.testing.assert_allclose(factors, [0.05, 0.1, 0.15, 0.2])
