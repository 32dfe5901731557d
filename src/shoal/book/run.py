"""Running experiments: what is found, how long it took, and the files it leaves."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

import shoal
from shoal.book.experiment import Draw, Experiment, Findings, Setting
from shoal.book.text import Language, Text
from shoal.comparison.result import machine_facts
from shoal.engine.checkpoint import write_whole
from shoal.engine.trainer import whole_runs
from shoal.errors import ShoalError

KINDS = ("svg", "png")


@dataclass(frozen=True)
class Done:
    """An experiment that was run.

    Attributes:
        experiment: which.
        setting: how.
        findings: what came out.
        seconds: how long it took.
        facts: date, machine and versions.
    """

    experiment: Experiment
    setting: Setting
    findings: Findings
    seconds: float
    facts: Mapping[str, Any]

    @property
    def command(self) -> str:
        """What to type to do it again."""
        return command(f"book {self.experiment.name}", self.experiment.uses, self.setting)


def command(verb: str, uses: str, setting: Setting) -> str:
    """The command line of an experiment or a claim.

    >>> command("book overfit", "images", Setting(data="digits", seeds=3, quick=True))
    'shoal book overfit --data digits --seeds 3 --quick'
    """
    data = f" --data {setting.data}" if uses != "nothing" else ""
    seeds = f" --seeds {setting.seeds}" if setting.seeds > 1 else ""
    return f"shoal {verb}{data}{seeds}{' --quick' if setting.quick else ''}"


def run(experiment: Experiment, setting: Setting) -> Done:
    """Run one experiment.

    An experiment in which nothing is random runs once, whatever the seeds.

    Raises:
        ShoalError: the data is not at hand.
        KeyboardInterrupt: Ctrl-C, also while networks train: figures of half a run mean nothing.
    """
    if experiment.seeds == 1:
        setting = replace(setting, seeds=1)
    started = time.perf_counter()
    # as the engine does: small products are many times slower on threads of a busy machine, and
    # bits must not depend on their number
    with threadpool_limits(1, "blas"), whole_runs():
        findings = experiment.run(setting)
    facts = {"date": date.today().isoformat(), **machine_facts()}
    return Done(experiment, setting, findings, time.perf_counter() - started, facts)


def to_dict(done: Done) -> dict[str, Any]:
    """All of it as plain data; NaN becomes None, a Text becomes both languages."""
    findings = done.findings
    cleaned: dict[str, Any] = plain(
        {
            "experiment": done.experiment.name,
            "title": done.experiment.title,
            "command": done.command,
            "setting": asdict(done.setting),
            "numbers": findings.numbers,
            "caption": findings.caption,
            "published": [vars(row) for row in findings.published],
            "remark": findings.remark,
            "seconds": round(done.seconds, 2),
            "facts": done.facts,
            "version": shoal.__version__,
        }
    )
    return cleaned


def save(
    done: Done, folder: Path, language: Language, languages: Sequence[Language] = ()
) -> list[Path]:
    """Write the numbers as NAME.json and each picture as NAME.svg and NAME.png.

    Args:
        done: what was run.
        folder: where to.
        language: of the labels in the pictures.
        languages: all that are asked for; with several, the language is part of the names.

    Returns:
        The files.

    Raises:
        ShoalError: the folder cannot be written.
    """
    return save_files(
        done.experiment.name, to_dict(done), done.findings.pictures, folder, language, languages
    )


def save_files(
    name: str,
    facts: Mapping[str, Any],
    pictures: Mapping[str, Draw],
    folder: Path,
    language: Language,
    languages: Sequence[Language],
) -> list[Path]:
    """What `save` does, for an experiment or a claim of that name."""
    from shoal.plot.figure import encode

    text = json.dumps(facts, indent=2, ensure_ascii=False)
    files = {folder / f"{name}.json": text.encode()}
    for key, draw in pictures.items():
        figure = draw(label_language(language))
        stem = picture_name(name, key, language if len(languages) > 1 else None)
        files |= {folder / f"{stem}.{kind}": encode(figure, kind) for kind in KINDS}
    for path, content in files.items():
        write_whole(path, content)
    return list(files)


def check_folder(folder: Path) -> None:
    """Find out before the work, and not after it, whether a folder can be written.

    Raises:
        ShoalError: it cannot.
    """
    probe = folder / ".probe"
    try:
        write_whole(probe, b"")
    except ShoalError as error:
        line = str(error).replace(str(probe), str(folder))
        raise ShoalError(f"{line}; give another by --out DIR") from None
    probe.unlink(missing_ok=True)


def picture_name(name: str, key: str, language: Language | None = None) -> str:
    """The name of a picture's files, without the ending.

    >>> picture_name("convnet", "filters"), picture_name("convnet", "", "zh")
    ('convnet-filters', 'convnet.zh')
    """
    return name + (f"-{key}" if key else "") + (f".{language}" if language else "")


def label_language(language: Language) -> Language:
    """The language of labels inside pictures: English where no font has Chinese characters."""
    return language if language == "en" or has_chinese_font() else "en"


def has_chinese_font() -> bool:
    """Whether a font of this machine has the characters of the Chinese labels."""
    from shoal.plot.figure import can_draw

    return can_draw("训练损失")


def plain(value: Any) -> Any:
    """Plain data for JSON.

    >>> plain({"mean": np.float32(0.5), "all": np.array([1.0, np.nan])})
    {'mean': 0.5, 'all': [1.0, None]}
    """
    if isinstance(value, Text):
        return {"en": value.en, "zh": value.zh}
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise ShoalError(f"numbers of an experiment must be plain, but {value!r} is {type(value)}")
