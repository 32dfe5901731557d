"""Signs: 1,237 colour photographs of hands showing 0 to 5, 64×64 (Mavi 2020, Apache-2.0)."""

from __future__ import annotations

import zipfile
import zlib
from typing import Final

import numpy as np

from shoal.data.dataset import Dataset
from shoal.data.fetch import data_folders, find
from shoal.data.images import labelled_images, refuse_test
from shoal.errors import ShoalError

TRAIN: Final = 1080  # as in the exercise of that name; the rows are shuffled already


def load_signs(valid: float | None, test: float | None, seed: int) -> Dataset:
    """From SHOAL_DATA: the first 1,080 to train on, the rest to test, none to validate."""
    refuse_test("signs", test)
    path = find("signs.npz", data_folders("signs"))
    if path is None:
        raise ShoalError(
            "signs must be at hand as signs/signs.npz in the folder that SHOAL_DATA names, but is "
            "not, and there is no download for it; set SHOAL_DATA"
        )
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            x, y = archive["x"], archive["y"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise ShoalError(f"{path} cannot be read ({error}); get it again") from error
    if x.shape[1:] != (64, 64, 3) or x.dtype != np.uint8 or y.shape != x.shape[:1] or y.max() > 5:
        raise ShoalError(
            f"{path} must hold x of shape (rows, 64, 64, 3), uint8, and y of shape (rows,) from 0 "
            f"to 5, but holds x {x.shape}, {x.dtype}, and y {y.shape}; get it again"
        )
    return labelled_images(
        "signs",
        "SHOAL_DATA",
        x[:TRAIN],
        y[:TRAIN],
        top=255,
        classes=6,
        valid=0 if valid is None else valid,
        test=0,
        seed=seed,
        own_test=(x[TRAIN:], y[TRAIN:]),
    )


def find_signs() -> str | None:
    """The folder it is in; None if it is nowhere."""
    path = find("signs.npz", data_folders("signs"))
    return None if path is None else str(path.parent)
