"""An ensemble: some members of a shoal that answer together, by the mean of what each says.

Averaging helps as far as members err differently: where one is wrong for no reason that the others
share, they outvote it. Networks that differ in nothing but their seed do so already
(Lakshminarayanan, Pritzel and Blundell, "Simple and scalable predictive uncertainty estimation
using deep ensembles", 2017).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from shoal.engine.ensemble.diversity import Diversity, diversity_of
from shoal.engine.ensemble.predictions import (
    ClassPredictions,
    LabelPredictions,
    Predictions,
    TargetPredictions,
    likely,
    log_sigmoid,
    log_softmax,
    winners,
)
from shoal.engine.ensemble.sizes import Sizes, sizes_of
from shoal.engine.evaluate import HIGHER_IS_BETTER, PIECE
from shoal.engine.member import Member
from shoal.engine.networks import Networks
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from shoal.data import Dataset
    from shoal.data.part import PartName

Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Scores:
    """How good an ensemble is on one part of the data, beside its members.

    Attributes:
        part: of the data.
        rows: how many it has.
        ensemble: "loss" and "accuracy" (for several labels a row: all of them right), and
            "hamming" (labels that are right); or "loss" (the squared error of the standardised
            targets, whatever the members were trained with), "rmse" and "r2".
        members: the same of each member (members,).
    """

    part: str
    rows: int
    ensemble: dict[str, float]
    members: dict[str, Values]

    @property
    def mean(self) -> dict[str, float]:
        """Mean of the members."""
        return {name: float(values.mean()) for name, values in self.members.items()}

    @property
    def best(self) -> dict[str, float]:
        """The best member in each measure, found on this very part: luck included."""
        return {
            name: float(values.max() if name in HIGHER_IS_BETTER else values.min())
            for name, values in self.members.items()
        }

    def __str__(self) -> str:
        count = len(self.members["loss"])
        noun = "member" if count == 1 else "members"
        lines = [
            f"{self.part}, {self.rows:,} rows, {count} {noun}",
            "",
            f"{'':<8}  {'ensemble':>9}  {'mean':>9}  {'best':>9}",
        ]
        for name, value in self.ensemble.items():
            row = (value, self.mean[name], self.best[name])
            percent = name in ("accuracy", "hamming")
            cells = [f"{100 * v:.2f} %" if percent else f"{v:.4g}" for v in row]
            label = {"rmse": "RMSE", "r2": "R²"}.get(name, name)
            lines.append(f"{label:<8}  " + "  ".join(f"{cell:>9}" for cell in cells))
        return "\n".join([*lines, "", "mean, best: of the members, the best by this very part"])


class Ensemble:
    """Some members of a shoal that answer together; made by `Shoal.ensemble`.

    For classes the members' probabilities are averaged, p̄ = 1/K Σₘ softmax(zₘ), and the class
    with the highest is the answer; for several labels a row σ(zₘ), and the labels above one half;
    for numbers their outputs. It holds the weights of the moment
    when it was made; training that goes on does not change it.

    Attributes:
        members: recipe, seed and arm of each.
        index: their numbers in the shoal.
        diverged: how many of those asked for had diverged and were left out.

    >>> import shoal
    >>> data = shoal.load("digits")
    >>> recipe = shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01))
    >>> ensemble = shoal.Trainer(recipe, data, epochs=5, seeds=5).run().shoal.ensemble()
    >>> ensemble
    <Ensemble of 5 members: 5 of recipe>
    >>> scores = ensemble.evaluate("test")
    >>> scores.ensemble["accuracy"] > scores.mean["accuracy"]
    True
    >>> ensemble.predict(data.test.x[:3])
    array([0, 3, 4])
    """

    def __init__(
        self,
        members: Sequence[Member],
        index: NDArray[np.int64],
        networks: Networks,
        data: Dataset,
        diverged: int,
    ) -> None:
        self.members = tuple(members)
        self.index = index
        self.diverged = diverged
        self._networks = networks
        self._data = data
        self._known: dict[str, Predictions] = {}

    def __len__(self) -> int:
        return len(self.members)

    def __repr__(self) -> str:
        arms = Counter(member.arm for member in self.members)
        noun = "member" if len(self) == 1 else "members"
        left_out = f"; {self.diverged} diverged, left out" if self.diverged else ""
        listed = ", ".join(f"{count} of {arm}" for arm, count in arms.items())
        return f"<Ensemble of {len(self)} {noun}: {listed}{left_out}>"

    def probabilities(self, x: Any) -> Values:
        """Mean of the members' probabilities, (rows, classes), in the order of `data.classes`.

        Of several labels a row, the probability of each, (rows, labels).

        Args:
            x: rows (rows, *in_shape), prepared like the data that was trained on
                (`data.prepare` does that with new ones).

        Raises:
            ShoalError: rows of another shape; trained for regression.
        """
        if self._data.task == "regression":
            raise ShoalError("probabilities are for classes; for regression take predict")
        logs = log_softmax if self._data.task == "classification" else log_sigmoid
        outputs = self._outputs(x)
        total = np.zeros(outputs.shape[1:])
        for z in outputs:  # one after another: the order of the sum does not depend on the rows
            total += np.exp(logs(z))
        return total / len(self)

    def predict(self, x: Any) -> NDArray[Any]:
        """The most likely label of every row (rows,), or numbers in their own unit (rows, targets).

        Of several labels a row 1 for those that are likelier than not, else 0 (rows, labels).

        Args:
            x: rows, as for `probabilities`.

        Raises:
            ShoalError: rows of another shape.
        """
        if self._data.task == "classification":
            return self._data.labels(winners(self.probabilities(x)))
        if self._data.task == "multilabel":
            return likely(self.probabilities(x)).astype(np.int64)
        outputs = self._outputs(x)
        total = np.zeros(outputs.shape[1:])
        for values in outputs:
            total += values
        return self._data.values(total / len(self))

    def evaluate(self, part: PartName = "test") -> Scores:
        """Loss and accuracy (or loss, RMSE and R²) of the ensemble, beside those of its members.

        The loss of classes is -log p̄ₜ, t the true class: that of the mean probability, not the
        mean of the members' losses (of several labels a row the mean over them). All
        rows of the part count.

        Args:
            part: "train", "valid" or "test".

        Raises:
            ShoalError: no such part, or one without rows.
        """
        said = self.predictions(part)
        of_all = said.of_averages(np.full((1, len(self)), 1 / len(self)))
        ensemble = {name: float(value[0]) for name, value in of_all.items()}
        return Scores(part, len(said.y), ensemble, said.of_members())

    def sizes(
        self,
        part: PartName = "test",
        measure: str | None = None,
        *,
        subsets: int = 100,
        seed: int = 0,
    ) -> Sizes:
        """How good ensembles of 1, 2, … K of these members are, as means over subsets.

        For every size all subsets if there are at most `subsets` (always for 1 and K), else that
        many random ones. `plot_ensemble` draws it.

        Args:
            part: "train", "valid" or "test".
            measure: "accuracy", "hamming", "loss", "rmse" or "r2"; None for accuracy, or RMSE.
            subsets: how many of each size at most.
            seed: of the random subsets.

        Raises:
            ShoalError: no such part or measure, a part without rows.

        >>> import shoal
        >>> data = shoal.load("digits")
        >>> recipe = shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01))
        >>> shoal_of_5 = shoal.Trainer(recipe, data, epochs=5, seeds=5).run().shoal
        >>> sizes = shoal_of_5.ensemble().sizes("test")
        >>> sizes.subsets
        array([ 5, 10, 10,  5,  1])
        >>> sizes.mean[4] > sizes.mean[0]
        np.True_
        """
        return sizes_of(self.predictions(part), part, measure, subsets, seed)

    def diversity(self, part: PartName = "test") -> Diversity:
        """How far the members differ, and what that takes off the loss.

        Args:
            part: "train", "valid" or "test".

        Raises:
            ShoalError: no such part, or one without rows.

        >>> import shoal
        >>> data = shoal.load("digits")
        >>> recipe = shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01))
        >>> shoal_of_5 = shoal.Trainer(recipe, data, epochs=5, seeds=5).run().shoal
        >>> found = shoal_of_5.ensemble().diversity("test")
        >>> bool(abs(found.mean_loss - found.ambiguity - found.loss) < 1e-12)
        True
        """
        return diversity_of(self.predictions(part), self.members, part)

    def predictions(self, part: PartName) -> Predictions:
        """What the members say on a part, beside what is true there; computed once.

        Raises:
            ShoalError: no such part, or one without rows.
        """
        rows = self._data.part(part)
        if not len(rows):
            raise ShoalError(
                f"part={part!r} has no rows; load the data with {part}=0.2, say, or take another"
            )
        if part not in self._known:
            starts = range(0, len(rows), 8 * PIECE)
            said = [self._outputs(rows.inputs(slice(at, at + 8 * PIECE))) for at in starts]
            outputs = np.concatenate(said, axis=1)
            if self._data.task == "multilabel":
                self._known[part] = LabelPredictions(outputs, rows.y)
            elif self._data.target_scale is None:
                self._known[part] = ClassPredictions(outputs, rows.y)
            else:
                self._known[part] = TargetPredictions(outputs, rows.y, self._data.target_scale)
        return self._known[part]

    def _outputs(self, x: Any) -> NDArray[np.float32]:
        outputs = self._networks.outputs(x, predicted=self._data.task == "regression")
        finite = np.array([np.isfinite(values).all() for values in outputs])
        if not finite.all():
            member = int(self.index[np.flatnonzero(~finite)[0]])
            raise ShoalError(
                f"member={member} says something that is not finite for these rows; leave it out"
            )
        return outputs
