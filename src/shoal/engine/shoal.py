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
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from shoal.data import Dataset


class Shoal:
    """All members of a run, with their weights.

    Attributes:
        members: recipe, seed and arm of each.
    """

    def __init__(self, members: Sequence[Member], cohorts: Sequence[Cohort], data: Dataset) -> None:
        self.members = tuple(members)
        self._cohorts = cohorts
        self._data = data

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        arms = list(dict.fromkeys(member.arm for member in self.members))
        return f"<Shoal of {len(self)} members: {', '.join(arms)}>"

    def weights(self, member: int) -> list[dict[str, NDArray[np.float32]]]:
        """The arrays of each layer of one member, by name; copies."""
        for cohort in self._cohorts:
            for row in np.flatnonzero(cohort.index == member):
                layers = cohort.params(slice(row, row + 1))
                return [{k: v[0].copy() for k, v in layer.items()} for layer in layers]
        raise ShoalError(f"member={member} must be a number from 0 to {len(self) - 1}")

    def outputs(self, x: Any) -> NDArray[np.float32]:
        """What the last layer says, (members, rows, outputs): logits, or standardised targets.

        Args:
            x: rows (rows, *in_shape), prepared like the data that was trained on.

        Raises:
            ShoalError: rows of another shape.
        """
        groups = [Group(c.program, c.params(), c.index) for c in self._cohorts]
        return Networks(groups).outputs(x)

    def probabilities(self, x: Any) -> NDArray[np.float32]:
        """Softmax of the outputs, (members, rows, classes); NaN where those are not finite.

        Raises:
            ShoalError: the shoal was trained for regression.
        """
        if self._data.task != "classification":
            raise ShoalError("probabilities are for classes; for regression take outputs")
        logits = self.outputs(x)
        with np.errstate(invalid="ignore"):  # one that diverged may say infinity
            e = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(e / e.sum(axis=-1, keepdims=True))

    def ensemble(
        self,
        members: Sequence[int] | None = None,
        *,
        arms: str | Sequence[str] | None = None,
        best: int | None = None,
        size: int | None = None,
    ) -> Ensemble:
        """Members that answer together: all, those given, or those of some arms.

        Diverged members are left out and counted. Members of one seed share weights' draws, batches
        and masks across arms, so two of them differ less than they could: `size` takes members with
        different seeds as far as there are any.

        Args:
            members: by number; or
            arms: by the name of their arm, one or several.
            best: only so many of them, the best on the validation part at the last evaluation (by
                accuracy or RMSE, among equals by loss; the test part has no say).
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
        index = asked[history.diverged[asked] < 0]
        diverged = len(asked) - len(index)
        if not len(index):
            raise ShoalError(
                f"all {diverged} members asked for diverged; take others, or a lower learning rate"
            )
        if best is not None:
            valid = {m: history.final(m) for m in history.metrics if m.startswith("valid_")}
            index = the_best(index, best, valid)
        if size is not None:
            index = spread_over_seeds(self.members, asked, index, size)
        chosen = [self.members[i] for i in index]
        return Ensemble(chosen, index, self._networks(index), self._data, diverged)

    def _networks(self, index: NDArray[np.int64]) -> Networks:
        """Copies of the networks of some members, in this order."""
        groups = []
        for cohort in self._cohorts:
            place = np.flatnonzero(np.isin(index, cohort.index))
            row_of = {int(member): row for row, member in enumerate(cohort.index)}
            rows = [row_of[int(member)] for member in index[place]]
            if rows:
                theta, running = cohort.rows.theta[rows], cohort.rows.running[rows]
                groups.append(Group(cohort.program, cohort.layout.split(theta, running), place))
        return Networks(groups)
