"""What a search is worth: its winner, trained anew on fresh seeds, on images nothing was chosen by.

The best of many validation scores is partly luck, and the more so the more trials there were. So
claims about searches are judged by what their winners do afterwards.

What a search finds is a matter of chance, so there must be many; the network is smaller than the
book's.
"""

from __future__ import annotations

from typing import Any

import shoal
from shoal.book.searches import on_test, whole
from shoal.errors import ShoalError

NETWORK = shoal.mlp([50] * 3)
FRESH = 5
"""Networks of each winner, on seeds that its search has not used."""
APART = 100
"""Between the seeds of two repetitions, so that no two share any."""


def searched(
    space: shoal.Recipe, data: shoal.Dataset, repetition: int, trials: int, epochs: int, **how: Any
) -> shoal.Study | None:
    """A search whose trials are all trained to the end, and its winner anew on fresh seeds.

    Args:
        space, data: what is searched, and on which images.
        repetition: in all ways of searching, the same has the same seeds.
        trials, epochs: how many, how long.
        how: for `shoal.search`, such as `sampler="tpe"`.

    Returns:
        The study; None if every trial diverged, as with learning rates that are all too large.
    """
    try:
        study = shoal.search(
            space,
            data,
            trials=trials,
            epochs=epochs,
            strategy="full",
            seed=APART * repetition,
            finalists=1,
            final_seeds=FRESH,
            progress=False,
            **how,
        )
    except ShoalError as error:
        if "every trial diverged" in str(error):
            return None
        raise
    return whole(study)


def worth(study: shoal.Study | None, data: shoal.Dataset) -> float:
    """Mean test accuracy of the winner's networks; one that diverged is as good as a guess."""
    guess = 1 / len(data.classes or ())
    if study is None or study.test is None:
        return guess
    alive = study.test.networks / FRESH
    return alive * on_test(study) + (1 - alive) * guess
