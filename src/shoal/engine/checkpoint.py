"""Checkpoints: named arrays and plain facts in one file that is never half written.

The file is safetensors (github.com/huggingface/safetensors); the facts are JSON in its header,
with a checksum of it all. Nothing is pickled, so opening a file runs nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shoal.errors import ShoalError

Arrays = dict[str, NDArray[Any]]


def save(path: Path, arrays: Mapping[str, NDArray[Any]], facts: Mapping[str, Any]) -> None:
    """Write arrays and facts; the old file stays whole until the new one is.

    Raises:
        ShoalError: the folder cannot be written.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import save_file

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(facts, default=int)  # of NumPy's numbers, only whole ones are facts
    labels = {"shoal": text, "crc32": checksum(text, whole)}

    def write(temporary: Path) -> None:
        try:
            save_file(whole, temporary, metadata=labels)
        except SafetensorError as error:
            raise OSError(str(error)) from None

    _replace(path, write)


def load(path: Path) -> tuple[Arrays, dict[str, Any]]:
    """Read what `save` wrote.

    Raises:
        ShoalError: no such file, or a damaged one.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise ShoalError(f"no checkpoint at {path}; give the folder of a run")
    try:
        with safe_open(path, framework="numpy") as file:
            labels = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ShoalError(f"{path} is damaged and cannot be read ({error}); start anew") from None
    if "shoal" not in labels:
        raise ShoalError(f"{path} is no checkpoint of shoal; give the folder of a run")
    if labels.get("crc32") != checksum(labels["shoal"], arrays):
        raise ShoalError(f"{path} is damaged (its checksum is wrong); start anew")
    return arrays, json.loads(labels["shoal"])


def checksum(text: str, arrays: Arrays) -> str:
    """CRC-32 of the facts and of all arrays with their names, types and shapes."""
    value = zlib.crc32(text.encode())
    for name, array in sorted(arrays.items()):
        value = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), value)
        value = zlib.crc32(array.data, value)
    return f"{value:08x}"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a reader, or a kill, finds the old content or the new, nothing between.

    Raises:
        ShoalError: the folder cannot be written.
    """

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    _replace(path, write)


def _replace(path: Path, write: Callable[[Path], None]) -> None:
    """Let a file be written beside its place, and put it there when it is safely on disk."""
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        temporary = Path(name)
        os.close(handle)
        try:
            write(temporary)
            with temporary.open("r+b") as file:
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)  # mkstemp lets nobody else read
            os.replace(temporary, path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except (FileExistsError, NotADirectoryError):
        raise ShoalError(f"cannot write {path}: {path.parent} is no folder") from None
    except OSError as error:
        raise ShoalError(f"cannot write {path}: {error.strerror or error}") from None
