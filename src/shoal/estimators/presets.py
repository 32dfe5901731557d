"""What stands for "auto": the settings of an estimator that its user left open.

A preset is a function of the task and the number of training rows. Only what stands at "auto" is
taken from it, so a value that was given always counts, be it the one that the preset has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from shoal.errors import unknown

AUTO: Final = "auto"
LEAST_STEPS: Final = 1000  # a table of a few rows has few steps in an epoch
MANY_ROWS: Final = 4000  # from here on "tuned" takes wider and deeper networks
LEAST_VALID_ROWS: Final = 20  # fewer say too little to stop or to choose by


def is_auto(value: object) -> bool:
    """Whether a setting was left open; arrays and objects compare in ways of their own."""
    return isinstance(value, str) and value == AUTO


def book(task: str, rows: int) -> dict[str, Any]:
    """Plain settings, as a textbook has them: one hidden layer of 100 ReLU units, Adam.

    Args:
        task: "classification", "multilabel" or "regression".
        rows: of the training part.

    >>> settings = book("classification", 2000)
    >>> settings["hidden"], settings["optimizer"], settings["batch_size"], settings["epochs"]
    ((100,), 'adam', 128, 100)
    """
    batch_size = min(128, rows)
    steps = math.ceil(rows / batch_size)
    return {
        "hidden": (100,),
        "activation": "relu",
        "dropout": 0.0,
        "batch_norm": False,
        "embedding": None,
        "optimizer": "adam",
        "lr": 0.001,
        "schedule": None,
        "weight_decay": 0.0,
        "label_smoothing": 0.0,
        "batch_size": batch_size,
        "clip_norm": None,
        "epochs": max(100, math.ceil(LEAST_STEPS / steps)),
        "patience": max(10, math.ceil(100 / steps)),
        "scale": "standard",
        "monitor": "loss",
    }


def tuned(task: str, rows: int) -> dict[str, Any]:
    """Settings for tables, in the spirit of RealMLP (Holzmüller, Grinsztajn and Steinwart 2024).

    Chosen by measurement on embedded and made-up tables; docs/estimators.md says what each piece
    is worth there, and how the whole does on real tables that nothing was chosen on.

    - scale: numbers by median and quartiles, extremes bent in, so that no outlier rules a column.
    - embedding: waves of every number, for functions that jump or swing.
    - activation: GELU, smooth where ReLU bends.
    - hidden: more units than are needed, held in check by dropout and weight decay; three wide
      layers from 4,000 rows on.
    - optimizer, lr, schedule: AdamW at several times the usual rate, falling to 0 as a cosine.
    - label_smoothing: no class is certain.
    - epochs: fewer where an epoch has many steps.

    >>> settings = tuned("regression", 2000)
    >>> settings["hidden"], settings["lr"], settings["label_smoothing"]
    ((128, 128), 0.006, 0.0)
    >>> tuned("regression", 20_000)["hidden"]
    (256, 256, 256)
    """
    large = rows >= MANY_ROWS
    batch_size = min(256 if large else 128, rows)
    steps = math.ceil(rows / batch_size)
    return {
        "hidden": (256, 256, 256) if large else (128, 128),
        "activation": "gelu",
        "dropout": 0.25,
        "batch_norm": False,
        "embedding": "periodic",
        "optimizer": "adamw",
        "lr": 0.003 if large else 0.006,
        "schedule": "cosine",
        "weight_decay": 0.3,
        "label_smoothing": 0.1 if task == "classification" else 0.0,
        "batch_size": batch_size,
        "clip_norm": None,
        "epochs": max(60 if large else 120, math.ceil(LEAST_STEPS / 2 / steps)),
        "patience": max(20, math.ceil(100 / steps)),
        "scale": "robust",
        "monitor": "loss",
    }


PRESETS: Final[dict[str, Callable[[str, int], dict[str, Any]]]] = {"book": book, "tuned": tuned}
"""By the names that `preset=` takes."""


_BELONGINGS: Final = (
    ("lr", "optimizer", None),
    ("weight_decay", "optimizer", 0.0),
    ("label_smoothing", "loss", 0.0),
)
"""A setting, the one it belongs to, and what it is where that one was given."""


def settle(asked: Mapping[str, Any], task: str, rows: int) -> dict[str, Any]:
    """All settings, with those at "auto" taken from the preset `asked["preset"]`.

    A preset's learning rate and weight decay belong to its optimizer: for one that was given, lr
    becomes None, which is the optimizer's own, and weight_decay 0. Label smoothing belongs to the
    usual loss: for a loss that was given it is 0.

    Raises:
        ShoalError: no such preset.

    >>> settle({"preset": "book", "lr": "auto", "optimizer": "sgd"}, "regression", 50)["lr"]
    """
    name = asked["preset"]
    if not isinstance(name, str) or name not in PRESETS:
        raise unknown("preset", name, PRESETS)
    settled = dict(asked)
    for key, value in PRESETS[name](task, rows).items():
        if is_auto(asked.get(key, AUTO)):
            settled[key] = value
    for name, belongs_to, otherwise in _BELONGINGS:
        if is_auto(asked.get(name, AUTO)) and not is_auto(asked.get(belongs_to, AUTO)):
            settled[name] = otherwise
    return settled


def share_of_valid(valid: object, rows: int) -> Any:
    """The share of rows to validate by: a tenth, unless that is fewer than 20 rows.

    >>> share_of_valid("auto", 150), share_of_valid("auto", 2000), share_of_valid(0.3, 10)
    (0, 0.1, 0.3)
    """
    if is_auto(valid):
        return 0.1 if rows >= 10 * LEAST_VALID_ROWS else 0
    return 0 if valid is None else valid
