"""The `shoal` program: which verbs there are, and what becomes of a mistake."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated

import typer

import shoal
from shoal.cli.book import book
from shoal.cli.claims import claims
from shoal.cli.compare import compare
from shoal.cli.data import data
from shoal.cli.fit import fit
from shoal.cli.inspect import inspect
from shoal.cli.lr_range import lr_range
from shoal.cli.options import INTERRUPTED
from shoal.cli.predict import predict
from shoal.cli.search import search
from shoal.errors import ShoalError

USAGE_ERROR = 2

app = typer.Typer(
    name="shoal",
    help="Train a whole shoal of neural networks at once, and see which way of training is best.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(data)
app.command()(compare)
app.command()(search)
app.command("lr-range")(lr_range)
app.command()(fit)
app.command()(predict)
app.command()(inspect)
app.command()(book)
app.command()(claims)


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context,
    show: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Say which engine trains, and what is compiled.")
    ] = False,
) -> None:
    """Train a whole shoal of neural networks at once, and see which way of training is best."""
    if verbose:
        logging.basicConfig(format="%(message)s")  # to standard error
    logging.getLogger("shoal").setLevel(logging.INFO if verbose else logging.WARNING)
    if show:
        print(shoal.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what a user got wrong becomes one line and status 2."""
    # click's base of all usage errors, which typer carries inside but does not export
    usage_error: type[Exception] = typer.BadParameter.__mro__[2]
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        status = app(given, prog_name="shoal", standalone_mode=False, obj=given)
        sys.stdout.flush()
    except ShoalError as error:
        return _fail(str(error))
    except usage_error as error:
        message = error.format_message()  # type: ignore[attr-defined]
        return _fail(f"{' '.join(message.split()).rstrip('.')} (see shoal --help)")
    except MemoryError:
        return _fail("not enough memory; take narrower networks, or fewer arms and seeds at a time")
    except BrokenPipeError:  # `shoal … | head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at the end
        return 1
    except OSError as error:  # a path that is too long, a full disk, a folder of somebody else
        where = f" ({str(error.filename)[:80]})" if error.filename else ""
        return _fail(f"the system says: {error.strerror or error}{where}; give another path")
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def run() -> None:
    """The `shoal` program."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # one that knows no ± prints ? instead of failing
            stream.reconfigure(errors="replace")
    sys.exit(main())


def _fail(line: str) -> int:
    print(f"shoal: {line}", file=sys.stderr)
    return USAGE_ERROR
