"""Small data of every kind, and two ways of looking at what members did."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import textwrap
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shoal import Dataset, Trainer

TRAIN, VALID, TEST = 33, 8, 7  # with a batch of 16 or of 8 the last one of an epoch has 1 row


@lru_cache
def _data(kind: str, train: int = TRAIN) -> Dataset:
    rng = np.random.default_rng(0)
    rows = train + VALID + TEST
    shape = {"images": (4, 4), "colour images": (3, 3, 2), "one feature": (1,)}.get(kind, (6,))
    x = rng.standard_normal((rows, *shape))
    hidden = np.tanh(x.reshape(rows, -1)[:, :3] @ rng.standard_normal((min(3, x[0].size), 3)))
    y: Any = hidden.argmax(axis=1)
    if kind == "regression":
        y = hidden * (1, 20, 300)
    if kind == "one target":
        y = 5 * hidden[:, 0]
    return Dataset.from_arrays(x, y, valid=VALID, test=TEST)


@pytest.fixture(scope="session")
def data_of() -> Callable[..., Dataset]:
    """A data set by its kind, with 33 rows to train on unless another number is given."""
    return _data


@pytest.fixture(scope="session")
def data() -> Dataset:
    """6 features, 3 classes, 33 + 8 + 7 rows."""
    return _data("classes")


@pytest.fixture(scope="session")
def did() -> Callable[[Trainer, int], dict[str, np.ndarray]]:
    """All that a member did and became, by name: its history, weights and slots."""

    def did(trainer: Trainer, member: int = 0) -> dict[str, np.ndarray]:
        history = trainer.history
        found = {
            name: history.curve(member, name).values
            for name in ("loss", "gradient_norm", *history.metrics)
        }
        for cohort in trainer._cohorts:
            for row in np.flatnonzero(cohort.index == member):
                [at] = cohort.places([row])
                found |= {"theta": cohort.rows.theta[at], "running": cohort.rows.running[at]}
                found |= {f"slot {name}": slot[at] for name, slot in cohort.rows.slots.items()}
                found |= {"diverged": cohort.record.diverged[row]}
                found |= {"stopped": cohort.record.stopped[row]}
                if cohort.best is not None:
                    found |= {"best theta": cohort.best.theta[at]}
                    found |= {"best running": cohort.best.running[at]}
                    found |= {"best step": cohort.standing.step[row]}
                    found |= {"best value": cohort.standing.value[row]}
        return {name: np.array(array) for name, array in found.items()}

    return did


@pytest.fixture(scope="session")
def bits(did: Any) -> Callable[[Trainer, int], dict[str, str]]:
    """The same as digests of their bytes: equal if not one bit differs."""

    def bits(trainer: Trainer, member: int = 0) -> dict[str, str]:
        found = did(trainer, member)
        return {name: hashlib.sha1(array.tobytes()).hexdigest() for name, array in found.items()}

    return bits


@pytest.fixture(scope="session")
def all_bits(bits: Any) -> Callable[[Trainer], list[dict[str, str]]]:
    """The bits of every member."""
    return lambda trainer: [bits(trainer, i) for i in range(len(trainer.members))]


@pytest.fixture
def python(tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start a Python program as a process of its own; its output is text to read."""

    def start(program: str, *arguments: object) -> subprocess.Popen[str]:
        file = tmp_path / "program.py"
        file.write_text(textwrap.dedent(program))
        return subprocess.Popen(
            [sys.executable, file, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that signals reach it and its children, not the tests
        )

    return start
