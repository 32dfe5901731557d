"""The regressor: one number a row, or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from shoal.errors import ShoalError
from shoal.estimators.base import ShoalEstimator
from shoal.estimators.fitting import Rows
from shoal.estimators.intervals import half_width, scores_of
from shoal.estimators.model import Model, flat
from shoal.estimators.targets import Target, read_numbers
from shoal.estimators.weights import Weights
from shoal.nn import Loss, Network
from shoal.nn.init import Init
from shoal.optim import Optimizer, Schedule


class ShoalRegressor(RegressorMixin, ShoalEstimator):  # type: ignore[misc]
    """Neural networks that predict numbers, with scikit-learn's interface.

    y holds one number a row (rows,), or several (rows, targets). Tables, missing values and images
    go in as they are; see `fit`. Targets are standardised for training, and predictions come back
    in their own unit.

    Args:
        hidden: units of each hidden layer, (100, 100), or one number. "auto": (100,).
        activation: "relu", "leaky_relu", "sigmoid", "tanh" or "gelu", or one for each hidden layer.
            "auto": "relu".
        dropout: share of units left out in training after each activation, in [0, 1), or one for
            each hidden layer. "auto": 0.
        batch_norm: whether to normalise before each activation. "auto": False.
        embedding: "periodic" to give the first layer waves of every column of numbers, too (see
            `PeriodicEmbedding`), or None. "auto": None.
        network: a `Network` instead of the five above, such as `shoal.convnet()`; X may then be
            images.
        optimizer: "adam", "adamw", "sgd", "momentum", "nesterov", "adagrad", "rmsprop", or one with
            settings, such as `shoal.AdamW(beta2=0.99)`. "auto": "adam".
        lr: learning rate. "auto": 0.001, or the optimizer's own if an optimizer is given.
        schedule: how the learning rate changes over all epochs: "cosine", "one_cycle", one such as
            `shoal.StepDecay(every=500)`, or None. "auto": None.
        init: how weights start: "auto" (He before ReLU, Xavier elsewhere), "he", "xavier", "lecun",
            "zeros", or a standard deviation.
        weight_decay: λ ≥ 0 of λ/2 · ‖W‖², decoupled for "adamw". "auto": 0.
        loss: "auto" or "mean_squared_error", "mean_absolute_error" (predicts medians), "huber",
            "poisson" (counts; predicts rates), "quantile", one with settings, such as
            `shoal.Quantile(0.9)`, or two functions (value, gradient) of outputs and targets, which
            are checked against each other in `fit`. Numbers such as Huber's delta count in standard
            deviations of y; functions see y in its own unit, so scale it to about 1.
        batch_size: rows in a step; at most all. "auto": 128.
        epochs: passes over the training rows, at most. "auto": 100, more where that is fewer than
            1000 steps.
        clip_norm: longest gradient of a network; longer ones are scaled down to it. None for no
            limit. "auto": None.
        members: networks that are trained side by side and answer together by their mean.
        scale: of the columns: "standard" (mean 0, standard deviation 1), "robust" (median 0, the
            middle half 1 wide, extremes bent in) or "none". Images of bytes are divided by 255,
            others stay as they are. "auto": "standard".
        unseen: what becomes of a level in a table that did not occur in training: "rare" (it counts
            as one of the rare ones, or as none of those known) or "refuse".
        valid: share (float) or number (int) of rows that are kept aside to validate by; 0 or None
            for none. "auto": 0.1, or none if there are fewer than 200 rows.
        split: which rows: "shuffle", "time" (the last ones), "groups" (whole groups, by
            `fit(groups=...)`), or "auto": by groups if there are any, else shuffled.
        monitor: by what the best weights are chosen, on the validation part: "loss", "rmse"
            or "r2". "auto": "loss".
        patience: epochs without a better `monitor` after which a member stops; None to train to the
            end. "auto": 10, more where that is fewer than 100 steps.
        preset: what "auto" stands for: "book", the plain settings named here.
        random_state: a number for results that can be repeated, bit for bit, on one machine; a
            RandomState; or None.
        warm_start: whether `fit` goes on from the weights there are, with a new start of the
            optimizer; preparation and classes stay as they are.
        engine: "auto", "reference" or "compiled"; see `shoal.Trainer`.
        threads: None for one per processor. Numbers do not depend on it.
        verbose: whether to show progress on a terminal.

    Attributes:
        n_outputs_: targets of a row.
        model_: what predicts: a `Model`.
        recipe_: the `Recipe` of all members.
        history_: the curves: a `FitHistory`.
        n_iter_: epochs trained.
        n_features_in_: columns of X.
        feature_names_in_: their names, if X was a table.

    >>> from sklearn.datasets import load_diabetes
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = ShoalRegressor(hidden=16, random_state=0).fit(X, y)
    >>> model.predict(X[:2]).shape, model.score(X, y) > 0.4
    ((2,), True)
    >>> low, high = model.predict_interval(X[:1], coverage=0.8)[0]
    >>> bool(low < model.predict(X[:1])[0] < high)
    True
    """

    def __init__(
        self,
        hidden: int | Sequence[int] | str = "auto",
        *,
        activation: str | Sequence[str] = "auto",
        dropout: float | Sequence[float] | str = "auto",
        batch_norm: bool | str = "auto",
        embedding: str | None = "auto",
        network: Network | None = None,
        optimizer: str | Optimizer = "auto",
        lr: float | str = "auto",
        schedule: str | Schedule | None = "auto",
        init: Init = "auto",
        weight_decay: float | str = "auto",
        loss: str | Loss | tuple[Any, Any] = "auto",
        batch_size: int | str = "auto",
        epochs: int | str = "auto",
        clip_norm: float | str | None = "auto",
        members: int = 1,
        scale: str = "auto",
        unseen: str = "rare",
        valid: float | str | None = "auto",
        split: str = "auto",
        monitor: str = "auto",
        patience: int | str | None = "auto",
        preset: str = "book",
        random_state: Any = None,
        warm_start: bool = False,
        engine: str = "auto",
        threads: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.embedding = embedding
        self.network = network
        self.optimizer = optimizer
        self.lr = lr
        self.schedule = schedule
        self.init = init
        self.weight_decay = weight_decay
        self.loss = loss
        self.batch_size = batch_size
        self.epochs = epochs
        self.clip_norm = clip_norm
        self.members = members
        self.scale = scale
        self.unseen = unseen
        self.valid = valid
        self.split = split
        self.monitor = monitor
        self.patience = patience
        self.preset = preset
        self.random_state = random_state
        self.warm_start = warm_start
        self.engine = engine
        self.threads = threads
        self.verbose = verbose

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train for one pass over some rows, from where the last call ended.

        The first call fits the preparation of X and the scale of y, so its rows should be like
        those to come. There is no validation part, and the learning rate stays as it is. Calls with
        the same rows are what `fit` does with valid=0, bit for bit; where sizes change between
        calls, the count of steps that an optimizer such as Adam corrects its means by is rounded up
        to whole passes.

        Args:
            X: rows, as for `fit`.
            y: their targets.
            sample_weight: as for `fit`; only ratios within a call count.

        Raises:
            ShoalError: another number of targets than in the first call.
        """
        return self._partial_fit(X, y, sample_weight)

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The mean of what the members say, (rows,) or (rows, targets).

        Raises:
            NotFittedError: before `fit`.
            ShoalError: other features than in `fit`.
        """
        x = self._ready(X)
        return flat(self.model_.numbers(x))

    def predict_std(self, X: Any) -> NDArray[np.float64]:
        """Standard deviation of what the members say, (rows,) or (rows, targets).

        Large where the training rows did not settle the matter. It holds no noise of y itself: see
        `predict_interval` for where y will lie.

        Raises:
            NotFittedError: before `fit`.
            ShoalError: one member only, or other features than in `fit`.
        """
        x = self._ready(X)
        if self.model_.members < 2:
            raise ShoalError(
                "members=1 has no spread; fit with members=5, say, or take predict_interval"
            )
        return flat(self.model_.spread(x))

    def predict_interval(self, X: Any, coverage: float = 0.9) -> NDArray[np.float64]:
        """Where the targets will lie: low and high, (rows, 2) or (rows, targets, 2).

        Split-conformal, from the errors on the validation rows, or those given to `recalibrate`:
        new rows from the same source lie inside with a probability of at least `coverage`, over all
        rows together, whatever the network is worth. All intervals are equally wide.

        Validation rows also chose the epoch, and are a little easier for it: measured, 30 of them
        fell short by 2 to 3 points, 100 by less than 1. With `recalibrate` the promise is exact.

        Args:
            X: rows, as for `predict`.
            coverage: in (0, 1).

        Raises:
            NotFittedError: before `fit`.
            ShoalError: no validation rows in `fit`, or too few for this coverage.
        """
        x = self._ready(X)
        width = half_width(self.model_.conformal, coverage)
        middle = self.model_.numbers(x)
        both = np.stack([middle - width, middle + width], axis=-1)
        if self.model_.link == "exp":  # rates and counts are not negative
            both = np.maximum(both, 0.0)
        return both[:, 0] if both.shape[1] == 1 else both

    def _target(self, y: NDArray[Any], classes: Any = None, name: str = "y") -> Target:
        return read_numbers(y, name)

    def _more_target(self, y: NDArray[Any], like: Target, name: str) -> Target:
        more = read_numbers(y, name)
        if more.y.shape[1] != like.y.shape[1]:
            raise ShoalError(
                f"{name} has {more.y.shape[1]} targets a row, but y {like.y.shape[1]}; give the "
                "same columns"
            )
        return more

    def _learnt(self, target: Target) -> None:
        self.n_outputs_ = target.y.shape[1]

    def _calibrated(self, model: Model, judge: Rows, weights: Weights | None) -> Model:
        return replace(model, conformal=scores_of(judge.target.y, model.numbers(judge.x)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
