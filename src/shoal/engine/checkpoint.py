"""Checkpoints: named arrays and plain facts in one file that is never half written.

The file is safetensors (github.com/huggingface/safetensors); the facts are JSON in its header,
with a checksum of it all. Nothing is pickled, so opening a file runs nothing.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
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
    from safetensors.numpy import save as to_bytes

    whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    text = json.dumps(facts, default=int)  # of NumPy's numbers, only whole ones are facts
    labels = {"shoal": text, "crc32": checksum(text, whole)}
    write_whole(path, to_bytes(whole, metadata=labels))


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
    import tempfile

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, 0o666 & ~umask)  # mkstemp lets nobody else read
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except (FileExistsError, NotADirectoryError):
        raise ShoalError(f"cannot write {path}: {path.parent} is no folder") from None
    except OSError as error:
        raise ShoalError(f"cannot write {path}: {error.strerror or error}") from None
