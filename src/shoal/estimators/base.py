"""What the classifier and the regressor share: fitting, going on from a fit, and looking back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from shoal.data.preparation import TablePreparation
from shoal.engine import Recipe
from shoal.errors import ShoalError, check_number
from shoal.estimators.fitting import Fit, Rows, course_of, fit_networks, seeds_of
from shoal.estimators.history import FitHistory
from shoal.estimators.inputs import check_lengths, in_one_line, is_plain, read_inputs, rows_of
from shoal.estimators.keeping import Keeps
from shoal.estimators.losses import loss_of
from shoal.estimators.model import Model
from shoal.estimators.parameters import check_network, recipe_of, refuse_said, said_by
from shoal.estimators.preparing import as_expected
from shoal.estimators.presets import is_auto, settle, share_of_valid
from shoal.estimators.targets import Target, as_array, names_of
from shoal.estimators.validation import carve
from shoal.estimators.weights import Weights, row_weights

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class Going:
    """What `partial_fit` goes on from, besides the weights.

    Attributes:
        slots: what the update rule remembers of each member.
        updates: steps that it has made.
        seeds: of the members.
        members: how many were asked for; some may have diverged since.
    """

    slots: dict[str, NDArray[np.float32]]
    updates: int
    seeds: list[int]
    members: int


class ShoalEstimator(Keeps, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Base of the estimators."""

    model_: Model
    history_: FitHistory

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        *,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
    ) -> Self:
        """Train, and keep the weights that were best on the validation part.

        Args:
            X: an array (rows, features), in which NaN is a missing value, or a sparse matrix, which
                becomes one; a table of pandas, polars or Arrow with columns of any kind but dates;
                or images (rows, height, width) or (rows, height, width, channels).
            y: the targets, one or several for each row.
            sample_weight: how much each row counts. A row of weight 0 is as if it were not there;
                in a full batch one of weight 2 is as if it stood there twice, in smaller batches it
                is so in expectation. Weights that are all alike change nothing, to the bit.
            groups: the group of each row; no group is trained on and validated by.
            X_val: rows to validate by, instead of some of X. In a pipeline,
                `Pipeline(..., transform_input=["X_val"])` sends them through the same steps.
            y_val: their targets.

        Returns:
            The estimator itself.

        Raises:
            ShoalError: what is given does not fit together, or training diverged.
        """
        before = self.model_ if self.warm_start and hasattr(self, "model_") else None
        entropy, seeds = self._seeds()
        learn, judge = self._parts(X, y, sample_weight, groups, X_val, y_val, entropy, before)
        task = learn.target.task
        settled = settle(self._asked(), task, len(learn.target.y))
        recipe = self._recipe(settled, learn)
        course = course_of(settled, task, self.threads, self.engine, self.verbose)
        self._take(fit_networks(self, learn, judge, recipe, settled, seeds, course, before), before)
        self._going: Going | None = None
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        """One pass over some rows, from where the last one ended."""
        before: Model | None = getattr(self, "model_", None)
        given, target = self._read(X, y, sample_weight, before, classes)
        going: Going | None = getattr(self, "_going", None)
        seeds = self._seeds()[1] if going is None else going.seeds
        if going is not None and self.members != going.members:
            raise ShoalError(
                f"members={self.members}, but training goes on from {going.members}; set it back, "
                "or begin anew with a clone"
            )
        settled = settle(self._asked(), target.task, len(target.y))
        settled |= {"schedule": None, "epochs": 1, "patience": None}  # it has no known end
        recipe = self._recipe(settled, given.rows)
        course = course_of(settled, target.task, self.threads, self.engine, self.verbose)
        nothing = given.rows.take(np.arange(0))
        slots, updates = ({}, 0) if going is None else (going.slots, going.updates)
        fitted = fit_networks(
            self, given.rows, nothing, recipe, settled, seeds, course, before, slots, updates
        )
        self._take(fitted, before)
        kept = [seeds[member] for member in fitted.alive]
        self._going = Going(fitted.slots, updates + fitted.updates, kept, self.members)
        return self

    @classmethod
    def from_recipe(cls, recipe: Recipe, **settings: Any) -> Self:
        """An estimator that trains by a recipe, such as the best one of a study.

        Args:
            recipe: says network, optimizer, schedule, init, weight decay, loss, batch size and
                clipping.
            settings: what else the constructor takes: members, epochs, valid, …

        Raises:
            ShoalError: a search space instead of a recipe, or a setting that the recipe says.

        >>> import shoal
        >>> recipe = shoal.Recipe(shoal.mlp([32]), shoal.Adam(lr=0.01), batch_size=50)
        >>> shoal.ShoalRegressor.from_recipe(recipe, epochs=5).batch_size
        50
        """
        if not isinstance(recipe, Recipe) or recipe.is_space:
            raise ShoalError(f"recipe={recipe!r} must be a Recipe, without distributions in it")
        refuse_said(settings)
        return cls(**said_by(recipe), **settings)

    @classmethod
    def tune(
        cls,
        X: Any,
        y: Any,
        *,
        trials: int | None = None,
        minutes: float | None = None,
        space: Recipe | None = None,
        epochs: int | str = "auto",
        sample_weight: Any = None,
        groups: Any = None,
        X_val: Any = None,
        y_val: Any = None,
        **settings: Any,
    ) -> Self:
        """Search for a good recipe by the validation part, and train an estimator by it.

        Trials train side by side, and the worse ones are dropped early; see `shoal.search`.

        Args:
            X: as for `fit`.
            y: as for `fit`.
            trials: how many recipes to try; 50 if no minutes are given.
            minutes: try as many as there is time for, about, and at least 12; the last fit comes on
                top.
            space: a Recipe with distributions in it; None for sizes, dropout, learning rate and
                weight decay in the ranges that suit tables.
            epochs: of a full training. "auto": 50, more where that is fewer than 500 steps.
            sample_weight: as for `fit`.
            groups: as for `fit`.
            X_val: as for `fit`.
            y_val: as for `fit`.
            settings: what else the constructor takes: members, valid, random_state, …

        Returns:
            A fitted estimator with the best recipe; its `study_` tells what was tried.

        Raises:
            ShoalError: no validation part, or settings that the recipe says.

        >>> import shoal
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> model = shoal.ShoalClassifier.tune(X, y, trials=6, epochs=10, random_state=0)
        >>> len(model.study_.trials), model.recipe_ == model.study_.best
        (6, True)
        """
        from shoal.estimators.tuning import tune

        data_of = {"sample_weight": sample_weight, "groups": groups, "X_val": X_val, "y_val": y_val}
        tuned: Self = tune(cls, X, y, data_of, trials, minutes, space, epochs, settings)
        return tuned

    def recalibrate(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Learn the temperature, or the errors that intervals are made of, from other rows.

        `fit` takes them from the validation rows, which also chose the epoch; rows that had no part
        in training at all make the promise of `predict_interval` exact.

        Args:
            X: rows, as for `fit`.
            y: their targets.
            sample_weight: how much each row counts for the temperature; one of weight 0 is as if it
                were not there.

        Raises:
            NotFittedError: before `fit`.
            ShoalError: rows of other features, or labels that are no classes.
        """
        check_is_fitted(self, "model_")
        rows = self._read(X, y, sample_weight, self.model_)[0].rows
        self.model_ = self._calibrated(self.model_, rows, rows.weights)
        return self

    def plot_history(self, path: str | Path | None = None) -> Figure:
        """Draw the loss of the training and the validation part over the epochs.

        Args:
            path: where to save it, .png, .svg or .pdf.

        Raises:
            NotFittedError: before `fit`.
            ShoalError: another ending, or a file that cannot be written.
        """
        check_is_fitted(self, "history_")
        figure: Figure = self.history_.plot(path)
        return figure

    # --- what the subclasses say ----------------------------------------------------------------

    def _target(self, y: NDArray[Any], classes: Any = None, name: str = "y") -> Target:
        """Read targets; `classes` are those known so far."""
        raise NotImplementedError

    def _more_target(self, y: NDArray[Any], like: Target, name: str) -> Target:
        """Read further targets in the way of the first."""
        raise NotImplementedError

    def _learnt(self, target: Target) -> None:
        """Set what is known of the target: `classes_`, `n_outputs_`."""
        raise NotImplementedError

    def _class_factors(self, target: Target, weights: Weights | None) -> Weights | None:
        """A factor for each class, from the training rows."""
        return None

    @property
    def _calibrates(self) -> bool:
        """Whether `fit` learns something from the validation rows besides the epoch."""
        return True

    def _calibrated(self, model: Model, judge: Rows, weights: Weights | None) -> Model:
        """The model with what is learnt from the validation rows."""
        return model

    # --- the steps of a fit ---------------------------------------------------------------------

    def _parts(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        groups: Any,
        X_val: Any,
        y_val: Any,
        entropy: int,
        before: Model | None = None,
    ) -> tuple[Rows, Rows]:
        """The rows to train on and those to validate by, which may be none."""
        given, target = self._read(X, y, sample_weight, before)
        if groups is not None:
            groups = as_array(groups, "groups")
            check_lengths(X, {"groups": groups})
            groups = groups[given.kept]
        judge = self._own_validation(X_val, y_val, target)
        if judge is not None:
            if groups is not None:
                raise ShoalError(
                    "groups= say which rows may be kept aside to validate by, but X_val is given "
                    "for that; leave one of the two out"
                )
            return given.rows, judge
        train, valid = carve(
            len(target.y),
            share_of_valid(self.valid, len(target.y)),
            self.split,
            entropy,
            labels=target.y if target.task == "classification" else None,
            classes=target.classes,
            groups=groups,
        )
        return given.rows.take(train), given.rows.take(valid)

    def _read(
        self, X: Any, y: Any, sample_weight: Any, before: Model | None, classes: Any = None
    ) -> tuple[_Given, Target]:
        """Check X, y and the weights, and take out the rows that do not count."""
        raw = as_array(y)
        x = read_inputs(self, X, first=before is None)
        if before is not None:
            x = as_expected(before.preparation, x)
        check_lengths(x, {"y": raw})
        weights = row_weights(sample_weight, len(raw))
        kept = np.arange(len(raw)) if weights is None else np.flatnonzero(weights)
        if len(kept) < len(raw):
            x, raw, weights = rows_of(x, kept), raw[kept], weights[kept]  # type: ignore[index]
        if len(raw) < 2 and before is None:
            raise ShoalError("n_samples=1: one sample is too few to learn from; give at least two")
        known = classes if before is None else getattr(self, "classes_", None)
        target = replace(self._target(raw, known), names=names_of(y))
        if before is not None:
            _check_same(target, before)
        return _Given(Rows(x, target, weights), kept), target

    def _own_validation(self, X_val: Any, y_val: Any, target: Target) -> Rows | None:
        """The rows given to validate by, read like the others."""
        if (X_val is None) != (y_val is None):
            raise ShoalError("X_val and y_val must be given both or not at all")
        if X_val is None:
            return None
        x = read_inputs(self, X_val, first=False, name="X_val")
        judge = self._more_target(as_array(y_val, "y_val"), target, "y_val")
        check_lengths(x, {"y_val": judge.y}, "X_val")
        return Rows(x, judge, None)

    def _asked(self) -> dict[str, Any]:
        """What the constructor was given."""
        asked: dict[str, Any] = self.get_params(deep=False)
        check_network(asked)
        for name in ("calibrate", "warm_start"):
            if not isinstance(asked.get(name, True), bool | np.bool_):
                raise ShoalError(f"{name}={asked[name]!r} must be True or False")
        return asked

    def _recipe(self, settled: dict[str, Any], learn: Rows) -> Recipe:
        """The recipe, with batches that the rows allow."""
        rows, size = len(learn.target.y), settled["batch_size"]
        check_number("batch_size", size, least=1, whole=True)
        size = min(int(size), rows)
        if is_auto(self.batch_size):
            while rows % size == 1 and size > 2:  # batch norm can do nothing with a single row
                size -= 1
        loss = loss_of(settled, learn.target.task)
        recipe = recipe_of(settled | {"batch_size": size}, loss)
        if recipe.is_space:
            raise ShoalError(
                f"{recipe!r} has distributions in it, so it is no recipe but a search space; give "
                f"it to {type(self).__name__}.tune(X, y, space=...)"
            )
        return recipe

    def _seeds(self) -> tuple[int, list[int]]:
        """A number for the split, and a seed for each member, from `random_state`."""
        check_number("members", self.members, least=1, whole=True)
        with in_one_line():
            entropy = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        return entropy, seeds_of(entropy, self.members)

    def _take(self, fitted: Fit, before: Model | None) -> None:
        """Set the learnt attributes."""
        self._learnt(fitted.target)
        self.model_ = fitted.model
        self.recipe_ = fitted.recipe
        joined = before is not None and len(self.history_.train_loss) == len(fitted.alive)
        self.history_ = self.history_.joined(fitted.history) if joined else fitted.history
        self.n_iter_ = len(self.history_)

    # --- prediction -----------------------------------------------------------------------------

    def _ready(self, X: Any) -> Any:
        """Rows to predict for, checked."""
        if "model_" not in self.__dict__:
            check_is_fitted(self, "model_")
        preparation = self.model_.preparation
        named = isinstance(preparation, TablePreparation) or hasattr(self, "feature_names_in_")
        if not named and is_plain(X, self.n_features_in_):
            return X
        return as_expected(preparation, read_inputs(self, X, first=False))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.three_d_array = True
        tags.input_tags.sparse = True
        return tags


@dataclass(frozen=True, eq=False)
class _Given:
    """What came, and which of its rows count."""

    rows: Rows
    kept: NDArray[np.int64]


def _check_same(target: Target, before: Model) -> None:
    """A fit that goes on needs targets of the same kind."""
    outputs = len(before.classes) if before.classes is not None else target.y.shape[1]
    if target.task != before.task or outputs != before.outputs_count:
        raise ShoalError(
            f"y is for {target.task} with {outputs} outputs, but training goes on from a model for "
            f"{before.task} with {before.outputs_count}; take warm_start=False to begin anew"
        )
