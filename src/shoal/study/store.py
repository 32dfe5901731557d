"""Where a study lives: a folder that can be killed at any moment and taken up again.

`study.json` says what was asked. `log.jsonl` has one line for everything that was decided, in the
order in which it was: which values a sampler gave, and at each rung which trials ended and how. A
line is written when its decision is made and never changed; one that a kill cut short is left out.
`waves/` has the trainers of the trials that still run, each as it was at its last rung or later; or
at the rung before, if the kill came between the decision and the writing of those who passed. So
what is lost by a kill is at most the training of one rung.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from shoal.engine.checkpoint import write_whole
from shoal.errors import ShoalError

ASKED = "study.json"
LOG = "log.jsonl"


class Store:
    """The folder of a study; without a folder, nothing is kept.

    Args:
        folder: of the study, or None.
        asked: what is searched, on what and how: plain data.
        resume: go on with what the folder holds.

    Attributes:
        lines: what was decided so far.

    Raises:
        ShoalError: the folder holds another study, or cannot be written.
    """

    def __init__(self, folder: Path | None, asked: dict[str, Any], *, resume: bool) -> None:
        self.folder = folder
        self.lines: list[dict[str, Any]] = []
        if folder is None:
            return
        path = folder / ASKED
        if path.exists():
            self._check(path, asked, resume)
            self.lines = self._read(folder / LOG)
        else:
            write_whole(path, json.dumps(asked, indent=2, ensure_ascii=False).encode())

    def _check(self, path: Path, asked: dict[str, Any], resume: bool) -> None:
        if not resume:
            raise ShoalError(f"out={self.folder} holds a study; resume it, or give another folder")
        held = read_asked(path.parent)
        asked = json.loads(json.dumps(asked))
        for key, value in asked.items():
            if held.get(key) != value:
                raise ShoalError(
                    f"out={self.folder} holds a study {_differs(key, held.get(key), value)}; "
                    "give another folder"
                )

    def _read(self, path: Path) -> list[dict[str, Any]]:
        """The lines of the log; one cut short by a kill is cut off."""
        if not path.exists():
            return []
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        try:
            lines = [json.loads(line) for line in whole.split(b"\n")[:-1]]
            if not all("asked" in line or {"ended", "running"} <= line.keys() for line in lines):
                raise ValueError
        except (ValueError, TypeError, AttributeError):
            raise ShoalError(f"{path} is damaged; start anew in another folder") from None
        if len(whole) < len(content):
            with path.open("r+b") as file:
                file.truncate(len(whole))
        return lines

    def append(self, line: dict[str, Any]) -> None:
        """Write one decision, for good.

        Raises:
            ShoalError: the folder cannot be written.
        """
        self.lines.append(line)
        if self.folder is None:
            return
        try:
            with (self.folder / LOG).open("ab") as file:
                file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise ShoalError(f"cannot write {self.folder / LOG}: {error.strerror}") from None

    def wave(self, number: int) -> Path | None:
        """The folder of a wave's trainer."""
        return None if self.folder is None else self.folder / "waves" / f"{number:05d}"

    def end_wave(self, number: int) -> None:
        """Delete what a wave that has ended leaves behind."""
        folder = self.wave(number)
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _differs(key: str, held: Any, asked: Any) -> str:
    """What another study has that this one has not, in words.

    >>> _differs("settings", {"trials": 10, "seed": 0}, {"trials": 20, "seed": 0})
    'with trials=10 (asked: 20)'
    >>> _differs("data", "8a", "1b")
    'of other data'
    >>> _differs("settings", {"trials": 10}, {"trials": 10, "rungs": [[1, 9]]})
    'of another version of shoal'
    """
    if key == "settings" and isinstance(held, dict):
        name = next((n for n in (*asked, *held) if held.get(n) != asked.get(n)), "")
        if name not in held and name not in ("steps", "epochs"):  # one of them
            return "of another version of shoal"
        return f"with {name}={held.get(name)!r} (asked: {asked.get(name)!r})"
    return "of other data" if key == "data" else f"with another {key}"


def read_asked(folder: Path) -> dict[str, Any]:
    """What a study was asked to search.

    Raises:
        ShoalError: the folder holds no study, or a damaged one.
    """
    path = folder / ASKED
    try:
        asked: dict[str, Any] = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ShoalError(f"{folder} holds no study of shoal") from None
    except OSError as error:
        raise ShoalError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError:
        raise ShoalError(f"{path} is damaged; start anew in another folder") from None
    return asked
