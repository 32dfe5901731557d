"""`shoal claims`: what the textbook claims, put to the test."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shoal.cli.book import BookData, Lang, Quick, parse_languages, parse_setting
from shoal.cli.options import AsJson, note
from shoal.errors import ShoalError, check_number

if TYPE_CHECKING:
    from shoal.book import Language, Setting
    from shoal.book.claims import Claim
    from shoal.book.claims_run import Answered


def claims(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Which claim; none tests them all.")
    ] = None,
    listing: Annotated[bool, typer.Option("--list", help="List the claims.")] = False,
    seeds: Annotated[
        int | None, typer.Option(help="Paired repetitions, at least 5, instead of its own.")
    ] = None,
    data: BookData = None,
    lang: Lang = "en",
    out: Annotated[
        str, typer.Option(metavar="DIR", help="Folder for pictures, numbers and the page.")
    ] = "runs/claims",
    quick: Quick = False,
    as_json: AsJson = False,
) -> None:
    """Put the textbook's claims to the test: paired seeds, effects with intervals, an answer.

    Writes NAME.json, NAME.svg and NAME.png into the folder; all of them together also claims.html.
    """
    from shoal.book.claims import CLAIMS, MIN_SEEDS, claim
    from shoal.book.run import check_folder

    languages = parse_languages(lang)
    if listing and name is not None:
        raise ShoalError(f"give NAME={name} or --list, not both")
    if listing:
        _list(list(CLAIMS.values()), languages[0], as_json)
        return
    chosen = list(CLAIMS.values()) if name is None else [claim(name)]
    if seeds is not None:
        check_number("--seeds", seeds, least=MIN_SEEDS, whole=True)
    setting = parse_setting(data, seeds, quick)
    check_folder(Path(out))
    tested = [
        _test(
            each,
            replace(setting, seeds=seeds or (MIN_SEEDS if quick else each.seeds)),
            Path(out),
            languages,
            as_json,
        )
        for each in chosen
    ]
    if name is None:
        from shoal.book.claims_page import write_claims

        for language in languages:
            note(f"page: {write_claims(tested, Path(out), language)}")
    if as_json:
        from shoal.book.claims_run import to_dict

        results = [to_dict(each) for each in tested]
        print(json.dumps(results if name is None else results[0], indent=2, ensure_ascii=False))


def _test(
    claim: Claim, setting: Setting, folder: Path, languages: Sequence[Language], as_json: bool
) -> Answered:
    """Put one claim to the test, save what came out, and print it."""
    from shoal.book.claims_run import put_to_test, save
    from shoal.book.claims_show import show

    if not as_json:
        note(f"{claim.name}: {claim.statement[languages[0]]}")
    tested = put_to_test(claim, setting)
    files = [path for language in languages for path in save(tested, folder, language, languages)]
    if not as_json:
        show(tested, languages[0])
        note(f"files: {' '.join(shlex.quote(str(path)) for path in dict.fromkeys(files))}\n")
    return tested


def _list(claims: Sequence[Claim], language: Language, as_json: bool) -> None:
    if as_json:
        listed = [
            {
                "name": each.name,
                "number": each.number,
                "statement": vars(each.statement),
                "question": vars(each.question),
            }
            for each in claims
        ]
        print(json.dumps(listed, indent=2, ensure_ascii=False))
        return
    width = max(len(each.name) for each in claims)
    for each in claims:
        print(f"{each.number:2}  {each.name:{width}}  {each.statement[language]}")
    print("\nshoal claims NAME tests one, shoal claims tests them all and writes a page.")
