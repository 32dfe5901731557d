"""A shoal: all members of a run, with their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.cohort import Cohort
from shoal.engine.ensemble import Ensemble
from shoal.engine.ensemble.choose import candidates, spread_over_seeds, the_best
from shoal.engine.history import History
from shoal.engine.member import Member
from shoal.engine.networks import Group, Networks
from shoal.engine.task import Rows
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.engine.compiled.answers import Answers


class Shoal:
    """All members of a run, with their weights.

    Attributes:
        members: recipe, seed and arm of each.
    """

    def __init__(
        self,
        members: Sequence[Member],
        cohorts: Sequence[Cohort],
        data: Dataset,
        *,
        best: bool = False,
    ) -> None:
        self.members = tuple(members)
        self._cohorts = cohorts
        self._data = data
        self._best = best

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        arms = list(dict.fromkeys(member.arm for member in self.members))
        at_best = ", at their best" if self._best else ""
        return f"<Shoal of {len(self)} members: {', '.join(arms)}{at_best}>"

    def at_best(self) -> Shoal:
        """The same members with the weights of their best evaluation, by `Trainer(keep_best=…)`.

        One that diverged or stopped later is there too. One without any evaluation so far has no
        such weights: it says NaN, and is left out of ensembles.

        Raises:
            ShoalError: the run keeps no best.
        """
        best = Shoal(self.members, self._cohorts, self._data, best=True)
        for cohort in self._cohorts:
            best._rows(cohort)
        return best

    def weights(self, member: int) -> list[dict[str, NDArray[np.float32]]]:
        """The arrays of each layer of one member, by name; copies.

        Raises:
            ShoalError: no such member, one that was dropped, or one that has no best weights yet
                where those are asked.
        """
        for cohort in self._cohorts:
            for row in np.flatnonzero(cohort.index == member):
                if self._best and cohort.standing is not None and cohort.standing.step[row] < 0:
                    raise ShoalError(f"member={member} was not evaluated yet, so it has no best")
                rows, one = self._rows(cohort), cohort.places([row])
                layers = cohort.layout.split(rows.theta[one], rows.running[one])
                return [{k: v[0].copy() for k, v in layer.items()} for layer in layers]
        raise ShoalError(f"member={member} must be a number from 0 to {len(self) - 1}")

    def outputs(self, x: Any) -> NDArray[np.float32]:
        """What the last layer says, (members, rows, outputs): logits, or standardised targets.

        NaN for members that were dropped.

        Args:
            x: rows (rows, *in_shape), prepared like the data that was trained on.

        Raises:
            ShoalError: rows of another shape, or nobody left to say anything.
        """
        return self._said(x)

    def predictions(self, x: Any) -> NDArray[np.float32]:
        """What the outputs mean by each member's loss, (members, rows, outputs).

        Probabilities after cross-entropy, rates after `Poisson`, else standardised targets; NaN
        where outputs are not finite, and for members that were dropped.

        Raises:
            ShoalError: rows of another shape, or nobody left to say anything.
        """
        return self._said(x, predicted=True)

    def probabilities(self, x: Any) -> NDArray[np.float32]:
        """Probabilities of the classes, or of each label, (members, rows, classes).

        They are NaN where outputs are not finite.

        Raises:
            ShoalError: the shoal was trained for regression.
        """
        if self._data.task == "regression":
            raise ShoalError("probabilities are for classes; for regression take outputs")
        return self.predictions(x)

    def ensemble(
        self,
        members: Sequence[int] | None = None,
        *,
        arms: str | Sequence[str] | None = None,
        best: int | None = None,
        size: int | None = None,
    ) -> Ensemble:
        """Members that answer together: all, those given, or those of some arms.

        Diverged members are left out and counted (at their best, those that were never evaluated);
        dropped ones are left out.
        Members of one seed share weights' draws, batches and masks across arms, so two of them
        differ less than they could: `size` takes members with different seeds as far as there are
        any.

        Args:
            members: by number; or
            arms: by the name of their arm, one or several.
            best: only so many of them, the best on the validation part at the evaluation at which
                they stand (by accuracy or RMSE, among equals by loss; the test part has no say).
            size: only so many of them, equally many of each arm (the first arms have one more where
                that does not come out even).

        Raises:
            ShoalError: no such member or arm, nobody left, fewer members than asked for, no
                validation part to choose by.

        >>> import shoal
        >>> recipes = {
        ...     init: shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01), init=init)
        ...     for init in ("he", "xavier")
        ... }
        >>> trained = shoal.Trainer(recipes, shoal.load("digits"), epochs=3, seeds=4).run().shoal
        >>> trained.ensemble(arms="he")
        <Ensemble of 4 members: 4 of he>
        >>> trained.ensemble(size=4)
        <Ensemble of 4 members: 2 of he, 2 of xavier>
        >>> len(trained.ensemble(best=3))
        3
        """
        if best is not None and size is not None:
            raise ShoalError(f"give best or size, one of the two (best={best}, size={size})")
        history = History(self.members, self._cohorts)
        asked = candidates(self.members, members, arms)
        asked = asked[history.dropped[asked] < 0]
        if not len(asked):
            raise ShoalError("all members asked for were dropped, and their weights with them")
        sound = history.best_step >= 0 if self._best else history.diverged < 0
        index = asked[sound[asked]]
        diverged = len(asked) - len(index)
        if not len(index):
            raise ShoalError(
                f"all {diverged} members asked for diverged; take others, or a lower learning rate"
            )
        if best is not None:
            value = history.best if self._best else history.final
            valid = {m: value(m) for m in history.metrics if m.startswith("valid_")}
            index = the_best(index, best, valid)
        if size is not None:
            index = spread_over_seeds(self.members, asked, index, size)
        chosen = [self.members[i] for i in index]
        return Ensemble(chosen, index, self._networks(index), self._data, diverged)

    def _said(self, x: Any, *, predicted: bool = False) -> NDArray[np.float32]:
        """Outputs of all members; NaN for those that were dropped."""
        kept = np.flatnonzero(History(self.members, self._cohorts).dropped < 0)
        if not len(kept):
            raise ShoalError("all members were dropped, and their weights with them")
        if len(kept) == len(self):
            return self._all().outputs(x, predicted=predicted)
        said = self._networks(kept).outputs(x, predicted=predicted)
        every = np.full((len(self), *said.shape[1:]), np.nan, np.float32)
        every[kept] = said
        return every

    def _all(self) -> Networks:
        """The networks of all members, where nobody was dropped; no copies."""
        groups = []
        for cohort in self._cohorts:
            rows = self._rows(cohort)
            params = cohort.layout.split(rows.theta, rows.running)
            groups.append(Group(cohort.program, params, cohort.index, _answers(cohort, rows)))
        return Networks(groups)

    def _rows(self, cohort: Cohort) -> Rows:
        """The rows of a cohort, at `Cohort.place`: those of now, or of the best evaluations."""
        if not self._best:
            return cohort.rows
        if cohort.best is None:
            raise ShoalError("this run keeps no best; train with keep_best='valid_loss', say")
        return cohort.best

    def _networks(self, index: NDArray[np.int64]) -> Networks:
        """Copies of the networks of some members, in this order."""
        groups = []
        for cohort in self._cohorts:
            place = np.flatnonzero(np.isin(index, cohort.index))
            row_of = {int(member): row for row, member in enumerate(cohort.index)}
            rows = [row_of[int(member)] for member in index[place]]
            if rows:
                at = cohort.places(rows)
                kept = self._rows(cohort)
                copy = Rows(kept.theta[at], kept.running[at], {})
                params = cohort.layout.split(copy.theta, copy.running)
                groups.append(Group(cohort.program, params, place, _answers(cohort, copy)))
        return Networks(groups)


def _answers(cohort: Cohort, rows: Rows) -> Answers | None:
    """What the members of a cohort say is said by the engine that trains them; None for NumPy."""
    if cohort.engine != "compiled":
        return None
    from shoal.engine.compiled.answers import Answers

    return Answers(cohort.program, rows.theta, rows.running)
