"""`shoal book`: the textbook's experiments."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from shoal.cli.options import AsJson, at_hand, default_data, note
from shoal.errors import ShoalError, check_choice, check_number

if TYPE_CHECKING:
    from shoal.book import Experiment, Language, Setting
    from shoal.book.run import Done

DATA = ("mnist", "digits")

BookData = Annotated[
    str | None,
    typer.Option("--data", metavar="NAME", help="mnist or digits. [default: mnist if at hand]"),
]
Lang = Annotated[
    str, typer.Option(metavar="LANGUAGE", help="en, zh, or en,zh for both: words and labels.")
]
Out = Annotated[str, typer.Option(metavar="DIR", help="Folder for pictures, numbers and pages.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="Little work, to see that it runs; figures mean nothing.")
]


def book(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which experiment; none lists them.")
    ] = None,
    whole: Annotated[bool, typer.Option("--all", help="All experiments, and one book.")] = False,
    seeds: Annotated[int | None, typer.Option(help="Repetitions, instead of its own.")] = None,
    data: BookData = None,
    lang: Lang = "en",
    out: Out = "runs/book",
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """Run an experiment of the textbook, and hold the published figures against ours.

    Writes NAME.json, NAME.svg and NAME.png into the folder; --all also writes book.html.
    """
    from shoal.book.experiments import EXPERIMENTS, experiment
    from shoal.book.run import check_folder

    languages = parse_languages(lang)
    setting = parse_setting(data, seeds, quick)
    if name is None and not whole:
        _list(languages[0], as_json)
        return
    if name is not None and whole:
        raise ShoalError(f"give NAME={name} or --all, not both")
    chosen = list(EXPERIMENTS.values()) if name is None else [experiment(name)]
    if whole:
        chosen = [each for each in chosen if _has_data(each, setting)]
    check_folder(Path(out))
    done = [_run(each, setting, seeds, Path(out), languages, as_json) for each in chosen]
    if whole:
        from shoal.book.page import write_book

        for language in languages:
            note(f"book: {write_book(done, Path(out), language)}")
    if as_json:
        from shoal.book.run import to_dict

        results = [to_dict(each) for each in done]
        print(json.dumps(results if whole else results[0], indent=2, ensure_ascii=False))


def _has_data(experiment: Experiment, setting: Setting) -> bool:
    """Whether an experiment of a whole book can run; a line on standard error if it cannot."""
    if experiment.uses != "signs" or setting.data != "mnist" or at_hand("signs"):
        return True
    note(f"{experiment.name}: left out, because its data is not at hand (see `shoal data`)")
    return False


def _run(
    experiment: Experiment,
    setting: Setting,
    seeds: int | None,
    folder: Path,
    languages: Sequence[Language],
    as_json: bool,
) -> Done:
    """Run one experiment, save it, and print what came out."""
    from dataclasses import replace

    from shoal.book.run import run, save
    from shoal.book.show import show

    own = replace(setting, seeds=experiment.seeds if seeds is None else seeds)
    if not as_json:
        note(f"{experiment.name}: {experiment.line[languages[0]]}")
    done = run(experiment, own)
    files = [path for language in languages for path in save(done, folder, language, languages)]
    if not as_json:
        show(done, languages[0])
        note(f"files: {' '.join(shlex.quote(str(path)) for path in dict.fromkeys(files))}\n")
    return done


def _list(language: Language, as_json: bool) -> None:
    from shoal.book.experiments import EXPERIMENTS

    if as_json:
        listed = [
            {"name": each.name, "title": vars(each.title), "line": vars(each.line)}
            for each in EXPERIMENTS.values()
        ]
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    width = max(map(len, EXPERIMENTS))
    for each in EXPERIMENTS.values():
        print(f"{each.name:{width}}  {each.line[language]}")
    print("\nshoal book NAME runs one, shoal book --all runs them all and writes a book.")


def parse_setting(data: str | None, seeds: int | None, quick: bool) -> Setting:
    """The setting that the options ask for."""
    from shoal.book import Setting

    if data is not None:
        check_choice("--data", data, DATA)
    if seeds is not None:
        check_number("--seeds", seeds, least=1, whole=True)
    return Setting(data or default_data(), seeds or 1, quick)


def parse_languages(text: str) -> list[Language]:
    """`en`, `zh` or both; a line on standard error where labels cannot be Chinese."""
    from shoal.book import LANGUAGES

    languages = [part.strip() for part in text.split(",")]
    for language in languages:
        check_choice("--lang", language, LANGUAGES)
    if "zh" in languages:
        from shoal.book.run import has_chinese_font

        if not has_chinese_font():
            note(
                "no font of this machine has Chinese characters, so labels inside pictures stay "
                "English; install one, such as Noto Sans CJK (Debian: apt install fonts-noto-cjk)"
            )
    return cast("list[Language]", list(dict.fromkeys(languages)))
