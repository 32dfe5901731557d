"""The runner: trains the trials of a study in waves, judges them at rungs, refills what is free.

A wave is the trials that a sampler gave at once; one `Trainer` trains them side by side. At a rung
the better part of them goes on where it stands, with all its state; the others are dropped, and
when enough rows are free the sampler is asked for a new wave. A trial is judged against all trials
that have come to the same rung of the same bracket so far, in whatever wave.

What comes next follows from what was decided so far and from nothing else (no clock, no order of
threads), so that a study that was killed goes on as it would have gone on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.comparison.metrics import Metric
from shoal.data import Dataset
from shoal.engine import Member, Recipe, Trainer
from shoal.engine.trainer import interrupts
from shoal.rng import generator
from shoal.study.rung import Key, places
from shoal.study.samplers import Sampler, Told, checked
from shoal.study.space import Space, Values
from shoal.study.store import Store
from shoal.study.strategies import Bracket
from shoal.study.trial import Trial

if TYPE_CHECKING:
    from concurrent.futures import Executor

LUCKY = 0.1
"""For each trial that passes a rung, so many are drawn from the others: curves may cross.

`python -m benchmarks.rungs` prints what they cost and what they gain; docs/search.md has it.
"""


@dataclass(frozen=True)
class Plan:
    """What a runner is to do.

    Attributes:
        trials: how many, at most.
        unit: "epochs" or "steps".
        budget: of a full training, in that unit.
        brackets: of the strategy, with the share of trials each gets.
        shares: the same.
        batch: trials that a sampler is asked for at once.
        capacity: trials in training at once.
        metric: what trials are judged by, such as valid_accuracy.
        seed: of weights and batches, the same for all trials, so that they are paired.
        lucky: drawn from the others for each trial that passes a rung; see `LUCKY`.
        least: trials that pass a rung at least, so that there are enough finalists.
    """

    trials: int
    unit: str
    budget: int
    brackets: Sequence[Bracket]
    shares: Sequence[float]
    batch: int
    capacity: int
    metric: Metric
    seed: int
    lucky: float = LUCKY
    least: int = 1


@dataclass
class Wave:
    """Trials that train side by side.

    Attributes:
        number: of the wave.
        bracket: all its trials run in.
        trials: member by member.
        trainer: of them.
        rung: which rung comes next.
    """

    number: int
    bracket: int
    trials: list[Trial]
    trainer: Trainer
    rung: int = 0

    @property
    def running(self) -> list[Trial]:
        """Those still in training."""
        return [trial for trial in self.trials if trial.state == "running"]


@dataclass
class Runner:
    """Runs a study; `trials` holds all there is to know of it.

    Args:
        space: what is searched.
        data: to train on, and to judge by its validation part.
        sampler: gives the values.
        plan: how many, how long, judged when.
        store: where it is written down.
        settings: for every `Trainer`: threads, executor, sampling, evaluate_rows.
        watch: called with the runner after every rung.
        callbacks, executor: for every `Trainer`.

    Attributes:
        trials: by their number.
        waves: in training.
        exhausted: whether the sampler has nothing left.
        interrupted: whether Ctrl-C ended the last run.
        spent: budget that was trained, over all trials.
    """

    space: Space
    data: Dataset
    sampler: Sampler
    plan: Plan
    store: Store
    settings: Mapping[str, Any] = field(default_factory=dict)
    watch: Callable[[Runner], None] | None = None
    callbacks: Sequence[Any] = ()
    executor: Executor | None = None

    def __post_init__(self) -> None:
        self.trials: list[Trial] = []
        self.waves: list[Wave] = []
        self.exhausted = False
        self.interrupted = False
        self._made = 0
        self._seen: dict[tuple[int, int], list[Key]] = {}
        self._replay()

    @property
    def spent(self) -> int:
        """Epochs (or steps) of all trials together."""
        return sum(trial.budget for trial in self.trials)

    @property
    def done(self) -> bool:
        """Whether there is nothing left to train."""
        return not self.waves and (self.exhausted or len(self.trials) >= self.plan.trials)

    def run(self) -> None:
        """Train until all trials have ended.

        After Ctrl-C it stops, `interrupted` is true, and the store holds what was reached.
        """
        # a trainer hears Ctrl-C while it trains; between two of them somebody has to as well
        with interrupts(lambda: None) as between:
            while not self.done:
                self._admit()
                if not self.waves:
                    return
                # the shortest first: the more trials have come to a rung, the surer it is judged
                wave = min(self.waves, key=lambda wave: (self._next_rung(wave), wave.number))
                if between.is_set() or not self._advance(wave):
                    self.interrupted = True
                    return
                if self.watch is not None:
                    self.watch(self)

    # --- waves --------------------------------------------------------------------------------

    def _admit(self) -> None:
        """Ask for new trials while there is room for a batch of them."""
        while not self.exhausted and len(self.trials) < self.plan.trials:
            bracket, left = self._next_bracket()
            want = min(self.plan.batch, left)
            free = self.plan.capacity - sum(len(wave.running) for wave in self.waves)
            if self.waves and free < want:
                return
            want = min(want, max(free, 1))
            # before they are written down for good
            given = checked(self.sampler.ask(want), want, self.space)
            if not given:
                self.exhausted = True
                return
            values, recipes = zip(*given, strict=True)
            line = {"wave": self._made, "bracket": bracket, "asked": list(values)}
            self.store.append(line)
            self._begin(line, recipes)

    def _next_bracket(self) -> tuple[int, int]:
        """The bracket that lacks most of its share of the trials, and how many it lacks."""
        counts = np.bincount(
            [trial.bracket for trial in self.trials], minlength=len(self.plan.brackets)
        )
        lacks = np.ceil(np.array(self.plan.shares) * self.plan.trials).astype(int) - counts
        bracket = int(np.argmax(lacks))
        return bracket, min(int(lacks[bracket]), self.plan.trials - len(self.trials))

    def _begin(self, line: Mapping[str, Any], recipes: Sequence[Recipe]) -> Wave:
        """The wave of a line of the log, and the recipes of its values."""
        first = len(self.trials)
        trials = [
            Trial(first + i, dict(values), line["bracket"])
            for i, values in enumerate(line["asked"])
        ]
        self.trials.extend(trials)
        self._made += 1
        trainer = self._trainer(line["wave"], trials, recipes)
        wave = Wave(line["wave"], line["bracket"], trials, trainer)
        self.waves.append(wave)
        return wave

    def _trainer(self, number: int, trials: Sequence[Trial], recipes: Sequence[Recipe]) -> Trainer:
        rungs = self.plan.brackets[trials[0].bracket].rungs
        members = [
            Member(recipe, self.plan.seed, str(trial.number))
            for trial, recipe in zip(trials, recipes, strict=True)
        ]
        length: dict[str, Any] = {self.plan.unit: self.plan.budget}
        return Trainer(
            members,
            self.data,
            **length,
            evaluate_at=rungs if self.plan.unit == "steps" else (),
            evaluate_parts=("valid",),
            folder=self.store.wave(number),
            resume=True,
            executor=self.executor,
            callbacks=self.callbacks,
            **self.settings,
        )

    def recipe(self, values: Values) -> Recipe:
        """The recipe of a trial."""
        return self.space.build(values)

    # --- rungs --------------------------------------------------------------------------------

    def _next_rung(self, wave: Wave) -> int:
        """The budget at which a wave is judged next."""
        return self.plan.brackets[wave.bracket].rungs[wave.rung]

    def _advance(self, wave: Wave) -> bool:
        """Train a wave to its next rung and judge it; false if Ctrl-C came between."""
        self._train(wave)
        if wave.trainer.interrupted:
            return False
        here = wave.running
        self._measure(wave)
        self._judge(wave, here)
        ended = [trial for trial in here if trial.state != "running"]
        self.store.append(
            {
                "wave": wave.number,
                "rung": wave.rung,
                "ended": [trial.to_dict() for trial in ended],
                "running": [trial.to_dict() for trial in wave.running],
                **self._decided(),
            }
        )
        self._ended(wave, ended)
        return True

    def _train(self, wave: Wave) -> None:
        """Train a wave to its next rung; it is saved when those who end there are out."""
        wave.trainer.run(until=self._next_rung(wave), save=False)

    def _decided(self) -> dict[str, Any]:
        """What else the log is told of a rung."""
        return {}

    def _measure(self, wave: Wave) -> None:
        """Take over what the trainer knows of each trial that was training."""
        history, metric = wave.trainer.history, self.plan.metric
        per_epoch = history.steps_per_epoch
        sign = 1.0 if metric.higher_is_better else -1.0
        rung = self._next_rung(wave)
        for member, trial in enumerate(wave.trials):
            if trial.state != "running":
                continue
            values = history.curve(member, metric.name)
            losses = history.curve(member, "valid_loss")
            per_unit = int(per_epoch[member]) if self.plan.unit == "epochs" else 1
            trial.curve = [
                (int(step) // per_unit, sign * float(value), float(loss))
                for step, value, loss in zip(
                    values.steps, values.values, losses.values, strict=True
                )
                if math.isfinite(value)
            ]
            diverged = int(history.diverged[member])
            if diverged >= 0:
                trial.state = "diverged"
                trial.budget = max(1, -(-diverged // per_unit))
            else:
                trial.budget = rung
                trial.metrics = {
                    name: float(history.curve(member, name).values[-1]) for name in history.metrics
                }

    def _judge(self, wave: Wave, here: Sequence[Trial]) -> None:
        """Decide who goes on from this rung, of those who were training up to it."""
        bracket = self.plan.brackets[wave.bracket]
        if wave.rung == len(bracket.rungs) - 1:
            for trial in wave.running:
                trial.state = "done"
            return
        seen = places(self._see(wave.bracket, wave.rung, here))
        count = max(math.ceil(bracket.keep * len(seen)), min(self.plan.least, len(seen)))
        least = np.sort(seen)[-count]
        passed: list[Trial] = []
        others: list[Trial] = []
        for trial, place in zip(here, seen[-len(here) :], strict=True):
            if trial.state == "running":
                (passed if place >= least else others).append(trial)
        source = generator(self.plan.seed, "trials", wave.number, wave.rung)
        # a share of few is less than one trial: then one now and then
        count = min(int(self.plan.lucky * len(passed) + source.random()), len(others))
        lucky = set(source.permutation(len(others))[:count].tolist())
        for i, trial in enumerate(others):
            if i in lucky:
                trial.lucky = True
            else:
                trial.state = "dropped"

    def _see(self, bracket: int, rung: int, here: Iterable[Trial]) -> list[Key]:
        """All who came to this rung or fell before it, in whatever wave; these come last."""
        seen = self._seen.setdefault((bracket, rung), [])
        seen.extend(trial.key for trial in here)
        return seen

    def _ended(self, wave: Wave, ended: Sequence[Trial]) -> None:
        """Take out the trials that ended at a rung, and tell the sampler."""
        wave.trainer.drop([trial.number - wave.trials[0].number for trial in ended])
        wave.rung += 1
        self._tell(ended)
        if not wave.running:
            self.waves.remove(wave)
            self.store.end_wave(wave.number)
        else:
            self._save(wave)

    def _save(self, wave: Wave) -> None:
        """Write down those who go on. After a kill before that they train to this rung again."""
        folder = self.store.wave(wave.number)
        if folder is not None:
            wave.trainer.save(folder)

    def _tell(self, ended: Sequence[Trial]) -> None:
        if ended:
            self.sampler.tell(
                [Told(t.number, t.values, t.score, t.budget / self.plan.budget) for t in ended]
            )

    # --- resume -------------------------------------------------------------------------------

    def _replay(self) -> None:
        """Take up a study where its log ends: ask and tell the sampler again, decide nothing."""
        lines = list(self.store.lines)
        ended = {plain["number"]: plain for line in lines for plain in line.get("ended", ())}
        for line in lines:
            if "asked" in line:
                self.sampler.ask(len(line["asked"]))
                first = len(self.trials)
                numbers = range(first, first + len(line["asked"]))
                if all(number in ended for number in numbers):
                    self.trials.extend(Trial.from_dict(ended[number]) for number in numbers)
                    self._made += 1
                    self.store.end_wave(line["wave"])  # the kill may have come before that
                else:
                    self._begin(line, [self.recipe(values) for values in line["asked"]])
                continue
            self._replay_rung(line)

    def _replay_rung(self, line: Mapping[str, Any]) -> None:
        told = [Trial.from_dict(plain) for plain in line["ended"]]
        here = [*told, *(Trial.from_dict(plain) for plain in line["running"])]
        self._see(here[0].bracket, line["rung"], here)
        wave = next((w for w in self.waves if w.number == line["wave"]), None)
        if wave is not None:
            for trial in here:
                self.trials[trial.number].__dict__.update(trial.__dict__)
            wave.rung = line["rung"] + 1
            wave.trainer.drop([trial.number - wave.trials[0].number for trial in told])
        self._tell(told)
