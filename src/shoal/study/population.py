"""A population: the runner of population based training, where losers copy winners.

All trials train side by side in one wave. When they are judged nobody is dropped; rows of losers
are overwritten by rows of winners, in memory, with their slots and running statistics, and go on
with numbers a little off. What was copied is written into the log before it is done, so that a
study that was killed goes on as it would have gone on.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from shoal.engine import Member, Trainer
from shoal.engine.member import Program, program_of, seed_list
from shoal.errors import ShoalError
from shoal.rng import generator
from shoal.study.runner import Runner, Wave
from shoal.study.space import Values
from shoal.study.strategies.pbt import PBT, Standing, exploit, explore, movable, nudge
from shoal.study.trial import Trial

if TYPE_CHECKING:
    from shoal.study.result import Study


TRIES = 32
"""So often values are drawn that another trial has not; with few numbers there may be no others."""


@dataclass
class Population(Runner):
    """Runs population based training; see `Runner`.

    A trial is a place in the population: its values, curve and lineage are those of the network
    that lives there now, which may have come from another place.

    Args:
        strategy: how often, how many, how far.

    Raises:
        ShoalError: the space has no number that can change in training.
    """

    strategy: PBT = field(default_factory=PBT)

    def __post_init__(self) -> None:
        self._copies: list[dict[str, Any]] = []
        self._copied = 0
        if not any(self._changeable(values) for values in self.space.corners()):
            raise ShoalError(
                "strategy='pbt' changes numbers while networks train, and the space has none that "
                "can change then, such as a learning rate; take another strategy"
            )
        super().__post_init__()

    def _changeable(self, values: Values) -> bool:
        """Whether one of these values can be another one without another structure."""
        return any(
            self._alike(values | {path: nudge(self.space[path].distribution, now, up=up)}, values)
            for path, now in values.items()
            if movable(self.space[path])
            for up in (True, False)
        )

    def _measure(self, wave: Wave) -> None:
        """Take over what the trainer knows, after what the networks did in other places."""
        before = {trial.number: trial.curve for trial in wave.trials}
        super()._measure(wave)
        for trial in wave.trials:
            if trial.lineage:
                since = trial.lineage[-1]["from"]
                first = [point for point in before[trial.number] if point[0] <= since]
                trial.curve = first + [point for point in trial.curve if point[0] > since]

    def _judge(self, wave: Wave, here: Sequence[Trial]) -> None:
        """Nobody is dropped; losers are given what winners have learned."""
        self._copies = []
        if wave.rung == len(self.plan.brackets[wave.bracket].rungs) - 1:
            super()._judge(wave, here)
            return
        source = generator(self.plan.seed, "trials", wave.number, wave.rung)
        for group in self._groups(here):
            standings = [Standing(t.number, t.key, t.state == "diverged") for t in group]
            for winner, loser in exploit(standings, self.strategy.share, source):
                self._replace(self.trials[loser], self.trials[winner], source)

    def _replace(self, loser: Trial, winner: Trial, source: np.random.Generator) -> None:
        """Let the network of the winner live in the loser's place too, by values of its own."""
        values = self._explored(winner, source)
        copy = {"source": winner.number, "target": loser.number, "score": _finite(loser.score)}
        self._copies.append(copy | {"values": values})
        lineage = winner.lineage or [{"from": 0, "trial": winner.number, "values": winner.values}]
        entry = {"from": winner.budget, "trial": loser.number, "values": values}
        loser.lineage = [*lineage, entry]
        loser.state, loser.budget = "running", winner.budget
        loser.values, loser.curve, loser.metrics = values, winner.curve, winner.metrics

    def _explored(self, winner: Trial, source: np.random.Generator) -> Values:
        """Values a little off the winner's, which no other trial has: it would do the very same."""
        taken = [trial.values for trial in self.trials]
        values = winner.values
        for _ in range(TRIES):
            if values not in taken:
                break
            values = explore(
                self.space,
                winner.values,
                lambda values: self._alike(values, winner.values),
                self.strategy.resample,
                source,
            )
        return values

    def _groups(self, trials: Sequence[Trial]) -> list[list[Trial]]:
        """Trials of one structure each; only they can copy one another."""
        groups: dict[Program, list[Trial]] = {}
        for trial in trials:
            groups.setdefault(self._program(trial.values), []).append(trial)
        return list(groups.values())

    def _program(self, values: Values) -> Program:
        data = self.data
        return program_of(self.recipe(values), data.in_shape, data.outputs, data.task)

    def _alike(self, values: Values, others: Values) -> bool:
        """Whether values are a recipe, and one of the same structure as others."""
        try:
            return self._program(values) == self._program(others)
        except ShoalError:
            return False

    def _train(self, wave: Wave) -> None:
        wave.trainer.run(until=self._next_rung(wave))

    def _save(self, wave: Wave) -> None:
        """It was saved before the copies were made, which the log knows."""

    # --- the log --------------------------------------------------------------------------------

    def _decided(self) -> dict[str, Any]:
        return {"copies": self._copies}

    def _ended(self, wave: Wave, ended: Sequence[Trial]) -> None:
        self._copy(wave, self._copies)
        super()._ended(wave, ended)

    def _replay_rung(self, line: Mapping[str, Any]) -> None:
        super()._replay_rung(line)
        wave = next((w for w in self.waves if w.number == line["wave"]), None)
        if wave is not None:
            self._copied += len(line["copies"])
            done = len(wave.trainer.history.copies)
            # the trainer was saved before these were made, or with them
            if done < self._copied:
                self._copy(wave, line["copies"])

    def _copy(self, wave: Wave, copies: Sequence[Mapping[str, Any]]) -> None:
        first = wave.trials[0].number
        for copy in copies:
            recipe = self.recipe(copy["values"])
            wave.trainer.copy(copy["source"] - first, copy["target"] - first, recipe)


def retrace(study: Study, trial: Trial, seeds: int | Sequence[int], **settings: Any) -> Trainer:
    """Train what a trial lived through anew: its values, each from the time they came on.

    Args:
        study: that the trial is of.
        trial: of a population, or any other.
        seeds: how many, or which; that of the study gives the trial itself, to the bit.
        settings: for `Trainer`, such as `threads`.
    """
    lives = trial.lineage or [{"from": 0, "values": trial.values}]
    recipes = [study.space.build(life["values"]) for life in lives]
    members = [Member(recipes[0], seed, f"trial {trial.number}") for seed in seed_list(seeds)]
    length: dict[str, Any] = {study.plan.unit: study.plan.budget}
    trainer = Trainer(members, study.data, **length, **settings, resume=True)
    done = Counter(copy.target for copy in trainer.history.copies)  # of a run that is resumed
    for life in range(1, len(lives)):
        trainer.run(until=lives[life]["from"])
        if trainer.interrupted:
            return trainer
        for member in np.flatnonzero(trainer.history.diverged < 0).tolist():
            if done[member] < life:
                trainer.copy(member, member, recipes[life])
    return trainer.run()


def _finite(score: float) -> float | None:
    return score if math.isfinite(score) else None
