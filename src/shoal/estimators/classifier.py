"""The classifier: one label a row, or several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin

from shoal.errors import ShoalError
from shoal.estimators.base import ShoalEstimator
from shoal.estimators.calibration import temperature_of
from shoal.estimators.fitting import Rows
from shoal.estimators.model import Model
from shoal.estimators.targets import Target, read_labels
from shoal.estimators.weights import Weights, class_weights
from shoal.nn import Loss, Network
from shoal.nn.init import Init
from shoal.optim import Optimizer, Schedule


class ShoalClassifier(ClassifierMixin, ShoalEstimator):  # type: ignore[misc]
    """Neural networks that tell classes apart, with scikit-learn's interface.

    y holds one label a row (rows,), of text, whole numbers or booleans, or several as a matrix of 0
    and 1 (rows, labels). Tables, missing values and images go in as they are; see `fit`.

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
        loss: "auto" (cross-entropy, binary for several labels), a `Loss`, or two functions (value,
            gradient) of outputs and targets, which are checked against each other in `fit`; see
            `shoal.CustomLoss`.
        label_smoothing: share of each label's certainty that is given to all classes alike, in
            [0, 1). "auto": 0.
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
        split: which rows: "shuffle" (stratified by class), "time" (the last ones), "groups" (whole
            groups, by `fit(groups=...)`), or "auto": by groups if there are any, else shuffled.
        monitor: by what the best weights are chosen, on the validation part: "loss" or
            "accuracy". "auto": "loss".
        patience: epochs without a better `monitor` after which a member stops; None to train to the
            end. "auto": 10, more where that is fewer than 100 steps.
        class_weight: factors of the classes in the loss by label, "balanced" (each class counts as
            much as any other), or None.
        calibrate: whether to soften or sharpen probabilities by one number, so that they are most
            likely for the validation part. No predicted class changes by it.
        preset: what "auto" stands for: "book", the plain settings named here.
        random_state: a number for results that can be repeated, bit for bit, on one machine; a
            RandomState; or None.
        warm_start: whether `fit` goes on from the weights there are, with a new start of the
            optimizer; preparation and classes stay as they are.
        engine: "auto", "reference" or "compiled"; see `shoal.Trainer`.
        threads: None for one per processor. Numbers do not depend on it.
        verbose: whether to show progress on a terminal.

    Attributes:
        classes_: the labels, sorted; for several labels a row, their numbers.
        model_: what predicts: a `Model`.
        recipe_: the `Recipe` of all members.
        history_: the curves: a `FitHistory`.
        n_iter_: epochs trained.
        n_features_in_: columns of X.
        feature_names_in_: their names, if X was a table.

    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> model = ShoalClassifier(hidden=16, random_state=0).fit(X, y)
    >>> model.predict(X[:2]), model.score(X, y) > 0.9
    (array([0, 0]), True)
    """

    classes_: NDArray[Any]

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
        label_smoothing: float | str = "auto",
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
        class_weight: Any = None,
        calibrate: bool = True,
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
        self.label_smoothing = label_smoothing
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
        self.class_weight = class_weight
        self.calibrate = calibrate
        self.preset = preset
        self.random_state = random_state
        self.warm_start = warm_start
        self.engine = engine
        self.threads = threads
        self.verbose = verbose

    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> Self:
        """Train for one pass over some rows, from where the last call ended.

        The first call fits the preparation of X, so its rows should be like those to come. There is
        no validation part, and the learning rate stays as it is. Calls with the same rows are what
        `fit` does with valid=0, bit for bit; where sizes change between calls, the count of steps
        that an optimizer such as Adam corrects its means by is rounded up to whole passes.

        Args:
            X: rows, as for `fit`.
            y: their labels.
            classes: all labels that will ever come; needed in the first call. For several labels a
                row, their numbers.
            sample_weight: as for `fit`; only ratios within a call count.

        Raises:
            ShoalError: no classes in the first call, or others later.
        """
        before: Model | None = getattr(self, "model_", None)
        if before is None and classes is None:
            raise ShoalError(
                "classes=None: the first call of partial_fit needs all labels that will come; give "
                "classes=np.unique(y) of all your data"
            )
        if before is not None and classes is not None:
            known, given = self.classes_.tolist(), np.unique(classes).tolist()
            if known != given:
                raise ShoalError(
                    f"classes={given} must be those of the first call, {known}; leave classes out"
                )
        return self._partial_fit(X, y, sample_weight, classes)

    def predict(self, X: Any) -> NDArray[Any]:
        """The most likely label of each row (rows,); of several labels 0 or 1 (rows, labels).

        Raises:
            NotFittedError: before `fit`.
            ShoalError: other features than in `fit`.
        """
        scores = self._scores(X)
        if scores.ndim == 2 and self.model_.task == "multilabel":
            return (scores > 0).astype(np.int64)
        labels: NDArray[Any] = self.classes_[scores.argmax(axis=1)]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Probability of each class (rows, classes), or of each label (rows, labels).

        The mean over the members, softened or sharpened by the temperature.

        Raises:
            NotFittedError: before `fit`.
            ShoalError: other features than in `fit`.
        """
        scores = self._scores(X)
        return self.model_.probabilities_of(scores)

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of `predict_proba`.

        Raises:
            NotFittedError: before `fit`.
            ShoalError: other features than in `fit`.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """Logarithms of the probabilities but for a constant in each row; the largest wins.

        For two classes log p₁ - log p₀ (rows,), above 0 for the second; for several labels
        log p - log(1 - p) each (rows, labels).

        Raises:
            NotFittedError: before `fit`.
            ShoalError: other features than in `fit`.
        """
        scores: NDArray[np.float64] = self._scores(X) / self.model_.temperature
        if self.model_.task == "classification" and scores.shape[1] == 2:
            return scores[:, 1] - scores[:, 0]
        return scores

    @property
    def _calibrates(self) -> bool:
        return bool(self.calibrate)

    def _scores(self, X: Any) -> NDArray[np.float64]:
        x = self._ready(X)
        return self.model_.scores(x)

    def _target(self, y: NDArray[Any], classes: Any = None, name: str = "y") -> Target:
        target = read_labels(y, classes, name)
        if target.task == "multilabel" and self.class_weight is not None:
            raise ShoalError(
                f"class_weight={self.class_weight!r} is for one label a row; for several give "
                "sample_weight"
            )
        return target

    def _more_target(self, y: NDArray[Any], like: Target, name: str) -> Target:
        return read_labels(y, like.classes, name)

    def _learnt(self, target: Target) -> None:
        assert target.classes is not None
        self.classes_ = target.classes

    def _class_factors(self, target: Target, weights: Weights | None) -> Weights | None:
        if target.classes is None or target.task == "multilabel":
            return None
        return class_weights(self.class_weight, target.classes, target.y, weights)

    def _calibrated(self, model: Model, judge: Rows, weights: Weights | None) -> Model:
        found = temperature_of(model.scores(judge.x), judge.target.y, weights)
        return replace(model, temperature=found)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
