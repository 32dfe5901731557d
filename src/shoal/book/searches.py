"""What the experiments and claims on searching share: the textbook's images, network and ranges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

import shoal
from shoal.book.text import Text

IMAGES, VALID = 500, 100
TRIALS, EPOCHS = 100, 50
LR, DECAY = (1e-6, 1e-2), (1e-8, 1e-4)
"""The ranges searched; both on a log scale."""
LR_PATH, DECAY_PATH = "optimizer.lr", "weight_decay"
"""What a trial's values call them."""

Values = NDArray[np.float64]


def book_space(
    lr: tuple[float, float] = LR, decay: tuple[float, float] = DECAY, **settings: object
) -> shoal.Recipe:
    """Six hidden layers of 100 units under SGD; learning rate and decay on a log scale.

    Args:
        lr, decay: their ranges.
        settings: other values or distributions, by path.

    >>> book_space(batch_size=50).optimizer.lr
    log_uniform(1e-06, 0.01)
    """
    space = shoal.Recipe(
        shoal.mlp([100] * 6),
        shoal.SGD(lr=shoal.log_uniform(*lr)),
        init="he",
        weight_decay=shoal.log_uniform(*decay),
        batch_size=100,
    )
    return space.replace(settings)


def few(data: shoal.Dataset, seed: int) -> shoal.Dataset:
    """Some 500 images, 100 of them to choose by; every seed has others. The test part stays.

    Args:
        data: without a validation part.
        seed: of the draw.

    >>> few(shoal.load("digits", valid=0), 0)
    <Dataset digits: classification, 400 + 100 + 359 rows, inputs (8, 8), 10 classes>
    """
    return data.take(IMAGES, seed).with_valid(VALID, seed)


def whole(study: shoal.Study) -> shoal.Study:
    """The study, if it came to its end.

    Raises:
        KeyboardInterrupt: Ctrl-C ended it, maybe between two trainings: half a search says nothing.
    """
    if not study.complete:
        raise KeyboardInterrupt
    return study


def scores(study: shoal.Study) -> Values:
    """What every trial scored on the validation part, in the order tried; -inf if it diverged."""
    return np.array([trial.score for trial in study.trials])


def best_so_far(scored: ArrayLike) -> Values:
    """The best score of the first 1, 2, 3, … trials.

    Args:
        scored: (..., trials), in the order tried.

    >>> best_so_far([[0.1, 0.3, 0.2], [0.4, 0.2, 0.5]])
    array([[0.1, 0.3, 0.3],
           [0.4, 0.4, 0.5]])
    """
    return np.maximum.accumulate(np.asarray(scored, np.float64), axis=-1)


def values_of(study: shoal.Study, path: str) -> Values:
    """The value that every trial had of one dimension, in the order tried."""
    return np.array([trial.values[path] for trial in study.trials])


def on_test(study: shoal.Study) -> float:
    """What the winner scores on the test part, trained anew on fresh seeds: their mean.

    The best of a hundred validation scores is partly luck; this is not. NaN without finalists, or
    if every one of them diverged.
    """
    return np.nan if study.test is None else study.test.interval.mean


def lost_on_test(study: shoal.Study) -> int:
    """How many of the winner's networks on fresh seeds diverged, and are in no mean."""
    every = study.facts["settings"]["final_seeds"]
    return int(every if study.test is None else every - study.test.networks)


def said_lost(lost: Mapping[str, Sequence[int]], names: Mapping[str, Text]) -> Text:
    """How many of the winners' networks diverged, if any did.

    >>> said_lost({"a": [0, 0], "b": [0, 1]}, {"a": Text("A", "甲"), "b": Text("B", "乙")})["en"]
    "Of the winners' networks on fresh seeds, some diverged and are left out: B 1."
    """
    some = [f"{{{way}}} {sum(each)}" for way, each in lost.items() if sum(each)]
    if not some:
        return Text("", "")
    return Text(
        "Of the winners' networks on fresh seeds, some diverged and are left out: "
        + ", ".join(some)
        + ".",
        "优胜者在新种子上有网络发散，未计入：" + "、".join(some) + "。",
    ).format(**names)
