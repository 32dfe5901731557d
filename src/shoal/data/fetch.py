"""Files of data: found at hand, or downloaded; never trusted before their checksum is right.

Looked for in the folder that the environment variable SHOAL_DATA names, then in the user's cache;
what is nowhere is downloaded into the cache. The checksum is that of the uncompressed bytes, so a
file may lie there plain or gzipped, by whichever tool. A download goes to a temporary file that
takes its name only when the checksum is right: a failure leaves nothing behind.
"""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from shoal.errors import ShoalError

TIMEOUT: Final = 30  # seconds without an answer


@dataclass(frozen=True)
class DataFile:
    """A file that is known by its content.

    Attributes:
        name: its name, without ".gz".
        size: how many bytes it has, uncompressed.
        sha256: the checksum of those bytes, in hex.
    """

    name: str
    size: int
    sha256: str


def data_folders(sub: str) -> list[Path]:
    """Where SHOAL_DATA says to look: its folder `sub`, then the folder itself.

    Raises:
        ShoalError: if SHOAL_DATA is set but names no folder.
    """
    setting = os.environ.get("SHOAL_DATA", "")
    if not setting:
        return []
    folder = Path(setting).expanduser()
    if not folder.is_dir():
        raise ShoalError(
            f"SHOAL_DATA={setting} must be a folder, but there is none; correct or unset it"
        )
    return [folder / sub, folder]


def cache_folder(sub: str) -> Path:
    """The folder of that name in the user's cache; it need not exist."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("shoal")) / sub


def find(name: str, folders: Sequence[Path]) -> Path | None:
    """The first of the folders' files of that name, plain or gzipped."""
    for folder in folders:
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    return None


def read_checked(path: Path, file: DataFile) -> bytes:
    """The uncompressed bytes of a file at hand.

    Raises:
        ShoalError: if it cannot be read or is not what it should be.
    """
    try:
        return _uncompressed(path, file)
    except _Unusable as error:
        raise ShoalError(f"{path} {error}; delete it and get it again") from error


def download(file: DataFile, mirrors: Sequence[str], folder: Path) -> tuple[bytes, str]:
    """Get `file` from the first mirror that has it right, and keep it in `folder`.

    Args:
        file: what to get; the mirrors have it gzipped.
        mirrors: addresses ending in "/".
        folder: where to keep it.

    Returns:
        The uncompressed bytes, and the mirror that gave them.

    Raises:
        ShoalError: if the folder cannot be written, or every mirror failed, with each one's reason.
    """
    import tempfile

    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle, made = tempfile.mkstemp(prefix=".", suffix=".part", dir=folder)
    except OSError as error:
        raise ShoalError(
            f"the cache folder {folder} cannot be written ({error.strerror}); set XDG_CACHE_HOME "
            "to one that can, or SHOAL_DATA to a folder that has the data"
        ) from error
    os.close(handle)
    temporary = Path(made)
    failures = []
    try:
        for mirror in mirrors:
            try:
                _get(f"{mirror}{file.name}.gz", temporary, file.name)
                raw = _uncompressed(temporary, file)
            except _Unusable as error:
                failures.append(f"{mirror}: {error}")
                continue
            temporary.replace(folder / f"{file.name}.gz")
            return raw, mirror
    finally:
        temporary.unlink(missing_ok=True)
    raise ShoalError(
        f"{file.name} could not be downloaded ({'; '.join(failures)}); check the network, or put "
        "the files into a folder and set SHOAL_DATA to it"
    )


class _Unusable(Exception):
    """Why a file cannot be used; the text continues a sentence that begins with its name."""


def _uncompressed(path: Path, file: DataFile) -> bytes:
    """The bytes of a plain or gzipped file, if they are the right ones."""
    import gzip

    try:
        raw = path.read_bytes()
        if raw[:2] == b"\x1f\x8b":
            with gzip.open(path) as stream:
                raw = stream.read(file.size + 1)  # no more: a wrong file could unpack to anything
    except EOFError as error:
        raise _Unusable("is truncated (the gzip stream ends early)") from error
    except (OSError, zlib.error) as error:
        raise _Unusable(f"cannot be read ({error})") from error
    if len(raw) != file.size:
        fault = "is truncated" if len(raw) < file.size else "is too long"
        came = f"{len(raw)}" if len(raw) < file.size else "more"
        raise _Unusable(f"{fault} (expected {file.size} bytes uncompressed, got {came})")
    found = hashlib.sha256(raw).hexdigest()
    if found != file.sha256:
        raise _Unusable(f"has the wrong checksum (expected SHA-256 {file.sha256}, got {found})")
    return raw


def _get(url: str, path: Path, name: str) -> None:
    """Download to `path`, with a progress bar if someone is watching."""
    import textwrap

    import pooch

    bar = _Bar(name) if sys.stderr.isatty() else None
    try:
        get = pooch.HTTPDownloader(progressbar=bar or False, timeout=TIMEOUT, chunk_size=2**16)
        get(url, path, None)
    except OSError as error:  # requests' errors are of this kind
        cause = str(error).rpartition("Caused by ")[2]  # after the address, which is known
        reason = textwrap.shorten(cause, 160, placeholder=" ...")
        raise _Unusable(f"{type(error).__name__} ({reason})") from error
    finally:
        if bar:
            bar.close()


class _Bar:
    """A progress bar of rich, with the methods that pooch calls."""

    def __init__(self, name: str) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

        columns: list[Any] = [TextColumn("{task.description}"), BarColumn(), DownloadColumn()]
        self._progress = Progress(*columns, console=Console(stderr=True))
        self._task = self._progress.add_task(name, total=None)
        self._progress.start()

    @property
    def total(self) -> float | None:
        """Bytes to come."""
        return self._progress.tasks[0].total

    @total.setter
    def total(self, value: float) -> None:
        self._progress.update(self._task, total=value or None)

    def update(self, count: int) -> None:
        """So many bytes came."""
        self._progress.advance(self._task, count)

    def reset(self) -> None:
        """Back to nothing; pooch does so before it fills the bar."""
        self._progress.update(self._task, completed=0)

    def close(self) -> None:
        """Leave the bar as it stands."""
        self._progress.stop()
