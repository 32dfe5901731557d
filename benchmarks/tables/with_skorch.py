"""skorch: PyTorch behind scikit-learn's interface, with the network of Shoal's "book"."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.tables.contestants import ENOUGH_TO_VALIDATE, Contestant, preparation
from benchmarks.tables.table import Table


def contestant() -> Contestant:
    """The contestant.

    Raises:
        ImportError: skorch or PyTorch is missing.
    """
    import skorch
    import torch

    return Contestant(
        "skorch",
        f"skorch {skorch.__version__} on PyTorch {torch.__version__}: one hidden layer of 100 ReLU "
        "units, Adam 0.001, batches of 128, at most 500 epochs, early stopping after 10 by a tenth "
        f"of the rows (from {ENOUGH_TO_VALIDATE} rows on, else 100 epochs), best weights restored; "
        "inputs and targets as for scikit-learn's MLP",
        Net,
    )


class Net:
    """Prepares inputs and targets, and trains a skorch net on them."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.seed = table, seed
        self.preparation = preparation()

    def fit(self, x: Any, y: NDArray[Any]) -> Net:
        """Train."""
        import torch

        inputs = self.preparation.fit_transform(x).astype(np.float32)
        if self.table.task == "classification":
            self.classes, y = np.unique(y, return_inverse=True)
            outputs = len(self.classes)
        else:
            self.mean, self.scale = y.mean(), y.std()
            y = ((y - self.mean) / self.scale).astype(np.float32)[:, None]
            outputs = 1
        torch.manual_seed(self.seed)
        self.net = self._net(inputs.shape[1], outputs, len(y))
        self.net.fit(inputs, y)
        return self

    def predict(self, x: Any) -> NDArray[Any]:
        """Labels, or numbers in their own unit."""
        said = self.net.predict(self.preparation.transform(x).astype(np.float32))
        if self.table.task == "classification":
            return self.classes[said]
        return said[:, 0] * self.scale + self.mean

    def _net(self, inputs: int, outputs: int, rows: int) -> Any:
        import torch
        from skorch import NeuralNetClassifier, NeuralNetRegressor
        from skorch.callbacks import EarlyStopping
        from skorch.dataset import ValidSplit

        classes = self.table.task == "classification"
        settings: dict[str, Any] = {
            "module": torch.nn.Sequential(
                torch.nn.Linear(inputs, 100), torch.nn.ReLU(), torch.nn.Linear(100, outputs)
            ),
            "optimizer": torch.optim.Adam,
            "lr": 0.001,
            "batch_size": 128,
            "verbose": 0,
        }
        if rows >= ENOUGH_TO_VALIDATE:
            part = ValidSplit(0.1, stratified=classes, random_state=self.seed)
            stop = EarlyStopping(patience=10, load_best=True)
            settings |= {"max_epochs": 500, "train_split": part, "callbacks": [stop]}
        else:
            settings |= {"max_epochs": 100, "train_split": None}
        if classes:
            return NeuralNetClassifier(criterion=torch.nn.CrossEntropyLoss, **settings)
        return NeuralNetRegressor(**settings)
