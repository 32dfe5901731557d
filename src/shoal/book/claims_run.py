"""Putting claims to the test: what came out, how long it took, and the files it leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import shoal
from shoal.book.claims.claim import MIN_SEEDS, Claim, Judged
from shoal.book.claims.forest import draw_forest
from shoal.book.experiment import Draw, Setting
from shoal.book.run import command, plain, save_files
from shoal.book.text import Language
from shoal.comparison.result import machine_facts
from shoal.engine.trainer import whole_runs
from shoal.errors import ShoalError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Answered:
    """A claim that was put to the test.

    Attributes:
        claim: which.
        setting: how.
        judged: what came out.
        seconds: how long it took.
        facts: date, machine and versions.
    """

    claim: Claim
    setting: Setting
    judged: Judged
    seconds: float
    facts: Mapping[str, Any]

    @property
    def command(self) -> str:
        """What to type to do it again."""
        return command(f"claims {self.claim.name}", "images", self.setting)

    @property
    def pictures(self) -> dict[str, Draw]:
        """The forest of the findings under "", then the study's own."""

        def forest(language: Language) -> Figure:
            return draw_forest(self.judged.findings, language)

        return {"": forest, **self.judged.pictures}


def put_to_test(claim: Claim, setting: Setting) -> Answered:
    """Put a claim to the test.

    Raises:
        ShoalError: fewer seeds than an answer needs, or the data is not at hand.
        KeyboardInterrupt: Ctrl-C, also while networks train: half a run gives no answer.
    """
    if setting.seeds < MIN_SEEDS:
        raise ShoalError(
            f"seeds={setting.seeds} must be at least {MIN_SEEDS}: a claim is judged by paired "
            "seeds, and fewer say too little"
        )
    started = time.perf_counter()
    with whole_runs():
        judged = claim.study(setting)
    facts = {"date": date.today().isoformat(), **machine_facts()}
    return Answered(claim, setting, judged, time.perf_counter() - started, facts)


def to_dict(tested: Answered) -> dict[str, Any]:
    """All of it as plain data; NaN becomes None, a Text becomes both languages."""
    judged = tested.judged
    cleaned: dict[str, Any] = plain(
        {
            "claim": tested.claim.name,
            "number": tested.claim.number,
            "statement": tested.claim.statement,
            "command": tested.command,
            "setting": asdict(tested.setting),
            "verdict": judged.verdict,
            "condition": judged.condition,
            "words": judged.words,
            "findings": [
                vars(finding)
                | {"answer": finding.answer, "seeds_to_decide": finding.seeds_to_decide}
                for finding in judged.findings
            ],
            "numbers": judged.numbers,
            "seconds": round(tested.seconds, 2),
            "facts": tested.facts,
            "version": shoal.__version__,
        }
    )
    return cleaned


def save(
    tested: Answered, folder: Path, language: Language, languages: Sequence[Language] = ()
) -> list[Path]:
    """Write the numbers as NAME.json and each picture as NAME.svg and NAME.png.

    Args:
        tested: what was tested.
        folder: where to.
        language: of the labels in the pictures.
        languages: all that are asked for; with several, the language is part of the names.

    Returns:
        The files.

    Raises:
        ShoalError: the folder cannot be written.
    """
    return save_files(
        tested.claim.name, to_dict(tested), tested.pictures, folder, language, languages
    )
