"""What several tests of the data need."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from shoal.data import mnist
from shoal.data.fetch import DataFile

Write = Callable[[Path], None]


@pytest.fixture
def shared() -> Path:
    """The folder of real data; without SHOAL_DATA the test is skipped."""
    setting = os.environ.get("SHOAL_DATA")
    if not setting or not Path(setting).is_dir():
        pytest.skip("SHOAL_DATA names no folder of data")
    return Path(setting)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No data at hand: SHOAL_DATA unset and the cache in an empty folder, which is returned."""
    monkeypatch.delenv("SHOAL_DATA", raising=False)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda _: str(tmp_path / "cache"))
    return tmp_path / "cache"


def idx_bytes(array: np.ndarray) -> bytes:
    """An array of uint8 as an IDX file."""
    sizes = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def small_mnist(monkeypatch: pytest.MonkeyPatch) -> Write:
    """MNIST of 40 + 10 images with right checksums; returned is what writes it to a folder."""
    rng = np.random.default_rng(0)
    arrays = {
        "train_x": rng.integers(0, 256, (40, 28, 28)),
        "train_y": np.arange(40) % 10,
        "test_x": rng.integers(0, 256, (10, 28, 28)),
        "test_y": np.arange(10),
    }
    raw = {key: idx_bytes(array) for key, array in arrays.items()}
    files = {
        key: DataFile(mnist.FILES[key].name, len(data), hashlib.sha256(data).hexdigest())
        for key, data in raw.items()
    }
    monkeypatch.setattr(mnist, "FILES", files)

    def write(folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for key, file in files.items():
            (folder / f"{file.name}.gz").write_bytes(gzip.compress(raw[key]))

    return write
