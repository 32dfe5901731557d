"""Bayesian search: Optuna's samplers, asked for whole batches.

TPE: tree-structured Parzen estimator (Bergstra et al. 2011). GP: Gaussian process with expected
improvement (Jones et al. 1998); Optuna's needs PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from shoal.distributions import Choice, IntRange
from shoal.errors import ShoalError
from shoal.study.samplers.sampler import BATCH, Told
from shoal.study.space import Dimension, Space, Values

if TYPE_CHECKING:
    import optuna


class OptunaSampler:
    """A sampler of Optuna behind `ask` and `tell`.

    Ranges are handed over as u in [0, 1], where every distribution is uniform; whole numbers and
    choices as what they are.

    Args:
        space: what to search.
        sampler: of Optuna.
        around: made anew around every asking.
    """

    def __init__(
        self,
        space: Space,
        sampler: optuna.samplers.BaseSampler,
        around: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        import optuna

        self.space = space
        self._around = around
        self.batch = BATCH
        level = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        optuna.logging.set_verbosity(level)
        self._trials: dict[int, Any] = {}  # by the number that Told has: both count what is asked
        self._before = 0
        self._worst = math.inf

    def ask(self, count: int) -> list[Values]:
        asked = []
        with self._around():
            for _ in range(count):
                trial = self._study.ask()
                self._trials[trial.number - self._before] = trial
                asked.append(self.space.sample(partial(suggest, trial)))
        return asked

    def learn(self, results: Sequence[Told]) -> None:
        """Know trials of another study, before any is asked for."""
        from optuna.trial import TrialState, create_trial

        finite = [t.score for t in results if math.isfinite(t.score)]
        self._worst = min([self._worst, *finite])
        self._before = len(results)
        known = math.isfinite(self._worst)
        state = TrialState.COMPLETE if known else TrialState.FAIL
        for told in results:
            score = max(told.score, self._worst) if known else None
            params, ranges = encoded(self.space, told.values)
            self._study.add_trial(
                create_trial(state=state, value=score, params=params, distributions=ranges)
            )

    def tell(self, results: Sequence[Told]) -> None:
        """A diverged trial counts as bad as the worst that came through."""
        finite = [t.score for t in results if math.isfinite(t.score)]
        self._worst = min([self._worst, *finite])
        for told in sorted(results, key=lambda t: t.number):
            trial = self._trials.pop(told.number)
            if math.isfinite(told.score):
                self._study.tell(trial, told.score)
            elif math.isfinite(self._worst):
                self._study.tell(trial, self._worst)
            else:
                self._study.tell(trial, state=_failed())


def _failed() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def suggest(trial: Any, dimension: Dimension) -> Any:
    """One value from a trial of Optuna."""
    distribution = dimension.distribution
    if isinstance(distribution, Choice):
        labels = [repr(option) for option in distribution.options]
        label = trial.suggest_categorical(dimension.path, labels)
        return distribution.options[labels.index(label)]
    if isinstance(distribution, IntRange):
        low, high = distribution.low, distribution.high
        return trial.suggest_int(dimension.path, low, high, log=distribution.log)
    return distribution.value(trial.suggest_float(dimension.path, 0.0, 1.0))


def encoded(space: Space, values: Values) -> tuple[dict[str, Any], dict[str, Any]]:
    """Parameters and distributions of Optuna, as `suggest` would have them for these values."""
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    params: dict[str, Any] = {}
    ranges: dict[str, Any] = {}
    for path, value in values.items():
        distribution = space[path].distribution
        if isinstance(distribution, Choice):
            ranges[path] = CategoricalDistribution(
                [repr(option) for option in distribution.options]
            )
            params[path] = repr(value)
        elif isinstance(distribution, IntRange):
            low, high = distribution.low, distribution.high
            ranges[path] = IntDistribution(low, high, log=distribution.log)
            params[path] = value
        else:
            ranges[path] = FloatDistribution(0.0, 1.0)
            params[path] = min(max(distribution.place(value), 0.0), 1.0)
    return params, ranges


def tpe(space: Space, seed: int = 0) -> OptunaSampler:
    """TPE that knows which trials of its batch are still running (constant liar)."""
    import warnings

    import optuna

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=16, constant_liar=True, multivariate=True, group=True
        )
    return OptunaSampler(space, sampler)


def gp(space: Space, seed: int = 0) -> OptunaSampler:
    """A Gaussian process; it fits itself anew for every trial, in tenths of a second.

    Raises:
        ShoalError: PyTorch is not installed.
    """
    import warnings

    import optuna

    if find_spec("torch") is None:
        raise ShoalError(
            "sampler='gp' is Optuna's, which needs PyTorch: pip install 'shoal[torch]'; "
            "sampler='tpe' needs nothing more"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.GPSampler(seed=seed, n_startup_trials=16)
    return OptunaSampler(space, sampler, one_torch_thread)


@contextmanager
def one_torch_thread() -> Iterator[None]:
    """PyTorch with one thread, and Optuna without advice on what else to install.

    The matrices of a Gaussian process are small: two threads that wait for each other took four
    times the processor time (48 trials, 2 busy processors), and their number changes last digits.
    """
    import optuna
    import torch

    threads, level = torch.get_num_threads(), optuna.logging.get_verbosity()
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        optuna.logging.set_verbosity(level)
