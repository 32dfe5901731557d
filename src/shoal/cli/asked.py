"""What a run was asked to do, kept in its folder so that it can be resumed."""

from __future__ import annotations

import itertools
import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from shoal.errors import ShoalError

ASKED = "asked.json"
QUESTIONS = {
    "compare": {"data", "recipes", "where", "tune", "settings", "command"},
    "search": {"data", "space", "where", "settings", "command"},
}
"""What each verb writes down."""
FILES = ("recipes", "space")
"""What can be used again as a file."""


def read_asked(folder: Path, verb: str = "compare") -> dict[str, Any]:
    """What a run was asked to do.

    Raises:
        ShoalError: the folder holds no run of this verb, or it is damaged.
    """
    try:
        asked: dict[str, Any] = json.loads((folder / ASKED).read_text("utf-8"))
    except FileNotFoundError:
        raise ShoalError(f"--resume={folder} holds no run of `shoal {verb}`") from None
    except OSError as error:
        raise ShoalError(f"{folder / ASKED} cannot be read: {error.strerror}") from None
    except ValueError:
        asked = {}
    for other, questions in QUESTIONS.items():
        if other != verb and isinstance(asked, dict) and set(asked) == questions:
            raise ShoalError(
                f"--resume={folder} holds a run of `shoal {other}`; go on with it by that verb"
            )
    if not isinstance(asked, dict) or set(asked) != QUESTIONS[verb]:
        raise ShoalError(f"{folder / ASKED} is damaged; start anew in another folder")
    return asked


def default_folder(data: str) -> Path:
    """Where a run on some data goes that was not told where: runs/DATE-TIME-DATA."""
    return Path(time.strftime(f"runs/%Y%m%d-%H%M%S-{Path(data).name.split('.')[0]}"))


def refuse_taken(folder: Path, *, resume: bool) -> None:
    """Require that a folder is no file, and holds no run yet unless that one is resumed."""
    if folder.is_file():
        raise ShoalError(f"--out={folder} is a file; give a folder")
    if not resume and (folder / ASKED).exists():
        raise ShoalError(
            f"--out={folder} holds a run; go on with it by --resume {folder}, or give another"
        )


def claim(folder: Path) -> Path:
    """Make a folder that nobody else has: this one, or else one called …-2, …-3 and so on.

    Raises:
        ShoalError: it cannot be made.
    """
    for n in itertools.count(1):
        mine = folder if n == 1 else folder.with_name(f"{folder.name}-{n}")
        try:
            mine.mkdir(parents=True)
            return mine
        except FileExistsError:
            continue  # of a run that began in the same second
        except OSError as error:
            raise ShoalError(f"cannot make {mine}: {error.strerror}; give --out DIR") from None
    raise AssertionError


def write_asked(folder: Path, asked: dict[str, Any]) -> None:
    """Write down what is asked, and the recipes (or the space) once more as a file to reuse.

    Raises:
        ShoalError: the folder cannot be written.
    """
    from shoal.engine.checkpoint import write_whole

    write_whole(folder / ASKED, json.dumps(asked, indent=2, ensure_ascii=False).encode())
    for name in FILES:
        if name in asked:
            write_whole(folder / f"{name}.toml", asked[name].encode())


def forget(folder: Path, whole: bool) -> None:
    """Take away what was asked, so that it can be asked again in the same folder."""
    for name in (ASKED, *(f"{name}.toml" for name in FILES)):
        (folder / name).unlink(missing_ok=True)
    if whole:
        with suppress(OSError):  # somebody else has put something there
            folder.rmdir()
